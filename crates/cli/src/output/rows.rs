//! Rows whose columns only their query knows.

use std::io::{self, BufWriter, Stdout, Write};

use super::csv;
use super::lister::format_of_one_command;
use super::table::{Align, Cell, Table};
use crate::args::Format;
use crate::console::Console;
use crate::escape::{escape, escape_json};
use crate::exit::Failure;

enum Shape {
    Table(Table),
    Json,
    Ndjson,
    Csv,
}

/// Prints rows to standard output as they come.
pub(crate) struct Rows {
    console: Console,
    out: BufWriter<Stdout>,
    shape: Shape,
    /// The columns' names as JSON.
    names: Vec<String>,
    printed: u64,
    buffer: Vec<u8>,
}

impl Rows {
    /// Begins rows of these columns; those of numbers stand to the right.
    pub(crate) fn new<'n>(
        console: Console,
        columns: impl Iterator<Item = (&'n str, bool)> + Clone,
    ) -> Result<Self, Failure> {
        let mut out = BufWriter::with_capacity(64 * 1024, io::stdout());
        let title = |(name, is_number)| (str::to_uppercase(name), if is_number { Align::Right } else { Align::Left });
        let shape = match console.format {
            Format::Table => {
                Shape::Table(Table::of(columns.clone().map(title).collect(), console.colour, console.width))
            }
            Format::Json => Shape::Json,
            Format::Ndjson => Shape::Ndjson,
            Format::Csv => {
                let mut header = Vec::new();
                csv::write_header(&columns.clone().map(|(name, _)| name).collect::<Vec<_>>(), &mut header);
                out.write_all(&header)?;
                Shape::Csv
            }
            Format::Markdown | Format::Otlp | Format::Parquet | Format::Perfetto | Format::Html => {
                return Err(format_of_one_command(console.format));
            }
        };
        let names = columns.map(|(name, _)| serde_json::Value::from(name).to_string()).collect();
        Ok(Self { console, out, shape, names, printed: 0, buffer: Vec::new() })
    }

    /// Adds a row of values, each as JSON.
    pub(crate) fn row(&mut self, values: &[impl AsRef<str>]) -> Result<(), Failure> {
        self.printed += 1;
        self.buffer.clear();
        match &mut self.shape {
            Shape::Table(table) => {
                table.row(values.iter().map(|value| Cell::optional(csv::value_text(value.as_ref()))).collect());
                if table.is_full() {
                    table.print(&mut self.out)?;
                }
                return Ok(());
            }
            Shape::Json => {
                self.out.write_all(if self.printed == 1 { b"[\n" } else { b",\n" })?;
                write_object(&self.names, values, &mut self.buffer);
            }
            Shape::Ndjson => {
                write_object(&self.names, values, &mut self.buffer);
                self.buffer.push(b'\n');
            }
            Shape::Csv => {
                let terminal = self.console.output_is_terminal;
                let safe = |text: &str| if terminal { escape(text).into_owned() } else { text.to_owned() };
                csv::write_values(values, safe, &mut self.buffer);
            }
        }
        self.out.write_all(&self.buffer)?;
        Ok(())
    }

    /// Ends the rows.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        match &mut self.shape {
            Shape::Table(_) if self.printed == 0 => self.console.note("no rows"),
            Shape::Table(table) => table.print(&mut self.out)?,
            Shape::Json => self.out.write_all(if self.printed == 0 { b"[]\n" } else { b"\n]\n" })?,
            Shape::Ndjson | Shape::Csv => {}
        }
        self.out.flush()?;
        Ok(())
    }
}

fn write_object(names: &[String], values: &[impl AsRef<str>], out: &mut Vec<u8>) {
    out.push(b'{');
    for (i, (name, value)) in names.iter().zip(values).enumerate() {
        if i > 0 {
            out.push(b',');
        }
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        out.extend_from_slice(value.as_ref().as_bytes());
    }
    out.push(b'}');
    escape_json(out);
}
