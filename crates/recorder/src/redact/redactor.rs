//! The redactor: finds, merges and replaces.

use std::borrow::Cow;
use std::sync::LazyLock;

use super::detectors::{self, Category, Detector};
use super::policy::{Context, Enabled, Policy};
use super::prefilter::{self, Literals};
use super::scan::{Hit, Scan, Undecided};

/// What a text is replaced by when it cannot be judged.
const MASKED: &str = "[REDACTED:unknown:redactor_failed]";
/// How every replacement starts.
const OPENING: &str = "[REDACTED:";
/// Longest replacement, in bytes.
const MAX_REPLACEMENT_BYTES: usize = 96;
/// Most rounds of replacing before a text counts as undecided; each round looks at what the last one
/// left.
const MAX_ROUNDS: usize = 8;

/// Takes secrets out of texts. The first one in a process builds the tables; all others share them.
///
/// ```
/// use flightrec_recorder::redact::{Context, Redactor};
///
/// let redactor = Redactor::new();
/// let text = redactor.redact("retry with Bearer a1b2c3d4e5f6g7h8", Context::FreeText);
/// assert_eq!(text, "retry with Bearer [REDACTED:token:bearer_token]");
/// ```
#[derive(Debug, Clone)]
pub struct Redactor {
    tables: &'static Tables,
    policy: Policy,
}

#[derive(Debug)]
struct Tables {
    always: Literals,
    with_policy: Literals,
}

/// The tables are the same for every policy and take milliseconds to build: a process builds them once.
static TABLES: LazyLock<Tables> =
    LazyLock::new(|| Tables { always: Literals::always(), with_policy: Literals::with_policy() });

impl Default for Redactor {
    fn default() -> Self {
        Self::new()
    }
}

impl Redactor {
    /// A redactor with the default policy.
    pub fn new() -> Self {
        Self::with_policy(Policy::default())
    }

    /// A redactor with a policy of the owner's choice.
    pub fn with_policy(policy: Policy) -> Self {
        Self { tables: &TABLES, policy }
    }

    /// The policy that this redactor follows.
    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// Every detector: its id, its category and what it finds.
    pub fn detectors(&self) -> impl Iterator<Item = &'static Detector> + use<> {
        detectors::all()
    }

    /// The text without its secrets; the text itself, borrowed, if it has none.
    ///
    /// A text that cannot be judged within its bounds is masked whole.
    pub fn redact<'a>(&self, text: &'a str, context: Context) -> Cow<'a, str> {
        let enabled = self.policy.enabled(context);
        if self.is_clean(text.as_bytes(), enabled) {
            return Cow::Borrowed(text);
        }
        match self.replaced(text.as_bytes(), enabled) {
            Ok(None) => Cow::Borrowed(text),
            Ok(Some(replaced)) => Cow::Owned(String::from_utf8(replaced).unwrap_or_else(|_| MASKED.to_owned())),
            Err(Undecided::Work | Undecided::Depth | Undecided::Length) => Cow::Owned(MASKED.to_owned()),
        }
    }

    /// The content of an artifact without its secrets, and whether there were any. The content need
    /// not be UTF-8: text in it is found wherever it lies, also as UTF-16.
    pub fn redact_bytes<'a>(&self, content: &'a [u8]) -> (Cow<'a, [u8]>, bool) {
        let enabled = self.policy.enabled(Context::Artifact);
        if self.is_clean(content, enabled) {
            return (Cow::Borrowed(content), false);
        }
        match self.replaced(content, enabled) {
            Ok(None) => (Cow::Borrowed(content), false),
            Ok(Some(replaced)) => (Cow::Owned(replaced), true),
            Err(Undecided::Work | Undecided::Depth | Undecided::Length) => (Cow::Owned(MASKED.into()), true),
        }
    }

    fn literals(&self, enabled: Enabled) -> &Literals {
        if enabled.any() { &self.tables.with_policy } else { &self.tables.always }
    }

    fn is_clean(&self, text: &[u8], enabled: Enabled) -> bool {
        prefilter::is_clean(self.literals(enabled), text, enabled)
    }

    /// The text with every hit replaced, until none is left; `None` if there was none.
    fn replaced(&self, text: &[u8], enabled: Enabled) -> Result<Option<Vec<u8>>, Undecided> {
        if u32::try_from(text.len()).is_err() {
            return Err(Undecided::Length);
        }
        let mut current: Option<Vec<u8>> = None;
        for _ in 0..MAX_ROUNDS {
            let subject = current.as_deref().unwrap_or(text);
            let hits = self.hits(subject, enabled)?;
            if hits.is_empty() {
                return Ok(current);
            }
            current = Some(replace(subject, &hits));
        }
        Err(Undecided::Work)
    }

    /// The hits of a text between the replacements that it already holds: merged, ascending, on
    /// character boundaries.
    fn hits(&self, text: &[u8], enabled: Enabled) -> Result<Vec<Hit>, Undecided> {
        let mut hits = Vec::new();
        let mut from = 0;
        loop {
            let next = next_replacement(text, from);
            let to = next.map_or(text.len(), |(start, _)| start);
            let part = &text[from..to];
            if !part.is_empty() && !self.is_clean(part, enabled) {
                let scan = Scan::new(self.literals(enabled), enabled, part.len());
                hits.extend(scan.run(part)?.into_iter().map(|hit| on_boundaries(part, hit, from)));
            }
            match next {
                Some((_, end)) => from = end,
                None => return Ok(merged(hits)),
            }
        }
    }
}

/// Widens a hit to whole characters and moves it by `offset`.
fn on_boundaries(text: &[u8], hit: Hit, offset: usize) -> Hit {
    let is_inside = |at: usize| text.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
    let (mut start, mut end) = (hit.start, hit.end);
    while start > 0 && is_inside(start) {
        start -= 1;
    }
    while is_inside(end) {
        end += 1;
    }
    Hit { start: start + offset, end: end + offset, detector: hit.detector }
}

/// One hit for every stretch that hits cover; the best detector of each gives the name.
fn merged(mut hits: Vec<Hit>) -> Vec<Hit> {
    hits.sort_by_key(|hit| (hit.start, hit.end, hit.detector.rank(), hit.detector.id()));
    let mut merged: Vec<Hit> = Vec::with_capacity(hits.len());
    for hit in hits {
        match merged.last_mut() {
            Some(last) if hit.start < last.end => {
                last.end = last.end.max(hit.end);
                if hit.detector.rank() < last.detector.rank() {
                    last.detector = hit.detector;
                }
            }
            _ => merged.push(hit),
        }
    }
    merged
}

fn replace(text: &[u8], hits: &[Hit]) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(text.len());
    let mut from = 0;
    for hit in hits {
        replaced.extend_from_slice(&text[from..hit.start]);
        let detector = hit.detector;
        let name = format!("{OPENING}{}:{}]", detector.category().as_str(), detector.id());
        if is_wide(&text[hit.start..hit.end]) {
            replaced.extend(name.bytes().flat_map(|byte| [byte, 0]));
            let is_cut = (hit.end - hit.start) % 2 == 1 && text.get(hit.end) == Some(&0);
            from = hit.end + usize::from(is_cut);
        } else {
            replaced.extend_from_slice(name.as_bytes());
            from = hit.end;
        }
    }
    replaced.extend_from_slice(&text[from..]);
    replaced
}

/// Whether a range is ASCII in UTF-16, little-endian, so that its replacement has to be too.
fn is_wide(range: &[u8]) -> bool {
    range.len() >= 4 && range.iter().skip(1).step_by(2).all(|&byte| byte == 0) && range[0] != 0
}

/// The next replacement at or after `from` that this redactor could have made.
fn next_replacement(text: &[u8], from: usize) -> Option<(usize, usize)> {
    let mut at = from;
    while let Some(found) = text[at..].iter().position(|&byte| byte == b'[') {
        let start = at + found;
        for step in [1, 2] {
            if text.get(start + step) != Some(&b'R') {
                continue;
            }
            let replacement: Vec<u8> = text[start..]
                .iter()
                .copied()
                .step_by(step)
                .take(MAX_REPLACEMENT_BYTES)
                .take_while(|&byte| byte.is_ascii_graphic())
                .collect();
            if let Some(len) = replacement_len(&replacement) {
                return Some((start, text.len().min(start + len * step)));
            }
        }
        at = start + 1;
    }
    None
}

/// The length of the replacement at the start of `text`, if one stands there.
fn replacement_len(text: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(text).ok()?;
    if text.starts_with(MASKED) {
        return Some(MASKED.len());
    }
    let inner = text.strip_prefix(OPENING)?;
    let (category, rest) = inner.split_once(':')?;
    let (id, _) = rest.split_once(']')?;
    let known = Category::ALL.iter().any(|known| known.as_str() == category)
        && detectors::all().any(|detector| detector.id() == id && detector.category().as_str() == category);
    known.then_some(OPENING.len() + category.len() + 1 + id.len() + 1)
}
