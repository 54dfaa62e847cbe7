//! Budgets: how far they are used up, those below their warning share as well.

use std::sync::PoisonError;

use flightrec_recorder::query::SessionFilter;

use super::Question;
use super::page::Page;
use super::places::ByBudget;
use crate::answer::Answer;
use crate::problem::Problem;

/// `GET /api/v1/budgets`
pub(crate) fn list(question: &Question) -> Result<Answer, Problem> {
    let reader = question.reader();
    let session = question.text("session").map(|prefix| reader.resolve(prefix)).transpose()?;
    // Only what came since the last question is read; whoever asks meanwhile waits for that.
    let mut budgets = question.app.budgets.lock().unwrap_or_else(PoisonError::into_inner);
    budgets.follow(reader)?;
    let mut views = budgets.views(&reader.sessions(&SessionFilter::default()));
    drop(budgets);
    views.retain(|view| session.is_none() || view.session_id == session);
    Ok(Answer::json(&Page::of(question, "budgets", views, ByBudget::of)?))
}
