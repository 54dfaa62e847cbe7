//! What is damaged is told and never served.

use flightrec_sql::{Limits, SqlError};

use crate::support::{Store, ask, try_ask};
use crate::workload::Generator;

#[test]
fn a_damaged_segment_is_named_and_none_of_it_is_served() {
    let workload = Generator::new(4).run(4_000);
    let store = Store::mixed(&workload.events[..3_000], &workload.events[3_000..]);
    let file = store.segments().remove(0);
    let whole = std::fs::read(&file).unwrap();
    let name = file.file_name().unwrap().to_str().unwrap();
    let expected = ask(&store.engine(), "SELECT count(*), sum(seq), max(length(payload_reason)) FROM events");
    let mut refused = 0;
    for at in (4..whole.len()).step_by(whole.len() / 24) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x20;
        std::fs::write(&file, bytes).unwrap();
        for query in
            ["SELECT * FROM events", "SELECT * FROM spans", "SELECT * FROM messages", "SELECT * FROM tool_calls"]
        {
            match try_ask(&store.engine(), query, Limits::default()) {
                Ok(_) => assert_ne!(query, "SELECT * FROM events", "byte {at}"),
                Err(SqlError::Damaged(what)) => {
                    assert!(what.contains(name), "{what}");
                    refused += 1;
                }
                Err(other) => panic!("byte {at}: {query}: {other:?}"),
            }
        }
        // What need not read the damaged place may still answer, and then it is right.
        match try_ask(
            &store.engine(),
            "SELECT count(*), sum(seq), max(length(payload_reason)) FROM events",
            Limits::default(),
        ) {
            Ok((rows, _)) => assert_eq!(rows, expected, "byte {at}"),
            Err(SqlError::Damaged(_)) => {}
            Err(other) => panic!("byte {at}: {other:?}"),
        }
    }
    assert!(refused > 24, "{refused}");
    std::fs::remove_file(&file).unwrap();
    assert!(matches!(try_ask(&store.engine(), "SELECT * FROM events", Limits::default()), Err(SqlError::Damaged(_))));
    std::fs::write(&file, &whole).unwrap();
    assert_eq!(ask(&store.engine(), "SELECT count(*), sum(seq), max(length(payload_reason)) FROM events"), expected);
}
