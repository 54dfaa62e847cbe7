//! Commands about what stays and what goes.

use clap::Args;
use flightrec_recorder::RetentionPolicy;
use flightrec_server::times::age_us;

/// `hold`
#[derive(Debug, Args)]
#[command(
    after_help = "A held session, and the whole spawn tree it stands in, is forgotten by no policy. Without a session
all holds are listed. Placing a hold works while another process writes to the store.

Examples:
  $ flightrec hold 0199a7b1 --reason 'incident 42'
  $ flightrec hold
  $ flightrec hold 0199a7b1 --release"
)]
pub(crate) struct HoldArgs {
    /// The sessions, each by a unique beginning of its id
    #[arg(value_name = "SESSION")]
    pub(crate) sessions: Vec<String>,
    /// Why they are held
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true, conflicts_with = "release")]
    pub(crate) reason: String,
    /// Release the holds instead
    #[arg(long, requires = "sessions")]
    pub(crate) release: bool,
}

/// `seal`
#[derive(Debug, Args)]
#[command(
    after_help = "A store seals by itself once there is enough for a segment; this does it at once, for all that was
recorded so far. The archive is plain Parquet in `archive/events`, which other engines read as it lies.

Examples:
  $ flightrec seal
  $ flightrec seal --format json | jq .archive_bytes"
)]
pub(crate) struct SealArgs {}

/// `retain`
#[derive(Debug, Args)]
#[command(
    after_help = "A session goes with its whole spawn tree or not at all, and its age is that of the tree's latest event. Held
sessions stay. What was forgotten is told by an event in the record, content goes with the last event that names it, and
what is left still verifies. Nothing is forgotten by a clock that jumped.

It needs the store for itself: beside a running server give the policy to `flightrec up --retain-older-than`.

Examples:
  $ flightrec retain --older-than 30d --dry-run
  $ flightrec retain --older-than 30d
  $ flightrec retain --max-size 20GB --format json | jq .events"
)]
pub(crate) struct RetainArgs {
    /// Forget trees whose latest event is older than this
    #[arg(long, value_name = "AGE", value_parser = age_us, required_unless_present = "max_size")]
    pub(crate) older_than: Option<u64>,
    /// Forget the trees that were touched longest ago, until the log has at most this size
    #[arg(long, value_name = "SIZE", value_parser = size_bytes)]
    pub(crate) max_size: Option<u64>,
    /// Only say what would be forgotten
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// The clock is right, although nothing was recorded for longer than the policy keeps
    #[arg(long)]
    pub(crate) trust_clock: bool,
    /// Every session may go
    #[arg(long)]
    pub(crate) all: bool,
}

impl RetainArgs {
    pub(crate) const fn policy(&self) -> RetentionPolicy {
        RetentionPolicy { older_than_us: self.older_than, keep_bytes: self.max_size }
    }
}

/// A policy for as long as a server runs.
#[derive(Debug, Args)]
pub(crate) struct ServedPolicyArgs {
    /// Once an hour, forget trees whose latest event is older than this
    #[arg(long, value_name = "AGE", value_parser = age_us)]
    retain_older_than: Option<u64>,
    /// Once an hour, forget the trees that were touched longest ago, until the log has at most this size
    #[arg(long, value_name = "SIZE", value_parser = size_bytes)]
    retain_max_size: Option<u64>,
}

impl ServedPolicyArgs {
    pub(crate) const fn policy(&self) -> RetentionPolicy {
        RetentionPolicy { older_than_us: self.retain_older_than, keep_bytes: self.retain_max_size }
    }
}

/// Reads a size such as `512MiB`, `20GB` or `1000000`.
fn size_bytes(text: &str) -> Result<u64, String> {
    let bad = || "expected a size such as 512MiB, 20GB or 1000000 (bytes)".to_owned();
    let digits = text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    let (number, unit) = text.split_at(digits);
    let unit_bytes: u64 = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" | "k" => 1_000,
        "mb" | "m" => 1_000_000,
        "gb" | "g" => 1_000_000_000,
        "tb" | "t" => 1_000_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        _ => return Err(bad()),
    };
    let bytes = match number.parse::<u64>() {
        Ok(number) => number.checked_mul(unit_bytes),
        Err(_) => number.parse::<f64>().ok().map(|number| (number * unit_bytes as f64) as u64),
    };
    bytes.ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_every_unit() {
        let cases = [
            ("0", Some(0)),
            ("1000000", Some(1_000_000)),
            ("512MiB", Some(512 << 20)),
            ("1.5 GB", Some(1_500_000_000)),
            ("20g", Some(20_000_000_000)),
            ("2TiB", Some(2 << 40)),
            ("", None),
            ("GB", None),
            ("-5", None),
            ("5 parsecs", None),
            ("99999999999999999999", None),
            ("18446744073709551615KB", None),
        ];
        for (text, bytes) in cases {
            assert_eq!(size_bytes(text).ok(), bytes, "{text}");
        }
    }
}
