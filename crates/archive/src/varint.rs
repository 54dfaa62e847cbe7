//! Numbers of variable length, lowest bits first.

/// Why bytes could not be read; the caller adds the file and the place.
pub(crate) type Decoded<T> = Result<T, &'static str>;

const ENDS_EARLY: &str = "it ends early";

/// Appends a LEB128 number.
pub(crate) fn write_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Takes a LEB128 number off the front.
pub(crate) fn read_varint(bytes: &mut &[u8]) -> Decoded<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = read_byte(bytes)?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err("a number is too long")
}

pub(crate) fn read_byte(bytes: &mut &[u8]) -> Decoded<u8> {
    let (&first, rest) = bytes.split_first().ok_or(ENDS_EARLY)?;
    *bytes = rest;
    Ok(first)
}

/// Takes bytes off the front.
pub(crate) fn take<'a>(bytes: &mut &'a [u8], len: usize) -> Decoded<&'a [u8]> {
    let (head, rest) = bytes.split_at_checked(len).ok_or(ENDS_EARLY)?;
    *bytes = rest;
    Ok(head)
}

/// A signed number as one whose small values are small, whatever their sign.
pub(crate) const fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

pub(crate) const fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_number_comes_back(value: u64, signed: i64) {
            let mut out = Vec::new();
            write_varint(&mut out, value);
            let mut bytes = &out[..];
            prop_assert_eq!((read_varint(&mut bytes), bytes.len()), (Ok(value), 0));
            prop_assert_eq!(unzigzag(zigzag(signed)), signed);
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..32)) {
            let mut rest = &bytes[..];
            while read_varint(&mut rest).is_ok() {}
        }
    }
}
