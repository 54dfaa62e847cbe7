//! Running other programs, and the stopwatch.

use std::env;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::error::Error;

/// A command line that can be shown to a person and run.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    program: OsString,
    shown_as: String,
    arguments: Vec<OsString>,
    set: Vec<(String, OsString)>,
    unset: Vec<&'static str>,
    directory: PathBuf,
}

impl Job {
    /// A program found on the PATH, run in `directory`.
    pub(crate) fn new(program: &str, directory: &Path) -> Self {
        Self {
            program: program.into(),
            shown_as: program.to_owned(),
            arguments: Vec::new(),
            set: Vec::new(),
            unset: Vec::new(),
            directory: directory.to_owned(),
        }
    }

    /// The same cargo that runs this program.
    pub(crate) fn cargo(directory: &Path) -> Self {
        let mut job = Self::new("cargo", directory);
        if let Some(cargo) = env::var_os("CARGO") {
            job.program = cargo;
        }
        job
    }

    /// Adds one argument.
    pub(crate) fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds arguments in order.
    pub(crate) fn args<I>(mut self, arguments: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<OsString>,
    {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets an environment variable for the child.
    pub(crate) fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.set.push((name.to_owned(), value.into()));
        self
    }

    /// Hides an inherited environment variable from the child.
    pub(crate) fn without_env(mut self, name: &'static str) -> Self {
        self.unset.push(name);
        self
    }

    /// The command line as a person would type it, environment first.
    pub(crate) fn line(&self) -> String {
        let mut words: Vec<String> =
            self.set.iter().map(|(name, value)| format!("{name}={}", quoted(&value.to_string_lossy()))).collect();
        words.push(self.shown_as.clone());
        words.extend(self.arguments.iter().map(|argument| quoted(&argument.to_string_lossy())));
        words.join(" ")
    }

    /// Runs with the terminal's own output; an unsuccessful end is an error.
    pub(crate) fn run(&self) -> Result<(), Error> {
        let status = self.command().stdin(Stdio::null()).status().map_err(|source| self.cannot_start(source))?;
        self.judge(status)
    }

    /// Runs and gives the standard output; standard error goes to the terminal as it comes.
    pub(crate) fn stdout(&self) -> Result<String, Error> {
        let output = self
            .command()
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .map_err(|source| self.cannot_start(source))?;
        self.judge(output.status)?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// True if the program starts and succeeds, whatever it prints.
    pub(crate) fn works(&self) -> bool {
        self.command().stdin(Stdio::null()).output().is_ok_and(|output| output.status.success())
    }

    /// Starts a program that goes on until it is stopped; its standard error goes to the terminal.
    pub(crate) fn start(self) -> Result<Running, Error> {
        let started = self.command().stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut child = started.map_err(|source| self.cannot_start(source))?;
        let output = BufReader::new(child.stdout.take().expect("it was piped"));
        Ok(Running { job: self, child: Some(child), output })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).current_dir(&self.directory);
        for name in &self.unset {
            command.env_remove(name);
        }
        for (name, value) in &self.set {
            command.env(name, value);
        }
        command
    }

    fn judge(&self, status: ExitStatus) -> Result<(), Error> {
        if status.success() {
            return Ok(());
        }
        Err(Error::Child { command: self.line(), status: status.to_string() })
    }

    fn cannot_start(&self, source: std::io::Error) -> Error {
        Error::Start { command: self.line(), source }
    }
}

/// A program that goes on until it is stopped, at the latest when this is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    job: Job,
    /// `None` once it has ended.
    child: Option<Child>,
    output: BufReader<ChildStdout>,
}

impl Running {
    /// Waits for the first line that it prints, without its end. A program that ends before that is an error.
    pub(crate) fn first_line(&mut self) -> Result<String, Error> {
        let mut line = String::new();
        let read = self.output.read_line(&mut line).map_err(|source| self.job.cannot_start(source))?;
        if read > 0 {
            return Ok(line.trim_end().to_owned());
        }
        self.end()?;
        Err(Error::Check(format!("`{}` ended without a word", self.job.line())))
    }

    /// Asks it to end, by its process id, and waits until it has; an unsuccessful end is an error.
    pub(crate) fn stop(mut self) -> Result<(), Error> {
        let Some(child) = &mut self.child else { return Ok(()) };
        if cfg!(unix) {
            Job::new("kill", &self.job.directory).args(["-TERM", &child.id().to_string()]).run()?;
            return self.end();
        }
        child.kill().map_err(|source| self.job.cannot_start(source))?;
        // There is no asking elsewhere, so how it ends says nothing.
        self.end().or(Ok(()))
    }

    /// Waits until it ends by itself, or by the user's Ctrl-C; an unsuccessful end is an error.
    pub(crate) fn wait(&mut self) -> Result<(), Error> {
        self.end()
    }

    fn end(&mut self) -> Result<(), Error> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        let status = child.wait().map_err(|source| self.job.cannot_start(source))?;
        self.job.judge(status)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended by itself; either way nothing is left to be done about it here.
            let _killed = child.kill().is_ok() && child.wait().is_ok();
        }
    }
}

/// Measures how long a chore takes; only ever shown, never decided upon.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    #[expect(clippy::disallowed_methods, reason = "this is the seam: a chore tells a person how long it took")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since the start.
    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

fn quoted(word: &str) -> String {
    let plain = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./=:,+@{}".contains(c));
    if plain { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shown_line_can_be_pasted_into_a_shell() {
        let job =
            Job::new("cargo", Path::new(".")).env("RUSTDOCFLAGS", "-D warnings").args(["doc", "--no-deps", "it's"]);
        assert_eq!(job.line(), r"RUSTDOCFLAGS='-D warnings' cargo doc --no-deps 'it'\''s'");
    }

    #[test]
    fn a_failing_program_is_named_with_its_status() {
        let error = Job::cargo(Path::new(".")).arg("no-such-subcommand").stdout().unwrap_err();
        assert!(error.to_string().contains("cargo no-such-subcommand"));
    }

    #[test]
    fn a_program_that_ends_before_its_first_line_is_told_by_its_status() {
        let mut running = Job::cargo(Path::new(".")).arg("no-such-subcommand").start().unwrap();
        let error = running.first_line().unwrap_err();
        assert!(matches!(error, Error::Child { .. }), "{error}");
        running.stop().unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_running_program_is_asked_to_end_by_its_id() {
        let waits = |then: &str| format!("trap 'kill $!; {then}' TERM; tail -f /dev/null & echo here; wait");
        for (then, is_ok) in [("exit 0", true), ("exit 3", false)] {
            let mut running = Job::new("sh", Path::new(".")).args(["-c", &waits(then)]).start().unwrap();
            assert_eq!(running.first_line().unwrap(), "here");
            assert_eq!(running.stop().is_ok(), is_ok, "{then}");
        }
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = Job::new("no-such-program-here", Path::new(".")).run().unwrap_err();
        assert!(error.to_string().contains("no-such-program-here"));
        assert!(std::error::Error::source(&error).is_some());
    }
}
