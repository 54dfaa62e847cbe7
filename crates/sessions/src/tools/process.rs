//! A program while it runs: with a process group of its own, which ends with it.
//!
//! The group is killed by its number. That number cannot belong to anybody else as long as the program that leads
//! the group was not reaped, and so the order is always the same: see that the leader ended, kill what is left of
//! the group, reap the leader.

use std::io;
use std::os::fd::OwnedFd;
use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

/// A running program; dropping it kills its process group.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    group: Option<Pid>,
    exits: tokio::signal::unix::Signal,
}

impl Running {
    /// Starts a program without input. What it and its children write, to either output, comes out of the pipe in
    /// the order in which they wrote it.
    pub(super) fn start(mut command: Command) -> io::Result<(Self, Receiver)> {
        // Before the start, so that no exit is missed.
        let exits = signal(SignalKind::child())?;
        let (reader, writer) = io::pipe()?;
        let child = command
            .stdin(Stdio::null())
            .stdout(writer.try_clone()?)
            .stderr(writer)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        // It holds ends of the pipe, which would keep the pipe from ending.
        drop(command);
        let group = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        let running = Self { child, group, exits };
        Ok((running, Receiver::from_owned_fd(OwnedFd::from(reader))?))
    }

    /// Waits until the program ended by itself; it is not reaped yet.
    pub(super) async fn ended(&mut self) {
        while !self.has_ended() {
            if self.exits.recv().await.is_none() {
                return;
            }
        }
    }

    fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        self.group.is_none_or(|pid| !matches!(waitid(WaitId::Pid(pid), options), Ok(None)))
    }

    /// Kills whatever still runs in the group.
    pub(super) fn kill_group(&self) {
        if let Some(group) = self.group {
            // It fails when nobody is left, which is what is wanted.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }

    /// Kills what still runs, and reaps the program.
    pub(super) async fn reap(mut self) -> io::Result<ExitStatus> {
        self.kill_group();
        let status = self.child.wait().await;
        self.group = None;
        status
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill_group();
    }
}

/// Takes what lies in a pipe already, without waiting for more.
pub(super) fn read_ready(pipe: &Receiver, buffer: &mut [u8]) -> usize {
    // The descriptor is asked itself: the runtime may not yet know that there is something.
    rustix::io::read(pipe, buffer).unwrap_or(0)
}
