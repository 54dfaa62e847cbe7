//! Seeded runs of the whole recorder against the model, each twice.

use flightrec_sim::{FailKind, Fault};

use crate::recorder_world::World;

const SEEDS: u64 = 256;
const STEPS: u64 = 14;

/// One run; answers what two runs of a seed must share, and how many checks it made.
fn run(seed: u64) -> ((String, u64, u64), u64) {
    let mut world = World::new(seed);
    world.recover(false);
    let mut power_cut = false;
    for _ in 0..STEPS {
        let done = match world.rng.below(12) {
            0..=4 => world.commit(),
            5 => world.put(),
            6 => world.reopen(),
            7 => world.kill(),
            8 => {
                power_cut = true;
                false
            }
            9 => {
                world.jump_clock();
                true
            }
            10 => {
                power_cut |= arm(&mut world);
                true
            }
            _ => {
                world.close() && {
                    world.harm_derived();
                    world.open()
                }
            }
        };
        if !done {
            // Whatever failed, the power may be cut as well before the next start.
            let cut = power_cut || world.rng.once_in(2);
            world.recover(cut);
            power_cut = false;
        }
    }
    world.recover(power_cut);
    for _ in 0..2 {
        assert!(world.commit(), "a sound disk takes events");
        assert!(world.reopen(), "a sound disk opens");
        world.check();
    }
    (world.fingerprint(), world.checks)
}

/// Sets a fault for the calls to come; answers whether only a power cut can follow it.
fn arm(world: &mut World) -> bool {
    let at = world.rng.below(60);
    let kinds = [FailKind::Io, FailKind::NoSpace, FailKind::Interrupted, FailKind::ShortWrite];
    let kind = kinds[world.rng.below(4) as usize];
    let fault = match world.rng.below(4) {
        0 => Fault::FailCall { at, kind, forever: world.rng.once_in(2) && kind != FailKind::Interrupted },
        1 => Fault::LoseSync { at: at / 10 },
        2 => Fault::Space { bytes: world.storage.used_bytes() + world.rng.below(20_000) },
        _ => Fault::PowerCut { at: at / 2 },
    };
    world.storage.inject(fault);
    matches!(fault, Fault::PowerCut { .. })
}

#[test]
fn the_recorder_keeps_to_the_model_and_repeats_itself() {
    let mut checks = 0;
    for seed in 1..=SEEDS {
        let (first, made) = run(seed);
        let (second, _) = run(seed);
        assert_eq!(first, second, "seed {seed} repeats itself");
        checks += made;
    }
    println!("{SEEDS} seeds, twice each: {checks} checks of a whole store");
    assert!(checks >= 4 * SEEDS, "{checks}");
}
