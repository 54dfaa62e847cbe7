//! Strings with bounds: ids, free text, hashes, artifact ids.

use std::fmt;
use std::sync::Arc;

use crate::codec::{DecodeError, Decoder, Encoder, hex_array, to_hex, write_hex};
use crate::columns::{Cell, Cells, Row, WRONG_TYPE, byte_array};
use crate::json::{Json, write_str};
use crate::recent;
use crate::value::{Shape, TextClass, TextMap, Value};
use crate::violation::{Rule, Violation};

/// The most bytes of an id or token.
pub const MAX_ID_BYTES: usize = 256;

/// An id or token: 1 to 256 bytes without control characters. Clones share one allocation.
///
/// ```
/// use flightrec_events::Id;
/// assert_eq!(Id::new("coder").unwrap().as_str(), "coder");
/// assert!(Id::new("").is_err());
/// assert!(Id::new("two\nlines").is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(Arc<str>);

impl Id {
    /// Checks and takes a text.
    ///
    /// # Errors
    /// [`Rule::OutOfBounds`] beyond 256 bytes, [`Rule::BadValue`] if it is empty or holds a control character.
    pub fn new(text: impl AsRef<str> + Into<Arc<str>>) -> Result<Self, Violation> {
        check_id(text.as_ref())?;
        Ok(Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, shared.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

fn check_id(text: &str) -> Result<(), Violation> {
    if text.len() > MAX_ID_BYTES {
        return Err(Violation::new(Rule::OutOfBounds, format!("at most {MAX_ID_BYTES} bytes, found {}", text.len())));
    }
    if text.is_empty() {
        return Err(Violation::new(Rule::BadValue, "must not be empty"));
    }
    // Control characters are C0, DEL and C1; the last begin with 0xC2 in UTF-8.
    if text.bytes().any(|b| b < 0x20 || b == 0x7f || b == 0xc2) && text.chars().any(char::is_control) {
        return Err(Violation::new(Rule::BadValue, "control characters are not allowed here"));
    }
    Ok(())
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl AsRef<str> for Id {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for Id {
    type Error = Violation;
    fn try_from(text: &str) -> Result<Self, Violation> {
        Self::new(text)
    }
}

impl TryFrom<String> for Id {
    type Error = Violation;
    fn try_from(text: String) -> Result<Self, Violation> {
        Self::new(text)
    }
}

impl Value for Id {
    const SHAPE: Shape = Shape::Id;

    fn parse(json: &Json<'_>) -> Result<Self, Violation> {
        if let Json::Str(text) = json { Self::new(&**text) } else { Err(json.wrong_type("a string")) }
    }
    fn write(&self, out: &mut Vec<u8>) {
        write_str(out, &self.0);
    }
    fn encode(&self, out: &mut Encoder<'_>) {
        out.str(&self.0);
    }
    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(Self(input.id()?))
    }
    fn shred(&self, cells: &mut Cells<'_>) {
        cells.put(Cell::Text(&self.0));
    }
    fn assemble(cell: Cell<'_>) -> Result<Self, DecodeError> {
        if let Cell::Text(text) = cell { Ok(Self(recent::shared(text))) } else { Err(WRONG_TYPE) }
    }
    fn from_session(row: &Row<'_, '_>) -> Result<Self, DecodeError> {
        row.session().cloned().ok_or(DecodeError("it refers to a session it does not have"))
    }
    fn map_text(&mut self, map: &mut TextMap<'_>) {
        if let Some(text) = map(TextClass::Token, &self.0) {
            self.0 = fitting(text, MAX_ID_BYTES).into();
        }
    }
    fn bulk_bytes(&self) -> usize {
        self.0.len()
    }
}

/// A replacement that outgrew its field is cut at a character's border; a redaction mark is shorter
/// than any bound, so only marks between long remainders are ever cut.
pub(crate) fn fitting(mut text: String, max_bytes: usize) -> String {
    if text.len() > max_bytes {
        let end = (0..=max_bytes).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0);
        text.truncate(end);
    }
    text
}

/// Free text of at most `MAX` bytes. It passes the redactor with all its detectors.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Text<const MAX: usize>(Arc<str>);

/// A reason or an error message: at most 1,024 bytes.
pub type Reason = Text<1024>;

/// A label or a name that a person reads: at most 256 bytes.
pub type Label = Text<256>;

impl<const MAX: usize> Text<MAX> {
    /// Checks and takes a text.
    ///
    /// # Errors
    /// [`Rule::OutOfBounds`] beyond `MAX` bytes.
    pub fn new(text: impl AsRef<str> + Into<Arc<str>>) -> Result<Self, Violation> {
        let len = text.as_ref().len();
        if len > MAX {
            return Err(Violation::new(Rule::OutOfBounds, format!("at most {MAX} bytes, found {len}")));
        }
        Ok(Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> fmt::Debug for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl<const MAX: usize> Value for Text<MAX> {
    const SHAPE: Shape = Shape::Text { max_bytes: MAX };

    fn parse(json: &Json<'_>) -> Result<Self, Violation> {
        if let Json::Str(text) = json { Self::new(&**text) } else { Err(json.wrong_type("a string")) }
    }
    fn write(&self, out: &mut Vec<u8>) {
        write_str(out, &self.0);
    }
    fn encode(&self, out: &mut Encoder<'_>) {
        out.str(&self.0);
    }
    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(Self(input.str()?))
    }
    fn shred(&self, cells: &mut Cells<'_>) {
        cells.put(Cell::Text(&self.0));
    }
    fn assemble(cell: Cell<'_>) -> Result<Self, DecodeError> {
        if let Cell::Text(text) = cell { Ok(Self(text.into())) } else { Err(WRONG_TYPE) }
    }
    fn map_text(&mut self, map: &mut TextMap<'_>) {
        if let Some(text) = map(TextClass::FreeText, &self.0) {
            self.0 = fitting(text, MAX).into();
        }
    }
    fn bulk_bytes(&self) -> usize {
        self.0.len()
    }
}

/// A SHA-256, written as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sha256Hex([u8; 32]);

impl Sha256Hex {
    /// The hash from its bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads 64 lower-case hex digits.
    ///
    /// # Errors
    /// [`Rule::BadValue`] for anything else.
    pub fn from_hex(text: &str) -> Result<Self, Violation> {
        hex_array(text)
            .map(Self)
            .ok_or_else(|| Violation::new(Rule::BadValue, "expected a SHA-256 as 64 lower-case hex digits"))
    }
}

impl fmt::Display for Sha256Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_hex(&self.0))
    }
}

impl fmt::Debug for Sha256Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Value for Sha256Hex {
    const SHAPE: Shape = Shape::Hex { digits: 64 };

    fn parse(json: &Json<'_>) -> Result<Self, Violation> {
        if let Json::Str(text) = json { Self::from_hex(text) } else { Err(json.wrong_type("a string")) }
    }
    fn write(&self, out: &mut Vec<u8>) {
        write_quoted(out, "", &self.0);
    }
    fn encode(&self, out: &mut Encoder<'_>) {
        out.bytes(&self.0);
    }
    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(Self(input.array()?))
    }
    fn shred(&self, cells: &mut Cells<'_>) {
        cells.put(Cell::Bytes(&self.0));
    }
    fn assemble(cell: Cell<'_>) -> Result<Self, DecodeError> {
        byte_array(cell).map(Self)
    }
}

/// Appends `prefix` and the hex of `bytes`, quoted.
pub(crate) fn write_quoted(out: &mut Vec<u8>, prefix: &str, bytes: &[u8]) {
    out.push(b'"');
    out.extend_from_slice(prefix.as_bytes());
    let start = out.len();
    out.resize(start + 2 * bytes.len(), 0);
    write_hex(&mut out[start..], bytes);
    out.push(b'"');
}

/// The name of content in the artifact store: `sha256:` and the hash of the redacted content.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ArtifactId(Sha256Hex);

impl ArtifactId {
    /// The id of content with this hash.
    pub const fn new(hash: Sha256Hex) -> Self {
        Self(hash)
    }

    /// The hash it names.
    pub const fn sha256(&self) -> Sha256Hex {
        self.0
    }

    /// Reads `sha256:<64 hex digits>`.
    ///
    /// # Errors
    /// [`Rule::BadValue`] for anything else.
    pub fn parse_text(text: &str) -> Result<Self, Violation> {
        text.strip_prefix("sha256:").and_then(hex_array).map(|bytes| Self(Sha256Hex(bytes))).ok_or_else(|| {
            Violation::new(Rule::BadValue, "expected an artifact id: `sha256:` and 64 lower-case hex digits")
        })
    }
}

impl fmt::Display for ArtifactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.0)
    }
}

impl fmt::Debug for ArtifactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Value for ArtifactId {
    const SHAPE: Shape = Shape::ArtifactId;

    fn parse(json: &Json<'_>) -> Result<Self, Violation> {
        match json {
            Json::Str(text) if text.len() > MAX_ID_BYTES => {
                Err(Violation::new(Rule::OutOfBounds, format!("at most {MAX_ID_BYTES} bytes, found {}", text.len())))
            }
            Json::Str(text) => Self::parse_text(text),
            Json::Null
            | Json::Bool(_)
            | Json::Unsigned(_)
            | Json::Negative(_)
            | Json::Float(_)
            | Json::Array(_)
            | Json::Object(_) => Err(json.wrong_type("a string")),
        }
    }
    fn write(&self, out: &mut Vec<u8>) {
        write_quoted(out, "sha256:", self.0.as_bytes());
    }
    fn encode(&self, out: &mut Encoder<'_>) {
        self.0.encode(out);
    }
    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Sha256Hex::decode(input).map(Self)
    }
    fn shred(&self, cells: &mut Cells<'_>) {
        self.0.shred(cells);
    }
    fn assemble(cell: Cell<'_>) -> Result<Self, DecodeError> {
        Sha256Hex::assemble(cell).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_of_ids() {
        assert!(Id::new("a".repeat(256)).is_ok());
        assert_eq!(Id::new("a".repeat(257)).unwrap_err().rule, Rule::OutOfBounds);
        assert_eq!(Id::new("").unwrap_err().rule, Rule::BadValue);
        for control in ["a\u{0}", "\u{7f}", "x\u{85}", "\u{1b}[2J"] {
            assert_eq!(Id::new(control).unwrap_err().rule, Rule::BadValue);
        }
        assert!(Id::new("Zürich £ 日本").is_ok());
    }

    #[test]
    fn hashes_are_lower_case_and_whole() {
        assert!(Sha256Hex::from_hex(&"0a".repeat(32)).is_ok());
        for bad in ["0A".repeat(32), "ab12".into(), "zz".repeat(32), "0a".repeat(33)] {
            assert!(Sha256Hex::from_hex(&bad).is_err());
        }
        let id = format!("sha256:{}", "0a".repeat(32));
        assert_eq!(ArtifactId::parse_text(&id).unwrap().to_string(), id);
        assert!(ArtifactId::parse_text(&id[7..]).is_err());
    }

    #[test]
    fn a_replacement_keeps_the_bound() {
        let mut id = Id::new("secret").unwrap();
        id.map_text(&mut |_, _| Some("é".repeat(200)));
        assert_eq!(id.as_str().len(), 256);
    }
}
