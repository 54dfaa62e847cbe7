//! The stable runner: takes targets through their seeds and then through mutations of them.
//!
//! ```text
//! fuzz-smoke list                        names of all targets
//! fuzz-smoke run [TARGET] [OPTIONS]      seeds, then mutations; every target if none is named
//! fuzz-smoke one TARGET FILE             one input, to repeat a failure
//! fuzz-smoke seeds TARGET DIR            writes the seeds as files
//!
//! --rounds N    so many mutations; each target has its own number unless --seconds is given
//! --seconds N   mutations for so long; with --rounds, whichever ends first
//! --series N    another sequence of mutations than that of series 0
//! ```
//!
//! Without `--seconds` a run repeats exactly. On Linux the memory is held to a bound as well: an
//! input of a few kilobytes that makes a reader take hundreds of megabytes is a failure.

use std::error::Error;
use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use flightrec_fuzz::{Numbers, TARGETS, Target, mutate};

/// The most memory that this process may ever have held, in KiB: inputs and seeds are far below.
const MOST_MEMORY_KIB: u64 = 512 << 10;

/// An input that takes this long is kept for a look; it is no failure, for a machine may be busy.
const SLOW_MS: u64 = 1_000;

/// How many inputs pass between two looks at the memory.
const MEMORY_EVERY: u64 = 256;

/// How long to go on, and with which sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Plan {
    rounds: Option<u64>,
    seconds: Option<u64>,
    series: u64,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match act(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fuzz-smoke: {error}");
            ExitCode::FAILURE
        }
    }
}

fn act(words: &[&str]) -> Result<(), Box<dyn Error>> {
    match words {
        ["list"] => {
            for target in TARGETS {
                println!("{}", target.name);
            }
            Ok(())
        }
        ["run", rest @ ..] => {
            let (name, options) = match rest {
                [name, options @ ..] if !name.starts_with("--") => (Some(*name), options),
                options => (None, options),
            };
            let plan = Plan::parse(options)?;
            match name {
                Some(name) => run(find(name)?, plan),
                None => TARGETS.iter().try_for_each(|target| run(target, plan)),
            }
        }
        ["one", name, file] => {
            (find(name)?.run)(&fs::read(file)?);
            println!("{name} takes {file}");
            Ok(())
        }
        ["seeds", name, directory] => write_seeds(find(name)?, Path::new(directory)),
        _ => Err("usage: list | run [TARGET] [--rounds N] [--seconds N] [--series N] | one TARGET FILE | \
                  seeds TARGET DIR"
            .into()),
    }
}

impl Plan {
    fn parse(options: &[&str]) -> Result<Self, Box<dyn Error>> {
        let mut plan = Self::default();
        for pair in options.chunks(2) {
            match pair {
                ["--rounds", number] => plan.rounds = Some(number.parse()?),
                ["--seconds", number] => plan.seconds = Some(number.parse()?),
                ["--series", number] => plan.series = number.parse()?,
                other => return Err(format!("{other:?} is no option with its number").into()),
            }
        }
        Ok(plan)
    }
}

fn find(name: &str) -> Result<&'static Target, String> {
    TARGETS
        .iter()
        .find(|target| target.name == name)
        .ok_or_else(|| format!("there is no target {name:?}; `fuzz-smoke list` names them"))
}

fn run(target: &Target, plan: Plan) -> Result<(), Box<dyn Error>> {
    let seeds = target.all_seeds()?;
    if seeds.is_empty() {
        return Err(format!("{} has no seed to start from", target.name).into());
    }
    match hunt(target, &seeds, plan) {
        Ok(hunted) => {
            let Hunted { rounds, bytes, .. } = hunted;
            println!("{}: {} seeds and {rounds} mutations ({bytes} bytes) without a failure", target.name, seeds.len());
            if hunted.slowest_ms >= SLOW_MS {
                let file = keep(target, "slowest", &hunted.slowest)?;
                println!("  one input took {} ms; it is kept in {}", hunted.slowest_ms, file.display());
            }
            Ok(())
        }
        Err(failure) => Err(kept(target, &failure)?.into()),
    }
}

/// What a target went through, and the input that took longest.
#[derive(Debug)]
struct Hunted {
    rounds: u64,
    bytes: usize,
    slowest: Vec<u8>,
    slowest_ms: u64,
}

/// An input that a target did not take.
#[derive(Debug, PartialEq, Eq)]
struct Failure {
    input: Vec<u8>,
    how: String,
}

/// Takes the target through all seeds and then through mutations; stops at the first failure.
fn hunt(target: &Target, seeds: &[Vec<u8>], plan: Plan) -> Result<Hunted, Failure> {
    let watch = Stopwatch::start();
    let rounds = plan.rounds.or(plan.seconds.is_none().then_some(target.everyday));
    for seed in seeds {
        attempt(target, seed)?;
    }
    let mut numbers = Numbers::named(&format!("{} {}", target.name, plan.series));
    let bytes = seeds.iter().map(Vec::len).sum();
    let mut hunted = Hunted { rounds: 0, bytes, slowest: Vec::new(), slowest_ms: 0 };
    let over = |hunted: &Hunted| {
        rounds.is_some_and(|rounds| hunted.rounds >= rounds)
            || plan.seconds.is_some_and(|seconds| watch.elapsed_ms() >= seconds * 1_000)
    };
    while !over(&hunted) {
        let mut input = seeds[numbers.below(seeds.len())].clone();
        let other = &seeds[numbers.below(seeds.len())];
        mutate(&mut input, other, &mut numbers);
        let one = Stopwatch::start();
        attempt(target, &input)?;
        hunted.rounds += 1;
        hunted.bytes += input.len();
        let took_ms = one.elapsed_ms();
        if took_ms > hunted.slowest_ms {
            (hunted.slowest_ms, hunted.slowest) = (took_ms, input.clone());
        }
        if hunted.rounds.is_multiple_of(MEMORY_EVERY)
            && let Some(held) = peak_memory_kib()
            && held > MOST_MEMORY_KIB
        {
            let how = format!("took {held} KiB of memory with one of the last {MEMORY_EVERY} inputs; this is the last");
            return Err(Failure { input, how });
        }
    }
    Ok(hunted)
}

/// The most memory that this process has held so far; `None` where the system does not tell.
fn peak_memory_kib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// Decides when a run that was asked for by time is over, and tells people of slow inputs.
struct Stopwatch(std::time::Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "this is the seam: nothing that a run finds depends on it")]
    fn start() -> Self {
        Self(std::time::Instant::now())
    }

    fn elapsed_ms(&self) -> u64 {
        self.0.elapsed().as_millis() as u64
    }
}

fn attempt(target: &Target, input: &[u8]) -> Result<(), Failure> {
    let run = target.run;
    catch_unwind(AssertUnwindSafe(|| run(input)))
        .map_err(|_| Failure { input: input.to_vec(), how: "panicked".to_owned() })
}

/// Keeps a failing input as a file and says how to repeat the failure.
fn kept(target: &Target, failure: &Failure) -> Result<String, Box<dyn Error>> {
    let file = keep(target, "smoke-failure", &failure.input)?;
    Ok(format!(
        "{} {} (input of {} bytes); repeat it alone:\n  \
         cargo run --manifest-path fuzz/Cargo.toml --bin fuzz-smoke -- one {} {}",
        target.name,
        failure.how,
        failure.input.len(),
        target.name,
        file.display()
    ))
}

/// Writes an input among the artifacts of its target.
fn keep(target: &Target, name: &str, input: &[u8]) -> io::Result<PathBuf> {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("artifacts").join(target.name);
    fs::create_dir_all(&place)?;
    let file = place.join(name);
    fs::write(&file, input)?;
    Ok(file)
}

fn write_seeds(target: &Target, directory: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(directory)?;
    for (index, seed) in target.all_seeds()?.iter().enumerate() {
        fs::write(directory.join(format!("seed-{index:03}")), seed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BRITTLE: Target = Target {
        name: "brittle",
        run: |data| assert!(data.len() < 8, "cannot take that much"),
        seeds: || vec![b"seven..".to_vec()],
        everyday: 700,
    };

    fn rounds(rounds: u64) -> Plan {
        Plan { rounds: Some(rounds), ..Plan::default() }
    }

    #[test]
    fn a_panic_is_found_and_repeats_with_the_input_it_gives() {
        let seeds = (BRITTLE.seeds)();
        let failure = hunt(&BRITTLE, &seeds, rounds(1_000)).unwrap_err();
        assert!(failure.input.len() >= 8);
        assert!(attempt(&BRITTLE, &failure.input).is_err());
        assert_eq!(hunt(&BRITTLE, &seeds, rounds(1_000)).unwrap_err(), failure, "a run must repeat");
    }

    #[test]
    fn a_sound_target_survives_as_many_rounds_as_were_asked_for() {
        let sound = Target { run: |_| {}, ..BRITTLE };
        assert_eq!(hunt(&sound, &(sound.seeds)(), rounds(1_000)).unwrap().rounds, 1_000);
        assert_eq!(hunt(&sound, &(sound.seeds)(), Plan::default()).unwrap().rounds, 700);
        let none = Plan { seconds: Some(0), ..Plan::default() };
        assert_eq!(hunt(&sound, &(sound.seeds)(), none).unwrap().rounds, 0);
    }

    #[test]
    fn another_series_gives_other_inputs() {
        let sound = Target { run: |_| {}, ..BRITTLE };
        let bytes = |series| hunt(&sound, &(sound.seeds)(), Plan { series, ..rounds(500) }).unwrap().bytes;
        assert_ne!(bytes(0), bytes(1));
        assert_eq!(bytes(1), bytes(1));
    }

    #[test]
    fn options_are_read_or_refused() {
        assert_eq!(Plan::parse(&[]).unwrap(), Plan::default());
        let plan = Plan::parse(&["--seconds", "5"]).unwrap();
        assert_eq!((plan.rounds, plan.seconds), (None, Some(5)));
        for wrong in [&["--rounds"][..], &["--rounds", "x"], &["--loud", "1"]] {
            assert!(Plan::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_memory_of_this_process_is_known() {
        let before = peak_memory_kib().unwrap();
        let held = vec![1_u8; 64 << 20];
        assert!(held.iter().all(|byte| *byte == 1));
        assert!(peak_memory_kib().unwrap() >= before.min(32 << 10) + (32 << 10));
    }
}
