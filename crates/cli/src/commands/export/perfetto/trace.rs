//! All sessions in one trace.

use std::io::Write;
use std::sync::Arc;

use flightrec_events::Timestamp;
use flightrec_recorder::Reader;
use flightrec_recorder::lanes::HandoverView;
use flightrec_recorder::view::SessionView;
use prost::Message as _;
use rustc_hash::FxHashMap;

use super::super::chosen;
use super::proto::{BOOTTIME, Clock, ClockSnapshot, REALTIME, Trace, TracePacket};
use super::tracks::{Hangs, Tracks, nanos_of, own_track};
use crate::commands::Run;
use crate::commands::short_ids::ShortIds;
use crate::exit::Failure;

/// Writes sessions, parents before their children; answers whether all of them could be read whole.
pub(in crate::commands::export) fn write(
    run: &Run,
    reader: &Reader,
    sessions: &[SessionView],
    out: &mut dyn Write,
) -> Result<bool, Failure> {
    let short = ShortIds::all(reader);
    let places: FxHashMap<Arc<str>, usize> =
        sessions.iter().enumerate().map(|(place, session)| (Arc::clone(&session.session_id), place)).collect();
    // The clock of packets is that of the wall: a snapshot says so, and the UI can show times of day.
    let begun = sessions.iter().filter_map(|session| session.created_at).min().unwrap_or_default();
    send(out, vec![clocks(begun)])?;
    // The other end of what is handed over is told on the lane of the one who gave it, which may be read later.
    let mut got: Vec<HandoverView> = Vec::new();
    let mut place = 0;
    let is_whole = chosen::each_lane(run, reader, sessions, |lane| {
        let session = &lane.session;
        let above = session.parent_session_id.as_ref().and_then(|parent| places.get(parent)).filter(|at| **at < place);
        let hangs = above.map_or(Hangs::Alone, |above| Hangs::Below(own_track(*above)));
        let mut tracks = Tracks::new(place, &chosen::name_of(session, short.get(&session.session_id)), hangs);
        tracks.states(&lane);
        tracks.waits(&lane.waits);
        tracks.spans(&lane.spans);
        let runs = reader.model_runs(Some(&session.session_id)).map_err(|error| run.store.read_failure(&error))?;
        tracks.counters(&runs);
        for handover in &lane.handovers {
            tracks.handover(handover, true);
            got.push(handover.clone());
        }
        place += 1;
        send(out, tracks.into_packets())
    })?;
    for handover in got {
        let Some(place) = places.get(&handover.to_session_id) else { continue };
        let mut packets = Tracks::at(*place);
        packets.handover(&handover, false);
        send(out, packets.into_packets())?;
    }
    out.flush()?;
    Ok(is_whole)
}

fn clocks(at: Timestamp) -> TracePacket {
    let clock = |clock_id| Clock { clock_id: Some(clock_id), timestamp: Some(nanos_of(at)) };
    let clock_snapshot = Some(ClockSnapshot { clocks: vec![clock(BOOTTIME), clock(REALTIME)] });
    TracePacket { clock_snapshot, ..TracePacket::default() }
}

/// A part of a trace is a trace: parts written one after the other are the whole.
fn send(out: &mut dyn Write, packet: Vec<TracePacket>) -> Result<(), Failure> {
    Ok(out.write_all(&Trace { packet }.encode_to_vec())?)
}
