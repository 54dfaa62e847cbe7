//! What every field type can do: be parsed, printed, stored, described and redacted.

use crate::codec::{DecodeError, Decoder, Encoder};
use crate::columns::{Cell, Cells, Row, WRONG_TYPE};
use crate::json::Json;
use crate::violation::{Rule, Violation};

/// The most items that one array may hold.
pub const MAX_ITEMS: usize = 1024;

/// Which detectors look at a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TextClass {
    /// Ids, names and paths by meaning: only secrets that are secret everywhere.
    Token,
    /// Reasons, labels and error messages: personal data by policy as well.
    FreeText,
}

/// What a field looks like, for validation messages, JSON Schema and the printed table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    /// A non-empty string of at most 256 bytes without control characters.
    Id,
    /// Free text of at most so many bytes.
    Text {
        /// The bound.
        max_bytes: usize,
    },
    /// A UUID in hyphenated form.
    Uuid,
    /// So many lower-case hex digits, not all zero for W3C ids.
    Hex {
        /// How many.
        digits: usize,
    },
    /// `sha256:` and 64 lower-case hex digits.
    ArtifactId,
    /// RFC 3339 in UTC.
    Timestamp,
    /// A whole number from 0 to 2^53 - 1.
    Count,
    /// A finite number of at least 0.
    Number,
    /// US dollars, from 0 to 10^9.
    Usd,
    /// `true` or `false`.
    Bool,
    /// One of a closed list.
    OneOf(&'static [&'static str]),
    /// At most [`MAX_ITEMS`] of one shape.
    List(&'static Shape),
    /// An object with exactly these fields.
    Object(&'static [FieldSpec]),
    /// Open names with scalar values, never content.
    Attributes,
}

/// Whether a field must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// There, and not null.
    Required,
    /// There, or an explicit null.
    Nullable,
    /// May be left out; null says the same.
    Optional,
}

/// One row of a family's table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FieldSpec {
    /// The name in JSON.
    pub name: &'static str,
    /// The stable number in the stored form; never used again for another field.
    pub tag: u8,
    /// Whether it must be there.
    pub presence: Presence,
    /// What it looks like.
    pub shape: Shape,
    /// What it means.
    pub doc: &'static str,
}

/// A field type.
pub(crate) trait Value: Sized {
    /// What it looks like.
    const SHAPE: Shape;
    /// Reads it from JSON.
    fn parse(json: &Json<'_>) -> Result<Self, Violation>;
    /// Appends its JSON form.
    fn write(&self, out: &mut Vec<u8>);
    /// Appends its stored form.
    fn encode(&self, out: &mut Encoder<'_>);
    /// Reads its stored form.
    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError>;
    /// Puts it into one cell; as JSON where there is no simpler form.
    fn shred(&self, cells: &mut Cells<'_>) {
        cells.put_json(|out| self.write(out));
    }
    /// Reads it from its one cell.
    fn assemble(cell: Cell<'_>) -> Result<Self, DecodeError> {
        let Cell::Json(text) = cell else { return Err(WRONG_TYPE) };
        let json = Json::parse(text.as_bytes()).map_err(|_| DecodeError("a column does not hold JSON"))?;
        Self::parse(&json).map_err(|_| DecodeError("JSON in a column is not what its field allows"))
    }
    /// Puts it into the cells of a required field: one, or those of its own fields.
    fn shred_required(&self, cells: &mut Cells<'_>) {
        self.shred(cells);
    }
    /// Reads it from the cells of a required field.
    fn assemble_required(row: &mut Row<'_, '_>) -> Result<Self, DecodeError> {
        Self::assemble(row.required()?)
    }
    /// Takes the event's own session for it.
    fn from_session(_row: &Row<'_, '_>) -> Result<Self, DecodeError> {
        Err(DecodeError("a field that is no id cannot be the session"))
    }
    /// Offers every text in it to `map`, which answers with a replacement where there must be one.
    fn map_text(&mut self, _map: &mut TextMap<'_>) {}
    /// Checks the bounds that its type alone does not keep: lists can be built by hand.
    fn check(&self) -> Result<(), Violation> {
        Ok(())
    }
    /// The bytes by which it can make an event large; 0 where the bound is small anyway.
    fn bulk_bytes(&self) -> usize {
        0
    }
}

/// Answers a text with its replacement, or `None` to keep it.
pub(crate) type TextMap<'a> = dyn FnMut(TextClass, &str) -> Option<String> + 'a;

impl Value for bool {
    const SHAPE: Shape = Shape::Bool;
    fn parse(json: &Json<'_>) -> Result<Self, Violation> {
        if let Json::Bool(value) = json { Ok(*value) } else { Err(json.wrong_type("a boolean")) }
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if *self { b"true" } else { b"false" });
    }
    fn encode(&self, out: &mut Encoder<'_>) {
        out.byte(u8::from(*self));
    }
    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        match input.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeError("a boolean is neither 0 nor 1")),
        }
    }
    fn shred(&self, cells: &mut Cells<'_>) {
        cells.put(Cell::Bool(*self));
    }
    fn assemble(cell: Cell<'_>) -> Result<Self, DecodeError> {
        if let Cell::Bool(value) = cell { Ok(value) } else { Err(WRONG_TYPE) }
    }
}

impl<T: Value> Value for Vec<T> {
    const SHAPE: Shape = Shape::List(&T::SHAPE);

    fn parse(json: &Json<'_>) -> Result<Self, Violation> {
        let Json::Array(items) = json else { return Err(json.wrong_type("an array")) };
        check_items(items.len())?;
        items.iter().enumerate().map(|(i, item)| T::parse(item).map_err(|v| v.within(&format!("[{i}]")))).collect()
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.push(b'[');
        for (i, item) in self.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            item.write(out);
        }
        out.push(b']');
    }
    fn encode(&self, out: &mut Encoder<'_>) {
        out.varint(self.len() as u64);
        for item in self {
            item.encode(out);
        }
    }
    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let len = input.varint()?;
        if len > MAX_ITEMS as u64 {
            return Err(DecodeError("a list is too long"));
        }
        (0..len).map(|_| T::decode(input)).collect()
    }
    fn map_text(&mut self, map: &mut TextMap<'_>) {
        for item in self {
            item.map_text(map);
        }
    }
    fn check(&self) -> Result<(), Violation> {
        check_items(self.len())?;
        self.iter().enumerate().try_for_each(|(i, item)| item.check().map_err(|v| v.within(&format!("[{i}]"))))
    }
    fn bulk_bytes(&self) -> usize {
        self.iter().map(|item| 32 + item.bulk_bytes()).sum()
    }
}

pub(crate) fn check_items(len: usize) -> Result<(), Violation> {
    if len > MAX_ITEMS {
        return Err(Violation::new(Rule::OutOfBounds, format!("at most {MAX_ITEMS} items, found {len}")));
    }
    Ok(())
}

/// Names under which content travels. An event carries its hash and artifact instead.
const CONTENT_NAMES: &[&str] = &[
    "content",
    "contents",
    "body",
    "body_text",
    "raw_body",
    "text",
    "raw_text",
    "prompt",
    "prompts",
    "prompt_text",
    "system_prompt",
    "response",
    "response_text",
    "responses",
    "completion",
    "completions",
    "arguments",
    "args",
    "result",
    "results",
    "raw",
    "input",
    "output",
    "inputs",
    "outputs",
    "messages",
    "message_text",
    "transcript",
    "stdout",
    "stderr",
    "tool_input",
    "tool_output",
    "content_text",
    "content_inline",
    "inline_content",
    "html",
    "markdown",
];

/// Whether a field of this name would carry content.
pub(crate) fn is_content_name(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    CONTENT_NAMES.iter().any(|content| last.eq_ignore_ascii_case(content))
}

/// The violation for a field that no table row names.
pub(crate) fn unexpected(name: &str) -> Violation {
    if is_content_name(name) {
        let message =
            "content is never inline; give it to the store as an artifact and record its hash and artifact id";
        Violation::at(Rule::InlineContent, printable(name), message)
    } else {
        let message = "no such field in this family; `flightrec schema CODE` lists its fields";
        Violation::at(Rule::UnknownField, printable(name), message)
    }
}

/// A name from outside, bounded and free of control characters, fit for an error message.
pub(crate) fn printable(name: &str) -> String {
    name.chars().take(64).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// The object behind `json`.
pub(crate) fn object<'j, 'a>(json: &'j Json<'a>) -> Result<&'j Fields<'a>, Violation> {
    if let Json::Object(fields) = json { Ok(fields) } else { Err(json.wrong_type("an object")) }
}

/// The fields of an object, in input order.
pub(crate) type Fields<'a> = [(std::borrow::Cow<'a, str>, Json<'a>)];

/// The fields of an object, sorted into the rows of a table of `N` rows.
pub(crate) struct Slots<'j, 'a, const N: usize> {
    fields: &'j Fields<'a>,
    rows: [Option<&'j Json<'a>>; N],
    strangers: bool,
}

impl<'j, 'a, const N: usize> Slots<'j, 'a, N> {
    /// Finds the row of each field. Fields in the order of the table, which most emitters keep, take
    /// one comparison each.
    pub(crate) fn new(fields: &'j Fields<'a>, table: &[FieldSpec]) -> Self {
        let mut slots = Self { fields, rows: [None; N], strangers: false };
        let mut next = 0;
        for (key, value) in fields {
            let (before, after) = table.split_at(next);
            let row = after.iter().position(|row| row.name == key).map(|found| next + found);
            match row.or_else(|| before.iter().position(|row| row.name == key)) {
                Some(row) => {
                    slots.rows[row] = Some(value);
                    next = row + 1;
                }
                None => slots.strangers = true,
            }
        }
        slots
    }

    /// The value of the row with this tag; tags count from 1.
    pub(crate) const fn row(&self, tag: u8) -> Option<&'j Json<'a>> {
        self.rows[tag as usize - 1]
    }

    /// The names that no row has, in input order.
    pub(crate) fn strangers<'t>(&self, table: &'t [FieldSpec]) -> impl Iterator<Item = &'j str> + use<'j, 't, 'a, N> {
        let fields: &'j Fields<'a> = if self.strangers { self.fields } else { &[] };
        fields.iter().map(|(name, _)| &**name).filter(move |name| table.iter().all(|row| row.name != *name))
    }

    /// Refuses fields outside the table: content names first, then unknown ones.
    pub(crate) fn only(&self, table: &[FieldSpec]) -> Result<(), Violation> {
        let content = self.strangers(table).find(|name| is_content_name(name));
        match content.or_else(|| self.strangers(table).next()) {
            Some(name) => Err(unexpected(name)),
            None => Ok(()),
        }
    }
}

/// A field that must be there with a value.
pub(crate) fn required<T: Value>(json: Option<&Json<'_>>, name: &'static str) -> Result<T, Violation> {
    match json {
        None => Err(missing(name)),
        Some(json) => T::parse(json).map_err(|v| v.within(name)),
    }
}

/// A field that must be there, if only as null.
pub(crate) fn nullable<T: Value>(json: Option<&Json<'_>>, name: &'static str) -> Result<Option<T>, Violation> {
    match json {
        None => Err(missing(name)),
        Some(json) => optional(Some(json), name),
    }
}

/// A field that may be left out.
pub(crate) fn optional<T: Value>(json: Option<&Json<'_>>, name: &'static str) -> Result<Option<T>, Violation> {
    match json {
        None | Some(Json::Null) => Ok(None),
        Some(json) => T::parse(json).map(Some).map_err(|v| v.within(name)),
    }
}

pub(crate) fn missing(name: &str) -> Violation {
    Violation::at(Rule::MissingField, name, "required")
}

/// Appends `,"name":` (or without the comma after an opening brace).
pub(crate) fn write_key(out: &mut Vec<u8>, name: &str) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}
