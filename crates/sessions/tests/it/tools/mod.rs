//! The tools of a workspace.

mod commands;
mod files;

use std::sync::Arc;

use flightrec_sessions::events::{Id, Idempotency, SideEffect, Transport};
use flightrec_sessions::{Stop, Stopper, Tool, ToolCall, ToolFailure, ToolOutput, WORKSPACE_TOOLS, Workspace};
use serde_json::Value;

/// A call, and what stops it when it is dropped.
fn call(arguments: Value) -> (Stopper, ToolCall) {
    let (stopper, stop) = Stop::pair();
    let id = |word: &str| Id::new(word).unwrap();
    let call =
        ToolCall { session_id: id("session"), tool_call_id: id("call"), idempotency_key: id("key"), arguments, stop };
    (stopper, call)
}

fn tool(workspace: &Workspace, name: &str) -> Arc<dyn Tool> {
    workspace.tools().into_iter().find(|tool| tool.spec().name.as_str() == name).unwrap()
}

/// The answer of a tool that needs no runtime.
fn ask(workspace: &Workspace, name: &str, arguments: Value) -> Result<ToolOutput, ToolFailure> {
    use futures_util::FutureExt;
    let (_stopper, call) = call(arguments);
    tool(workspace, name).call(call).now_or_never().unwrap()
}

#[test]
fn the_tools_are_what_the_list_of_names_says() {
    let directory = tempfile::tempdir().unwrap();
    let workspace = Workspace::open(directory.path(), ["ls", "git status"]).unwrap();
    let tools = workspace.tools();
    let found: Vec<_> = tools.iter().map(|tool| (tool.spec().name.as_str(), tool.spec().capability.as_str())).collect();
    assert_eq!(found, WORKSPACE_TOOLS);
    for tool in &tools {
        let spec = tool.spec();
        assert_eq!((spec.version.as_str(), spec.transport), ("1", Transport::Local));
        assert_eq!(spec.parameters["additionalProperties"], false, "{}", spec.name);
        jsonschema::draft202012::meta::validate(&spec.parameters).unwrap();
    }
    let kinds: Vec<_> = tools.iter().map(|tool| (tool.spec().side_effect, tool.spec().idempotency)).collect();
    let read = (SideEffect::Read, Idempotency::Idempotent);
    assert_eq!(kinds, [read, read, (SideEffect::Execute, Idempotency::NonIdempotent)]);
    assert!(tools[2].spec().description.contains("`ls`, `git status`"));
}

#[test]
fn a_workspace_without_commands_has_no_tool_to_run_them() {
    let directory = tempfile::tempdir().unwrap();
    let workspace = Workspace::open(directory.path(), [""; 0]).unwrap();
    assert_eq!(workspace.tools().len(), 2);
}

#[test]
fn a_workspace_that_cannot_be_opened_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = |path: &std::path::Path, command: &str| Workspace::open(path, [command]).unwrap_err().to_string();
    let none = directory.path().join("none");
    assert!(error(&none, "ls").starts_with(&format!("the workspace `{}` cannot be opened: ", none.display())));
    assert!(error(&file, "ls").contains("cannot be opened"), "{}", error(&file, "ls"));
    assert_eq!(
        error(directory.path(), "ls; rm"),
        "the command `ls; rm` cannot be allowed: there is no shell that would read `;`; \
         write the program and its first arguments, separated by spaces"
    );
}
