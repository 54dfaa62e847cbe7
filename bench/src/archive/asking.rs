//! How often a question is asked, and what is told of its times.

use std::time::{Duration, Instant};

use super::figures::Figures;
use crate::Res;
use crate::measure::{histogram, median, time};

/// The most that one question is asked.
const TIMES: usize = 11;
/// A question that takes long is asked less often.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks a question again and again; takes the median of its times in milliseconds, and gives its last answer.
pub fn often<T>(figures: &mut Figures, name: &str, mut question: impl FnMut() -> Res<T>) -> Res<T> {
    let mut times = Vec::new();
    let begin = Instant::now();
    loop {
        let (answer, nanos) = time(&mut question);
        let answer = answer?;
        times.push(nanos as f64 / 1e6);
        if times.len() == TIMES || begin.elapsed() > PATIENCE {
            figures.set(name, median(times));
            return Ok(answer);
        }
    }
}

/// Asks one question of each of many things, after what is to be done before each without a clock; takes the middle and the
/// tail of the times, and gives the sum of the answers.
pub fn of_each<T>(
    figures: &mut Figures,
    name: &str,
    of: &[T],
    mut before: impl FnMut(&T) -> Res<()>,
    mut question: impl FnMut(&T) -> Res<usize>,
) -> Res<usize> {
    let mut times = histogram();
    let mut sum = 0;
    for one in of {
        before(one)?;
        let (answer, nanos) = time(|| question(one));
        sum += answer?;
        times.record(nanos)?;
    }
    figures.set(&format!("{name}_p50_ms"), times.value_at_quantile(0.5) as f64 / 1e6);
    figures.set(&format!("{name}_p99_ms"), times.value_at_quantile(0.99) as f64 / 1e6);
    Ok(sum)
}
