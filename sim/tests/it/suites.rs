//! Each suite as a test of its own.

use flightrec_sim::suite::SUITES;

fn run(name: &str) {
    let suite = SUITES.iter().find(|suite| suite.name == name).expect("the suite is listed");
    let cases = (suite.run)();
    println!("{name}: {cases} cases");
    assert!(cases >= suite.floor, "{cases} cases are fewer than {}", suite.floor);
}

macro_rules! suites {
    ($($test:ident => $name:literal,)*) => {
        $(#[test] fn $test() { run($name); })*

        #[test]
        fn every_suite_is_run() {
            let tested = [$($name),*];
            let listed: Vec<_> = SUITES.iter().map(|suite| suite.name).collect();
            assert_eq!(listed, tested);
        }
    };
}

suites! {
    failed_calls => "failed-calls",
    lost_syncs => "lost-syncs",
    no_space => "no-space",
    replaced_files => "replaced-files",
    power_cuts => "power-cuts",
    crashes_in_recovery => "crashes-in-recovery",
    flipped_bits => "flipped-bits",
    cut_files => "cut-files",
    forged_blocks => "forged-blocks",
    misplaced_segments => "misplaced-segments",
    model_runs => "model-runs",
}
