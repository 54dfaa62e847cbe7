//! A list, printed as it comes; and a single object.

use std::io::{self, BufWriter, Stdout, Write};

use super::shape::Item;
use super::table::{Cell, Column, Table};
use super::{csv, indent};
use crate::args::Format;
use crate::console::Console;
use crate::escape::{escape, escape_json};
use crate::exit::Failure;

enum Shape {
    Table(Table),
    Json,
    Ndjson,
    Csv { fields: &'static [&'static str] },
}

/// Prints a list of one kind of object to standard output, whatever its length.
pub(crate) struct Lister {
    console: Console,
    out: BufWriter<Stdout>,
    shape: Shape,
    items: u64,
    buffer: Vec<u8>,
}

impl Lister {
    /// Begins a list of `T`.
    pub(crate) fn new<T: Item>(console: Console, columns: &'static [Column]) -> Result<Self, Failure> {
        let mut out = BufWriter::with_capacity(64 * 1024, io::stdout());
        let shape = match console.format {
            Format::Table => Shape::Table(Table::new(columns, console.colour, console.width)),
            Format::Json => Shape::Json,
            Format::Ndjson => Shape::Ndjson,
            Format::Csv => {
                let mut header = Vec::new();
                csv::write_header(T::FIELDS, &mut header);
                out.write_all(&header)?;
                Shape::Csv { fields: T::FIELDS }
            }
            Format::Markdown | Format::Otlp | Format::Parquet | Format::Perfetto | Format::Html => {
                return Err(format_of_one_command(console.format));
            }
        };
        Ok(Self { console, out, shape, items: 0, buffer: Vec::new() })
    }

    /// Adds one object; `row` is asked for its cells if the list is a table.
    pub(crate) fn item<T: Item>(&mut self, item: &T, row: impl FnOnce() -> Vec<Cell>) -> Result<(), Failure> {
        self.items += 1;
        self.buffer.clear();
        match &mut self.shape {
            Shape::Table(table) => {
                table.row(row());
                return self.page();
            }
            Shape::Json => {
                self.out.write_all(if self.items == 1 { b"[\n" } else { b",\n" })?;
                item.write_json(&mut self.buffer);
                escape_json(&mut self.buffer);
            }
            Shape::Ndjson => {
                item.write_json(&mut self.buffer);
                escape_json(&mut self.buffer);
                self.buffer.push(b'\n');
            }
            Shape::Csv { fields } => {
                let mut json = Vec::new();
                item.write_json(&mut json);
                let terminal = self.console.output_is_terminal;
                let safe = |text: &str| if terminal { escape(text).into_owned() } else { text.to_owned() };
                csv::write_row(&json, fields, safe, &mut self.buffer);
            }
        }
        self.out.write_all(&self.buffer)?;
        Ok(())
    }

    /// The table, if the list is one: for headings and totals.
    pub(crate) fn table(&mut self) -> Option<&mut Table> {
        match &mut self.shape {
            Shape::Table(table) => Some(table),
            Shape::Json | Shape::Ndjson | Shape::Csv { .. } => None,
        }
    }

    /// Prints the table's rows if enough have come.
    pub(crate) fn page(&mut self) -> Result<(), Failure> {
        if let Shape::Table(table) = &mut self.shape
            && table.is_full()
        {
            table.print(&mut self.out)?;
        }
        Ok(())
    }

    /// Hands everything so far to the reader of the output.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        if let Shape::Table(table) = &mut self.shape {
            table.print(&mut self.out)?;
        }
        self.out.flush()?;
        Ok(())
    }

    /// Ends the list. An empty table says so on standard error: `no` names what there is none of.
    pub(crate) fn finish(mut self, no: &str) -> Result<(), Failure> {
        match &self.shape {
            Shape::Json => self.out.write_all(if self.items == 0 { b"[]\n" } else { b"\n]\n" })?,
            Shape::Table(_) if self.items == 0 && !no.is_empty() => self.console.note(&format!("no {no}")),
            Shape::Table(_) | Shape::Ndjson | Shape::Csv { .. } => {}
        }
        self.flush()
    }

    /// How many objects came.
    pub(crate) const fn items(&self) -> u64 {
        self.items
    }
}

/// What to say to a format that only one other command has.
pub(crate) fn format_of_one_command(format: Format) -> Failure {
    let (name, command) = match format {
        Format::Otlp => ("otlp", "export"),
        Format::Parquet => ("parquet", "export"),
        Format::Perfetto => ("perfetto", "export"),
        Format::Html => ("html", "export"),
        Format::Markdown | Format::Table | Format::Json | Format::Ndjson | Format::Csv => ("markdown", "schema"),
    };
    Failure::usage(format!("{name} is a format of `{command}` alone: use table, json, ndjson or csv"))
}

/// Prints one object: JSON with indentation, NDJSON as a line, CSV with a header, or what `people` writes.
pub(crate) fn print_object<T: Item>(
    console: Console,
    item: &T,
    people: impl FnOnce(&mut dyn Write) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout());
    let mut json = Vec::new();
    match console.format {
        Format::Table => people(&mut out)?,
        Format::Json => {
            item.write_json(&mut json);
            json = indent::indented(&json);
            escape_json(&mut json);
            json.push(b'\n');
            out.write_all(&json)?;
        }
        Format::Ndjson | Format::Csv => {
            let mut list = Lister::new::<T>(console, &[])?;
            list.item(item, Vec::new)?;
            list.finish("")?;
        }
        Format::Markdown | Format::Otlp | Format::Parquet | Format::Perfetto | Format::Html => {
            return Err(format_of_one_command(console.format));
        }
    }
    out.flush()?;
    Ok(())
}
