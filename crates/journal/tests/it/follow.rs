//! Reading while it is written.

use std::sync::atomic::{AtomicBool, Ordering};

use flightrec_journal::Seq;

use crate::common::{Store, batch, drain, noise, small};

#[test]
fn a_reader_follows_a_writer_across_segments() {
    let store = Store::new();
    let mut cursor = store.reader().cursor(Seq::FIRST);
    assert!(cursor.next().unwrap().is_none(), "a log that is not there yet is empty");
    let mut seen = 0;
    for round in 0..3 {
        let mut writer = store.writer();
        for number in 0..40 {
            writer.append(&batch([noise(round * 100 + number, 1_500)])).unwrap();
            for (seq, record) in drain(&mut cursor) {
                seen += 1;
                assert_eq!(seq.get(), seen);
                assert_eq!(record.len(), 1_500);
            }
            assert_eq!(seen, round * 40 + number + 1, "what is written is visible");
        }
        if round == 1 {
            writer.close().unwrap();
        }
    }
}

#[test]
fn readers_on_other_threads_see_every_record_once_and_no_damage() {
    let store = Store::new();
    let done = AtomicBool::new(false);
    let (rounds, each) = (6, 150);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut cursor = store.reader().cursor(Seq::FIRST);
                let mut seen = 0;
                loop {
                    let last_look = done.load(Ordering::Acquire);
                    for (seq, record) in drain(&mut cursor) {
                        seen += 1;
                        assert_eq!(seq.get(), seen);
                        assert_eq!(record, noise(seen, 700));
                    }
                    if last_look {
                        break;
                    }
                }
                assert_eq!(seen, rounds * each);
            });
        }
        let mut next = 1;
        for _ in 0..rounds {
            let (mut writer, _) = store.writer_with(small());
            for _ in 0..each {
                writer.append(&batch([noise(next, 700)])).unwrap();
                next += 1;
            }
            writer.close().unwrap();
        }
        done.store(true, Ordering::Release);
    });
}
