//! The tool that runs an allowed program.

use std::os::unix::process::ExitStatusExt as _;
use std::pin::pin;
use std::process::ExitStatus;
use std::sync::Arc;

use flightrec_events::{Idempotency, SideEffect, Transport};
use futures_util::FutureExt as _;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

use super::allowed::AllowedCommand;
use super::confined::{Confined, failure};
use super::output::BoundedOutput;
use super::process::{Running, read_ready};
use super::read_file::{missing, text_argument};
use super::workspace::Environment;
use crate::model::BoxFuture;
use crate::tool::{Stop, Tool, ToolCall, ToolFailure, ToolOutput, ToolSpec};
use crate::words::id;

pub(super) const NAME: &str = "run_command";
pub(super) const CAPABILITY: &str = "process.run";

/// How much is read at once.
const READ_BYTES: usize = 16 * 1024;

/// How much a pipe may hold; Linux allows no more without privileges, and none is as large unless asked for.
const MOST_LEFT_BYTES: usize = 1024 * 1024;

/// Runs a program in a workspace.
#[derive(Debug)]
pub(super) struct RunCommand {
    spec: ToolSpec,
    directory: Arc<Confined>,
    commands: Vec<AllowedCommand>,
    environment: Environment,
}

impl RunCommand {
    pub(super) fn new(directory: Arc<Confined>, commands: Vec<AllowedCommand>, environment: Environment) -> Self {
        let parameters = json!({
            "type": "object",
            "properties": {
                "program": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 4096,
                    "description": "The program, named as in the list of allowed commands",
                },
                "args": {
                    "type": "array",
                    "items": {"type": "string", "maxLength": 65536},
                    "maxItems": 256,
                    "description": "Its arguments, one each, as they are: no shell reads them",
                },
            },
            "required": ["program", "args"],
            "additionalProperties": false,
        });
        let description = format!(
            "Runs a program in the workspace, without a shell and without input, and gives its exit code and what it \
             wrote, at most 64 KiB of it. Allowed are calls that begin with: {}.",
            shown(&commands)
        );
        let spec = ToolSpec {
            name: id(NAME),
            version: id("1"),
            description: description.into(),
            parameters: Arc::new(parameters),
            side_effect: SideEffect::Execute,
            idempotency: Idempotency::NonIdempotent,
            transport: Transport::Local,
            capability: id(CAPABILITY),
        };
        Self { spec, directory, commands, environment }
    }

    /// The command of a call, if it is allowed.
    fn command(&self, arguments: &Value) -> Result<Command, ToolFailure> {
        let program = text_argument(arguments, "program")?;
        let args = arguments.get("args").and_then(Value::as_array).ok_or_else(|| missing("args"))?;
        let args: Option<Vec<String>> = args.iter().map(|arg| arg.as_str().map(str::to_owned)).collect();
        let args = args.ok_or_else(|| missing("args"))?;
        let allowed = self.commands.iter().find(|command| command.permits(program, &args)).ok_or_else(|| {
            let allowed = shown(&self.commands);
            failure("not_allowed", format!("this command is not allowed; allowed are calls that begin with: {allowed}"))
        })?;
        if !self.directory.is_still_there() {
            return Err(failure("workspace_moved", "the workspace's directory was moved or replaced"));
        }
        let mut command = Command::new(&allowed.program);
        command.args(args).current_dir(self.directory.path()).env_clear().envs(&self.environment.0);
        Ok(command)
    }
}

fn shown(commands: &[AllowedCommand]) -> String {
    commands.iter().map(AllowedCommand::shown).collect::<Vec<_>>().join(", ")
}

/// Runs a command to its end, or until it is asked to stop.
async fn run(command: Command, stop: Stop) -> Result<ToolOutput, ToolFailure> {
    let mut asked = pin!(stop.asked());
    if asked.as_mut().now_or_never().is_some() {
        return Err(failure("stopped", "the command was not started: its result is no longer wanted"));
    }
    if tokio::runtime::Handle::try_current().is_err() {
        return Err(failure("not_available", "programs can only be run in real time, within a tokio runtime"));
    }
    let not_started = |error: std::io::Error| failure("not_started", format!("the program did not start: {error}"));
    let (mut running, mut pipe) = Running::start(command).map_err(not_started)?;
    let mut output = BoundedOutput::default();
    let mut buffer = vec![0; READ_BYTES];
    let mut is_open = true;
    let is_stopped = loop {
        tokio::select! {
            biased;
            () = &mut asked => break true,
            () = running.ended() => break false,
            read = pipe.read(&mut buffer), if is_open => match read {
                Ok(0) | Err(_) => is_open = false,
                Ok(length) => output.push(&buffer[..length]),
            },
        }
    };
    running.kill_group();
    // What was written before the end lies in the pipe. It is not read for ever: a program may have left the group.
    for _ in 0..MOST_LEFT_BYTES / READ_BYTES {
        match read_ready(&pipe, &mut buffer) {
            0 => break,
            length => output.push(&buffer[..length]),
        }
    }
    let status = running.reap().await;
    let text = output.into_text();
    if is_stopped {
        return Err(failure("stopped", "the command was ended before it was done: its result is no longer wanted"));
    }
    let status = status.map_err(|error| failure("io", format!("how the program ended is not known: {error}")))?;
    let end = ending(status);
    let text = if text.is_empty() { format!("{end}, no output") } else { format!("{end}\n{text}") };
    Ok(ToolOutput { text, files: Vec::new() })
}

fn ending(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

impl Tool for RunCommand {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    /// Programs run in real time: outside of a tokio runtime a call fails. A program that ends with a failure is no
    /// failed call; its exit code is told. Dropping the future kills the program and its process group.
    fn call(&self, call: ToolCall) -> BoxFuture<'static, Result<ToolOutput, ToolFailure>> {
        match self.command(&call.arguments) {
            Ok(command) => Box::pin(run(command, call.stop)),
            Err(failure) => Box::pin(std::future::ready(Err(failure))),
        }
    }
}
