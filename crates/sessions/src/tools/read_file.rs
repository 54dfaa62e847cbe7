//! The tool that reads a text file.

use std::future::ready;
use std::sync::Arc;

use flightrec_events::{Idempotency, SideEffect, Transport};
use serde_json::{Value, json};

use super::confined::{Confined, MAX_READ_BYTES, failure};
use crate::model::BoxFuture;
use crate::tool::{Tool, ToolCall, ToolFailure, ToolOutput, ToolSpec};
use crate::words::id;

pub(super) const NAME: &str = "read_file";
pub(super) const CAPABILITY: &str = "fs.read";

const DEFAULT_READ_BYTES: u64 = 64 * 1024;

/// Reads a text file of a workspace.
#[derive(Debug)]
pub(super) struct ReadFile {
    spec: ToolSpec,
    directory: Arc<Confined>,
}

impl ReadFile {
    pub(super) fn new(directory: Arc<Confined>) -> Self {
        let parameters = json!({
            "type": "object",
            "properties": {
                "path": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 4096,
                    "description": "The file, relative to the workspace, such as src/main.rs",
                },
                "max_bytes": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": MAX_READ_BYTES,
                    "description": "How much of it to read at most, from its beginning; 65536 if not given",
                },
            },
            "required": ["path"],
            "additionalProperties": false,
        });
        let spec = ToolSpec {
            name: id(NAME),
            version: id("1"),
            description: "Reads a text file (UTF-8) of the workspace. A file that is longer than asked for is cut, \
                          which is told in the last line."
                .into(),
            parameters: Arc::new(parameters),
            side_effect: SideEffect::Read,
            idempotency: Idempotency::Idempotent,
            transport: Transport::Local,
            capability: id(CAPABILITY),
        };
        Self { spec, directory }
    }

    fn read(&self, arguments: &Value) -> Result<ToolOutput, ToolFailure> {
        let path = text_argument(arguments, "path")?;
        let max_bytes = match arguments.get("max_bytes") {
            None => DEFAULT_READ_BYTES,
            Some(number) => whole(number).ok_or_else(|| missing("max_bytes"))?,
        };
        let file = self.directory.read_text(path, max_bytes.min(MAX_READ_BYTES))?;
        let read_bytes = file.text.len();
        let text = if file.is_cut {
            format!("{}\n[cut: these are the first {read_bytes} of {} bytes]", file.text, file.file_bytes)
        } else {
            file.text
        };
        Ok(ToolOutput { text, files: vec![path.to_owned()] })
    }
}

/// A whole number; JSON Schema counts `2.0` as one.
fn whole(number: &Value) -> Option<u64> {
    number.as_u64().or_else(|| number.as_f64().filter(|n| n.fract() == 0.0 && *n >= 0.0).map(|n| n as u64))
}

/// An argument that the schema has made sure of.
pub(super) fn text_argument<'a>(arguments: &'a Value, name: &str) -> Result<&'a str, ToolFailure> {
    arguments.get(name).and_then(Value::as_str).ok_or_else(|| missing(name))
}

pub(super) fn missing(name: &str) -> ToolFailure {
    failure("malformed_arguments", format!("`{name}` is missing or of another type than the tool's schema says"))
}

impl Tool for ReadFile {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn call(&self, call: ToolCall) -> BoxFuture<'static, Result<ToolOutput, ToolFailure>> {
        Box::pin(ready(self.read(&call.arguments)))
    }
}
