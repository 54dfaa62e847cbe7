//! What was spent, and what happens at a budget's warning share and at its end.
// tidy: no-wildcard

use std::collections::VecDeque;

use flightrec_events::families::session::BudgetWarning;
use flightrec_events::{Actor, BudgetAction, BudgetType, Id, Number, Timestamp};

use super::core::{At, Cx, Engine, SYSTEM, Step};
use super::input::Who;
use super::session::Asked;
use crate::limits::RateBudget;
use crate::spec::BudgetOptions;
use crate::words;

/// How long the window of rates is.
const WINDOW_US: i64 = 60_000_000;

/// Tokens and money of a session, with or without its descendants, or of a work packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Spending {
    pub(crate) tokens: u64,
    pub(crate) nanos: u64,
    pub(crate) unpriced_runs: u64,
    pub(crate) told_tokens: Told,
    pub(crate) told_cost: Told,
}

/// Which warnings of a budget were recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Told {
    pub(crate) warned: bool,
    pub(crate) reached: bool,
}

/// What one model run used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spent {
    pub(crate) tokens: u64,
    pub(crate) nanos: Option<u64>,
}

impl Spending {
    pub(super) fn add(&mut self, spent: Spent) {
        self.tokens = self.tokens.saturating_add(spent.tokens);
        match spent.nanos {
            Some(nanos) => self.nanos = self.nanos.saturating_add(nanos),
            None => self.unpriced_runs += 1,
        }
    }

    /// The cost; `None` if a part of it is not known.
    pub(crate) fn cost_nanos(&self) -> Option<u64> {
        (self.unpriced_runs == 0).then_some(self.nanos)
    }
}

/// What all sessions used within the last minute.
#[derive(Debug, Default)]
pub(crate) struct Window {
    runs: VecDeque<(Timestamp, Spent)>,
    tokens: u64,
    nanos: u64,
    told_tokens: Told,
    told_cost: Told,
}

impl Window {
    fn add(&mut self, now: Timestamp, spent: Spent) {
        while let Some((at, old)) = self.runs.front().copied()
            && now.micros_since(at) >= WINDOW_US
        {
            self.runs.pop_front();
            self.tokens -= old.tokens;
            self.nanos -= old.nanos.unwrap_or(0);
        }
        self.tokens = self.tokens.saturating_add(spent.tokens);
        self.nanos = self.nanos.saturating_add(spent.nanos.unwrap_or(0));
        self.runs.push_back((now, spent));
    }
}

/// A step over a line of a budget.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Crossing {
    budget_type: BudgetType,
    current: u64,
    threshold: u64,
    action: BudgetAction,
}

/// Whether a budget's warning share or its end was reached since the last time.
fn crossings(
    told: &mut Told,
    budget_type: BudgetType,
    current: u64,
    limit: Option<u64>,
    (warn_percent, action): (u8, BudgetAction),
) -> Vec<Crossing> {
    let Some(limit) = limit else { return Vec::new() };
    let warning = (u128::from(limit) * u128::from(warn_percent)).div_ceil(100) as u64;
    let mut crossed = Vec::new();
    if current >= warning && !told.warned {
        told.warned = true;
        // Where both lines are crossed at once, the second says it all.
        if current < limit {
            crossed.push(Crossing { budget_type, current, threshold: warning, action: BudgetAction::Warn });
        }
    }
    if current >= limit && !told.reached {
        told.reached = true;
        crossed.push(Crossing { budget_type, current, threshold: limit, action });
    }
    crossed
}

fn of_spending(
    spending: &mut Spending,
    budget: &BudgetOptions,
    (tokens_type, cost_type): (BudgetType, BudgetType),
) -> Vec<Crossing> {
    let policy = (budget.warn_percent, budget.action);
    let mut crossed = crossings(&mut spending.told_tokens, tokens_type, spending.tokens, budget.tokens, policy);
    crossed.extend(crossings(&mut spending.told_cost, cost_type, spending.nanos, budget.cost_nanos, policy));
    crossed
}

fn of_window(window: &mut Window, budget: &RateBudget) -> Vec<Crossing> {
    let policy = (budget.warn_percent, budget.action);
    let mut crossed = Vec::new();
    for (told, kind, current, limit) in [
        (&mut window.told_tokens, BudgetType::GlobalTokensPerMinute, window.tokens, budget.tokens_per_minute),
        (&mut window.told_cost, BudgetType::GlobalUsdPerMinute, window.nanos, budget.nanos_per_minute),
    ] {
        // A rate goes down again, and is told anew when it comes back.
        let below =
            limit.is_none_or(|limit| u128::from(current) * 100 < u128::from(limit) * u128::from(budget.warn_percent));
        if below {
            *told = Told::default();
        }
        crossed.extend(crossings(told, kind, current, limit, policy));
    }
    crossed
}

impl Engine {
    /// Adds what a run used to its session, to everybody above it, to its work packet and to the last minute, and
    /// does what the budgets say.
    pub(super) fn spend(&mut self, cx: &mut Cx<'_>, who: Who, spent: Spent) -> Step {
        self.session_mut(who).own.add(spent);
        let mut above = Some(who);
        while let Some(at) = above {
            let session = self.session_mut(at);
            session.inclusive.add(spent);
            let budget = session.spec.budget;
            let kinds = (BudgetType::SessionTokens, BudgetType::SessionCostUsd);
            let crossed = of_spending(&mut session.inclusive, &budget, kinds);
            above = session.parent.map(|parent| parent.who);
            for crossing in crossed {
                self.tell_crossing(cx, at, crossing, None)?;
                let reached: Vec<Who> = std::iter::once(at).chain(self.live_descendants(at)).collect();
                self.act(cx, &reached, crossing)?;
            }
        }
        if let Some(wp) = self.session(who).spec.wp_id.clone() {
            let budget = self.setup.limits.work_packets.get(&wp).copied();
            let spending = self.packets.entry(wp.clone()).or_default();
            spending.add(spent);
            let kinds = (BudgetType::WpTokens, BudgetType::WpCostUsd);
            let crossed = budget.map_or_else(Vec::new, |budget| of_spending(spending, &budget, kinds));
            for crossing in crossed {
                self.tell_crossing(cx, who, crossing, Some(&wp))?;
                let all = (0..self.sessions.len() as u32).map(Who);
                let reached: Vec<Who> = all.filter(|at| self.session(*at).spec.wp_id.as_ref() == Some(&wp)).collect();
                self.act(cx, &reached, crossing)?;
            }
        }
        self.window.add(cx.now, spent);
        let rate = self.setup.limits.global_rate;
        for crossing in of_window(&mut self.window, &rate) {
            self.tell_crossing(cx, who, crossing, None)?;
            self.act(cx, &[who], crossing)?;
        }
        Ok(())
    }

    fn tell_crossing(&mut self, cx: &mut Cx<'_>, who: Who, crossing: Crossing, wp: Option<&Id>) -> Step {
        let session = self.session(who);
        if !session.is_live() {
            return Ok(());
        }
        let number = |value: u64| {
            Number::new(in_unit(crossing.budget_type, value))
                .expect("a quotient of integers is finite and not negative")
        };
        let warning = BudgetWarning {
            session_id: session.id.clone(),
            budget_type: crossing.budget_type,
            current_value: number(crossing.current),
            threshold_value: number(crossing.threshold),
            action: Some(crossing.action),
            wp_id: wp.cloned(),
        };
        let job = session.doing.job().map(|job| job.id.clone());
        let at = At { span: Some(session.activity), job: job.as_ref() };
        self.note(cx.now, who, SYSTEM, at, warning)
    }

    fn act(&mut self, cx: &mut Cx<'_>, reached: &[Who], crossing: Crossing) -> Step {
        let asked = || Asked {
            actor: Actor::System,
            by: words::id("policy:budget"),
            reason: format!("budget {} reached", crossing.budget_type),
        };
        match crossing.action {
            BudgetAction::Warn => Ok(()),
            BudgetAction::Pause => reached.iter().try_for_each(|who| self.pause(cx, *who, &asked())),
            BudgetAction::Cancel => {
                for who in reached {
                    self.cancel(cx, *who, &asked())?;
                }
                Ok(())
            }
        }
    }
}

/// A value in the unit of its budget: tokens, or dollars.
pub(super) fn in_unit(budget_type: BudgetType, value: u64) -> f64 {
    match budget_type {
        BudgetType::SessionTokens | BudgetType::WpTokens | BudgetType::GlobalTokensPerMinute => value as f64,
        BudgetType::SessionCostUsd | BudgetType::WpCostUsd | BudgetType::GlobalUsdPerMinute => value as f64 / 1e9,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE_AT_80: (u8, BudgetAction) = (80, BudgetAction::Pause);

    #[test]
    fn each_line_is_told_once_and_both_at_once_as_the_second() {
        let mut told = Told::default();
        let mut at = |current: u64| {
            crossings(&mut told, BudgetType::SessionTokens, current, Some(101), PAUSE_AT_80)
                .iter()
                .map(|crossing| (crossing.threshold, crossing.action))
                .collect::<Vec<_>>()
        };
        assert!(at(80).is_empty());
        assert_eq!(at(81), [(81, BudgetAction::Warn)]);
        assert!(at(100).is_empty());
        assert_eq!(at(101), [(101, BudgetAction::Pause)]);
        assert!(at(500).is_empty());
        let jump = crossings(&mut Told::default(), BudgetType::SessionTokens, 300, Some(101), PAUSE_AT_80);
        assert_eq!(jump.len(), 1);
        assert_eq!(jump[0].action, BudgetAction::Pause);
    }

    #[test]
    fn a_rate_is_told_again_after_it_went_down() {
        let budget = RateBudget { tokens_per_minute: Some(100), ..RateBudget::default() };
        let at = |s: i64| Timestamp::from_micros(s * 1_000_000).unwrap();
        let mut window = Window::default();
        let mut told = |s, tokens| {
            window.add(at(s), Spent { tokens, nanos: None });
            of_window(&mut window, &budget).iter().map(|crossing| crossing.current).collect::<Vec<_>>()
        };
        assert_eq!(told(0, 90), [90]);
        assert_eq!(told(1, 20), [110]);
        assert_eq!(told(2, 20), Vec::<u64>::new());
        assert_eq!(told(61, 1), Vec::<u64>::new(), "only 21 tokens lie within the last minute");
        assert_eq!(told(62, 90), [91]);
    }
}
