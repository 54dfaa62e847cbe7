//! One text, all detectors, all readings: the ranges that hold secrets.

use super::blobs;
use super::bytes::{self, ESCAPE, NEWLINE, Text};
use super::cookies;
use super::credentials;
use super::detectors::{self, Detector};
use super::keyword::{self, Named};
use super::long_runs;
use super::personal;
use super::policy::Enabled;
use super::prefilter::{Anchor, Literals, MIN_BASE64_RUN};
use super::prefixes::PREFIXED;
use super::private_keys;
use super::urls::{self, UrlHit};
use super::value;
use super::views::{self, View};

/// Deepest nesting of readings; deeper text is not judged but masked.
const MAX_DEPTH: usize = 6;
/// Bytes that may be read for each byte of the text, all readings together.
const WORK_PER_BYTE: usize = 96;
/// Bytes that may be read for any text, however short.
const WORK_BASE: usize = 64 * 1024;
/// What one anchor costs, in bytes read.
const WORK_PER_ANCHOR: usize = 16;

/// A range that holds a secret, and the detector that found it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hit {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) detector: &'static Detector,
}

/// The text could not be judged within its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Undecided {
    /// More work than the bound for a text of this length.
    #[error("the text needs more work to judge than its length allows; it is masked whole")]
    Work,
    /// 4 GiB or more.
    #[error("the text has 4 GiB or more; it is masked whole")]
    Length,
    /// Encodings within encodings beyond the bound.
    #[error("the text nests encodings more than {MAX_DEPTH} deep; it is masked whole")]
    Depth,
}

/// A scan of one text.
pub(super) struct Scan<'r> {
    literals: &'r Literals,
    enabled: Enabled,
    work_left: usize,
}

impl<'r> Scan<'r> {
    pub(super) fn new(literals: &'r Literals, enabled: Enabled, text_bytes: usize) -> Self {
        Self { literals, enabled, work_left: text_bytes.saturating_mul(WORK_PER_BYTE).saturating_add(WORK_BASE) }
    }

    /// Every hit in `text`, in no particular order; ranges may overlap.
    pub(super) fn run(mut self, text: &[u8]) -> Result<Vec<Hit>, Undecided> {
        let mut hits = Vec::new();
        self.read(text, 0, &mut hits)?;
        Ok(hits)
    }

    fn spend(&mut self, work: usize) -> Result<(), Undecided> {
        self.work_left = self.work_left.checked_sub(work).ok_or(Undecided::Work)?;
        Ok(())
    }

    /// Scans one reading and all readings of it.
    fn read(&mut self, text: &[u8], depth: usize, hits: &mut Vec<Hit>) -> Result<(), Undecided> {
        self.spend(text.len())?;
        let seen = bytes::classes_in(text);
        self.literal(&Text::new(text, &[]), hits)?;
        self.encoded(text, depth, hits)?;
        if seen & NEWLINE != 0
            && let Some(joined) = views::joined(text)
        {
            self.joined(&joined, depth, hits)?;
        }
        if seen & ESCAPE != 0
            && let Some(unescaped) = views::unescaped(text)
        {
            if depth == MAX_DEPTH {
                return Err(Undecided::Depth);
            }
            let mut inner = Vec::new();
            self.read(&unescaped.bytes, depth + 1, &mut inner)?;
            hits.extend(inner.iter().map(|hit| mapped(&unescaped, hit)));
        }
        Ok(())
    }

    /// The reading without line breaks inside words: only what crosses such a break is new.
    fn joined(&mut self, joined: &View, depth: usize, hits: &mut Vec<Hit>) -> Result<(), Undecided> {
        self.spend(joined.bytes.len())?;
        let text = Text::new(&joined.bytes, &joined.seams);
        let mut inner = Vec::new();
        self.literal(&text, &mut inner)?;
        self.encoded(&joined.bytes, depth, &mut inner)?;
        hits.extend(inner.iter().filter(|hit| text.crosses_seam(hit.start, hit.end)).map(|hit| mapped(joined, hit)));
        Ok(())
    }

    /// Base64 and hexadecimal: a blob is a hit if what it decodes to has one.
    fn encoded(&mut self, text: &[u8], depth: usize, hits: &mut Vec<Hit>) -> Result<(), Undecided> {
        if text.len() < MIN_BASE64_RUN {
            return Ok(());
        }
        self.spend(text.len())?;
        hits.extend(long_runs::all(text).map(|((start, end), detector)| Hit { start, end, detector }));
        for blob in blobs::blobs(text) {
            if depth == MAX_DEPTH {
                return Err(Undecided::Depth);
            }
            let mut inner = Vec::new();
            self.read(&blob.decoded, depth + 1, &mut inner)?;
            if let Some(best) = inner.iter().min_by_key(|hit| (hit.detector.rank(), hit.start, hit.detector.id())) {
                hits.push(Hit { start: blob.start, end: blob.end, detector: best.detector });
            }
        }
        Ok(())
    }

    /// The anchors of one reading and their matchers.
    fn literal(&mut self, text: &Text<'_>, hits: &mut Vec<Hit>) -> Result<(), Undecided> {
        self.spend(text.bytes.len())?;
        let literals = self.literals;
        let mut covered = Covered::default();
        for (anchor, start, end) in literals.all_in(text.bytes) {
            self.spend(WORK_PER_ANCHOR)?;
            let before = hits.len();
            if !covered.skips(anchor, start) {
                wake(text, anchor, start, end, self.enabled, hits);
                covered.add(anchor, &hits[before..]);
            }
        }
        if self.enabled.phones {
            let phones = personal::phones(text.bytes);
            hits.extend(phones.map(|(start, end)| Hit { start, end, detector: &detectors::PHONE }));
        }
        Ok(())
    }
}

/// The last hit of each kind of matcher: an anchor of the same kind inside it is part of it, and
/// reading on from there again would make the work quadratic.
#[derive(Default)]
struct Covered {
    last: [(usize, usize); 9],
}

impl Covered {
    /// The kind of matcher; those that read a few bytes only have none.
    fn kind(anchor: Anchor) -> Option<usize> {
        match anchor {
            Anchor::Prefix { .. } => Some(0),
            Anchor::Name => Some(1),
            Anchor::Url | Anchor::Dsn | Anchor::OracleDsn => Some(2),
            Anchor::Jwt => Some(3),
            Anchor::Authorization | Anchor::Bearer | Anchor::Basic => Some(4),
            Anchor::Cookie | Anchor::SessionCookie => Some(5),
            Anchor::PemBegin | Anchor::PemEnd | Anchor::PuttyLines => Some(6),
            Anchor::UnixPath | Anchor::WindowsPath => Some(7),
            Anchor::Environment => Some(8),
            Anchor::AwsKeyId | Anchor::UserFlag | Anchor::Telegram | Anchor::Email => None,
        }
    }

    fn skips(&self, anchor: Anchor, at: usize) -> bool {
        Self::kind(anchor).is_some_and(|kind| {
            let (start, end) = self.last[kind];
            let same_start = matches!(anchor, Anchor::Prefix { .. }) && start == at;
            start <= at && at < end && !same_start
        })
    }

    fn add(&mut self, anchor: Anchor, found: &[Hit]) {
        if let Some(kind) = Self::kind(anchor) {
            for hit in found {
                if hit.end > self.last[kind].1 {
                    self.last[kind] = (hit.start, hit.end);
                }
            }
        }
    }
}

fn mapped(view: &View, hit: &Hit) -> Hit {
    let (start, end) = view.source_range(hit.start, hit.end);
    Hit { start, end, detector: hit.detector }
}

/// Runs the matcher that the anchor at `start..end` wakes.
fn wake(text: &Text<'_>, anchor: Anchor, start: usize, end: usize, enabled: Enabled, hits: &mut Vec<Hit>) {
    let all = text.bytes;
    let mut push = |range: Option<(usize, usize)>, detector: &'static Detector| {
        if let Some((start, end)) = range.filter(|(start, end)| start < end) {
            hits.push(Hit { start, end, detector });
        }
    };
    match anchor {
        Anchor::Prefix { row, prefix } => {
            let rule = &PREFIXED[row];
            push(credentials::prefixed(text, rule, prefix, start), &rule.detector);
        }
        Anchor::Name => {
            if let Some((range, detector)) = named(text, start, end) {
                push(Some(range), detector);
            }
        }
        Anchor::Authorization => {
            if let Some((range, is_basic)) = credentials::authorization(text, start, end) {
                push(Some(range), if is_basic { &detectors::BASIC_AUTH } else { &detectors::AUTHORIZATION });
            }
        }
        Anchor::Bearer => push(credentials::bearer(text, end), &detectors::BEARER),
        Anchor::Basic => push(credentials::basic(text, end), &detectors::BASIC_AUTH),
        Anchor::Cookie => {
            for range in cookies::header(text, start, end) {
                push(Some(range), &detectors::COOKIE);
            }
        }
        Anchor::SessionCookie => push(cookies::session(text, start, end), &detectors::SESSION_COOKIE),
        Anchor::Url => match urls::url_at(text, start) {
            Some(UrlHit::Database(start, end)) => push(Some((start, end)), &detectors::DATABASE_URL),
            Some(UrlHit::Password(start, end)) => push(Some((start, end)), &detectors::URL_PASSWORD),
            None => {}
        },
        Anchor::Dsn => push(urls::dsn_at(text, start), &detectors::DATABASE_DSN),
        Anchor::OracleDsn => push(urls::oracle_at(text, start, end), &detectors::DATABASE_DSN),
        Anchor::PemBegin => push(private_keys::from_begin(all, start, end), &detectors::PEM_PRIVATE_KEY),
        Anchor::PemEnd => push(private_keys::from_end(all, start, end), &detectors::PEM_PRIVATE_KEY),
        Anchor::PuttyLines => push(private_keys::from_putty(all, end), &detectors::PEM_PRIVATE_KEY),
        Anchor::UserFlag => push(credentials::user_flag(text, start, end), &detectors::BASIC_AUTH),
        Anchor::Jwt => push(credentials::jwt(text, start), &detectors::JWT),
        Anchor::AwsKeyId => {
            let id = credentials::aws_key_id(text, start);
            push(id, &detectors::AWS_ACCESS_KEY_ID);
            if let Some((_, end)) = id {
                push(credentials::aws_secret_after(text, end), &detectors::AWS_SECRET);
            }
        }
        Anchor::Telegram => push(credentials::telegram(text, start), &detectors::TELEGRAM_BOT),
        Anchor::Email if enabled.emails => push(personal::email(all, start), &detectors::EMAIL),
        Anchor::UnixPath if enabled.absolute_paths => push(personal::unix_path(all, start, end), &detectors::UNIX_PATH),
        Anchor::WindowsPath if enabled.absolute_paths => {
            push(personal::windows_path(all, start), &detectors::WINDOWS_PATH);
        }
        Anchor::Environment if enabled.environment => push(personal::environment(all, start), &detectors::ENVIRONMENT),
        Anchor::Email | Anchor::UnixPath | Anchor::WindowsPath | Anchor::Environment => {}
    }
}

/// The value of the name around an anchor, if the name and the value say that it is a secret.
fn named(text: &Text<'_>, start: usize, end: usize) -> Option<((usize, usize), &'static Detector)> {
    let all = text.bytes;
    let name = keyword::name_at(all, start, end)?;
    let begin = keyword::value_start(all, name.start, name.end)?;
    let (from, to) = value::extent(text, begin, value::MAX_JUDGED_BYTES)?;
    let is_directory = name.named == Named::Password && all[from] == b'/' && all[start..].starts_with(b"PWD");
    if is_directory || !value::is_plausible(name.named, begin, &all[from..to], &all[to..]) {
        return None;
    }
    let detector = match name.named {
        Named::Password => &detectors::PASSWORD,
        Named::Secret => &detectors::SECRET,
        Named::ApiKey | Named::SomeKey => &detectors::API_KEY,
        Named::Token => &detectors::TOKEN,
        Named::PrivateKey => &detectors::PRIVATE_KEY_FIELD,
        Named::AwsSecret => &detectors::AWS_SECRET,
        Named::AwsSession => &detectors::AWS_SESSION,
        Named::AzureKey => &detectors::AZURE_ACCOUNT,
        Named::Signature => &detectors::AZURE_SAS,
    };
    let whole = value::extent(text, begin, value::MAX_VALUE_BYTES)?;
    Some((whole, detector))
}
