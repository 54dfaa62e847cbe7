//! Views of the projection: sessions, trees, roll-ups, rate, findings.

use std::cell::RefCell;
use std::sync::Arc;

use flightrec_events::{SpanId, State, Timestamp};
use rustc_hash::{FxHashMap, FxHashSet};

use super::projection::Projection;
use super::rows::Row;
use super::session::{Account, Note, SessionFold};
use super::told::{Said, Told};
use crate::query::SessionFilter;
use crate::view::{CostRow, Finding, FindingKind, RateView, RowCost, SessionCost, SessionView, Tokens, TreeView};

/// The deepest tree that is answered at once. Spawned sessions are at most a few levels deep; only
/// damaged or hostile records hold longer chains.
const MAX_TREE_DEPTH: usize = 64;

/// The source of a session that its host recorded itself.
const NATIVE: &str = "native";

/// What a roll-up of cost is by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CostKey {
    /// By session.
    Session,
    /// By work packet.
    WorkPacket,
    /// By the role of the session.
    Role,
    /// By the model that answered.
    Model,
    /// By who served the model.
    Provider,
}

/// Who spawned whom, with cost summed up the tree, each tree at most once.
pub(crate) struct SpawnForest<'a> {
    projection: &'a Projection,
    inclusive: RefCell<FxHashMap<u32, u128>>,
}

impl<'a> SpawnForest<'a> {
    pub(crate) fn new(projection: &'a Projection) -> Self {
        Self { projection, inclusive: RefCell::default() }
    }

    /// The cost of a session with its descendants: children first, without recursion, and once around any cycle.
    fn inclusive_nanos(&self, root: u32) -> u128 {
        let mut inclusive = self.inclusive.borrow_mut();
        if let Some(nanos) = inclusive.get(&root) {
            return *nanos;
        }
        let mut order: Vec<(u32, Vec<u32>)> = Vec::new();
        let mut seen: FxHashSet<u32> = FxHashSet::default();
        let mut stack = vec![root];
        while let Some(session) = stack.pop() {
            if !inclusive.contains_key(&session) && seen.insert(session) {
                let children = self.projection.children(session);
                stack.extend(&children);
                order.push((session, children));
            }
        }
        for (session, children) in order.into_iter().rev() {
            let below: u128 = children.iter().filter_map(|child| inclusive.get(child)).sum();
            inclusive.insert(session, self.projection.session_at(session).sum().nanos + below);
        }
        inclusive.get(&root).copied().unwrap_or_default()
    }

    /// How many spawns lie above a session of telemetry, which does not say it.
    fn depth(&self, session: u32) -> u64 {
        let mut seen = FxHashSet::from_iter([session]);
        let mut at = session;
        while let Some((Some(parent), _)) = self.projection.parent(at)
            && seen.insert(parent)
        {
            at = parent;
        }
        seen.len() as u64 - 1
    }

    pub(crate) fn view(&self, at: u32) -> SessionView {
        let session = &*self.projection.session_at(at);
        let sum = session.sum();
        let facts = session.facts.as_ref();
        let told = session.told.as_deref();
        let said = |said: fn(&Told) -> &Option<Said>| told.and_then(|told| said(told).as_ref()).map(|said| &said.what);
        let time = |us: Option<i64>| us.and_then(Timestamp::from_micros);
        let (state, ended_us) = session.state();
        let first_us = told.and_then(|told| told.first_us);
        SessionView {
            session_id: Arc::clone(&session.id),
            parent_session_id: self.projection.parent(at).map(|(_, id)| id),
            state,
            role: facts.map(|facts| &facts.role).or(said(|told| &told.role)).cloned(),
            model_id: facts.map(|facts| &facts.model).or(said(|told| &told.model)).cloned(),
            provider: facts.and_then(|facts| facts.provider.as_ref()).or(said(|told| &told.provider)).cloned(),
            backend: facts.map(|facts| facts.backend).or(told.map(Told::backend)),
            wp_id: facts.and_then(|facts| facts.wp.clone()),
            mt_id: facts.and_then(|facts| facts.mt.clone()),
            spawn_depth: facts.map(|facts| facts.depth).or_else(|| told.map(|_| self.depth(at))),
            label: facts.and_then(|facts| facts.label.as_ref()).or(told.and_then(|told| told.label.as_ref())).cloned(),
            source: said(|told| &told.source).map_or_else(|| NATIVE.into(), Arc::clone),
            created_at: time(facts.map(|facts| facts.created_us).or(first_us)),
            updated_at: time(session.touched_us()),
            ended_at: time(ended_us),
            tokens: tokens(&sum),
            cost: SessionCost {
                own_nanos: sum.nanos,
                inclusive_nanos: if self.projection.children(at).is_empty() {
                    sum.nanos
                } else {
                    self.inclusive_nanos(at)
                },
                unpriced_runs: sum.unpriced_runs,
            },
            messages: session.messages(),
            model_runs: sum.runs,
            tool_calls: session.tool_calls(),
            spans: session.tally().count,
            open_spans: session.tally().open.len() as u64,
            findings: self.findings(at, session, &sum),
        }
    }

    fn findings(&self, at: u32, session: &SessionFold, sum: &Account) -> Vec<Finding> {
        let finding =
            |kind, span: Option<[u8; 8]>, seq, detail: String| finding(kind, Some(&session.id), span, seq, detail);
        let mut findings: Vec<Finding> = session.notes.iter().map(|note| of_note(note, Some(&session.id))).collect();
        if session.is_native && session.facts.is_none() {
            findings.push(finding(
                FindingKind::MissingStart,
                None,
                None,
                "its session.created never arrived".to_owned(),
            ));
        }
        if let Some((None, parent)) = self.projection.parent(at) {
            findings.push(finding(
                FindingKind::OrphanParent,
                None,
                None,
                format!("its parent session {parent} is not in this store"),
            ));
        }
        for span in self.projection.missing_parents(at) {
            findings.push(finding(
                FindingKind::OrphanParent,
                Some(span),
                None,
                "spans lie in this one, and it never arrived; the trace alone tells their session".to_owned(),
            ));
        }
        for span in sorted(session.tally().headless.keys()) {
            findings.push(finding(
                FindingKind::MissingStart,
                Some(span),
                None,
                "the span's start never arrived".to_owned(),
            ));
        }
        if session.state().0.is_terminal() {
            for span in sorted(session.tally().open.keys()) {
                findings.push(finding(
                    FindingKind::MissingEnd,
                    Some(span),
                    None,
                    "the session has ended, and the span has not".to_owned(),
                ));
            }
        }
        if sum.unpriced_runs > 0 {
            findings.push(finding(
                FindingKind::Unpriced,
                None,
                None,
                format!("{} of {} model runs have no price", sum.unpriced_runs, sum.runs),
            ));
        }
        findings
    }

    /// A session with its descendants. A session that is its own ancestor appears once; a chain longer
    /// than [`MAX_TREE_DEPTH`] ends with a finding.
    pub(crate) fn tree(&self, session: u32) -> TreeView {
        self.subtree(session, &mut Vec::new())
    }

    fn subtree(&self, session: u32, above: &mut Vec<u32>) -> TreeView {
        let mut view = self.view(session);
        above.push(session);
        let below: Vec<u32> =
            self.projection.children(session).into_iter().filter(|child| !above.contains(child)).collect();
        let children = if above.len() < MAX_TREE_DEPTH {
            let mut children: Vec<TreeView> = below.into_iter().map(|child| self.subtree(child, above)).collect();
            children.sort_by_cached_key(|child| (child.session.created_at, Arc::clone(&child.session.session_id)));
            children
        } else {
            if !below.is_empty() {
                let detail = format!(
                    "{} sessions below depth {MAX_TREE_DEPTH} are not shown; ask for the tree of this session",
                    below.len()
                );
                view.findings.push(finding(FindingKind::Gap, Some(&view.session_id), None, None, detail));
            }
            Vec::new()
        };
        above.pop();
        TreeView { session: view, children }
    }

    /// The sessions whose parent is not in this store, and the first of every circle of sessions that
    /// claim to have spawned each other: together their trees hold every session.
    pub(crate) fn roots(&self) -> Vec<u32> {
        let orphan = |session: &u32| !matches!(self.projection.parent(*session), Some((Some(_), _)));
        let mut roots: Vec<u32> = self.projection.listed().filter(orphan).collect();
        let mut reached: FxHashSet<u32> = FxHashSet::default();
        for root in &roots {
            self.reach(*root, &mut reached);
        }
        for session in self.projection.listed() {
            if !reached.contains(&session) {
                roots.push(session);
                self.reach(session, &mut reached);
            }
        }
        roots
    }

    /// A session and all its descendants, each once.
    pub(crate) fn members(&self, root: u32) -> Vec<u32> {
        let mut reached = FxHashSet::default();
        self.reach(root, &mut reached);
        let mut members = Vec::from_iter(reached);
        members.sort_unstable();
        members
    }

    fn reach(&self, root: u32, reached: &mut FxHashSet<u32>) {
        let mut stack = vec![root];
        while let Some(session) = stack.pop() {
            if reached.insert(session) {
                stack.extend(self.projection.children(session));
            }
        }
    }
}

fn sorted<'a>(spans: impl Iterator<Item = &'a [u8; 8]>) -> Vec<[u8; 8]> {
    let mut spans: Vec<[u8; 8]> = spans.copied().collect();
    spans.sort_unstable();
    spans
}

fn finding(
    kind: FindingKind,
    session: Option<&Arc<str>>,
    span: Option<[u8; 8]>,
    seq: Option<u64>,
    detail: String,
) -> Finding {
    Finding {
        kind,
        severity: kind.severity(),
        session_id: session.cloned(),
        span_id: span.and_then(SpanId::from_bytes),
        seq,
        detail,
    }
}

fn of_note(note: &Note, session: Option<&Arc<str>>) -> Finding {
    // No event has position 0: a gap without a position.
    finding(note.kind, session, note.span, Some(note.seq).filter(|seq| *seq > 0), note.detail.clone())
}

pub(crate) fn tokens(account: &Account) -> Tokens {
    let shown = |sum: u128| u64::try_from(sum).unwrap_or(u64::MAX);
    Tokens {
        input: shown(account.input),
        output: shown(account.output),
        cached: shown(account.cached),
        cache_write: shown(account.cache_write),
        reasoning: shown(account.reasoning),
        total: shown(account.input + account.output),
    }
}

/// Usage and cost by name.
#[derive(Default)]
struct RollUp {
    named: FxHashMap<Arc<str>, Sum>,
    unnamed: Option<Sum>,
}

#[derive(Default)]
struct Sum {
    sessions: u64,
    /// The session that came last.
    last: Option<u32>,
    account: Account,
}

impl RollUp {
    /// Adds a session's share. Those of one session come one after the other.
    fn add(&mut self, session: u32, name: Option<&str>, account: &Account) {
        let sum = match name {
            None => Some(self.unnamed.get_or_insert_default()),
            Some(name) => {
                if !self.named.contains_key(name) {
                    self.named.insert(name.into(), Sum::default());
                }
                self.named.get_mut(name)
            }
        };
        let Some(sum) = sum else { return };
        sum.sessions += u64::from(sum.last != Some(session));
        sum.last = Some(session);
        sum.account.merge(account);
    }

    fn rows(self) -> Vec<CostRow> {
        let named = self.named.into_iter().map(|(name, sum)| (Some(name), sum));
        let all = named.chain(self.unnamed.map(|sum| (None, sum)));
        let row = |(key, Sum { sessions, account, .. }): (Option<Arc<str>>, Sum)| CostRow {
            key,
            sessions,
            tokens: tokens(&account),
            cost: RowCost { nanos: account.nanos, unpriced_runs: account.unpriced_runs },
        };
        let mut rows: Vec<CostRow> = all.map(row).collect();
        rows.sort_by(|a, b| b.cost.nanos.cmp(&a.cost.nanos).then_with(|| a.key.cmp(&b.key)));
        rows
    }
}

impl Projection {
    /// Findings that concern no single session.
    pub(crate) fn store_findings(&self) -> Vec<Finding> {
        self.notes.iter().map(|note| of_note(note, None)).collect()
    }

    /// Usage and cost by `key`, of the sessions that a filter takes; largest cost first.
    pub(crate) fn cost_rows(&self, key: CostKey, filter: &SessionFilter) -> Vec<CostRow> {
        let mut sums = RollUp::default();
        let is_open = filter.is_open();
        for at in self.listed() {
            let is_told = self.ask(at, |row| {
                if !is_open && !filter.takes_row(row) {
                    return true;
                }
                if key == CostKey::Session || row.has_more_accounts {
                    return false;
                }
                let (name, account) = self.share_of(row, key);
                sums.add(at, name, &account);
                true
            });
            if !is_told {
                let session = &*self.session_at(at);
                let row = Row::of(session);
                if key == CostKey::Session {
                    sums.add(at, Some(&session.id), &session.sum());
                }
                for account in session.accounts.iter().filter(|_| key != CostKey::Session) {
                    let (name, account) = self.share_of(&Row { account: Some(*account), ..row.clone() }, key);
                    sums.add(at, name, &account);
                }
            }
        }
        sums.rows()
    }

    /// Under which name a session's usage with one model stands. A session without usage stands under its own model.
    fn share_of<'a>(&'a self, row: &Row<'a>, key: CostKey) -> (Option<&'a str>, Account) {
        let served = row.account.and_then(|(served, _)| self.served_models.get(served as usize));
        let name = match key {
            CostKey::Session => None,
            CostKey::WorkPacket => row.wp,
            CostKey::Role => row.role,
            CostKey::Model => served.map(|served| &*served.model).or(row.model),
            CostKey::Provider => served.and_then(|served| served.provider.as_deref()).or(row.provider),
        };
        (name, row.account.map(|(_, account)| account).unwrap_or_default())
    }

    fn active_sessions(&self) -> u64 {
        self.listed().filter(|at| self.ask(*at, |row| row.state == State::Active)).count() as u64
    }

    /// The rate over the window that ends at `now`.
    pub(crate) fn rate(&self, now: Timestamp, window_s: u64) -> RateView {
        let window_s = window_s.max(1);
        let sums = self.rate.sums(now.as_micros(), window_s);
        let per_minute = |value: u128| value.saturating_mul(60) / u128::from(window_s);
        RateView {
            window_s,
            active_sessions: self.active_sessions(),
            tokens_per_minute: u64::try_from(per_minute(sums.tokens)).unwrap_or(u64::MAX),
            nanos_per_minute: per_minute(sums.nanos),
            unpriced_runs: sums.unpriced_runs,
        }
    }
}
