//! A line that an operator keeps elsewhere: with it, a later verification finds what nobody inside the store can.
//!
//! Digests in a store are not keyed: whoever can write to the disk can cut the end of the log off, put an older copy in
//! its place, or write all of it anew. None of that fits a link of the hash chain that was kept somewhere else.

use std::fmt;
use std::str::FromStr;

use flightrec_events::{Sha256Hex, Timestamp};
use flightrec_journal::{ChainHash, StoreId};

/// How a checkpoint begins; the number is the version of the line.
const HEAD: &str = "flightrec-checkpoint 1";

/// Where the log stood at one moment.
///
/// ```
/// use flightrec_recorder::Checkpoint;
/// let line = "flightrec-checkpoint 1 store=00000000000000000000000000000001 seq=7 \
///     chain=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 at=2026-01-02T03:04:05.000006Z";
/// let checkpoint: Checkpoint = line.parse()?;
/// assert_eq!((checkpoint.seq, checkpoint.to_string().as_str()), (7, line));
/// # Ok::<(), flightrec_recorder::CheckpointError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// The store.
    pub store: StoreId,
    /// The position of the last event.
    pub seq: u64,
    /// The link of the hash chain behind it.
    pub chain: ChainHash,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { store, seq, chain, recorded_at } = self;
        write!(f, "{HEAD} store={store} seq={seq} chain={chain} at={recorded_at}")
    }
}

/// A line is no checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is no checkpoint line ({0}); `flightrec checkpoint` prints one, beginning with `{HEAD}`")]
pub struct CheckpointError(&'static str);

impl FromStr for Checkpoint {
    type Err = CheckpointError;

    fn from_str(line: &str) -> Result<Self, CheckpointError> {
        let rest = line.trim().strip_prefix(HEAD).ok_or(CheckpointError("it begins otherwise"))?;
        let mut fields = rest.split_ascii_whitespace();
        let mut field = |name: &str| {
            let found = fields.next().and_then(|field| field.strip_prefix(name)?.strip_prefix('='));
            found.ok_or(CheckpointError("a field is missing"))
        };
        let store = field("store")?;
        let store = u128::from_str_radix(store, 16).ok().filter(|_| store.len() == 32 && is_lower_hex(store));
        let seq = field("seq")?.parse().ok().filter(|seq| *seq > 0);
        let chain = Sha256Hex::from_hex(field("chain")?).ok();
        let recorded_at = Timestamp::parse_text(field("at")?).ok();
        if fields.next().is_some() {
            return Err(CheckpointError("something follows it"));
        }
        Ok(Self {
            store: StoreId::from_bytes(store.ok_or(CheckpointError("the store's id cannot be read"))?.to_be_bytes()),
            seq: seq.ok_or(CheckpointError("the position cannot be read"))?,
            chain: ChainHash::from_bytes(*chain.ok_or(CheckpointError("the link cannot be read"))?.as_bytes()),
            recorded_at: recorded_at.ok_or(CheckpointError("the time cannot be read"))?,
        })
    }
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            store: StoreId::from_bytes([0xab; 16]),
            seq: 1_234,
            chain: ChainHash::from_bytes([0x0f; 32]),
            recorded_at: Timestamp::from_micros(1_700_000_000_123_456).unwrap(),
        }
    }

    #[test]
    fn a_line_comes_back() {
        assert_eq!(format!("  {}\n", checkpoint()).parse(), Ok(checkpoint()));
    }

    #[test]
    fn what_is_no_checkpoint_is_refused() {
        let line = checkpoint().to_string();
        for (from, to) in [
            ("flightrec-checkpoint 1", "flightrec-checkpoint 2"),
            ("store=ab", "store="),
            ("store=ab", "store=+b"),
            ("seq=1234", "seq=0"),
            ("seq=1234", "seq=-1"),
            ("chain=0f", "chain=0g"),
            (" at=", " in="),
            ("Z", "Z more"),
        ] {
            let changed = line.replace(from, to);
            assert_ne!(changed, line);
            assert!(changed.parse::<Checkpoint>().is_err(), "{changed}");
        }
        for len in 0..line.len() {
            // A shorter time may still be a time.
            let cut: Result<Checkpoint, _> = line[..len].parse();
            assert!(cut.is_err() || cut.is_ok_and(|cut| cut.seq == 1_234 && cut.chain == checkpoint().chain), "{len}");
        }
    }
}
