//! What the names and first pages of all segments tell about a log, before any block of it is read.

use crate::damage::{Damage, DamageKind};
use crate::error::{IoContext, IoFailure, OpenError};
use crate::format::{FormatVersion, SegmentHeader};
use crate::id::{SegmentId, Seq, StoreId};
use crate::layout::{DIR, list_segments, segment_path};
use crate::origin::Origin;
use crate::segment::{Head, SegmentFile, open_segment};
use crate::storage::{Access, Storage};
use crate::walk::{Carry, SegmentWalk, Step, breach};

/// The segments of a log, oldest first, with what their first pages say.
pub(crate) type Heads = Vec<(SegmentId, Head)>;

/// Reads the first page of every segment from the origin on; refuses a log that is newer than this program, or wholly another store's.
pub(crate) fn read_heads(storage: &dyn Storage, store: StoreId, origin: &Origin) -> Result<Heads, OpenError> {
    let mut heads = Heads::new();
    for id in list_segments(storage, origin.segment).context("list", DIR)? {
        let (_, head) = open_segment(storage, store, id, Access::Read)?;
        if let Head::Unreadable(found) = head {
            let path = segment_path(id);
            return Err(OpenError::NewerFormat { path, found, newest_read: FormatVersion::CURRENT });
        }
        heads.push((id, head));
    }
    let ours = heads.iter().any(|(_, head)| !matches!(head, Head::Foreign(_)));
    if let Some((id, Head::Foreign(found))) = heads.last()
        && !ours
    {
        let path = segment_path(*id);
        return Err(OpenError::ForeignStore { path, found: *found, expected: store });
    }
    Ok(heads)
}

/// What the names and first pages tell, with the lost ranges that follow from the segments around.
pub(crate) fn damage_of_heads(
    storage: &dyn Storage,
    store: StoreId,
    origin: &Origin,
    heads: &Heads,
) -> Result<Vec<Damage>, IoFailure> {
    let mut damage = Vec::new();
    let mut before: Option<(SegmentId, SegmentHeader)> = None;
    let mut next_id = origin.segment;
    let mut open: Vec<Damage> = Vec::new();
    for (id, head) in heads {
        let from = match before {
            _ if *id == next_id && matches!(head, Head::Good(_)) && open.is_empty() => origin.seq,
            Some((id, header)) => end_of(storage, store, id, &header)?,
            None => origin.seq,
        };
        if *id > next_id {
            open.push(missing(next_id, from));
        }
        open.extend(damage_of_head(*id, head, from));
        if let Head::Good(header) = head {
            damage.extend(open.drain(..).map(|one| close_range(one, header)));
            if *id == origin.segment {
                damage.extend(breach(*id, header, &origin.carry()));
            }
            before = Some((*id, *header));
        }
        next_id = id.plus(1);
    }
    damage.extend(open);
    Ok(damage)
}

/// The seq that follows the last sound block of a segment.
fn end_of(storage: &dyn Storage, store: StoreId, id: SegmentId, header: &SegmentHeader) -> Result<Seq, IoFailure> {
    let (file, _) = open_segment(storage, store, id, Access::Read)?;
    let file = SegmentFile::new(file, store, id);
    let mut walk = SegmentWalk::new(file, Carry::at_start_of(header), false);
    while !matches!(walk.step()?, Step::End(_)) {}
    Ok(walk.carry.next_seq)
}

/// Ends an open range where the next segment begins.
pub(crate) fn close_range(damage: Damage, next: &SegmentHeader) -> Damage {
    match damage.seq_from {
        // How many were lost is not known: the numbers were given again.
        Some(from) if next.after_loss && next.first_seq == from => damage.losing_from(from),
        Some(from) => damage.losing(from, next.first_seq),
        None => damage,
    }
}

pub(crate) fn missing(id: SegmentId, from: Seq) -> Damage {
    let detail = format!("`{}` is not there", segment_path(id));
    Damage::harmless(DamageKind::MissingSegment, id, 0, detail).losing_from(from)
}

/// The damage that a head amounts to; its range is open when the whole segment is unreadable.
pub(crate) fn damage_of_head(id: SegmentId, head: &Head, from: Seq) -> Option<Damage> {
    match head {
        Head::Good(_) | Head::Unreadable(_) => None,
        Head::Bad(why) => Some(Damage::harmless(DamageKind::BadHeader, id, 0, *why)),
        Head::Foreign(found) => {
            let detail = format!("the file belongs to store {found}");
            Some(Damage::harmless(DamageKind::ForeignStore, id, 0, detail).losing_from(from))
        }
        Head::Misplaced(found) => {
            let detail = format!("the file is segment {found}");
            Some(Damage::harmless(DamageKind::WrongSegment, id, 0, detail).losing_from(from))
        }
    }
}
