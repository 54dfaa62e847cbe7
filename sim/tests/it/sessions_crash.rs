//! The process of a session runtime dies at every step; the next ones go on without doing anything twice.

use std::collections::BTreeSet;

use flightrec_recorder::events::{Id, MemoryPolicy, SpanStatus, State};
use flightrec_recorder::query::SessionFilter;
use flightrec_recorder::view::{FindingKind, ProjectionCheck};
use flightrec_sim::Fault;

use crate::sessions_record::Record;
use crate::sessions_work::{end, play, world};
use crate::sessions_world::{Death, Seen, World};

/// What holds at any time: whatever was begun is on record, and nothing was begun twice.
fn check_begun(world: &World, record: &Record) {
    let seen = world.outside.look();
    assert!(seen.wrong.is_empty(), "{:#?}", seen.wrong);
    for ((session, call), (count, _)) in &seen.tools {
        assert_eq!(*count, 1, "call {call} of {session}");
        assert!(record.begun.contains_key(&(session.clone(), call.clone())), "{call} of {session} is not on record");
    }
    let keys: BTreeSet<&Id> = seen.tools.values().map(|(_, key)| key).collect();
    assert_eq!(keys.len(), seen.tools.len(), "each call has its own key");
    for span in &seen.runs {
        assert!(record.spans.contains_key(span), "run {span} is not on record");
    }
    for (response, tokens) in &record.responses {
        let usage = seen.replies.get(response.as_str()).unwrap_or_else(|| panic!("nobody gave {response}"));
        assert_eq!((usage.prompt_tokens, usage.completion_tokens), *tokens, "{response}");
    }
}

/// What the record says, and that it is sound.
pub(crate) fn look(world: &World) -> Record {
    let record = Record::of(&world.events(), &world.limits);
    check_begun(world, &record);
    record
}

/// Everything that must hold when all sessions have ended.
pub(crate) fn check_all(world: &World) -> Record {
    let record = look(world);
    record.check_ended();
    Record::check_lines(&world.events());
    for id in &world.outside.look().cancelled {
        assert_eq!(record.sessions[id].state, State::Cancelled, "{id} was cancelled");
    }
    let reader = world.reader();
    let report = reader.verify(&mut |_| ()).expect("a sound disk reads");
    assert!(report.ok && report.projections == ProjectionCheck::Match, "{report:?}");
    // Content of sessions that keep nothing has a name at most.
    let forgets = record.sessions.values().any(|session| session.created.memory_policy == MemoryPolicy::Ephemeral);
    assert!((report.artifacts.missing == 0 || forgets) && report.artifacts.bad == 0, "{report:?}");
    let views = reader.sessions(&SessionFilter::default());
    assert_eq!(views.len(), record.sessions.len());
    for view in views {
        let session = record.sessions.iter().find(|(id, _)| id.as_str() == &*view.session_id).expect("it has events").1;
        assert_eq!((view.tokens.total, view.open_spans), (session.tokens, 0), "{view:?}");
        let expected = |kind| kind == FindingKind::Unpriced && session.unpriced;
        assert!(view.findings.iter().all(|finding| expected(finding.kind)), "{:?}", view.findings);
    }
    record
}

/// What a process that takes up a store must have done by the time it is idle, and no more. Sessions that somebody
/// cancelled while a tool of theirs ran end now: surely, if that was answered, and if not, perhaps.
fn check_recovered(before: &Record, after: &Record, recovered: &[Id], outside: &Seen) {
    let live = |id: &&Id| !before.sessions[*id].state.is_terminal();
    let gone: BTreeSet<&Id> =
        before.sessions.keys().filter(live).filter(|id| after.sessions[*id].state == State::Cancelled).collect();
    for id in outside.cancelled.iter().filter(|id| before.sessions.contains_key(*id)) {
        assert_eq!(after.sessions[id].state, State::Cancelled, "{id} was cancelled");
    }
    for id in &gone {
        // Itself, one above it, or one that it waited for.
        let waited_for = |unwanted: &Id| before.sessions[*id].reason.contains(unwanted.as_str());
        let mut above = before.sessions.get(*id).map(|_| *id);
        let mut is_unwanted = outside.unwanted.iter().any(waited_for);
        while let Some(at) = above {
            is_unwanted |= outside.unwanted.contains(at);
            above = before.sessions[at].created.parent_session_id.as_ref();
        }
        assert!(is_unwanted, "nobody cancelled {id}: {}", after.sessions[*id].reason);
    }
    let at_work: BTreeSet<&Id> = before.sessions.keys().filter(live).filter(|id| before.is_at_work(id)).collect();
    assert_eq!(
        at_work.difference(&gone).copied().collect::<BTreeSet<_>>(),
        recovered.iter().collect(),
        "they are told"
    );
    assert!(before.sessions.len() == after.sessions.len() || !gone.is_empty(), "nothing comes of a recovery");
    for (id, was) in &before.sessions {
        let is = &after.sessions[id];
        let times = |record: &Record| record.recovered.get(id).copied().unwrap_or_default();
        assert_eq!(times(after), times(before) + u32::from(at_work.contains(id)), "{id}");
        if gone.contains(id) {
            continue;
        }
        if at_work.contains(id) {
            assert_eq!(is.state, State::Paused, "{id}");
            assert!(was.state == State::Paused || is.reason == "crash_recovery", "{id}: {}", is.reason);
        } else {
            // Who waited for one that is gone goes on.
            assert!((is.state, &is.reason) == (was.state, &was.reason) || !gone.is_empty(), "{id}: {}", is.reason);
        }
    }
    for id in at_work {
        for (span, _) in before.open_activities(id) {
            let last_at = before.sessions[id].last_at;
            assert_eq!(after.spans[span].end, Some((last_at, SpanStatus::Abandoned)), "{span} of {id}");
        }
        assert_eq!(after.open_activities(id).count(), 0, "{id}");
    }
}

/// A process that only takes up what is there.
fn recover(world: &mut World) -> Record {
    let before = look(world);
    let recovered = world.process(Death::None, async |runtime, _| runtime.recovered().to_vec()).whole();
    let after = look(world);
    check_recovered(&before, &after, &recovered, &world.outside.look());
    after
}

/// Goes on after a death, one way or another, until everything has ended.
pub(crate) fn go_on(mut world: World, way: u64) {
    if way.is_multiple_of(2) {
        recover(&mut world);
        let again = world.fork();
        assert_eq!(recover(&mut world).recovered, look(&again).recovered, "there is nothing left to recover");
    }
    end(&mut world);
    check_all(&world);
}

#[test]
fn the_work_is_done_without_a_crash() {
    let mut world = world(1);
    play(&mut world, Death::None).whole();
    let record = check_all(&world);
    assert_eq!(record.most_active, world.limits.active_sessions, "the limit is reached");
}

/// The process dies before or after each commit; the disk keeps all that was written, or what was synced.
#[test]
fn a_death_at_every_commit() {
    let mut cases = 0;
    for number in 0.. {
        let mut reached = false;
        for (way, death) in (0..).zip([Death::Before(number), Death::After(number)]) {
            let mut world = world(2);
            // The commits of a process that is not hit are fewer than the number.
            let _died = play(&mut world, death);
            reached |= world.commits() > number;
            if (number + way) % 3 == 0 {
                world.cut_power(number);
            }
            go_on(world, number / 2);
            cases += 1;
        }
        if !reached {
            break;
        }
    }
    println!("{cases} deaths at commits");
    assert!(cases >= 140, "{cases}");
}

/// The power is cut within every change of the disk.
#[test]
fn a_power_cut_at_every_change_of_the_disk() {
    let mut whole = world(3);
    play(&mut whole, Death::None).whole();
    let changes = whole.storage.changes();
    let mut cases = 0;
    for at in 0..changes {
        let mut world = world(3);
        world.storage.inject(Fault::PowerCut { at });
        let _died = play(&mut world, Death::None);
        world.cut_power(at);
        go_on(world, at);
        cases += 1;
    }
    println!("{cases} power cuts");
    assert!(cases >= 1_000, "{cases}");
}

/// A process that takes up what another left behind dies as well, at every change of the disk; and every other time
/// the one after it too.
#[test]
fn a_power_cut_at_every_change_of_a_recovery() {
    let mut whole = world(4);
    play(&mut whole, Death::None).whole();
    let commits = whole.commits();
    let mut cases = 0;
    for number in (1..commits).step_by(3) {
        let mut left = world(4);
        let _died = play(&mut left, Death::Before(number));
        left.cut_power(number);
        let mut once = left.fork();
        recover(&mut once);
        let changes = once.storage.changes();
        for at in 0..changes {
            let mut world = left.fork();
            let second = (at % 2 == 0).then_some(at * 31 % changes);
            for at in [Some(at), second].into_iter().flatten() {
                world.storage.inject(Fault::PowerCut { at });
                let _died = world.process(Death::None, async |_, _| ());
                world.cut_power(at);
            }
            go_on(world, at);
            cases += 1;
        }
    }
    println!("{cases} power cuts in recoveries");
    assert!(cases >= 1_000, "{cases}");
}
