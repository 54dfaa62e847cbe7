//! Compressed bodies, decoded only as far as the limit allows, whatever they would grow to.

use std::io::{ErrorKind, Read};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use zstd::stream::read::Decoder as ZstdDecoder;

use crate::body::Held;
use crate::problem::{Kind, Problem};

/// The largest window of a zstd frame, as a power of two: 8 MiB, what RFC 9659 lets a sender use. A
/// decoder allocates the window that a frame asks for before it has seen any content.
const MAX_ZSTD_WINDOW_LOG: u32 = 23;
/// How much is decoded at a time.
const STEP_BYTES: usize = 64 * 1024;

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    /// Not at all.
    Identity,
    /// RFC 1952, one member or several.
    Gzip,
    /// RFC 8878, one frame or several.
    Zstd,
}

impl Compression {
    /// Reads the value of `Content-Encoding` or `grpc-encoding`; none is as good as `identity`.
    pub(crate) fn of(value: Option<&[u8]>) -> Result<Self, Problem> {
        let Some(value) = value else { return Ok(Compression::Identity) };
        let word = value.trim_ascii().to_ascii_lowercase();
        match word.as_slice() {
            b"" | b"identity" => Ok(Compression::Identity),
            b"gzip" | b"x-gzip" => Ok(Compression::Gzip),
            b"zstd" => Ok(Compression::Zstd),
            _ => Err(Problem::new(
                Kind::UnsupportedForm,
                "bodies are taken plain, as gzip or as zstd, and compressed once only",
            )),
        }
    }
}

/// The content of a body; of at most `limit` bytes.
pub(crate) fn decode(body: Bytes, compression: Compression, limit: usize, held: &mut Held) -> Result<Bytes, Problem> {
    let malformed = |_| Problem::bad("the body is not what its encoding says");
    match compression {
        Compression::Identity if body.len() > limit => Err(Problem::too_large(limit)),
        Compression::Identity => Ok(body),
        Compression::Gzip => read_to(MultiGzDecoder::new(&*body), limit, held),
        Compression::Zstd => {
            let mut decoder = ZstdDecoder::with_buffer(&*body).map_err(malformed)?;
            decoder.window_log_max(MAX_ZSTD_WINDOW_LOG).map_err(malformed)?;
            read_to(decoder, limit, held)
        }
    }
}

fn read_to(mut decoder: impl Read, limit: usize, held: &mut Held) -> Result<Bytes, Problem> {
    let mut content = Vec::new();
    loop {
        let begin = content.len();
        if begin > limit {
            return Err(Problem::too_large(limit));
        }
        // One byte beyond the limit tells what is too large from what fits exactly.
        let step = STEP_BYTES.max(begin / 2).min(limit - begin + 1);
        held.grow(step)?;
        content.resize(begin + step, 0);
        let mut end = begin;
        while end < content.len() {
            match decoder.read(&mut content[end..]) {
                Ok(0) => {
                    content.truncate(end);
                    return if end > limit { Err(Problem::too_large(limit)) } else { Ok(content.into()) };
                }
                Ok(read) => end += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Problem::bad("the body is not what its encoding says")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::Budget;
    use proptest::prelude::*;
    use std::io::Write as _;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn packed(content: &[u8], compression: Compression) -> Vec<u8> {
        match compression {
            Compression::Identity => content.to_vec(),
            Compression::Gzip => gzip(content),
            Compression::Zstd => zstd::encode_all(content, 1).unwrap(),
        }
    }

    fn unpacked(body: Vec<u8>, compression: Compression, limit: usize) -> Result<Vec<u8>, Kind> {
        let mut held = Budget::new(usize::MAX).hold();
        decode(body.into(), compression, limit, &mut held)
            .map(|content| content.to_vec())
            .map_err(|problem| problem.kind)
    }

    const ALL: [Compression; 3] = [Compression::Identity, Compression::Gzip, Compression::Zstd];

    #[test]
    fn words() {
        for (value, expected) in [
            (None, Some(Compression::Identity)),
            (Some("identity"), Some(Compression::Identity)),
            (Some("GZIP "), Some(Compression::Gzip)),
            (Some("zstd"), Some(Compression::Zstd)),
            (Some("br"), None),
            (Some("deflate"), None),
            (Some("gzip, zstd"), None),
        ] {
            assert_eq!(Compression::of(value.map(str::as_bytes)).ok(), expected, "{value:?}");
        }
    }

    #[test]
    fn the_limit_is_exact_and_a_bomb_ends_at_it() {
        for compression in ALL {
            for (bytes, fits) in [(0, true), (999, true), (1_000, true), (1_001, false), (30_000_000, false)] {
                let body = packed(&vec![7; bytes], compression);
                let budget = Budget::new(usize::MAX);
                let mut held = budget.hold();
                let content = decode(body.into(), compression, 1_000, &mut held);
                assert_eq!(content.is_ok(), fits, "{compression:?} {bytes}");
                if let Err(problem) = content {
                    assert_eq!(problem.kind, Kind::TooLarge);
                }
            }
        }
    }

    #[test]
    fn a_window_that_would_cost_more_than_the_content_is_refused() {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.long_distance_matching(true).unwrap();
        encoder.window_log(27).unwrap();
        encoder.write_all(b"tiny").unwrap();
        let body = encoder.finish().unwrap();
        assert_eq!(unpacked(body, Compression::Zstd, 1_000), Err(Kind::BadRequest));
    }

    #[test]
    fn several_members_are_one_content() {
        for compression in [Compression::Gzip, Compression::Zstd] {
            let body = [packed(b"one ", compression), packed(b"two", compression)].concat();
            assert_eq!(unpacked(body, compression, 100), Ok(b"one two".to_vec()));
        }
    }

    #[test]
    fn what_does_not_fit_the_budget_is_for_later() {
        let body = gzip(&vec![0; 1_000_000]);
        let mut held = Budget::new(100_000).hold();
        let problem = decode(body.into(), Compression::Gzip, 10_000_000, &mut held).unwrap_err();
        assert_eq!(problem.kind, Kind::Unavailable);
    }

    #[test]
    fn a_damaged_byte_never_panics_and_a_cut_never_passes_for_whole() {
        let content = b"a content that is long enough to be packed, long enough to be packed".repeat(4);
        for compression in [Compression::Gzip, Compression::Zstd] {
            let body = packed(&content, compression);
            for at in 0..body.len() {
                let mut damaged = body.clone();
                damaged[at] ^= 0x41;
                let _any_answer = unpacked(damaged, compression, 10_000);
                if at > 0 {
                    assert_eq!(unpacked(body[..at].to_vec(), compression, 10_000), Err(Kind::BadRequest), "{at}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn round_trip(content in prop::collection::vec(any::<u8>(), 0..3_000)) {
            for compression in ALL {
                let body = packed(&content, compression);
                prop_assert_eq!(unpacked(body, compression, 3_000), Ok(content.clone()));
            }
        }
    }
}
