//! Which of OTLP's two encodings a request is written in.

use serde::de::IgnoredAny;

use super::wire::{self, Walk};

/// How a request is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Protobuf, `application/x-protobuf`.
    Protobuf,
    /// OTLP's JSON, `application/json`.
    Json,
}

impl Encoding {
    /// Which encoding the bytes are written in, where nothing else tells: JSON if their first character that
    /// is no white space opens an object or a list.
    ///
    /// A request in protobuf begins with the byte of a line feed and may go on with that of an opening brace:
    /// what can be read as protobuf to its end is JSON only if it is really that.
    ///
    /// ```
    /// use flightrec_ingest::otlp::Encoding;
    /// assert_eq!(Encoding::sniff(b" {\"resourceSpans\":[]}"), Encoding::Json);
    /// assert_eq!(Encoding::sniff(b"\x0a\x00"), Encoding::Protobuf);
    /// ```
    pub fn sniff(bytes: &[u8]) -> Self {
        let first = bytes.iter().copied().find(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
        if !matches!(first, Some(b'{' | b'[')) {
            return Self::Protobuf;
        }
        let may_be_protobuf = bytes.first() == Some(&b'\n') && is_protobuf_to_its_end(bytes);
        if may_be_protobuf && serde_json::from_slice::<IgnoredAny>(bytes).is_err() {
            Self::Protobuf
        } else {
            Self::Json
        }
    }
}

/// Whether the bytes are a sequence of protobuf fields that ends with them.
fn is_protobuf_to_its_end(bytes: &[u8]) -> bool {
    let mut walk = Walk::new(bytes);
    loop {
        match walk.next() {
            Ok(Some(wire::Field { .. })) => {}
            Ok(None) => return true,
            Err(wire::Malformed) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::otlp::model::{Resource, ResourceSpans, TracesRequest};

    #[test]
    fn json_is_known_by_its_first_character() {
        for text in ["{}", "  {\"resourceSpans\":[]}", "\n{\n}", "\t[1]", "\r\n {\"a\":1}"] {
            assert_eq!(Encoding::sniff(text.as_bytes()), Encoding::Json, "{text:?}");
        }
        for bytes in [&b""[..], b"\x0a\x00", b"   ", b"\x0a", b"text"] {
            assert_eq!(Encoding::sniff(bytes), Encoding::Protobuf, "{bytes:?}");
        }
    }

    #[test]
    fn protobuf_whose_length_looks_like_an_opening_brace_stays_protobuf() {
        let mut found = 0;
        for length in 0..300 {
            let attributes = vec![crate::otlp::model::KeyValue { key: "k".repeat(length), value: None }];
            let spans = ResourceSpans { resource: Some(Resource { attributes }), scope_spans: Vec::new() };
            let bytes = TracesRequest { resource_spans: vec![spans] }.encode_to_vec();
            found += usize::from(bytes.starts_with(b"\n{"));
            assert_eq!(Encoding::sniff(&bytes), Encoding::Protobuf, "{length}");
        }
        assert_eq!(found, 1);
    }
}
