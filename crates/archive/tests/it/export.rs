//! Events in a file of their own, and their columns before they are in one.

use flightrec_archive::{EventsFile, TableRows, Value, table_columns};
use flightrec_events::{CheckedEvent, Timestamp};
use flightrec_journal::Seq;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;

use crate::sample::{STORE, events};

fn recorded_at() -> Timestamp {
    Timestamp::from_micros(1_760_000_000_123_456).unwrap()
}

/// Not by session, nor by position: as they come.
fn in_some_order() -> Vec<(Seq, CheckedEvent)> {
    let mut events: Vec<_> = events().into_iter().zip(1..).map(|(event, seq)| (Seq::new(seq), event)).collect();
    events.reverse();
    events
}

fn is_same(found: &Field, expected: Option<Value<'_>>) -> bool {
    match (found, expected) {
        (Field::Null, None) => true,
        (Field::Str(text), Some(Value::String(bytes))) => text.as_bytes() == bytes,
        (Field::Bytes(found), Some(Value::String(bytes))) => found.data() == bytes,
        (Field::Long(found) | Field::TimestampMicros(found), Some(Value::Number(number))) => *found == number,
        (Field::Double(found), Some(Value::Double(number))) => (*found - number).abs() < f64::EPSILON,
        (Field::Bool(found), Some(Value::Bool(bool))) => *found == bool,
        _ => false,
    }
}

#[test]
fn a_file_holds_every_column_of_every_event_in_the_order_in_which_they_came() {
    let events = in_some_order();
    let mut bytes = Vec::new();
    let mut file = EventsFile::create(&mut bytes, STORE).unwrap();
    let mut rows = TableRows::default();
    for (seq, event) in &events {
        file.push(*seq, recorded_at(), event).unwrap();
        rows.push(*seq, recorded_at(), event);
    }
    assert_eq!(file.finish().unwrap() as usize, events.len());
    assert_eq!(rows.len(), events.len());

    let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
    assert_eq!(reader.metadata().row_group(0).sorting_columns(), None, "it claims no order");
    let found: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
    assert_eq!(found.len(), events.len());
    let mut filled = 0;
    for (place, column) in table_columns().iter().enumerate() {
        let mut values = 0;
        for (row, expected) in found.iter().zip(rows.column(place)) {
            let (name, field) = row.get_column_iter().nth(place).unwrap();
            assert_eq!(name, column.name);
            assert!(is_same(field, expected), "{name}: {field:?} is not {expected:?}");
            assert!(expected.is_some() || column.is_nullable, "{name}");
            values += usize::from(expected.is_some());
        }
        filled += usize::from(values > 0);
    }
    assert!(filled > 60, "the sample fills {filled} of {} columns", table_columns().len());
}

#[test]
fn an_output_that_fails_is_told_with_its_cause() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let written = EventsFile::create(Full, STORE).and_then(|mut file| {
        for (seq, event) in in_some_order() {
            file.push(seq, recorded_at(), &event)?;
        }
        file.finish()
    });
    assert_eq!(written.unwrap_err().output(), Some(std::io::ErrorKind::StorageFull));
}
