//! What a pass costs with a long queue, in jobs that it looks at.

use super::*;
use crate::scheduler::Scheduler;
use crate::scheduler::holds::TOLD_AHEAD;
use crate::scheduler::lanes::LANES;

const JOBS: u64 = 10_000;

/// The jobs that one dispatch may look at: the first of each lane twice, the second time to find that no place is
/// left, and the front of each model and lane.
fn most_per_dispatch(models: usize) -> usize {
    2 * LANES.len() + models * LANES.len() * TOLD_AHEAD
}

fn drain(jobs: impl Iterator<Item = QueuedJob>, limits: &Limits, models: usize) {
    let mut scheduler = Scheduler::new(limits);
    for job in jobs {
        scheduler.enqueue(job);
    }
    let mut running = scheduler.poll(at(0)).dispatched;
    let mut done = 0;
    let mut holds = 0;
    while !running.is_empty() {
        // In no order that follows from that of the dispatches.
        let job = running.swap_remove(done as usize * 7 % running.len());
        scheduler.examined = 0;
        assert_eq!(scheduler.poll(at(0)), Pass::default());
        assert_eq!(scheduler.examined, 0, "nothing changed");
        scheduler.finished(job.key, 0, at(0));
        let pass = scheduler.poll(at(0));
        assert!(scheduler.examined <= most_per_dispatch(models), "{} jobs were looked at", scheduler.examined);
        holds += pass.held.len();
        running.extend(pass.dispatched);
        done += 1;
    }
    assert_eq!((done, scheduler.places_taken()), (JOBS, 0));
    eprintln!("HOLDS {holds}");
    assert!(holds as u64 <= JOBS * 4, "{holds} holds were told again");
}

#[test]
fn one_model_for_all() {
    let jobs = (0..JOBS).map(|key| QueuedJob { lane: LANES[key as usize % 4], ..job(key) });
    drain(jobs, &Limits::default(), 1);
}

#[test]
fn a_group_of_its_own_for_each() {
    let jobs = (0..JOBS).map(|key| QueuedJob { group: Some(id(&format!("group-{key}"))), ..job(key) });
    drain(jobs, &Limits::default(), 1);
}

#[test]
fn one_group_for_all() {
    let jobs = (0..JOBS).map(|key| QueuedJob { group: Some(id("g")), priority: key as u8, ..job(key) });
    drain(jobs, &Limits::default(), 1);
}

#[test]
fn several_models_and_providers() {
    let jobs = (0..JOBS).map(|key| {
        let (provider, model) = (id(&format!("provider-{}", key % 3)), id(&format!("model-{}", key / 3 % 4)));
        QueuedJob { provider, model_id: model, lane: LANES[key as usize / 12 % 4], ..job(key) }
    });
    drain(jobs, &Limits::default(), 12);
}

#[test]
fn the_weights_hold_over_a_long_backlog() {
    let jobs = (0..JOBS).map(|key| QueuedJob { lane: LANES[key as usize % 4], ..job(key) });
    let mut scheduler = Scheduler::new(&limits([3, 3, 3, 1]));
    for job in jobs {
        scheduler.enqueue(job);
    }
    let mut counts = [0; 4];
    let mut running = scheduler.poll(at(0)).dispatched;
    for _ in 0..3_000 {
        let job = running.remove(0);
        counts[LANES.iter().position(|lane| *lane == job.lane).unwrap()] += 1;
        scheduler.finished(job.key, 0, at(0));
        running.extend(scheduler.poll(at(0)).dispatched);
    }
    assert_eq!(counts, [1_600, 800, 400, 200]);
}
