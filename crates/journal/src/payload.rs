//! The records inside a block: each a length (LEB128, at most 5 bytes) and its bytes; compressed as a whole when that
//! makes them smaller.

use std::io;

use crate::frame::{Codec, FrameHeader};

/// How blocks are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Stored as they are.
    Off,
    /// zstd at this level (1 to 22; 1 is meant for the write path).
    Zstd(i32),
}

/// Appends one record to a raw payload.
pub(crate) fn push_record(raw: &mut Vec<u8>, record: &[u8]) {
    let mut len = record.len();
    while len >= 0x80 {
        raw.push(len as u8 | 0x80);
        len >>= 7;
    }
    raw.push(len as u8);
    raw.extend_from_slice(record);
}

/// Takes one record off the front of a raw payload; `None` when there is no whole record.
pub(crate) fn take_record<'a>(raw: &mut &'a [u8]) -> Option<&'a [u8]> {
    let mut len = 0_u64;
    for at in 0..5 {
        let byte = *raw.get(at)?;
        len |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            let rest = &raw[at + 1..];
            let (record, rest) = rest.split_at_checked(usize::try_from(len).ok()?)?;
            *raw = rest;
            return Some(record);
        }
    }
    None
}

/// Whether `raw` is exactly `count` records.
pub(crate) fn holds_exactly(mut raw: &[u8], count: u32) -> bool {
    (0..count).all(|_| take_record(&mut raw).is_some()) && raw.is_empty()
}

/// Compresses payloads; keeps its tables between blocks.
pub(crate) struct Encoder {
    compressor: Option<zstd::bulk::Compressor<'static>>,
}

impl Encoder {
    pub(crate) fn new(compression: Compression) -> io::Result<Self> {
        let compressor = match compression {
            Compression::Off => None,
            Compression::Zstd(level) => Some(zstd::bulk::Compressor::new(level)?),
        };
        Ok(Self { compressor })
    }

    /// Appends the payload to `frame` in the smaller of its two forms.
    pub(crate) fn encode_into(&mut self, raw: &[u8], frame: &mut Vec<u8>) -> Codec {
        let start = frame.len();
        if let Some(compressor) = &mut self.compressor
            && raw.len() > 1
        {
            // One byte less room than the raw form needs: when the result does not fit, it is not smaller.
            frame.resize(start + raw.len() - 1, 0);
            if let Ok(len) = compressor.compress_to_buffer(raw, &mut frame[start..]) {
                frame.truncate(start + len);
                return Codec::Zstd;
            }
            frame.truncate(start);
        }
        frame.extend_from_slice(raw);
        Codec::Raw
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder").field("compresses", &self.compressor.is_some()).finish()
    }
}

/// Reads payloads back; keeps its tables between blocks.
#[derive(Default)]
pub(crate) struct Decoder {
    decompressor: Option<zstd::bulk::Decompressor<'static>>,
}

impl Decoder {
    /// The raw records of a block whose digest was checked; the text says why they cannot be read.
    pub(crate) fn decode(&mut self, header: &FrameHeader, payload: &[u8]) -> Result<Vec<u8>, &'static str> {
        let raw_len = header.raw_len as usize;
        let raw = match header.codec {
            Codec::Raw => payload.to_vec(),
            Codec::Zstd => {
                let decompressor = match &mut self.decompressor {
                    Some(decompressor) => decompressor,
                    none => none.insert(zstd::bulk::Decompressor::new().map_err(|_| "no memory to decompress")?),
                };
                // The bound was checked with the header: at most 16 MiB are allocated, whatever the stream claims.
                decompressor.decompress(payload, raw_len).map_err(|_| "the payload does not decompress")?
            }
        };
        if raw.len() != raw_len {
            return Err("the payload has another length than its header says");
        }
        if !holds_exactly(&raw, header.count) {
            return Err("the payload is not the records that its header says");
        }
        Ok(raw)
    }
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::chain::ChainHash;
    use crate::frame::FrameKind;
    use crate::id::Seq;

    fn header(codec: Codec, payload: &[u8], raw: &[u8], count: u32) -> FrameHeader {
        FrameHeader {
            kind: FrameKind::Batch,
            codec,
            payload_len: payload.len() as u32,
            raw_len: raw.len() as u32,
            count,
            first_seq: Seq::FIRST,
            durable_seq: 0,
            stamp_us: 0,
            prev: ChainHash::from_bytes([0; 32]),
            link: ChainHash::from_bytes([0; 32]),
            digest: [0; 32],
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn records_read_back(records in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..20), level in 0..3_i32) {
            let mut raw = Vec::new();
            for record in &records {
                push_record(&mut raw, record);
            }
            let compression = if level == 0 { Compression::Off } else { Compression::Zstd(level) };
            let mut payload = Vec::new();
            let codec = Encoder::new(compression).unwrap().encode_into(&raw, &mut payload);
            prop_assert!(payload.len() <= raw.len());
            let decoded = Decoder::default().decode(&header(codec, &payload, &raw, records.len() as u32), &payload).unwrap();
            let mut rest = &decoded[..];
            for record in &records {
                prop_assert_eq!(take_record(&mut rest), Some(&record[..]));
            }
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn any_bytes_are_records_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64), count in 0..9_u32) {
            if holds_exactly(&bytes, count) {
                let mut rest = &bytes[..];
                let total: usize = (0..count).map(|_| take_record(&mut rest).unwrap().len()).sum();
                prop_assert!(total <= bytes.len());
            }
        }
    }

    #[test]
    fn a_changed_byte_never_decodes_into_other_lengths() {
        let mut raw = Vec::new();
        for record in [&b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"[..], b"bbbbbbbbbbbbbbbbbbbbbbbbbbb", b""] {
            push_record(&mut raw, record);
        }
        let mut payload = Vec::new();
        let codec = Encoder::new(Compression::Zstd(1)).unwrap().encode_into(&raw, &mut payload);
        assert_eq!(codec, Codec::Zstd);
        let header = header(codec, &payload, &raw, 3);
        for at in 0..payload.len() {
            for bit in 0..8 {
                let mut bad = payload.clone();
                bad[at] ^= 1 << bit;
                if let Ok(decoded) = Decoder::default().decode(&header, &bad) {
                    assert!(decoded.len() == raw.len() && holds_exactly(&decoded, 3));
                }
            }
        }
    }

    #[test]
    fn lengths_at_their_edges() {
        for len in [0, 1, 127, 128, 16_383, 16_384, 2_097_152] {
            let mut raw = Vec::new();
            push_record(&mut raw, &vec![b'x'; len]);
            assert!(holds_exactly(&raw, 1), "{len}");
            assert!(!holds_exactly(&raw[..raw.len() - 1], 1), "{len}");
        }
        assert!(!holds_exactly(&[0xff, 0xff, 0xff, 0xff, 0xff, 0x01], 1), "a length of six bytes");
    }
}
