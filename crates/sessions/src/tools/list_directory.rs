//! The tool that lists a directory.

use std::future::ready;
use std::sync::Arc;

use flightrec_events::{Idempotency, SideEffect, Transport};
use serde_json::{Value, json};

use super::confined::{Confined, Listing};
use super::read_file::text_argument;
use crate::model::BoxFuture;
use crate::tool::{Tool, ToolCall, ToolFailure, ToolOutput, ToolSpec};
use crate::words::id;

pub(super) const NAME: &str = "list_directory";

/// Apart from reading: names may be harmless where contents are not.
pub(super) const CAPABILITY: &str = "fs.list";

/// Lists a directory of a workspace.
#[derive(Debug)]
pub(super) struct ListDirectory {
    spec: ToolSpec,
    directory: Arc<Confined>,
}

impl ListDirectory {
    pub(super) fn new(directory: Arc<Confined>) -> Self {
        let parameters = json!({
            "type": "object",
            "properties": {
                "path": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 4096,
                    "description": "The directory, relative to the workspace; . is the workspace itself",
                },
            },
            "required": ["path"],
            "additionalProperties": false,
        });
        let spec = ToolSpec {
            name: id(NAME),
            version: id("1"),
            description: "Lists a directory of the workspace by name, one entry a line: directories end in a slash, \
                          files have their size. Control characters in names are escaped."
                .into(),
            parameters: Arc::new(parameters),
            side_effect: SideEffect::Read,
            idempotency: Idempotency::Idempotent,
            transport: Transport::Local,
            capability: id(CAPABILITY),
        };
        Self { spec, directory }
    }

    fn list(&self, arguments: &Value) -> Result<ToolOutput, ToolFailure> {
        let path = text_argument(arguments, "path")?;
        Ok(ToolOutput { text: shown(&self.directory.list(path)?), files: vec![path.to_owned()] })
    }
}

fn shown(listing: &Listing) -> String {
    if listing.lines.is_empty() {
        return "[the directory is empty]".to_owned();
    }
    let lines = listing.lines.join("\n");
    match (listing.further, listing.is_whole) {
        (0, true) => lines,
        (further, true) => format!("{lines}\n[{further} more entries are not shown]"),
        (further, false) => format!("{lines}\n[more than {further} entries are not shown]"),
    }
}

impl Tool for ListDirectory {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn call(&self, call: ToolCall) -> BoxFuture<'static, Result<ToolOutput, ToolFailure>> {
        Box::pin(ready(self.list(&call.arguments)))
    }
}
