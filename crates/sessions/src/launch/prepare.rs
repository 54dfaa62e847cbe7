//! What a plan needs of the machine, looked at before anything starts.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flightrec_events::Id;
use flightrec_events::families::parts::TriggerSource;

use super::problems::{LaunchErrors, LaunchProblem};
use super::routes::routes;
use crate::limits::Limits;
use crate::model::ModelRoute;
use crate::plan::{Plan, PlannedSession};
use crate::runtime::{Runtime, RuntimeBuilder, RuntimeError};
use crate::time::Time;
use crate::tool::Tool;
use crate::tools::Workspace;

/// The most bytes of one prompt file.
pub const MAX_PROMPT_BYTES: u64 = 1024 * 1024;

/// What a plan sees of the machine.
pub struct Surroundings<'h> {
    /// The clock that scripted models play by.
    pub time: Arc<dyn Time>,
    /// The directory that the plan's relative paths start from: the one that it lies in.
    pub directory: PathBuf,
    /// Looks up an environment variable; `None` if it is not set.
    pub variable: &'h dyn Fn(&str) -> Option<String>,
    /// Reads a file; of one beyond [`MAX_PROMPT_BYTES`] a byte more than that is enough.
    pub read: &'h dyn Fn(&Path) -> io::Result<Vec<u8>>,
}

impl fmt::Debug for Surroundings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings").field("directory", &self.directory).finish_non_exhaustive()
    }
}

/// A plan that can start: its models are reachable by name, its tools are at hand, its prompts are read.
#[derive(Debug)]
pub struct Launch {
    models: BTreeMap<Id, ModelRoute>,
    tools: Vec<Arc<dyn Tool>>,
    limits: Limits,
    pub(super) sessions: Vec<PlannedSession>,
}

impl Launch {
    /// Gathers what a plan needs. Nothing is sent to any provider.
    ///
    /// # Errors
    /// Everything that is missing.
    pub fn prepare(plan: &Plan, surroundings: &Surroundings<'_>) -> Result<Self, LaunchErrors> {
        let mut problems = Vec::new();
        let models = routes(plan, surroundings, &mut problems);
        let tools = tools(plan, surroundings, &mut problems);
        let sessions = sessions(plan, surroundings, &mut problems);
        if problems.is_empty() {
            Ok(Self { models, tools, limits: plan.limits.clone(), sessions })
        } else {
            Err(LaunchErrors(problems))
        }
    }

    /// A runtime with the plan's models, tools and limits, for the host to add prices and approvals.
    ///
    /// # Errors
    /// [`RuntimeError::Tool`] if a tool cannot be used.
    pub fn builder(&self) -> Result<RuntimeBuilder, RuntimeError> {
        let mut builder = Runtime::builder().limits(self.limits.clone());
        for (name, route) in &self.models {
            builder = builder.model(name.clone(), route.clone());
        }
        self.tools.iter().try_fold(builder, |builder, tool| builder.tool(Arc::clone(tool)))
    }
}

fn tools(plan: &Plan, surroundings: &Surroundings<'_>, problems: &mut Vec<LaunchProblem>) -> Vec<Arc<dyn Tool>> {
    let Some(planned) = &plan.workspace else { return Vec::new() };
    match Workspace::open(surroundings.directory.join(&planned.directory), &planned.commands) {
        Ok(workspace) => workspace.tools(),
        Err(error) => {
            problems.push(error.into());
            Vec::new()
        }
    }
}

/// The sessions with their prompts read, and with a note of what started them.
fn sessions(plan: &Plan, surroundings: &Surroundings<'_>, problems: &mut Vec<LaunchProblem>) -> Vec<PlannedSession> {
    let trigger = TriggerSource {
        stage_session_id: None,
        stage_tab_id: None,
        external_ref: Id::new(format!("plan:{}", plan.name)).ok(),
    };
    let mut sessions = plan.sessions.clone();
    // The sessions of one `count` share a file, and are told of it once.
    let mut prompts: BTreeMap<PathBuf, Option<Arc<str>>> = BTreeMap::new();
    for session in &mut sessions {
        session.spec.trigger_source = Some(trigger.clone());
        let Some(file) = &session.prompt_file else { continue };
        let path = surroundings.directory.join(file);
        let prompt = prompts.entry(path).or_insert_with_key(|path| match read_prompt(session, path, surroundings) {
            Ok(prompt) => Some(prompt),
            Err(problem) => {
                problems.push(problem);
                None
            }
        });
        session.spec.prompt.clone_from(prompt);
    }
    sessions
}

fn read_prompt(session: &PlannedSession, path: &Path, around: &Surroundings<'_>) -> Result<Arc<str>, LaunchProblem> {
    let (session, line, path) = (session.name.clone(), session.line, path.to_owned());
    let bytes = match (around.read)(&path) {
        Ok(bytes) => bytes,
        Err(source) => return Err(LaunchProblem::PromptFile { session, line, path, source }),
    };
    let problem = if bytes.len() as u64 > MAX_PROMPT_BYTES {
        "is larger than 1 MiB, the most that a prompt may be: put it where a tool can read it"
    } else {
        match String::from_utf8(bytes) {
            Ok(text) if !text.trim().is_empty() => return Ok(text.into()),
            Ok(_) => "is empty: a session needs something to do",
            Err(_) => "is no text in UTF-8: convert it",
        }
    };
    Err(LaunchProblem::Prompt { session, line, path, problem })
}
