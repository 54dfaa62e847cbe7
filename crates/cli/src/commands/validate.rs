//! `validate`: the verdicts of `record` without a store.

use super::Run;
use super::intake::Input;
use crate::args::ValidateArgs;
use crate::exit::{Failure, Outcome};
use crate::record::{Judge, LineReader, Verdicts};

pub(super) fn run(run: &Run, args: &ValidateArgs) -> Outcome {
    let input = Input::open(&args.file, run.console)?;
    let bar = input.progress(run.console);
    let mut judge = Judge::new(run.store.declared_registry()?, args.strictness.mode());
    let mut verdicts = Verdicts::new(run.console, bar.clone())?;
    let began = run.now();
    let mut lines = LineReader::new(input.stream);
    let mut stopped = None;
    loop {
        match lines.fill() {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                stopped = Some(Failure::file("read", &args.file, &error));
                break;
            }
        }
        while let Some((number, line)) = lines.next_line() {
            let (event_id, verdict) = judge.judge(&line);
            verdicts.print(number, event_id, verdict)?;
        }
        verdicts.flush()?;
        bar.set_position(lines.bytes());
    }
    let exit = verdicts.finish(run.now().micros_since(began))?;
    stopped.map_or(Ok(exit), Err)
}
