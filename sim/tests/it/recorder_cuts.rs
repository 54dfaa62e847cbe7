//! The power is cut at every operation of a few workloads of the whole recorder, the first opening included.

use flightrec_sim::{FailKind, Fault};

use crate::recorder_world::World;

/// A workload: commits, content, orderly and other ends. `false` when a fault ended it.
fn work(world: &mut World) -> bool {
    let open = world.open();
    let steps = |world: &mut World| {
        for round in 0..3 {
            for _ in 0..4 {
                if !world.commit() {
                    return false;
                }
            }
            let done = world.put() && world.commit() && if round == 1 { world.kill() } else { world.reopen() };
            if !done {
                return false;
            }
        }
        world.commit()
    };
    open && steps(world)
}

#[test]
fn a_power_cut_at_every_operation() {
    let mut cases = 0;
    for seed in 1_001..=1_021 {
        let mut whole = World::new(seed);
        assert!(work(&mut whole), "without a fault all is done");
        whole.check();
        for at in 0..whole.storage.changes() {
            let mut world = World::new(seed);
            world.storage.inject(Fault::PowerCut { at });
            // A cut while files are made that can be made again may pass unnoticed.
            let _noticed = !work(&mut world);
            world.recover(true);
            assert!(world.commit() && world.reopen(), "it goes on");
            world.check();
            cases += 1;
        }
    }
    println!("{cases} power cuts");
    assert!(cases >= 2_000, "{cases}");
}

/// A workload that seals twice. `false` when a fault ended it.
fn work_with_seals(world: &mut World) -> bool {
    world.open()
        && world.commit()
        && world.commit()
        && world.seal()
        && world.commit()
        && world.reopen()
        && world.commit()
        && world.seal()
        && world.commit()
}

#[test]
fn a_power_cut_at_every_operation_of_sealing() {
    let mut cases = 0;
    for seed in 2_001..=2_002 {
        let mut whole = World::new(seed);
        assert!(work_with_seals(&mut whole), "without a fault all is done");
        whole.check();
        for at in 0..whole.storage.changes() {
            let mut world = World::new(seed);
            world.storage.inject(Fault::PowerCut { at });
            let _noticed = !work_with_seals(&mut world);
            world.recover(true);
            assert!(world.commit() && world.seal() && world.reopen(), "it goes on");
            world.check();
            cases += 1;
        }
    }
    println!("{cases} power cuts");
    assert!(cases >= 100, "{cases}");
}

#[test]
fn a_failure_at_every_call_of_sealing() {
    let mut cases = 0;
    let mut whole = World::new(2_003);
    assert!(work_with_seals(&mut whole), "without a fault all is done");
    for at in 0..whole.storage.calls() {
        for (kind, forever) in [(FailKind::Io, false), (FailKind::NoSpace, true)] {
            let mut world = World::new(2_003);
            world.storage.inject(Fault::FailCall { at, kind, forever });
            let _noticed = !work_with_seals(&mut world);
            world.recover(at % 2 == 0);
            assert!(world.commit() && world.seal() && world.reopen(), "it goes on");
            world.check();
            cases += 1;
        }
    }
    println!("{cases} failures");
    assert!(cases >= 300, "{cases}");
}
