//! Plain Parquet: the rows in the order in which they come, by the Parquet library with its own defaults, compressed as
//! a segment of ours is. It has no engine; DuckDB asks it.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;

use super::figures::Figures;
use super::phase::Progress;
use super::rows::{COLUMNS, Cell, Column, Holds, Row};
use crate::Res;
use crate::measure::{peak_mib, time};

/// As the segments of the archive have.
const LEVEL: i32 = 3;
/// The library's own default.
const GROUP_ROWS: usize = 1 << 20;
/// How many values the library is given at once.
const WRITE_ROWS: usize = 8192;

/// Writes all events to a file, and makes it durable.
pub fn build(file: &Path, events: usize) -> Res<Figures> {
    let progress = Progress::new("plain Parquet", events);
    let (written, nanos) = time(|| write(file, events, &progress));
    written?;
    let mut figures = Figures::default();
    figures.set("build_events_per_s", events as f64 / (nanos as f64 / 1e9));
    figures.set("bytes_per_event", file.metadata()?.len() as f64 / events as f64);
    figures.set("build_peak_mib", peak_mib());
    Ok(figures)
}

fn write(path: &Path, events: usize, progress: &Progress) -> Res<()> {
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::try_new(LEVEL)?)).build();
    let file = File::create(path)?;
    let out = BufWriter::with_capacity(1 << 20, file.try_clone()?);
    let mut parquet = SerializedFileWriter::new(out, Arc::new(parse_message_type(&message())?), Arc::new(properties))?;
    let mut columns: Vec<Values> = COLUMNS.iter().map(Values::new).collect();
    let mut row = Row::default();
    for (at, event) in super::workload(events).enumerate() {
        row.next(&event);
        columns.iter_mut().zip(row.cells()).for_each(|(column, cell)| column.push(cell));
        if (at + 1) % GROUP_ROWS == 0 || at + 1 == events {
            let mut group = parquet.next_row_group()?;
            let mut values = columns.iter_mut();
            while let (Some(mut writer), Some(values)) = (group.next_column()?, values.next()) {
                values.write(&mut writer)?;
                writer.close()?;
                values.clear();
            }
            group.close()?;
            progress.at(at + 1);
        }
    }
    parquet.into_inner()?.into_inner().map_err(|error| error.into_error())?;
    Ok(file.sync_all()?)
}

/// The columns in Parquet's own language.
fn message() -> String {
    let field = |column: &Column| {
        let repetition = if column.nullable { "optional" } else { "required" };
        let (holds, meaning) = match column.holds {
            Holds::Int => ("int64", ""),
            Holds::Time => ("int64", " (TIMESTAMP(MICROS,false))"),
            Holds::Text => ("binary", " (STRING)"),
        };
        format!("{repetition} {holds} {}{meaning};", column.name)
    };
    format!("message events {{ {} }}", COLUMNS.iter().map(field).collect::<Vec<_>>().join(" "))
}

/// The values of one column of a row group.
struct Values {
    holds: Holds,
    levels: Option<Vec<i16>>,
    numbers: Vec<i64>,
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Values {
    fn new(column: &Column) -> Self {
        let levels = column.nullable.then(Vec::new);
        Self { holds: column.holds, levels, numbers: Vec::new(), text: Vec::new(), ends: Vec::new() }
    }

    fn push(&mut self, cell: Cell<'_>) {
        if let Some(levels) = &mut self.levels {
            levels.push(i16::from(cell != Cell::Null));
        }
        match cell {
            Cell::Null => {}
            Cell::Int(number) => self.numbers.push(number),
            Cell::Text(text) => {
                self.text.extend_from_slice(text.as_bytes());
                self.ends.push(self.text.len());
            }
        }
    }

    fn clear(&mut self) {
        self.numbers.clear();
        self.text.clear();
        self.ends.clear();
        self.levels.iter_mut().for_each(Vec::clear);
    }

    fn write(&self, writer: &mut SerializedColumnWriter<'_>) -> Res<()> {
        let rows = self.levels.as_ref().map_or(self.numbers.len().max(self.ends.len()), Vec::len);
        let mut at = 0;
        for start in (0..rows).step_by(WRITE_ROWS) {
            let end = rows.min(start + WRITE_ROWS);
            let levels = self.levels.as_ref().map(|levels| &levels[start..end]);
            let values = levels.map_or(end - start, |levels| levels.iter().filter(|level| **level == 1).count());
            match self.holds {
                Holds::Int | Holds::Time => {
                    writer.typed::<Int64Type>().write_batch(&self.numbers[at..at + values], levels, None)?;
                }
                Holds::Text => {
                    let texts: Vec<ByteArray> = (at..at + values).map(|at| self.text(at).into()).collect();
                    writer.typed::<ByteArrayType>().write_batch(&texts, levels, None)?;
                }
            }
            at += values;
        }
        Ok(())
    }

    fn text(&self, at: usize) -> Vec<u8> {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.text[start..self.ends[at]].to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::file::reader::{FileReader, SerializedFileReader};

    #[test]
    fn the_file_has_every_row_with_its_values() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("plain.parquet");
        build(&path, 20_000).unwrap();
        let read = SerializedFileReader::new(File::open(&path).unwrap()).unwrap();
        let mut row = Row::default();
        let mut events = super::super::workload(20_000);
        let mut rows = 0;
        for found in read.get_row_iter(None).unwrap() {
            let found = found.unwrap();
            row.next(&events.next().unwrap());
            for (cell, (name, field)) in row.cells().zip(found.get_column_iter()) {
                let printed = field.to_string();
                let is_same = match cell {
                    Cell::Null => printed == "null",
                    Cell::Int(number) => name == "timestamp" || printed == number.to_string(),
                    Cell::Text(text) => printed == format!("\"{text}\""),
                };
                assert!(is_same, "{name}: {cell:?}, {printed}");
            }
            rows += 1;
        }
        assert_eq!(rows, 20_000);
    }
}
