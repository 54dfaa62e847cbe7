//! Following a log, block by block.

use crate::block::{Block, BlockRef};
use crate::damage::{Damage, DamageKind};
use crate::error::ReadError;
use crate::log_walk::{LogStep, LogWalk};
use crate::payload::Decoder;

/// What a cursor meets.
#[derive(Clone, Debug)]
pub enum ScanItem {
    /// The records of one batch, verified.
    Block(Block),
    /// Records that are lost; what comes after them follows.
    Damage(Damage),
}

/// Walks a log in the order of its records, across segments, and follows it as it grows.
#[derive(Debug)]
pub struct Cursor {
    walk: LogWalk,
    decoder: Decoder,
}

impl Cursor {
    pub(crate) fn new(walk: LogWalk) -> Self {
        Self { walk, decoder: Decoder::default() }
    }

    /// The next block or damage; `None` at the end of what is visible now, and calling again later goes on from there.
    ///
    /// A half-written block at the end of the newest segment is the end for now.
    ///
    /// # Errors
    ///
    /// When the storage fails, or a later release has taken over; nothing is skipped, and the call may be repeated.
    #[expect(clippy::should_implement_trait, reason = "it can fail, and goes on after `None`")]
    pub fn next(&mut self) -> Result<Option<ScanItem>, ReadError> {
        let (segment, offset, header) = match self.walk.step()? {
            LogStep::Batch { segment, offset, header } => (segment, offset, header),
            LogStep::Damage(damage) => return Ok(Some(ScanItem::Damage(damage))),
            LogStep::End { .. } => return Ok(None),
        };
        let payload = self.walk.payload(offset, &header)?;
        Ok(Some(match self.decoder.decode(&header, payload) {
            Ok(raw) => ScanItem::Block(Block::new(BlockRef::new(segment, offset, &header), &header, raw)),
            Err(why) => {
                let damage = Damage::harmless(DamageKind::BadContent, segment, offset, why);
                ScanItem::Damage(damage.losing(header.first_seq, header.next_seq()))
            }
        }))
    }
}
