//! A small mutator for the stable runner: the same seed gives the same inputs, everywhere.

/// A sequence of numbers that depends on nothing but its seed (xorshift64*).
#[derive(Debug, Clone)]
pub struct Numbers(u64);

impl Numbers {
    /// Starts from a name, so that each target has its own sequence.
    pub fn named(name: &str) -> Self {
        // FNV-1a; never zero, which the generator could not leave.
        let hash = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self(hash | 1)
    }

    /// Draws the next number.
    pub fn draw(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`; 0 if `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        if end == 0 {
            return 0;
        }
        (self.draw() >> 11) as usize % end
    }
}

/// Values at which lengths and counts tend to break.
const EDGES: [u64; 10] = [0, 1, 0x7f, 0x80, 0xff, 0xffff, 0x7fff_ffff, 0xffff_ffff, 0x7fff_ffff_ffff_ffff, u64::MAX];

/// Largest input that a mutation may grow to, in bytes.
const LARGEST: usize = 1 << 20;

/// Changes `data` in one to four places; `other` is a second input to take pieces from.
pub fn mutate(data: &mut Vec<u8>, other: &[u8], numbers: &mut Numbers) {
    for _ in 0..=numbers.below(4) {
        mutate_once(data, other, numbers);
    }
    data.truncate(LARGEST);
}

fn mutate_once(data: &mut Vec<u8>, other: &[u8], numbers: &mut Numbers) {
    let at = numbers.below(data.len());
    match numbers.below(8) {
        0 => {
            if let Some(byte) = data.get_mut(at) {
                *byte ^= 1 << numbers.below(8);
            }
        }
        1 => {
            if let Some(byte) = data.get_mut(at) {
                *byte = numbers.draw() as u8;
            }
        }
        2 => data.truncate(at),
        3 => {
            let length = numbers.below(data.len() - at).min(64);
            data.drain(at..at + length);
        }
        4 => {
            let length = numbers.below(data.len() - at).min(256);
            let piece = data[at..at + length].to_vec();
            data.splice(at..at, piece);
        }
        5 => {
            let edge = EDGES[numbers.below(EDGES.len())];
            let width = 1 << numbers.below(4);
            let bytes = if numbers.below(2) == 0 {
                edge.to_le_bytes()[..width].to_vec()
            } else {
                edge.to_be_bytes()[8 - width..].to_vec()
            };
            let end = (at + width).min(data.len());
            data.splice(at..end, bytes);
        }
        6 => {
            let from = numbers.below(other.len());
            let length = numbers.below(other.len() - from).min(256);
            let end = (at + length).min(data.len());
            data.splice(at..end, other[from..from + length].iter().copied());
        }
        _ => {
            let text = TEXTS[numbers.below(TEXTS.len())];
            data.splice(at..at, text.iter().copied());
        }
    }
}

/// Pieces of text that readers of JSON stumble over.
const TEXTS: [&[u8]; 18] = [
    b"{",
    b"[[[[[[[[[[[[[[[[",
    b"\"",
    b"\\u0000",
    b"\\ud800",
    b"null",
    b"-1",
    b"-0.0",
    b"1e999",
    b"0.1",
    b"1e-7",
    b"9007199254740993",
    b"18446744073709551616",
    b"\xff\xfe",
    b"\n",
    b"\\n",
    b"=",
    b"[REDACTED:",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_gives_the_same_inputs() {
        let run = || {
            let mut numbers = Numbers::named("a target");
            let mut data = b"some seed of a few bytes".to_vec();
            let mut seen = Vec::new();
            for _ in 0..500 {
                mutate(&mut data, b"another one", &mut numbers);
                seen.push(data.clone());
            }
            seen
        };
        let first = run();
        assert_eq!(first, run());
        assert!(first.windows(2).filter(|pair| pair[0] != pair[1]).count() > 300);
    }

    #[test]
    fn an_empty_input_can_be_mutated() {
        let mut numbers = Numbers::named("empty");
        for _ in 0..1_000 {
            mutate(&mut Vec::new(), b"", &mut numbers);
        }
    }

    #[test]
    fn names_differ_in_their_sequences() {
        assert_ne!(Numbers::named("a").draw(), Numbers::named("b").draw());
    }
}
