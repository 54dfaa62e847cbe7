//! The cheap test that ends the work for nearly every text, and the automaton behind it.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::blobs;
use super::bytes::{self, DASH, DIGIT, ESCAPE, HEX, NEWLINE};
use super::long_runs;
use super::personal;
use super::policy::Enabled;
use super::prefixes::PREFIXED;

/// Which matcher an anchor wakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    /// A row of the prefix table, with the exact spelling of its prefix.
    Prefix { row: usize, prefix: &'static str },
    /// Part of a name such as `password` or `api_key`, whose value may follow.
    Name,
    /// `authorization`.
    Authorization,
    /// `bearer`.
    Bearer,
    /// `basic `.
    Basic,
    /// `cookie`.
    Cookie,
    /// The name of a session cookie.
    SessionCookie,
    /// `://`.
    Url,
    /// `@tcp(` and `@unix(`.
    Dsn,
    /// `jdbc:oracle:`.
    OracleDsn,
    /// `-----begin`.
    PemBegin,
    /// `private key-----`.
    PemEnd,
    /// `private-lines:` of PuTTY's format.
    PuttyLines,
    /// `-u ` and `--user `, whose value may be a user and a password.
    UserFlag,
    /// `eyj`.
    Jwt,
    /// The first four characters of an AWS access key id.
    AwsKeyId,
    /// `:AA`, inside a Telegram bot token.
    Telegram,
    /// `@`, by policy.
    Email,
    /// `/home/` and the like, by policy.
    UnixPath,
    /// `:\` and `\\`, by policy.
    WindowsPath,
    /// `=`, by policy.
    Environment,
}

const CODED: &[(Anchor, &[&str])] = &[
    (
        Anchor::Name,
        &[
            "passw",
            "passphrase",
            "passcode",
            "pass=",
            "pass:",
            "pass\"",
            "pass'",
            "pass =",
            "pwd",
            "secret",
            "token",
            "apikey",
            "api_key",
            "api-key",
            "api key",
            "access_key",
            "access-key",
            "accesskey",
            "accountkey",
            "private_key",
            "privatekey",
            "private-key",
            "auth_key",
            "authkey",
            "_key=",
            "_key:",
            "_key\"",
            "_key'",
            "_key =",
            "-key:",
            "-key=",
            "-key\"",
            "signing_key",
            "encryption_key",
            "masterkey",
            "sig=",
            "signature=",
            "_auth=",
            "--pass",
            "credential",
        ],
    ),
    (Anchor::Authorization, &["authorization"]),
    (Anchor::Bearer, &["bearer"]),
    (Anchor::Basic, &["basic "]),
    (Anchor::Cookie, &["cookie"]),
    (Anchor::SessionCookie, &["session=", "sessid", "sessionid", "connect.sid", "_session", "sid="]),
    (Anchor::Url, &["://"]),
    (Anchor::Dsn, &["@tcp(", "@unix("]),
    (Anchor::OracleDsn, &["jdbc:oracle:"]),
    (Anchor::PemBegin, &["-----begin"]),
    (Anchor::PemEnd, &["private key-----", "private key block-----"]),
    (Anchor::PuttyLines, &["private-lines:"]),
    (Anchor::UserFlag, &[" -u ", "--user ", "--proxy-user "]),
    (Anchor::Jwt, &["eyj"]),
    (Anchor::AwsKeyId, &["akia", "asia", "abia"]),
    (Anchor::Telegram, &[":aa"]),
];

/// Anchors that only a policy wakes; the automaton without them is used where it is off.
const BY_POLICY: &[(Anchor, &[&str])] = &[
    (Anchor::Email, &["@"]),
    (
        Anchor::UnixPath,
        &[
            "/home/",
            "/users/",
            "/root/",
            "/etc/",
            "/var/",
            "/tmp/",
            "/opt/",
            "/usr/",
            "/mnt/",
            "/srv/",
            "/private/",
            "/volumes/",
            "/workspace",
            "/data/",
            "/app/",
            "/proc/",
            "/run/",
            "/media/",
        ],
    ),
    (Anchor::WindowsPath, &[":\\", "\\\\"]),
    (Anchor::Environment, &["="]),
];

/// Shortest run of base64 characters that is read as an encoding, in bytes.
pub(super) const MIN_BASE64_RUN: usize = 24;
/// Shortest run of hexadecimal digits that is read as an encoding, in bytes.
pub(super) const MIN_HEX_RUN: usize = 32;

/// A literal automaton and what each of its patterns wakes.
#[derive(Debug)]
pub(super) struct Literals {
    automaton: AhoCorasick,
    anchors: Vec<Anchor>,
}

impl Literals {
    fn build(patterns: Vec<(&'static str, Anchor)>) -> Self {
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::DFA))
            .prefilter(false)
            .build(patterns.iter().map(|(literal, _)| literal))
            .expect("a few hundred short literals fit any automaton");
        Self { automaton, anchors: patterns.into_iter().map(|(_, anchor)| anchor).collect() }
    }

    /// The anchors that are always looked for.
    pub(super) fn always() -> Self {
        Self::build(always_on().collect())
    }

    /// The anchors that are always looked for and those that a policy may turn on.
    pub(super) fn with_policy() -> Self {
        Self::build(always_on().chain(flatten(BY_POLICY)).collect())
    }

    /// Whether any anchor is in `bytes`.
    pub(super) fn any_in(&self, bytes: &[u8]) -> bool {
        self.automaton.is_match(bytes)
    }

    /// Every anchor in `bytes` with its place, overlapping ones too, by ascending end.
    pub(super) fn all_in<'b>(&'b self, bytes: &'b [u8]) -> impl Iterator<Item = (Anchor, usize, usize)> + 'b {
        self.automaton
            .find_overlapping_iter(bytes)
            .map(|found| (self.anchors[found.pattern().as_usize()], found.start(), found.end()))
    }
}

fn always_on() -> impl Iterator<Item = (&'static str, Anchor)> {
    let prefixed = PREFIXED
        .iter()
        .enumerate()
        .flat_map(|(row, rule)| rule.prefixes.iter().map(move |&prefix| (prefix, Anchor::Prefix { row, prefix })));
    prefixed.chain(flatten(CODED))
}

fn flatten(table: &'static [(Anchor, &'static [&'static str])]) -> impl Iterator<Item = (&'static str, Anchor)> {
    table.iter().flat_map(|&(anchor, literals)| literals.iter().map(move |&literal| (literal, anchor)))
}

/// Whether `text` holds nothing that a detector finds. `false` means: look closer.
#[inline]
pub(super) fn is_clean(literals: &Literals, text: &[u8], enabled: Enabled) -> bool {
    let seen = bytes::classes_in(text);
    if seen & !(HEX | DASH) == 0 && !enabled.phones {
        return text.len() < MIN_HEX_RUN || !blobs::any_hex(text);
    }
    if seen & (ESCAPE | NEWLINE) != 0 || literals.any_in(text) {
        return false;
    }
    if text.len() >= MIN_BASE64_RUN && (blobs::any_base64(text) || blobs::any_hex(text) || long_runs::any(text)) {
        return false;
    }
    !(enabled.phones && seen & DIGIT != 0 && personal::any_phone(text))
}
