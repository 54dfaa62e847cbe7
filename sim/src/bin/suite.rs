//! Runs one fault suite, or all: `suite [NAME…]`. `FLIGHTREC_SABOTAGE` breaks the journal first.

use std::process::ExitCode;
use std::time::Instant;

use flightrec_sim::suite::SUITES;

#[expect(clippy::disallowed_methods, reason = "the time a suite takes is shown to people, and decides nothing")]
fn main() -> ExitCode {
    let wanted: Vec<_> = std::env::args().skip(1).collect();
    if let Some(unknown) = wanted.iter().find(|name| SUITES.iter().all(|suite| suite.name != **name)) {
        eprintln!("no suite is called `{unknown}`");
        return ExitCode::from(2);
    }
    for suite in SUITES.iter().filter(|suite| wanted.is_empty() || wanted.iter().any(|name| name == suite.name)) {
        let start = Instant::now();
        let cases = (suite.run)();
        println!("{}: {cases} cases in {:.1} s", suite.name, start.elapsed().as_secs_f64());
        assert!(cases >= suite.floor, "{} cases are fewer than {}", cases, suite.floor);
    }
    ExitCode::SUCCESS
}
