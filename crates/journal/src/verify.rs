//! Re-reading everything.

use std::sync::Arc;

use crate::damage::{Damage, DamageKind};
use crate::error::ReadError;
use crate::id::{ChainHash, Seq, StoreId};
use crate::log_walk::{LogStep, LogWalk, Torn};
use crate::payload::Decoder;
use crate::storage::Storage;

/// What a whole log holds, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalReport {
    /// How many segment files were read.
    pub segments: u64,
    /// How many sound blocks.
    pub blocks: u64,
    /// How many sound records.
    pub records: u64,
    /// How many bytes the sound blocks take on disk.
    pub bytes: u64,
    /// The first sound record.
    pub first_seq: Option<Seq>,
    /// The last sound record.
    pub last_seq: Option<Seq>,
    /// The last link of the hash chain.
    pub chain_head: ChainHash,
    /// Everything that is wrong, in the order of the log; empty for a sound one.
    pub damage: Vec<Damage>,
    /// A half-written block at the end, which was never acknowledged and which the next writer clears; no damage.
    pub torn_tail: Option<Torn>,
}

/// How far a verification has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifyProgress {
    /// Sound blocks so far.
    pub blocks: u64,
    /// Sound records so far.
    pub records: u64,
    /// Bytes of sound blocks so far.
    pub bytes: u64,
}

/// Reads every byte of a log: digests, hash chain, gap-free numbers, record lengths. Writes nothing.
///
/// `progress` is called after each block.
///
/// # Errors
///
/// When the storage fails or a later release wrote a segment. Damage is no error: it is in the report.
pub fn verify(
    storage: &Arc<dyn Storage>,
    store: StoreId,
    mut progress: impl FnMut(VerifyProgress),
) -> Result<JournalReport, ReadError> {
    let mut walk = LogWalk::new(Arc::clone(storage), store, Seq::FIRST, true);
    let mut decoder = Decoder::default();
    let mut so_far = VerifyProgress { blocks: 0, records: 0, bytes: 0 };
    let (mut first_seq, mut last_seq) = (None, None);
    let mut damage = Vec::new();
    let torn_tail = loop {
        let (segment, offset, header) = match walk.step()? {
            LogStep::Batch { segment, offset, header } => (segment, offset, header),
            LogStep::Damage(one) => {
                damage.push(one);
                continue;
            }
            LogStep::End { torn } => break torn,
        };
        let payload = walk.payload(offset, &header)?;
        if let Err(why) = decoder.decode(&header, payload) {
            let one = Damage::harmless(DamageKind::BadContent, segment, offset, why);
            damage.push(one.losing(header.first_seq, header.next_seq()));
            continue;
        }
        first_seq = first_seq.or(Some(header.first_seq));
        last_seq = header.next_seq().before();
        so_far.blocks += 1;
        so_far.records += u64::from(header.count);
        so_far.bytes += header.frame_len();
        progress(so_far);
    };
    Ok(JournalReport {
        segments: walk.segments,
        blocks: so_far.blocks,
        records: so_far.records,
        bytes: so_far.bytes,
        first_seq,
        last_seq,
        chain_head: walk.carry().head,
        damage,
        torn_tail,
    })
}
