//! Protobuf field by field, without taking anything out: enough to bound a request before it is decoded.
//!
//! ```text
//! field  = tag varint (number << 3 | type), then
//!          type 0: varint · type 1: 8 bytes · type 2: length varint, bytes · type 5: 4 bytes
//! ```

/// The most bytes that a varint takes.
const MAX_VARINT_BYTES: usize = 10;

/// The bytes are no protobuf from here on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// One field of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Field<'a> {
    /// Its number.
    pub number: u64,
    /// What it holds, if that has a length of its own: text, bytes, a message.
    pub bytes: Option<&'a [u8]>,
}

/// A walk over the fields of a message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Walk<'a> {
    rest: &'a [u8],
}

impl<'a> Walk<'a> {
    pub(crate) const fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// The next field, or `None` at the end of the message.
    pub(crate) fn next(&mut self) -> Result<Option<Field<'a>>, Malformed> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let bytes = match tag & 7 {
            0 => {
                self.varint()?;
                None
            }
            1 => {
                self.take(8)?;
                None
            }
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| Malformed)?;
                Some(self.take(length)?)
            }
            5 => {
                self.take(4)?;
                None
            }
            _ => return Err(Malformed),
        };
        Ok(Some(Field { number: tag >> 3, bytes }))
    }

    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0_u64;
        for (at, byte) in self.rest.iter().take(MAX_VARINT_BYTES).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * at);
            if byte & 0x80 == 0 {
                self.rest = &self.rest[at + 1..];
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Malformed)?;
        self.rest = rest;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_of_field_is_passed_over_by_its_length() {
        let message =
            [&[0x08, 0x96, 0x01][..], &[0x11, 1, 2, 3, 4, 5, 6, 7, 8], &[0x1a, 0x02, b'h', b'i'], &[0x25, 1, 2, 3, 4]]
                .concat();
        let mut walk = Walk::new(&message);
        assert_eq!(walk.next(), Ok(Some(Field { number: 1, bytes: None })));
        assert_eq!(walk.next(), Ok(Some(Field { number: 2, bytes: None })));
        assert_eq!(walk.next(), Ok(Some(Field { number: 3, bytes: Some(b"hi") })));
        assert_eq!(walk.next(), Ok(Some(Field { number: 4, bytes: None })));
        assert_eq!(walk.next(), Ok(None));
    }

    #[test]
    fn what_is_cut_or_lies_about_its_length_is_malformed() {
        let cases: [&[u8]; 7] = [
            &[0x08],
            &[0x11, 1],
            &[0x1a, 5, 1],
            &[0x1a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
            &[0x0b],
            &[0x25, 1],
            &[0xff; 11],
        ];
        for bytes in cases {
            assert_eq!(Walk::new(bytes).next(), Err(Malformed), "{bytes:?}");
        }
    }
}
