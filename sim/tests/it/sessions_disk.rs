//! The disk of a session runtime fails, and an operator stops one: nothing goes on that is not on record, and the next
//! process takes it up.

use flightrec_recorder::events::State;
use flightrec_sessions::RecordError;
use flightrec_sim::{FailKind, Fault};
use futures_util::future::{Either, select};

use crate::sessions_crash::{check_all, go_on, look};
use crate::sessions_work::{end, ms, play, work, world};
use crate::sessions_world::{Death, Ended, sleep};

/// What fails at a call.
fn fault(at: u64) -> Fault {
    let kinds = [FailKind::Io, FailKind::NoSpace];
    match at % 4 {
        0 | 1 => Fault::FailCall { at, kind: kinds[at as usize % 2], forever: false },
        2 => Fault::FailCall { at, kind: FailKind::Io, forever: true },
        _ => Fault::LoseSync { at: at / 4 },
    }
}

#[test]
fn a_failure_at_every_call_of_the_disk() {
    let mut whole = world(5);
    play(&mut whole, Death::None).whole();
    let calls = whole.storage.calls();
    let (mut stopped, mut unharmed) = (0, 0);
    for at in 0..calls {
        let mut world = world(5);
        world.storage.inject(fault(at));
        let ended = play(&mut world, Death::None);
        world.storage.inject(Fault::None);
        match ended {
            Ended::Early(_) => stopped += 1,
            Ended::Ran { ended: Ok(()), .. } => unharmed += 1,
            Ended::Ran { ended: Err(error), .. } => {
                assert!(matches!(error, RecordError::Sink(_) | RecordError::Content(_)), "{error:?}");
                let told = world.outside.look().causes.clone();
                assert!(
                    told.len() == 1 && told.iter().all(|cause| cause.starts_with(&error.to_string())),
                    "{error}, but {told:?} was told"
                );
                stopped += 1;
            }
        }
        if at % 3 == 0 {
            world.cut_power(at);
        }
        go_on(world, at / 2);
    }
    println!("{calls} failures of the disk: {stopped} runtimes stopped, {unharmed} were not harmed");
    assert!(stopped > unharmed, "{unharmed}");
}

/// An operator stops the runtime at any time.
#[test]
fn an_orderly_stop_leaves_nothing_to_recover() {
    let mut cases = 0;
    for at in 0..90 {
        let mut world = world(6);
        let outside = world.outside.clone();
        world
            .process(Death::None, async |runtime, time| {
                let working = Box::pin(work(&runtime, time, &outside));
                let stopping = Box::pin(sleep(time, ms(at * 150)));
                if let Either::Left(_) = select(working, stopping).await {
                    panic!("the work is not done by {} ms", at * 150);
                }
                runtime.shutdown().await
            })
            .whole()
            .expect("it stops");
        let left = look(&world);
        for (id, session) in &left.sessions {
            assert!(session.state.is_terminal() || !left.is_at_work(id), "{id} is at work: {session:?}");
            let rests = matches!(session.state, State::Paused | State::Blocked);
            assert!(session.state.is_terminal() || rests, "{id} is {}", session.state);
        }
        end(&mut world);
        assert!(check_all(&world).recovered.is_empty(), "an orderly end is no crash");
        cases += 1;
    }
    println!("{cases} orderly stops");
}
