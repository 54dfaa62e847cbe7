//! The few options the chores take, read by hand.

use std::str::FromStr;

use crate::error::Error;

/// The options of one chore, taken one by one; what is left over is an error.
pub(crate) struct Options<'a> {
    left: Vec<&'a str>,
}

impl<'a> Options<'a> {
    /// Starts with all arguments untaken.
    pub(crate) fn new(arguments: &'a [String]) -> Self {
        Self { left: arguments.iter().map(String::as_str).collect() }
    }

    /// Takes a switch such as `--quick`; true if it was there.
    pub(crate) fn switch(&mut self, name: &str) -> bool {
        let before = self.left.len();
        self.left.retain(|word| *word != name);
        self.left.len() != before
    }

    /// Takes an option with a value, `--seconds 10` or `--seconds=10`.
    pub(crate) fn value<T: FromStr>(&mut self, name: &str) -> Result<Option<T>, Error> {
        let joined = format!("{name}=");
        let Some(at) = self.left.iter().position(|word| *word == name || word.starts_with(&joined)) else {
            return Ok(None);
        };
        let word = self.left.remove(at);
        let text = match word.strip_prefix(&joined) {
            Some(value) => value,
            None if at < self.left.len() => self.left.remove(at),
            None => return Err(Error::Usage(format!("{name} needs a value"))),
        };
        text.parse().map(Some).map_err(|_| Error::Usage(format!("{name} cannot be {text:?}")))
    }

    /// Ends the reading: anything not taken is refused by name.
    pub(crate) fn finish(self) -> Result<(), Error> {
        match self.left.first() {
            None => Ok(()),
            Some(word) => Err(Error::Usage(format!("{word:?} is not an option here; see `cargo xtask --help`"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn both_spellings_of_a_value_are_read() {
        for line in ["--seconds 7 --quick", "--quick --seconds=7"] {
            let words = words(line);
            let mut options = Options::new(&words);
            assert_eq!(options.value::<u32>("--seconds").unwrap(), Some(7));
            assert!(options.switch("--quick"));
            options.finish().unwrap();
        }
    }

    #[test]
    fn missing_bad_and_unknown_options_are_refused_by_name() {
        let missing = words("--seconds");
        let error = Options::new(&missing).value::<u32>("--seconds").unwrap_err();
        assert!(error.to_string().contains("--seconds"));

        let bad = words("--seconds soon");
        let error = Options::new(&bad).value::<u32>("--seconds").unwrap_err();
        assert!(error.to_string().contains("soon"));

        let unknown = words("--fast");
        let error = Options::new(&unknown).finish().unwrap_err();
        assert!(error.to_string().contains("--fast"));
    }
}
