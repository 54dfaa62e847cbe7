//! Re-reading everything.

use std::sync::Arc;

use crate::chain::{ChainHash, link_of_payload};
use crate::damage::{Damage, DamageKind};
use crate::error::ReadError;
use crate::frame::FrameHeader;
use crate::id::{Seq, StoreId};
use crate::log_walk::{LogStep, LogWalk, Torn};
use crate::origin::Origin;
use crate::payload::Decoder;
use crate::sabotage::{Sabotage, sabotaged};
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
    /// The last link of the hash chain; the origin's for a log without blocks.
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

/// Reads every byte of a log from its origin on: digests, hash chain, gap-free numbers, record lengths, and whether each
/// link is the one that follows from its block's records. Writes nothing.
///
/// `progress` is called after each block.
///
/// # Errors
///
/// When the storage fails or a later release wrote a segment. Damage is no error: it is in the report.
pub fn verify(
    storage: &Arc<dyn Storage>,
    store: StoreId,
    origin: Origin,
    mut progress: impl FnMut(VerifyProgress),
) -> Result<JournalReport, ReadError> {
    let mut walk = LogWalk::new(Arc::clone(storage), store, origin, origin.seq, true);
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
        if let Err((kind, why)) = check_content(&mut decoder, &header, payload) {
            let one = Damage::harmless(kind, segment, offset, why);
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

/// What is wrong with the records of a block whose digest matches.
fn check_content(
    decoder: &mut Decoder,
    header: &FrameHeader,
    payload: &[u8],
) -> Result<(), (DamageKind, &'static str)> {
    let raw = decoder.decode(header, payload).map_err(|why| (DamageKind::BadContent, why))?;
    let link = link_of_payload(header.prev, header.first_seq, header.count, header.stamp_us, &raw);
    if link != header.link && !sabotaged(Sabotage::NoLinkCheck) {
        return Err((
            DamageKind::BadLink,
            "the link does not follow from the records: they are not those that were written",
        ));
    }
    Ok(())
}
