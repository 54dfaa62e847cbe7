//! Seeded workloads of the session runtime: each is the same to the byte every time, and survives a death somewhere.

use flightrec_sim::Rng;

use crate::sessions_crash::{check_all, go_on};
use crate::sessions_drawn::Drawn;
use crate::sessions_world::{Death, World};

const SEEDS: u64 = 128;

/// Plays the workload of a seed in one process.
fn whole(seed: u64) -> World {
    let drawn = Drawn::of(seed);
    let mut world = drawn.world(seed);
    drawn.play(&mut world, Death::None).whole();
    world
}

#[test]
fn every_seed_repeats_itself_to_the_byte() {
    let (mut sessions, mut events) = (0, 0);
    for seed in 1..=SEEDS {
        let (first, second) = (whole(seed), whole(seed));
        assert!(first.storage.files() == second.storage.files(), "seed {seed} repeats itself");
        assert_eq!(first.storage.trace(), second.storage.trace(), "seed {seed} does the same to the disk");
        let record = check_all(&first);
        sessions += record.sessions.len();
        events += first.events().len();
    }
    println!("{SEEDS} seeds, twice each: {sessions} sessions, {events} events");
    assert!(sessions as u64 >= 20 * SEEDS, "{sessions}");
}

#[test]
fn every_seed_survives_a_death_somewhere() {
    let mut cases = 0;
    for seed in 1..=SEEDS {
        let commits = whole(seed).commits();
        let mut rng = Rng::new(seed ^ 0xdead);
        let drawn = Drawn::of(seed);
        for _ in 0..2 {
            let number = rng.below(commits);
            let death = if rng.once_in(2) { Death::Before(number) } else { Death::After(number) };
            let mut world = drawn.world(seed);
            let _died = drawn.play(&mut world, death);
            if rng.once_in(2) {
                world.cut_power(rng.bits());
            }
            go_on(world, rng.bits());
            cases += 1;
        }
    }
    println!("{SEEDS} seeds: {cases} deaths of drawn workloads");
    assert!(cases >= 2 * SEEDS, "{cases}");
}
