//! Who decides about tools that need an approval: the command line, a person at the terminal, or nobody.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _};

use flightrec_events::{Id, Reason};
use flightrec_sessions::{ApprovalRequest, Approvals, BoxFuture, Decision, Plan, SessionSpec, WORKSPACE_TOOLS};
use tokio::sync::{mpsc, oneshot};

use crate::exit::Failure;

/// How many questions may wait for the terminal; further sessions wait to ask.
const QUESTIONS: usize = 16;

/// Decides as the command line says.
#[derive(Debug)]
pub(super) struct Approver {
    approved: BTreeSet<String>,
    terminal: bool,
    asking: mpsc::Sender<Question>,
}

/// Something for the terminal.
#[derive(Debug)]
pub(super) enum Question {
    /// A person is to decide.
    Decide {
        /// What is asked for.
        request: ApprovalRequest,
        /// Takes the answer; closed once nobody waits for it any more.
        answer: oneshot::Sender<bool>,
    },
    /// Nobody could be asked, and it was refused.
    Refused(ApprovalRequest),
}

impl Approver {
    /// Who decides, and the other end of its questions.
    ///
    /// # Errors
    /// If a tool is approved that there is not.
    pub(super) fn new(plan: &Plan, approved: &[String]) -> Result<(Self, mpsc::Receiver<Question>), Failure> {
        for name in approved.iter().filter(|name| *name != "all") {
            if !WORKSPACE_TOOLS.iter().any(|(tool, _)| tool == name) {
                let known: Vec<&str> = WORKSPACE_TOOLS.iter().map(|(tool, _)| *tool).collect();
                return Err(Failure::usage(format!(
                    "--approve {name}: there is no such tool; use `all` or one of {}",
                    known.join(", ")
                )));
            }
        }
        let (asking, questions) = mpsc::channel(QUESTIONS);
        // Whoever cannot see the question is not asked.
        let terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
        Ok((Self { approved: with_all(plan, approved), terminal, asking }, questions))
    }
}

/// The approved tools by name; `all` means every one that a session of the plan has to ask for.
fn with_all(plan: &Plan, approved: &[String]) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = approved.iter().filter(|name| *name != "all").cloned().collect();
    if approved.iter().any(|name| name == "all") {
        names.extend(WORKSPACE_TOOLS.iter().map(|(tool, _)| (*tool).to_owned()));
        plan.sessions.iter().for_each(|session| add_asked(&session.spec, &mut names));
    }
    names
}

fn add_asked(spec: &SessionSpec, names: &mut BTreeSet<String>) {
    names.extend(spec.approvals.iter().map(Id::to_string));
    spec.spawns.values().for_each(|child| add_asked(child, names));
}

impl Approvals for Approver {
    fn decide(&self, request: ApprovalRequest) -> BoxFuture<'static, Decision> {
        let named = match &request {
            ApprovalRequest::Tool { tool, .. } => self.approved.contains(tool.as_str()),
            // No session of a plan reads another's thread.
            ApprovalRequest::CrossSessionRead { .. } => false,
        };
        if named {
            return Box::pin(std::future::ready(decision(true, "operator", "approved beforehand by --approve")));
        }
        let asking = self.asking.clone();
        if !self.terminal {
            return Box::pin(async move {
                let _nobody_reads = asking.send(Question::Refused(request)).await.is_ok();
                decision(false, "policy:no-terminal", "nobody was there to ask, and --approve does not name the tool")
            });
        }
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            let asked = asking.send(Question::Decide { request, answer }).await.is_ok();
            match answered.await {
                Ok(true) if asked => decision(true, "operator", "approved at the terminal"),
                Ok(_) | Err(_) => decision(false, "operator", "refused at the terminal"),
            }
        })
    }
}

fn decision(approved: bool, by: &str, reason: &str) -> Decision {
    Decision {
        approved,
        by: Id::new(by).expect("the words of this file are short and printable"),
        reason: Reason::new(reason).expect("the sentences of this file are short and printable"),
    }
}

/// Reads lines of standard input on a thread of its own, one when asked for, so that nothing else waits for them.
#[derive(Debug, Default)]
pub(super) struct Keyboard(Option<oneshot::Receiver<Option<String>>>);

impl Keyboard {
    /// The next line; `None` at the end of the input. If it is not awaited to its end, the next call goes on with it.
    pub(super) async fn line(&mut self) -> Option<String> {
        let pending = self.0.get_or_insert_with(|| {
            let (sender, receiver) = oneshot::channel();
            let read = move || {
                let mut line = String::new();
                let read = io::stdin().read_line(&mut line).is_ok_and(|bytes| bytes > 0);
                let _nobody_waits = sender.send(read.then_some(line)).is_ok();
            };
            // Without a thread the sender is dropped with its closure, which reads as the end of the input.
            let _thread = std::thread::Builder::new().name("flightrec-keyboard".to_owned()).spawn(read).is_ok();
            receiver
        });
        let line = pending.await.ok().flatten();
        self.0 = None;
        line
    }
}

/// Whether a line says yes. Everything else is no.
pub(super) fn is_yes(line: Option<&str>) -> bool {
    line.is_some_and(|line| ["y", "yes"].contains(&line.trim().to_ascii_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_yes() {
        for line in ["y\n", "Y", " yes \n", "YES"] {
            assert!(is_yes(Some(line)), "{line:?}");
        }
        for line in ["", "\n", "n\n", "no", "yep", "y n", "\u{1b}[Ay"] {
            assert!(!is_yes(Some(line)), "{line:?}");
        }
        assert!(!is_yes(None));
    }
}
