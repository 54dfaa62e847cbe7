//! What a step says: measures, and answers that are compared.

use serde_json::{Map, Value};

use crate::Res;

/// Measures and answers by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures(Map<String, Value>);

impl Figures {
    /// Takes a measure.
    pub fn set(&mut self, name: &str, value: f64) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// Takes an answer; answers of the same name must be the same, whoever gives them.
    pub fn answer(&mut self, name: &str, value: impl Into<Value>) {
        let answers = self.0.entry("answers").or_insert_with(|| Map::new().into());
        if let Value::Object(answers) = answers {
            answers.insert(name.to_owned(), value.into());
        }
    }

    /// A measure, if it was taken.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name)?.as_f64()
    }

    /// What a step printed.
    pub fn parse(text: &str) -> Res<Self> {
        let line = text.lines().last().ok_or("a step ended without a word")?;
        Ok(Self(serde_json::from_str(line)?))
    }

    /// Takes in what another step said.
    pub fn extend(&mut self, other: Self) {
        for (name, value) in other.0 {
            match (self.0.get_mut(&name), value) {
                (Some(Value::Object(held)), Value::Object(more)) => held.extend(more),
                (_, value) => {
                    self.0.insert(name, value);
                }
            }
        }
    }

    /// The first answer that is not the right one.
    pub fn wrong_answer(&self, right: &Self) -> Option<String> {
        let answers = |figures: &Self| figures.0.get("answers").cloned().unwrap_or_default();
        let (given, right) = (answers(self), answers(right));
        let mut wrong =
            right.as_object().into_iter().flatten().filter(|(name, answer)| given.get(*name) != Some(*answer));
        let told = |answer: Option<&Value>| answer.map_or_else(|| "nothing".to_owned(), Value::to_string);
        wrong.next().map(|(name, answer)| format!("{name}: {} instead of {answer}", told(given.get(name))))
    }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&Value::Object(self.0.clone()).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_printed_is_read_again_and_answers_are_compared() {
        let mut ours = Figures::default();
        ours.set("open_ms", 1.5);
        ours.answer("spans", 3);
        ours.answer("list", "a b");
        assert_eq!(Figures::parse(&format!("some words\n{ours}\n")).unwrap(), ours);
        let mut theirs = Figures::default();
        theirs.answer("spans", 3);
        assert_eq!(theirs.wrong_answer(&ours).unwrap(), "list: nothing instead of \"a b\"");
        let mut more = Figures::default();
        more.answer("list", "b a");
        theirs.extend(more);
        assert_eq!(theirs.wrong_answer(&ours).unwrap(), "list: \"b a\" instead of \"a b\"");
        theirs.answer("list", "a b");
        assert_eq!(theirs.wrong_answer(&ours), None);
    }
}
