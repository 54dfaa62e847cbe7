//! CSV: one row for each object. Nested objects are flattened with dots; lists stay JSON in their cell.

use std::collections::HashMap;

use serde_json::value::RawValue;

type Fields<'j> = HashMap<&'j str, &'j RawValue>;

/// Appends the header.
pub(super) fn write_header(fields: &[impl AsRef<str>], out: &mut Vec<u8>) {
    for (i, field) in fields.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write_cell(field.as_ref(), out);
    }
    out.push(b'\n');
}

/// Appends one row: the fields of a JSON object, which the printing of views has made.
pub(super) fn write_row(json: &[u8], fields: &[&str], safe: impl Fn(&str) -> String, out: &mut Vec<u8>) {
    let object: Fields<'_> = serde_json::from_slice(json).unwrap_or_default();
    let mut nested: Vec<(&str, Fields<'_>)> = Vec::new();
    for (i, field) in fields.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        let value = match field.split_once('.') {
            None => object.get(field).copied(),
            Some((outer, inner)) => {
                if nested.last().is_none_or(|(name, _)| *name != outer) {
                    let inside = object.get(outer).and_then(|raw| serde_json::from_str(raw.get()).ok());
                    nested.push((outer, inside.unwrap_or_default()));
                }
                nested.last().and_then(|(_, inside)| inside.get(inner).copied())
            }
        };
        if let Some(text) = value.and_then(cell_text) {
            write_cell(&safe(&text), out);
        }
    }
    out.push(b'\n');
}

/// Appends one row of values, each as JSON.
#[cfg(feature = "sql")]
pub(super) fn write_values(values: &[impl AsRef<str>], safe: impl Fn(&str) -> String, out: &mut Vec<u8>) {
    for (i, value) in values.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        if let Some(text) = value_text(value.as_ref()) {
            write_cell(&safe(&text), out);
        }
    }
    out.push(b'\n');
}

fn cell_text(value: &RawValue) -> Option<String> {
    value_text(value.get())
}

/// Of JSON, a string without its quotes, anything else as it is; `None` for null.
pub(super) fn value_text(json: &str) -> Option<String> {
    match json {
        "null" => None,
        text if text.starts_with('"') => serde_json::from_str(text).ok(),
        other => Some(other.to_owned()),
    }
}

fn write_cell(text: &str, out: &mut Vec<u8>) {
    if text.contains(['"', ',', '\n', '\r']) || text.starts_with(' ') || text.ends_with(' ') {
        out.push(b'"');
        out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
        out.push(b'"');
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_fields_lists_and_awkward_texts() {
        let fields = ["a", "b.c", "b.d", "e.f", "list", "big"];
        let json = br#"{"a":"x, \"y\"\n","b":{"c":1,"d":null},"e":null,"list":[{"k":"v"}],"big":340282366920938463463374607431768211455}"#;
        let mut out = Vec::new();
        write_header(&fields, &mut out);
        write_row(json, &fields, str::to_owned, &mut out);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            "a,b.c,b.d,e.f,list,big\n\"x, \"\"y\"\"\n\",1,,,\"[{\"\"k\"\":\"\"v\"\"}]\",340282366920938463463374607431768211455\n"
        );
    }
}
