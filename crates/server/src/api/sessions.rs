//! Sessions: the list, one with all about it, its tree, its cost.

use flightrec_recorder::CostKey;
use flightrec_recorder::query::SessionFilter;
use flightrec_recorder::view::{SessionCost, Tokens};
use serde::Serialize;

use super::page::Page;
use super::places::{ByCost, BySession};
use super::{Question, filters};
use crate::answer::Answer;
use crate::problem::Problem;

/// `GET /api/v1/sessions`
pub(crate) fn list(question: &Question) -> Result<Answer, Problem> {
    let (since, until) = filters::range(question)?;
    let order = filters::order(question)?;
    let filter = SessionFilter { since, until, order, ..filters::sessions(question)? };
    let sessions = question.reader().sessions(&filter);
    let name = format!("sessions by {order:?}");
    Ok(Answer::json(&Page::of(question, &name, sessions, |session| BySession::of(order, session))?))
}

/// `GET /api/v1/sessions/{id}`
pub(crate) fn one(question: &Question) -> Result<Answer, Problem> {
    let reader = question.reader();
    let id = reader.resolve(question.place("id"))?;
    Ok(Answer::json(&reader.session(&id)?))
}

/// `GET /api/v1/sessions/{id}/tree`
pub(crate) fn tree(question: &Question) -> Result<Answer, Problem> {
    let reader = question.reader();
    let id = reader.resolve(question.place("id"))?;
    Ok(Answer::json(&reader.tree(&id)?))
}

/// What one session cost: a row of the roll-up by session, with the cost of its descendants beside its own.
#[derive(Debug, Serialize)]
struct CostOfSession {
    key: String,
    sessions: u64,
    tokens: Tokens,
    cost: CostWithDescendants,
}

#[derive(Debug, Serialize)]
struct CostWithDescendants {
    /// The same as `own_nanos`, by the name that rows of a roll-up have for it.
    nanos: u128,
    #[serde(flatten)]
    of_session: SessionCost,
}

/// `GET /api/v1/sessions/{id}/cost`
pub(crate) fn cost(question: &Question) -> Result<Answer, Problem> {
    let reader = question.reader();
    let id = reader.resolve(question.place("id"))?;
    let session = reader.tree(&id)?.session;
    Ok(Answer::json(&CostOfSession {
        key: session.session_id.to_string(),
        sessions: 1,
        tokens: session.tokens,
        cost: CostWithDescendants { nanos: session.cost.own_nanos, of_session: session.cost },
    }))
}

/// `GET /api/v1/costs`
pub(crate) fn costs(question: &Question) -> Result<Answer, Problem> {
    let (since, until) = filters::range(question)?;
    let filter = SessionFilter { since, until, ..filters::sessions(question)? };
    let key = question.read("by", |word| {
        Ok(match word {
            "session" => CostKey::Session,
            "wp" => CostKey::WorkPacket,
            "role" => CostKey::Role,
            "model" => CostKey::Model,
            "provider" => CostKey::Provider,
            _ => return Err("no such key; use one of session, wp, role, model, provider"),
        })
    })?;
    let key = key.unwrap_or(CostKey::Session);
    let rows = question.reader().cost(key, &filter);
    Ok(Answer::json(&Page::of(question, &format!("costs by {key:?}"), rows, ByCost::of)?))
}
