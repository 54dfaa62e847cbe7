//! The seam to whoever approves: a person, or a policy.

use std::fmt;

use flightrec_events::{Id, Reason};

use crate::model::BoxFuture;

/// Decides what sessions may not do by themselves.
pub trait Approvals: Send + Sync + fmt::Debug {
    /// Decides; the session is BLOCKED meanwhile, and holds no place in any limit.
    fn decide(&self, request: ApprovalRequest) -> BoxFuture<'static, Decision>;
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum ApprovalRequest {
    /// A session wants to call a tool that needs approval.
    Tool {
        /// The session.
        session_id: Id,
        /// Its role.
        role: Id,
        /// The tool.
        tool: Id,
        /// The call.
        tool_call_id: Id,
        /// What it would be called with.
        arguments: serde_json::Value,
    },
    /// A session wants to read another's thread.
    CrossSessionRead {
        /// The reader.
        session_id: Id,
        /// Whose thread.
        owner_session_id: Id,
    },
}

/// What was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Whether it may happen.
    pub approved: bool,
    /// Who decided.
    pub by: Id,
    /// Why.
    pub reason: Reason,
}

/// Refuses everything: what a host has that names nobody else.
#[derive(Debug, Clone, Copy, Default)]
pub struct RefuseAll;

impl Approvals for RefuseAll {
    fn decide(&self, _: ApprovalRequest) -> BoxFuture<'static, Decision> {
        Box::pin(std::future::ready(Decision {
            approved: false,
            by: crate::words::id("policy:refuse-all"),
            reason: crate::words::reason("nobody was named who could approve"),
        }))
    }
}
