//! The side that waits for input: it reads, parses and submits, and never waits for the disk but
//! when the window is full.

use std::io::{self, Read};
use std::sync::mpsc::SyncSender;

use flightrec_recorder::{Mode, Recorder};

use super::intake::{Intake, Parcel};
use super::lines::LineReader;
use super::window::Window;

/// What the feeding side tells the side that answers.
#[derive(Debug)]
pub(crate) enum Message {
    /// Lines were submitted.
    Parcel(Parcel),
    /// The input cannot be read any more.
    InputFailed(io::Error),
}

/// Feeds a recorder until the input ends, fails, or nobody takes the answers.
///
/// Whatever one read has brought is submitted before the next, which may have to wait: an event
/// that trickles in is on its way to the disk at once, and a flood travels in large parcels.
pub(crate) fn feed(input: impl Read, recorder: &Recorder, mode: Mode, window: &Window, answers: &SyncSender<Message>) {
    let mut lines = LineReader::new(input);
    let mut intake = Intake::default();
    loop {
        match lines.fill() {
            Err(error) => {
                // If nobody takes it, the answering side has ended and tells why.
                let _nobody_listens = answers.send(Message::InputFailed(error)).is_ok();
                return;
            }
            Ok(false) => return,
            Ok(true) => {}
        }
        let input_bytes = lines.bytes();
        loop {
            let next = lines.next_line();
            let ends = next.is_none();
            if let Some((number, line)) = next {
                intake.take(recorder.registry(), number, &line);
            }
            if (ends || intake.is_full()) && !submit(&mut intake, input_bytes, recorder, mode, window, answers) {
                return;
            }
            if ends {
                break;
            }
        }
    }
}

/// Submits what was gathered. Answers whether to go on.
fn submit(
    intake: &mut Intake,
    input_bytes: u64,
    recorder: &Recorder,
    mode: Mode,
    window: &Window,
    answers: &SyncSender<Message>,
) -> bool {
    let Some((entries, events, bytes)) = intake.close() else { return true };
    window.enter(bytes);
    let ticket = (!events.is_empty()).then(|| recorder.record_batch(events, mode));
    answers.send(Message::Parcel(Parcel { entries, ticket, bytes, input_bytes })).is_ok()
}
