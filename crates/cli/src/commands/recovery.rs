//! What a crash left at work in a store, as whoever opens it next tells of it.

use flightrec_events::Id;
use flightrec_recorder::Reader;

use super::short_ids::ShortIds;
use crate::console::Console;
use crate::output::words;

/// The most sessions that are named.
const NAMED: usize = 5;

/// Says which sessions were cut off and are PAUSED now, and how they go on.
pub(super) fn tell_recovered(console: Console, reader: &Reader, recovered: &[Id], with_advice: bool) {
    if recovered.is_empty() {
        return;
    }
    let short = ShortIds::all(reader);
    let named: Vec<&str> = recovered.iter().take(NAMED).map(|id| short.get(id.as_str())).collect();
    let more = match recovered.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {} more", words::count(more as u64)),
    };
    let advice = if with_advice { "; `flightrec run PLAN --resume` goes on with them" } else { "" };
    let many = words::counted(recovered.len() as u64, "session was", "sessions were");
    console.note(&format!("{many} cut off by a crash and PAUSED (crash_recovery): {}{more}{advice}", named.join(", ")));
}
