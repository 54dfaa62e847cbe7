//! Passwords in URLs and in the connection strings of databases.

use super::bytes::{self, ALNUM, DASH, DOT, PLUS_SLASH, QUOTE, SPACE, Text};

/// Longest scheme that is read, in bytes.
const MAX_SCHEME_BYTES: usize = 32;
/// Longest user part of a URL that is read, in bytes.
const MAX_USER_BYTES: usize = 1024;
/// Longest URL that is replaced whole, in bytes; a longer one is replaced up to its end of word.
const MAX_URL_BYTES: usize = 8 * 1024;

/// Schemes of databases and brokers; a suffix such as `+asyncpg` is allowed.
const DATABASES: &[&str] = &[
    "postgres",
    "postgresql",
    "psql",
    "mysql",
    "mysqlx",
    "mariadb",
    "mongodb",
    "redis",
    "rediss",
    "valkey",
    "valkeys",
    "amqp",
    "amqps",
    "mssql",
    "sqlserver",
    "clickhouse",
    "clickhouses",
    "chdb",
    "cockroachdb",
    "cockroach",
    "oracle",
    "db2",
    "snowflake",
    "redshift",
    "cassandra",
    "neo4j",
    "bolt",
    "couchbase",
    "couchdb",
    "kafka",
    "nats",
    "mqtt",
    "mqtts",
    "memcached",
    "influxdb",
    "timescaledb",
    "libsql",
    "singlestore",
    "vertica",
    "trino",
    "presto",
    "hive",
    "elasticsearch",
    "opensearch",
    "stomp",
    "pulsar",
    "tds",
];

/// What was found at a `://`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UrlHit {
    /// A database URL, whole.
    Database(usize, usize),
    /// The password in another URL.
    Password(usize, usize),
}

/// The secret in the URL whose `://` stands at `anchor`.
pub(super) fn url_at(text: &Text<'_>, anchor: usize) -> Option<UrlHit> {
    let all = text.bytes;
    let scheme_start = bytes::run_start(all, anchor, ALNUM | DASH | DOT | PLUS_SLASH, MAX_SCHEME_BYTES);
    let scheme_start = (scheme_start..anchor).rev().find(|&at| all[at] == b'/').map_or(scheme_start, |slash| slash + 1);
    let after = anchor + 3;
    let scheme = all[scheme_start..anchor].to_ascii_lowercase();
    let scheme = std::str::from_utf8(&scheme).unwrap_or("");
    let database = is_database(scheme);
    let user_end = user_end(all, after, database)?;
    let user = &all[after..user_end];
    let colon = user.iter().position(|&byte| byte == b':');
    if database {
        let (name, password) = match colon {
            Some(colon) => (&user[..colon], &user[colon + 1..]),
            None => (&user[..0], user),
        };
        if (colon.is_none() && !scheme.starts_with("redis")) || password.is_empty() || is_place_holder(password) {
            return None;
        }
        debug_assert!(name.len() < MAX_USER_BYTES);
        let jdbc = scheme_start.checked_sub(5).filter(|&at| bytes::starts_with(all, at, b"jdbc:"));
        return Some(UrlHit::Database(jdbc.unwrap_or(scheme_start), url_end(text, user_end)));
    }
    let start = match colon {
        Some(colon) => after + colon + 1,
        // A token alone before the @, as Git hosts take it.
        None if user.len() >= 20 && bytes::looks_random(user) => after,
        None => return None,
    };
    let password = &all[start..user_end];
    if password.is_empty() || is_place_holder(password) {
        return None;
    }
    Some(UrlHit::Password(start, user_end))
}

fn is_database(scheme: &str) -> bool {
    let scheme = scheme.split('+').next().unwrap_or(scheme);
    DATABASES.contains(&scheme)
}

/// The place of the `@` that ends the user part. A password may hold `@`; in a database URL also
/// `/`, `?` and `#`.
fn user_end(all: &[u8], from: usize, database: bool) -> Option<usize> {
    let stop = all.len().min(from + MAX_USER_BYTES);
    let mut last = None;
    for (at, &byte) in all.iter().enumerate().take(stop).skip(from) {
        match byte {
            b'@' => {
                last = Some(at);
            }
            b'/' | b'?' | b'#' if last.is_some() || !database => break,
            b'"' | b'`' | b'<' | b'>' | b' ' | b'\t' | b'\n' | b'\r' | b'\\' => break,
            _ => {}
        }
    }
    last
}

fn url_end(text: &Text<'_>, from: usize) -> usize {
    let all = text.bytes;
    let stop = all.len().min(from + MAX_URL_BYTES);
    let mut at = from;
    while at < stop
        && !bytes::is(all[at], SPACE | QUOTE)
        && !matches!(all[at], b'<' | b'>' | b'\\' | b')' | b'}' | b']' | b'|')
    {
        if text.is_seam(at) && at > from + 1 {
            break;
        }
        at += 1;
    }
    while at > from && matches!(all[at - 1], b'.' | b',' | b';' | b':') {
        at -= 1;
    }
    at
}

/// `***`, `${PASSWORD}`, `<password>`, `{password}`, `$PASSWORD`.
fn is_place_holder(password: &[u8]) -> bool {
    let masks = password.iter().all(|byte| matches!(byte, b'*' | b'x' | b'X' | b'.' | b'-'));
    let named = match password[0] {
        b'$' => {
            let name = &password[1..];
            name.first().is_some_and(|byte| matches!(byte, b'{' | b'('))
                || bytes::all(name, bytes::UPPER | bytes::UNDERSCORE)
        }
        b'{' => password.ends_with(b"}"),
        b'[' => password.ends_with(b"]"),
        _ => false,
    };
    masks || named
}

/// `user:password` before `@tcp(` or `@unix(`, the form of Go's MySQL driver; the range goes on to
/// the end of the word.
pub(super) fn dsn_at(text: &Text<'_>, anchor: usize) -> Option<(usize, usize)> {
    let all = text.bytes;
    let stop = anchor.saturating_sub(256);
    let start = (stop..anchor)
        .rev()
        .find(|&at| bytes::is(all[at], SPACE | QUOTE) || matches!(all[at], b'=' | b'<' | b'>' | b'\\' | b'/'))
        .map_or(stop, |at| at + 1);
    let colon = all[start..anchor].iter().position(|&byte| byte == b':')?;
    let password = &all[start + colon + 1..anchor];
    if password.is_empty() || is_place_holder(password) {
        return None;
    }
    let end = bytes::until(all, anchor, SPACE | QUOTE, 512);
    Some((start, end))
}

/// `jdbc:oracle:thin:user/password@…`.
pub(super) fn oracle_at(text: &Text<'_>, anchor: usize, after: usize) -> Option<(usize, usize)> {
    let all = text.bytes;
    let end = bytes::until(all, after, SPACE | QUOTE, 512);
    let body = &all[after..end];
    let at = body.iter().rposition(|&byte| byte == b'@')?;
    let slash = body[..at].iter().position(|&byte| byte == b'/')?;
    let password = &body[slash + 1..at];
    (!password.is_empty() && !is_place_holder(password)).then_some((anchor, end))
}
