//! What a host asks for when it starts a session.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use flightrec_events::families::parts::TriggerSource;
use flightrec_events::{BudgetAction, Id, Label, Lane, MemoryPolicy, RetryBackoff, SpawnMode};
use serde::{Deserialize, Serialize};

/// What a session is to be. The fields have the defaults of the specification; set what differs.
///
/// ```
/// use flightrec_sessions::SessionSpec;
/// use flightrec_sessions::events::{Id, Lane};
/// let spec = SessionSpec { prompt: Some("Say hello.".into()), ..SessionSpec::new(Id::new("greeter")?, Id::new("small")?) };
/// assert_eq!((spec.lane, spec.jobs.priority, spec.jobs.max_retries), (Lane::Primary, 50, 3));
/// # Ok::<(), flightrec_sessions::events::Violation>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionSpec {
    /// What it is for.
    pub role: Id,
    /// The name of a [`crate::ModelRoute`].
    pub model: Id,
    /// A name for people.
    pub label: Option<Label>,
    /// The SYSTEM message.
    pub instructions: Option<Arc<str>>,
    /// The first input; a session without one waits for it.
    pub prompt: Option<Arc<str>>,
    /// Whether it ends with its first final answer, or waits for more input.
    pub mode: SpawnMode,
    /// The work packet.
    pub wp_id: Option<Id>,
    /// The micro task.
    pub mt_id: Option<Id>,
    /// What it may remember.
    pub memory_policy: MemoryPolicy,
    /// The lane its jobs go to.
    pub lane: Lane,
    /// How its jobs are run.
    pub jobs: JobOptions,
    /// What it may spend, its descendants included.
    pub budget: BudgetOptions,
    /// What it may do: tools name the capability that they need; [`SPAWN`] allows children.
    pub capabilities: BTreeSet<Id>,
    /// The tools that its model is offered, by name.
    pub tools: Vec<Id>,
    /// Tools whose every call waits for an approval, by name.
    pub approvals: BTreeSet<Id>,
    /// The roles that its model may spawn, by name.
    pub spawns: BTreeMap<Id, SessionSpec>,
    /// The most children that its model may ask for, those that have ended included; then it is not offered any more.
    pub max_spawns: Option<u32>,
    /// The most model runs that it may need; then it fails.
    pub max_runs: u32,
    /// The most tokens that one reply may have.
    pub max_output_tokens: Option<u64>,
    /// What made it start. It is on record with the session's creation, and not kept again.
    #[serde(skip)]
    pub trigger_source: Option<TriggerSource>,
}

/// The capability to spawn children.
pub const SPAWN: &str = "spawn";

/// How the jobs of a session are run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobOptions {
    /// 0 is the highest.
    pub priority: u8,
    /// Jobs of one group run one at a time, as far as [`crate::Limits::per_group`] says.
    pub concurrency_group: Option<Id>,
    /// How many more attempts a job gets after a failure that may pass.
    pub max_retries: u32,
    /// How the waits between attempts grow.
    pub retry_backoff: RetryBackoff,
    /// The first wait; each further one is twice as long with [`RetryBackoff::Exponential`], at most a minute.
    pub backoff_base: Duration,
    /// How long one model run may take.
    pub timeout: Duration,
    /// How long one tool call may take.
    pub tool_timeout: Duration,
    /// The most tokens of one job: beyond, it fails.
    pub max_tokens_budget: Option<u64>,
    /// What one job is thought to cost.
    pub estimated_cost_nanos: Option<u64>,
}

impl Default for JobOptions {
    fn default() -> Self {
        Self {
            priority: 50,
            concurrency_group: None,
            max_retries: 3,
            retry_backoff: RetryBackoff::Exponential,
            backoff_base: Duration::from_secs(1),
            timeout: Duration::from_mins(2),
            tool_timeout: Duration::from_mins(1),
            max_tokens_budget: None,
            estimated_cost_nanos: None,
        }
    }
}

/// What may be spent, and what happens then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetOptions {
    /// Tokens.
    pub tokens: Option<u64>,
    /// Nano-dollars.
    pub cost_nanos: Option<u64>,
    /// The share, in per cent, at which a warning is recorded.
    pub warn_percent: u8,
    /// What happens at 100 %.
    pub action: BudgetAction,
}

impl Default for BudgetOptions {
    fn default() -> Self {
        Self { tokens: None, cost_nanos: None, warn_percent: 80, action: BudgetAction::Pause }
    }
}

impl SessionSpec {
    /// A session of a role with a model, everything else as the specification has it.
    pub fn new(role: Id, model: Id) -> Self {
        Self {
            role,
            model,
            label: None,
            instructions: None,
            prompt: None,
            mode: SpawnMode::OneShot,
            wp_id: None,
            mt_id: None,
            memory_policy: MemoryPolicy::SessionScoped,
            lane: Lane::Primary,
            jobs: JobOptions::default(),
            budget: BudgetOptions::default(),
            capabilities: BTreeSet::new(),
            tools: Vec::new(),
            approvals: BTreeSet::new(),
            spawns: BTreeMap::new(),
            max_spawns: None,
            max_runs: 32,
            max_output_tokens: None,
            trigger_source: None,
        }
    }
}
