//! Builds that are broken on purpose.
//!
//! A test suite is worth what it catches. With the cargo feature `sabotage` each switch below, named in the
//! environment variable `FLIGHTREC_SABOTAGE` (several: separated by commas), breaks one promise; the fault runs must
//! then fail. Without the feature every question is answered `false` at compile time.

/// One way to break the recorder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// A sync is reported without being asked of the disk.
    SkipSync,
    /// Records are acknowledged before they are synced.
    AckBeforeSync,
    /// Digests are not compared when reading.
    NoDigestCheck,
    /// A failed sync is tried again and the second answer believed.
    RetryFailedSync,
    /// Directories are not synced.
    NoDirSync,
    /// Recovery leaves the torn tail in place.
    KeepTornTail,
    /// Recovery cuts proven damage as if it were a torn tail.
    CutDamageAsTorn,
    /// Digests and headers do not bind store and segment.
    NoStoreBinding,
    /// One batch is written as two blocks.
    SplitBatch,
    /// The rest of a short write is forgotten.
    IgnoreShortWrite,
    /// A failed writer goes on.
    NoPoison,
    /// Recovery trusts what the page cache shows and does not write it again.
    TrustCache,
    /// A roll begins with the new segment before the old one is synced.
    NoSealSync,
    /// Hash-chain links are not compared when reading.
    NoChainCheck,
    /// That links follow from the records is not checked.
    NoLinkCheck,
    /// The recorder forgets which events it has taken.
    SkipIdempotency,
    /// The recorder redacts after the first write.
    RedactAfterWrite,
    /// The recorder folds events before they are durable.
    FoldBeforeDurable,
    /// The recorder believes a snapshot without checking it.
    SkipSnapshotCheck,
    /// The recorder counts usage twice.
    UsageCountedTwice,
    /// A segment of the archive is not synced before the manifest names it.
    NoArchiveSync,
    /// What is read of a segment is not compared with its checksums, nor the segment with its digest.
    NoSegmentCheck,
    /// The record does not tell of what was forgotten.
    ForgetUntold,
    /// A snapshot from before something was forgotten is taken for the present.
    KeepOldSnapshot,
}

impl Sabotage {
    /// Every switch.
    pub const ALL: [Self; 24] = [
        Self::SkipSync,
        Self::AckBeforeSync,
        Self::NoDigestCheck,
        Self::RetryFailedSync,
        Self::NoDirSync,
        Self::KeepTornTail,
        Self::CutDamageAsTorn,
        Self::NoStoreBinding,
        Self::SplitBatch,
        Self::IgnoreShortWrite,
        Self::NoPoison,
        Self::TrustCache,
        Self::NoSealSync,
        Self::NoChainCheck,
        Self::NoLinkCheck,
        Self::SkipIdempotency,
        Self::RedactAfterWrite,
        Self::FoldBeforeDurable,
        Self::SkipSnapshotCheck,
        Self::UsageCountedTwice,
        Self::NoArchiveSync,
        Self::NoSegmentCheck,
        Self::ForgetUntold,
        Self::KeepOldSnapshot,
    ];

    /// The name that `FLIGHTREC_SABOTAGE` takes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SkipSync => "skip-sync",
            Self::AckBeforeSync => "ack-before-sync",
            Self::NoDigestCheck => "no-digest-check",
            Self::RetryFailedSync => "retry-failed-sync",
            Self::NoDirSync => "no-dir-sync",
            Self::KeepTornTail => "keep-torn-tail",
            Self::CutDamageAsTorn => "cut-damage-as-torn",
            Self::NoStoreBinding => "no-store-binding",
            Self::SplitBatch => "split-batch",
            Self::IgnoreShortWrite => "ignore-short-write",
            Self::NoPoison => "no-poison",
            Self::TrustCache => "trust-cache",
            Self::NoSealSync => "no-seal-sync",
            Self::NoChainCheck => "no-chain-check",
            Self::NoLinkCheck => "no-link-check",
            Self::SkipIdempotency => "skip-idempotency",
            Self::RedactAfterWrite => "redact-after-write",
            Self::FoldBeforeDurable => "fold-before-durable",
            Self::SkipSnapshotCheck => "skip-snapshot-check",
            Self::UsageCountedTwice => "usage-counted-twice",
            Self::NoArchiveSync => "no-archive-sync",
            Self::NoSegmentCheck => "no-segment-check",
            Self::ForgetUntold => "forget-untold",
            Self::KeepOldSnapshot => "keep-old-snapshot",
        }
    }
}

/// Whether this build is to be broken in this way; always `false` without the cargo feature `sabotage`.
#[cfg(not(feature = "sabotage"))]
#[inline]
pub const fn sabotaged(_switch: Sabotage) -> bool {
    false
}

/// Whether this process is to be broken in this way, by `FLIGHTREC_SABOTAGE` as it stood at the first question.
///
/// # Panics
///
/// When the variable names a switch that does not exist: a typing error must not look like a healthy build.
#[cfg(feature = "sabotage")]
pub fn sabotaged(switch: Sabotage) -> bool {
    use std::sync::OnceLock;
    static ACTIVE: OnceLock<Vec<Sabotage>> = OnceLock::new();
    let active = ACTIVE.get_or_init(|| {
        let wanted = std::env::var("FLIGHTREC_SABOTAGE").unwrap_or_default();
        let names = wanted.split(',').map(str::trim).filter(|name| !name.is_empty());
        names
            .map(|name| {
                let found = Sabotage::ALL.into_iter().find(|switch| switch.name() == name);
                found.unwrap_or_else(|| panic!("FLIGHTREC_SABOTAGE: no switch is called `{name}`"))
            })
            .collect()
    });
    active.contains(&switch)
}
