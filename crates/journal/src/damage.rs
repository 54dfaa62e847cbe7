//! What can be wrong with a log, by name.

use std::fmt;

use crate::id::{SegmentId, Seq};

/// The closed list of damages; [`name`](Self::name) is stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DamageKind {
    /// Bytes that were durable are no longer the block that was written there.
    BadBlock,
    /// A block with a matching digest holds records that cannot be read.
    BadContent,
    /// The first page of a segment is not a sound header.
    BadHeader,
    /// The file belongs to another store.
    ForeignStore,
    /// The file is another segment of this store, under a wrong name.
    WrongSegment,
    /// The file is not there.
    MissingSegment,
    /// The file ends before its end marker.
    Truncated,
    /// There are bytes behind the end marker.
    TrailingBytes,
    /// Sound blocks follow one another, but records between them are gone.
    SeqGap,
    /// A sound block repeats records that came before it; it is not served.
    SeqRepeated,
    /// The hash chain does not continue: what came before is not what was written.
    ChainBroken,
    /// A block with a matching digest has a link that does not follow from its records.
    BadLink,
}

impl DamageKind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::BadBlock,
        Self::BadContent,
        Self::BadHeader,
        Self::ForeignStore,
        Self::WrongSegment,
        Self::MissingSegment,
        Self::Truncated,
        Self::TrailingBytes,
        Self::SeqGap,
        Self::SeqRepeated,
        Self::ChainBroken,
        Self::BadLink,
    ];

    /// The name that reports use; never changed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BadBlock => "bad_block",
            Self::BadContent => "bad_content",
            Self::BadHeader => "bad_header",
            Self::ForeignStore => "foreign_store",
            Self::WrongSegment => "wrong_segment",
            Self::MissingSegment => "missing_segment",
            Self::Truncated => "truncated",
            Self::TrailingBytes => "trailing_bytes",
            Self::SeqGap => "seq_gap",
            Self::SeqRepeated => "seq_repeated",
            Self::ChainBroken => "chain_broken",
            Self::BadLink => "bad_link",
        }
    }
}

impl fmt::Display for DamageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One damage: where it is and which records it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// What is wrong.
    pub kind: DamageKind,
    /// The segment in which it was met.
    pub segment: SegmentId,
    /// The offset in the segment's file, in bytes.
    pub offset: u64,
    /// The first record that is lost or in doubt; `None` when no record is touched.
    pub seq_from: Option<Seq>,
    /// The last such record; `None` with `seq_from` set when how many there were is not known.
    pub seq_to: Option<Seq>,
    /// What was found, for people.
    pub detail: String,
}

impl Damage {
    /// A damage that touches no record.
    pub(crate) fn harmless(kind: DamageKind, segment: SegmentId, offset: u64, detail: impl Into<String>) -> Self {
        Self { kind, segment, offset, seq_from: None, seq_to: None, detail: detail.into() }
    }

    /// Sets the lost records to `from..next`, none when that is empty.
    #[must_use]
    pub(crate) fn losing(mut self, from: Seq, next: Seq) -> Self {
        (self.seq_from, self.seq_to) = if from < next { (Some(from), next.before()) } else { (None, None) };
        self
    }

    /// Sets the lost records to everything from `from` on, however many there were.
    #[must_use]
    pub(crate) fn losing_from(mut self, from: Seq) -> Self {
        (self.seq_from, self.seq_to) = (Some(from), None);
        self
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in segment {} at byte {}", self.kind, self.segment, self.offset)?;
        match (self.seq_from, self.seq_to) {
            (Some(from), Some(to)) => write!(f, ", records {from} to {to}")?,
            (Some(from), None) => write!(f, ", records from {from} on")?,
            (None, _) => {}
        }
        write!(f, ": {}", self.detail)
    }
}
