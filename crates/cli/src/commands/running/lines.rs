//! Sessions at work as lines of text: pure, so that what a terminal shows can be tested without one.

use std::collections::BTreeMap;

use flightrec_events::{Id, State, Timestamp};
use flightrec_sessions::{Activity, SessionStatus};
use unicode_width::UnicodeWidthStr as _;

use crate::escape::escape;
use crate::output::{cut, words};

/// What fits on the terminal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// Columns.
    pub(super) width: usize,
    /// Lines, the one of totals and the one of hidden sessions included; at least three.
    pub(super) lines: usize,
}

/// Whether a session will do something by itself: its job waits for a place, or runs.
pub(super) fn is_moving(session: &SessionStatus) -> bool {
    let has_job = match session.activity {
        Activity::Queued { .. } | Activity::Calling { .. } | Activity::Tool { .. } | Activity::Asking { .. } => true,
        Activity::Resting | Activity::Held => false,
    };
    has_job && session.state != State::Paused && !session.state.is_terminal()
}

/// Everything that is shown: the totals, then a line for each session that has not ended, children under their
/// parents. If not all fit, those that only wait are left out first, and counted.
pub(super) fn lines(
    sessions: &[SessionStatus],
    short: impl Fn(&Id) -> String,
    now: Timestamp,
    room: Room,
) -> Vec<String> {
    let mut shown = in_tree_order(sessions);
    shown.retain(|session| !session.state.is_terminal());
    let live = shown.len();
    let places = room.lines.max(3) - 1;
    if live > places {
        let moving = shown.iter().filter(|session| is_moving(session)).count();
        let mut resting = (places - 1).saturating_sub(moving);
        shown.retain(|session| {
            let keep = is_moving(session) || resting > 0;
            resting -= usize::from(keep && !is_moving(session));
            keep
        });
        shown.truncate(places - 1);
    }
    let hidden = live - shown.len();
    let cells: Vec<[String; 5]> = shown.iter().map(|session| row(session, &short, now)).collect();
    let widths: [usize; 5] =
        std::array::from_fn(|column| cells.iter().map(|cells| cells[column].width()).max().unwrap_or(0));
    let mut lines = vec![totals(sessions, now)];
    lines.extend(cells.iter().map(|[name, model, tokens, cost, doing]| {
        let fill = |text: &str, column: usize| " ".repeat(widths[column] - text.width());
        let (n, m) = (fill(name, 0), fill(model, 1));
        let (t, c) = (fill(tokens, 2), fill(cost, 3));
        format!("{name}{n}  {model}{m}  {t}{tokens}  {c}{cost}  {doing}")
    }));
    if hidden > 0 {
        lines.push(format!("and {} more", words::count(hidden as u64)));
    }
    lines.iter().map(|line| cut(line, room.width).into_owned()).collect()
}

/// Children under their parents, else in the order in which they came.
fn in_tree_order(sessions: &[SessionStatus]) -> Vec<&SessionStatus> {
    let mut children: BTreeMap<&Id, Vec<&SessionStatus>> = BTreeMap::new();
    let known: std::collections::BTreeSet<&Id> = sessions.iter().map(|session| &session.session_id).collect();
    let mut roots = Vec::new();
    for session in sessions {
        match session.parent_session_id.as_ref().filter(|parent| known.contains(parent)) {
            Some(parent) => children.entry(parent).or_default().push(session),
            None => roots.push(session),
        }
    }
    roots.reverse();
    let mut ordered = Vec::with_capacity(sessions.len());
    while let Some(session) = roots.pop() {
        ordered.push(session);
        roots.extend(children.remove(&session.session_id).into_iter().flatten().rev());
    }
    ordered
}

/// What a session is called: its role, and its label if that says more.
pub(super) fn called(session: &SessionStatus) -> String {
    match session.label.as_deref() {
        Some(label) if label != session.role.as_str() => format!("{} {}", session.role, escape(label)),
        Some(_) | None => escape(session.role.as_str()).into_owned(),
    }
}

fn row(session: &SessionStatus, short: impl Fn(&Id) -> String, now: Timestamp) -> [String; 5] {
    let indent = "  ".repeat(session.depth as usize);
    let cost = words::cost(session.cost_nanos.into(), session.unpriced_runs);
    [
        format!("{indent}{}  {}", short(&session.session_id), called(session)),
        escape(session.model_id.as_str()).into_owned(),
        words::count(session.tokens),
        cost,
        doing(session, now),
    ]
}

/// What a session does, and since when.
fn doing(session: &SessionStatus, now: Timestamp) -> String {
    let since = |at: Timestamp| words::duration(now.micros_since(at).max(0));
    let reason = escape(&session.reason);
    if session.state == State::Paused {
        return format!("paused: {reason}");
    }
    match &session.activity {
        Activity::Resting | Activity::Held if session.state == State::Created => "starting".to_owned(),
        Activity::Resting | Activity::Held => reason.into_owned(),
        Activity::Queued { since: at, held_by: None } => format!("queued {}", since(*at)),
        Activity::Queued { since: at, held_by: Some(limit) } => format!("queued {}: {}", since(*at), escape(limit)),
        Activity::Calling { since: at, text_bytes: 0 } => format!("calling {}", since(*at)),
        Activity::Calling { since: at, text_bytes } => {
            format!("calling {}, {} so far", since(*at), words::bytes(*text_bytes))
        }
        Activity::Tool { name, since: at } => format!("tool {} {}", escape(name), since(*at)),
        Activity::Asking { name } => format!("waiting for approval of {}", escape(name)),
    }
}

fn totals(sessions: &[SessionStatus], now: Timestamp) -> String {
    let count = |is: &dyn Fn(&SessionStatus) -> bool| sessions.iter().filter(|session| is(session)).count() as u64;
    let ended = count(&|session| session.state.is_terminal());
    let queued = count(&|session| is_moving(session) && matches!(session.activity, Activity::Queued { .. }));
    let at_work = count(&is_moving) - queued;
    let waiting = sessions.len() as u64 - ended - queued - at_work;
    let tokens = sessions.iter().map(|session| session.tokens).sum::<u64>();
    let nanos = sessions.iter().map(|session| u128::from(session.cost_nanos)).sum();
    let unpriced = sessions.iter().map(|session| session.unpriced_runs).sum();
    let began = sessions.iter().map(|session| session.created_at).min().unwrap_or(now);
    format!(
        "{at_work} at work, {queued} queued, {waiting} waiting, {ended} ended; {}, {}; {}",
        words::counted(tokens, "token", "tokens"),
        words::cost(nanos, unpriced),
        words::duration(now.micros_since(began).max(0)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDE: Room = Room { width: 200, lines: 20 };

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_micros(1_775_044_800_000_000 + ms * 1000).unwrap()
    }

    fn id(text: &str) -> Id {
        Id::new(text).unwrap()
    }

    fn status(name: &str, parent: Option<&str>, state: State, activity: Activity) -> SessionStatus {
        SessionStatus {
            session_id: id(name),
            parent_session_id: parent.map(id),
            depth: u32::from(parent.is_some()),
            role: id("coder"),
            label: Some(format!("task-{name}").into()),
            model_id: id("small"),
            state,
            reason: "awaiting_input".into(),
            activity,
            created_at: at(0),
            model_runs: 1,
            tokens: 1_234,
            cost_nanos: 5_000_000,
            unpriced_runs: 0,
        }
    }

    fn shown(sessions: &[SessionStatus], room: Room) -> Vec<String> {
        lines(sessions, Id::to_string, at(2_500), room)
    }

    #[test]
    fn each_activity_says_since_when() {
        let queued = |held_by: Option<&str>| Activity::Queued { since: at(500), held_by: held_by.map(Into::into) };
        for (state, activity, text) in [
            (State::Created, Activity::Resting, "starting"),
            (State::Blocked, Activity::Resting, "awaiting_input"),
            (State::Blocked, queued(None), "queued 2.0s"),
            (
                State::Blocked,
                queued(Some("2 of 2 sessions of model small are active")),
                "queued 2.0s: 2 of 2 sessions of model small are active",
            ),
            (State::Paused, queued(None), "paused: awaiting_input"),
            (State::Active, Activity::Calling { since: at(0), text_bytes: 0 }, "calling 2.5s"),
            (State::Active, Activity::Calling { since: at(0), text_bytes: 2048 }, "calling 2.5s, 2.0 KiB so far"),
            (State::Active, Activity::Tool { name: "read_file".into(), since: at(2_000) }, "tool read_file 500ms"),
            (State::Blocked, Activity::Asking { name: "run\u{1b}".into() }, "waiting for approval of run\\x1b"),
            (State::Paused, Activity::Held, "paused: awaiting_input"),
        ] {
            let lines = shown(&[status("a", None, state, activity)], WIDE);
            assert_eq!(lines[1], format!("a  coder task-a  small  1,234  $0.005  {text}"));
        }
    }

    #[test]
    fn children_stand_under_their_parents_and_what_ended_is_only_counted() {
        let calling = || Activity::Calling { since: at(0), text_bytes: 0 };
        let sessions = [
            status("a", None, State::Blocked, Activity::Resting),
            status("b", None, State::Active, calling()),
            status("c", Some("a"), State::Active, calling()),
            status("d", None, State::Completed, Activity::Resting),
        ];
        let lines = shown(&sessions, WIDE);
        assert_eq!(lines[0], "2 at work, 0 queued, 1 waiting, 1 ended; 4,936 tokens, $0.02; 2.5s");
        let names: Vec<&str> = lines[1..].iter().map(|line| line.split("  coder").next().unwrap()).collect();
        assert_eq!(names, ["a", "  c", "b"]);
    }

    #[test]
    fn what_does_not_fit_is_counted_and_waiting_goes_first() {
        let calling = || Activity::Calling { since: at(0), text_bytes: 0 };
        let mut sessions: Vec<SessionStatus> =
            (0..6).map(|n| status(&format!("w{n}"), None, State::Blocked, Activity::Resting)).collect();
        sessions.push(status("x", None, State::Active, calling()));
        let names = |lines: usize| -> Vec<String> {
            let text = shown(&sessions, Room { width: 200, lines });
            assert!(text.len() <= lines, "{text:?}");
            text[1..].iter().map(|line| line.split("  coder").next().unwrap().to_owned()).collect()
        };
        assert_eq!(names(8), ["w0", "w1", "w2", "w3", "w4", "w5", "x"]);
        assert_eq!(names(5), ["w0", "w1", "x", "and 4 more"]);
        assert_eq!(names(3), ["x", "and 6 more"]);
        for session in &mut sessions {
            (session.state, session.activity) = (State::Active, calling());
        }
        let text = shown(&sessions, Room { width: 30, lines: 4 });
        assert_eq!((text.len(), text[3].as_str()), (4, "and 5 more"));
        assert!(text.iter().all(|line| line.width() <= 30) && text[1].ends_with('…'), "{text:?}");
    }
}
