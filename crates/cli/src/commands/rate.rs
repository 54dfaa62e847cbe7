//! `rate`: tokens and money per minute, over a sliding window.

use super::Run;
use crate::args::RateArgs;
use crate::exit::{Exit, Outcome};
use crate::output::{print_object, words};

pub(super) fn run(run: &Run, args: &RateArgs) -> Outcome {
    let at = args.at.resolve(run.now());
    let reader = run.reader()?;
    let rate = reader.rate(at, args.window);
    print_object(run.console, &rate, |out| {
        writeln!(out, "window           {} that end at {at}", words::counted(rate.window_s, "second", "seconds"))?;
        writeln!(out, "active sessions  {}", words::count(rate.active_sessions))?;
        writeln!(out, "tokens           {} a minute", words::count(rate.tokens_per_minute))?;
        writeln!(out, "cost             {} a minute", words::dollars(rate.nanos_per_minute))?;
        writeln!(out, "unpriced runs    {}", words::count(rate.unpriced_runs))?;
        Ok(())
    })?;
    Ok(Exit::Done)
}
