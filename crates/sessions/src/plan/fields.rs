//! Tables read key by key: each value has the right type and range, or an error with its place.

use std::collections::BTreeSet;
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

use flightrec_events::Id;
use toml::Spanned;
use toml::de::{DeFloat, DeTable, DeValue};

use super::errors::Report;
use super::money::{self, NoAmount};
use super::names;

/// A place in the text, in bytes.
pub(super) type Span = Range<usize>;

/// A table of the plan whose keys are all known.
#[derive(Debug, Clone)]
pub(super) struct Fields<'a> {
    /// What it describes, for messages: "role `coder`".
    pub(super) what: String,
    /// Its header.
    pub(super) span: Span,
    table: &'a DeTable<'a>,
    is_secret: bool,
}

impl<'a> Fields<'a> {
    /// Takes a table, and tells keys that are none of `keys`.
    pub(super) fn open(
        report: &mut Report<'_>,
        what: impl Into<String>,
        value: &'a Spanned<DeValue<'a>>,
        keys: &'static [&'static str],
    ) -> Option<Self> {
        let fields = Self::peek(report, what, value)?;
        for (key, _) in fields.table {
            if !keys.contains(&&**key.get_ref()) {
                let heading = format!("keys of {}", fields.what);
                report.unknown(key.span(), "key", key.get_ref(), (&heading, keys.iter().copied()));
            }
        }
        Some(fields)
    }

    /// The same for a table that may hold a credential by mistake: its lines are not shown, and `keys_of_secrets`
    /// are told as what they are.
    pub(super) fn open_guarded(
        report: &mut Report<'_>,
        what: impl Into<String>,
        value: &'a Spanned<DeValue<'a>>,
        keys: &'static [&'static str],
        keys_of_secrets: &[&str],
    ) -> Option<Self> {
        let mut fields = Self::peek(report, what, value)?;
        fields.is_secret = true;
        for (key, _) in fields.table {
            let name = &**key.get_ref();
            if keys_of_secrets.contains(&name.to_ascii_lowercase().replace(['-', '.'], "_").as_str()) {
                report
                    .error(
                        key.span(),
                        format!("{} does not belong into a plan: plans are read by many", names::quoted(name)),
                    )
                    .hide()
                    .help("put the key into an environment variable and name that: api_key_env = \"…\"")
                    .help("if this file was given away, the key is known by now: have a new one made");
            } else if !keys.contains(&name) {
                let heading = format!("keys of {}", fields.what);
                report.unknown(key.span(), "key", name, (&heading, keys.iter().copied())).hide();
            }
        }
        Some(fields)
    }

    fn peek(report: &mut Report<'_>, what: impl Into<String>, value: &'a Spanned<DeValue<'a>>) -> Option<Self> {
        let what = what.into();
        let DeValue::Table(table) = value.get_ref() else {
            report.error(value.span(), format!("{what} must be a table, found {}", kind(value.get_ref())));
            return None;
        };
        Some(Self { what, span: value.span(), table, is_secret: false })
    }

    /// Whether the key is there at all, whatever its value.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// The value of a key as it stands.
    pub(super) fn value(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.table.get(key)
    }

    /// Where the key stands, or the table if it does not.
    pub(super) fn place(&self, key: &str) -> Span {
        self.table.get_key_value(key).map_or_else(|| self.span.clone(), |(key, _)| key.span())
    }

    /// Tells that a key is missing, unless it is there with a value that was told already.
    pub(super) fn require(&self, report: &mut Report<'_>, key: &str, help: &str) {
        if !self.has(key) {
            report.error(self.span.clone(), format!("{} has no `{key}`", self.what)).help(help);
        }
    }

    /// A text that is not empty.
    pub(super) fn text(&self, report: &mut Report<'_>, key: &str) -> Option<Spanned<&'a str>> {
        let value = self.value(key)?;
        let DeValue::String(text) = value.get_ref() else {
            self.wrong_type(report, key, value, "a string");
            return None;
        };
        if text.trim().is_empty() {
            self.error(report, value.span(), format!("`{key}` must not be empty"));
            return None;
        }
        Some(Spanned::new(value.span(), text))
    }

    /// A text that is kept.
    pub(super) fn shared_text(&self, report: &mut Report<'_>, key: &str) -> Option<Arc<str>> {
        self.text(report, key).map(|text| Arc::from(*text.get_ref()))
    }

    /// A name or an id.
    pub(super) fn id(&self, report: &mut Report<'_>, key: &str) -> Option<Spanned<Id>> {
        let text = self.text(report, key)?;
        let id = id(report, &text.span(), &format!("`{key}`"), text.get_ref())?;
        Some(Spanned::new(text.span(), id))
    }

    /// A list of names, none of them twice.
    pub(super) fn ids(&self, report: &mut Report<'_>, key: &str) -> Option<Vec<Spanned<Id>>> {
        let mut ids: Vec<Spanned<Id>> = Vec::new();
        let mut seen = BTreeSet::new();
        for text in self.texts(report, key)? {
            let Some(id) = id(report, &text.span(), &format!("a name in `{key}`"), text.get_ref()) else { continue };
            if seen.insert(id.clone()) {
                ids.push(Spanned::new(text.span(), id));
            } else {
                self.error(report, text.span(), format!("{} stands twice in `{key}`", names::quoted(id.as_str())));
            }
        }
        Some(ids)
    }

    /// A list of texts that are not empty.
    pub(super) fn texts(&self, report: &mut Report<'_>, key: &str) -> Option<Vec<Spanned<&'a str>>> {
        let value = self.value(key)?;
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong_type(report, key, value, "a list of strings");
            return None;
        };
        if items.len() > MAX_LIST {
            self.error(
                report,
                value.span(),
                format!("`{key}` has {} entries, at most {MAX_LIST} are allowed", items.len()),
            );
            return None;
        }
        let mut texts = Vec::new();
        for item in items {
            match item.get_ref().as_str() {
                Some(text) if !text.trim().is_empty() => texts.push(Spanned::new(item.span(), text)),
                Some(_) => self.error(report, item.span(), format!("a name in `{key}` must not be empty")),
                None => {
                    let found = kind(item.get_ref());
                    self.error(report, item.span(), format!("`{key}` must be a list of strings, found {found} in it"));
                }
            }
        }
        Some(texts)
    }

    /// A word of a closed list.
    pub(super) fn word<T: Copy>(
        &self,
        report: &mut Report<'_>,
        key: &str,
        all: &[T],
        spelled: fn(T) -> &'static str,
    ) -> Option<T> {
        let text = self.text(report, key)?;
        let found = all.iter().copied().find(|word| spelled(*word) == *text.get_ref());
        if found.is_none() {
            let words = all.iter().map(|word| spelled(*word));
            let mut told = report.unknown(text.span(), &format!("`{key}`"), text.get_ref(), ("allowed", words));
            if self.is_secret {
                told.hide();
            }
        }
        found
    }

    /// A whole number within bounds.
    pub(super) fn number(&self, report: &mut Report<'_>, key: &str, bounds: RangeInclusive<u64>) -> Option<u64> {
        let value = self.value(key)?;
        let (least, most) = (*bounds.start(), *bounds.end());
        let DeValue::Integer(number) = value.get_ref() else {
            let is_fraction = value.get_ref().is_float();
            let found = if is_fraction { "without a point" } else { &format!("found {}", kind(value.get_ref())) };
            self.error(report, value.span(), format!("`{key}` must be a whole number from {least} to {most}, {found}"));
            return None;
        };
        let read = i128::from_str_radix(number.as_str(), number.radix()).ok();
        let fitting = read.and_then(|number| u64::try_from(number).ok()).filter(|number| bounds.contains(number));
        if fitting.is_none() {
            let written = names::quoted(number.as_str());
            self.error(report, value.span(), format!("`{key}` must be from {least} to {most}, found {written}"));
        }
        fitting
    }

    /// A number that fits 32 bits.
    pub(super) fn small(&self, report: &mut Report<'_>, key: &str, bounds: RangeInclusive<u32>) -> Option<u32> {
        let wide = u64::from(*bounds.start())..=u64::from(*bounds.end());
        self.number(report, key, wide).map(|number| u32::try_from(number).expect("the bounds are of 32 bits"))
    }

    /// Dollars, as nano-dollars, exact.
    pub(super) fn dollars(&self, report: &mut Report<'_>, key: &str, may_be_zero: bool) -> Option<u64> {
        let value = self.value(key)?;
        let decimal = match (value.get_ref().as_integer(), value.get_ref().as_float()) {
            (Some(number), _) => Some(number.as_str()).filter(|_| number.radix() == 10),
            (None, number) => number.map(DeFloat::as_str),
        };
        let Some(decimal) = decimal else {
            let found = kind(value.get_ref());
            self.error(report, value.span(), format!("`{key}` must be dollars, a number such as 0.15, found {found}"));
            return None;
        };
        let what = match money::nanos(decimal) {
            Ok(0) if !may_be_zero => "must be more than zero",
            Ok(nanos) => return Some(nanos),
            Err(NoAmount::Negative) => "must not be negative",
            Err(NoAmount::NotFinite) => "must be a plain decimal number",
            Err(NoAmount::TooFine) => "has more than nine digits after the point: a nano-dollar is the smallest unit",
            Err(NoAmount::TooLarge) => "is more than can be counted, which is 18 thousand million dollars",
        };
        self.error(report, value.span(), format!("`{key}` {what}"));
        None
    }

    /// A table within this one.
    pub(super) fn table(
        &self,
        report: &mut Report<'_>,
        key: &str,
        keys: &'static [&'static str],
    ) -> Option<Fields<'a>> {
        Fields::open(report, format!("`{key}` of {}", self.what), self.value(key)?, keys)
    }

    /// The tables by name that a key holds, in the order of the text. There are at most `most`.
    pub(super) fn named(
        &self,
        report: &mut Report<'_>,
        key: &str,
        most: usize,
    ) -> Vec<(Spanned<Id>, &'a Spanned<DeValue<'a>>)> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let DeValue::Table(table) = value.get_ref() else {
            report.error(value.span(), format!("`{key}` must hold tables by name, found {}", kind(value.get_ref())));
            return Vec::new();
        };
        if table.len() > most {
            let message = format!("a plan has at most {most} {key}, this one has {}", table.len());
            report.error(self.place(key), message);
        }
        let mut named: Vec<_> = table
            .iter()
            .filter_map(|(name, value)| {
                let id = id(report, &name.span(), &format!("a name in `{key}`"), name.get_ref())?;
                Some((Spanned::new(name.span(), id), value))
            })
            .collect();
        named.sort_by_key(|(name, _)| name.span().start);
        named.truncate(most);
        named
    }

    /// Tells an error of this table.
    pub(super) fn error(&self, report: &mut Report<'_>, span: Span, message: String) {
        let mut told = report.error(span, message);
        if self.is_secret {
            told.hide();
        }
    }

    fn wrong_type(&self, report: &mut Report<'_>, key: &str, value: &Spanned<DeValue<'_>>, wanted: &str) {
        let found = kind(value.get_ref());
        self.error(report, value.span(), format!("`{key}` must be {wanted}, found {found}"));
    }
}

/// The most entries of one list.
pub(super) const MAX_LIST: usize = 1_024;

/// Checks a text as an id.
fn id(report: &mut Report<'_>, span: &Span, what: &str, text: &str) -> Option<Id> {
    match Id::new(text) {
        Ok(id) => Some(id),
        Err(violation) => {
            report.error(span.clone(), format!("{what}: {}", violation.message));
            None
        }
    }
}

/// What a value is, with its article.
pub(super) fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a point",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
