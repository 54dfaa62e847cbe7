//! `schema`: the event families, as a table, as JSON Schema, or as the reference page.

use std::io::Write;
use std::sync::Arc;

use flightrec_events::schema::{declared_schema, envelope, event_schema, reference_page, registry_schema};
use flightrec_events::schema::{presence_name, shape_name};
use flightrec_events::{DeclaredFamily, FieldSpec, Kind, Registry};

use super::Run;
use crate::args::{Format, SchemaArgs};
use crate::escape::escape_json;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{Align, Cell, Column, Table, indented};

const FAMILIES: &[Column] = &[
    Column("CODE", Align::Left),
    Column("TYPE", Align::Left),
    Column("GROUP", Align::Left),
    Column("MEANING", Align::Left),
];

const FIELDS: &[Column] = &[
    Column("FIELD", Align::Left),
    Column("PRESENCE", Align::Left),
    Column("SHAPE", Align::Left),
    Column("MEANING", Align::Left),
];

/// One family.
enum Family {
    Builtin(Kind),
    Declared(Arc<DeclaredFamily>),
}

impl Family {
    /// Finds a family by its code or its type.
    fn find(registry: &Registry, name: &str) -> Option<Self> {
        let kind = Kind::from_code(name).or_else(|| Kind::from_type_name(name));
        kind.map(Family::Builtin).or_else(|| {
            let mut declared = registry.declared();
            declared.find(|family| family.code() == name || family.type_name() == name).cloned().map(Family::Declared)
        })
    }

    fn all(registry: &Registry) -> Vec<Self> {
        let builtin = Kind::ALL.iter().copied().map(Family::Builtin);
        builtin.chain(registry.declared().cloned().map(Family::Declared)).collect()
    }

    fn schema(&self) -> serde_json::Value {
        match self {
            Family::Builtin(kind) => event_schema(*kind),
            Family::Declared(family) => declared_schema(family),
        }
    }

    fn code(&self) -> &str {
        match self {
            Family::Builtin(kind) => kind.code(),
            Family::Declared(family) => family.code(),
        }
    }

    fn type_name(&self) -> &str {
        match self {
            Family::Builtin(kind) => kind.type_name(),
            Family::Declared(family) => family.type_name(),
        }
    }

    fn meaning(&self) -> String {
        match self {
            Family::Builtin(kind) => kind.doc().to_owned(),
            Family::Declared(family) => {
                family.schema().get("description").and_then(|text| text.as_str()).unwrap_or_default().to_owned()
            }
        }
    }

    const fn group(&self) -> &'static str {
        match self {
            Family::Builtin(kind) => kind.group().title(),
            Family::Declared(_) => "Declared",
        }
    }
}

pub(super) fn run(run: &Run, args: &SchemaArgs) -> Outcome {
    let mut registry = match run.store.reader_if_any()? {
        Some(reader) => reader.registry().map_err(|error| run.store.open_failure(&error))?,
        None => Registry::new(),
    };
    run.store.declare(&mut registry)?;
    let found = args.code.as_ref().map(|name| {
        Family::find(&registry, name).ok_or_else(|| {
            Failure::usage(format!("no family has the code or type `{name}`: `flightrec schema` lists them"))
        })
    });
    let family = found.transpose()?;
    let mut out = std::io::stdout().lock();
    match run.console.format {
        Format::Json => {
            let schema = family.map_or_else(|| registry_schema(&registry), |family| family.schema());
            out.write_all(&json_text(&indented(schema.to_string().as_bytes())))?;
        }
        Format::Ndjson => {
            for family in family.map_or_else(|| Family::all(&registry), |family| vec![family]) {
                out.write_all(&json_text(family.schema().to_string().as_bytes()))?;
            }
        }
        Format::Markdown if family.is_none() => out.write_all(reference_page().as_bytes())?,
        Format::Markdown => return Err(Failure::usage("the Markdown page has all families: leave out the code")),
        Format::Csv | Format::Otlp | Format::Parquet | Format::Perfetto | Format::Html => {
            return Err(Failure::usage("a schema has no rows: use table, json, ndjson or markdown"));
        }
        Format::Table => match family {
            None => print_families(run, &registry, &mut out)?,
            Some(family) => print_family(run, &family, &mut out)?,
        },
    }
    out.flush()?;
    Ok(Exit::Done)
}

/// JSON that a terminal can take, with its line end.
fn json_text(json: &[u8]) -> Vec<u8> {
    let mut text = json.to_vec();
    escape_json(&mut text);
    text.push(b'\n');
    text
}

fn print_families(run: &Run, registry: &Registry, out: &mut dyn Write) -> Result<(), Failure> {
    let mut table = Table::new(FAMILIES, run.console.colour, run.console.width);
    for family in Family::all(registry) {
        table.row(vec![
            family.code().into(),
            family.type_name().into(),
            family.group().into(),
            family.meaning().into(),
        ]);
    }
    Ok(table.print(out)?)
}

fn print_family(run: &Run, family: &Family, out: &mut dyn Write) -> Result<(), Failure> {
    writeln!(out, "{}  {}", family.code(), family.type_name())?;
    writeln!(out, "{}", crate::escape::escape(&family.meaning()))?;
    let kind = match family {
        Family::Builtin(kind) => *kind,
        Family::Declared(family) => {
            writeln!(out, "\nIts payload, as it was declared:")?;
            out.write_all(&json_text(&indented(family.schema().to_string().as_bytes())))?;
            return Ok(());
        }
    };
    if let Some(field) = kind.session_field() {
        writeln!(out, "model_session_id equals payload.{field}")?;
    }
    let mut table = Table::new(FIELDS, run.console.colour, run.console.width);
    for row in envelope() {
        let needed = (row.name == "trace_id" && kind.needs_trace())
            || (row.name == "model_session_id" && kind.session_field().is_some());
        table.row(cells("", row, if needed { "required" } else { presence_name(row.presence) }));
    }
    for row in kind.fields() {
        table.row(cells("payload.", row, presence_name(row.presence)));
    }
    writeln!(out)?;
    Ok(table.print(out)?)
}

fn cells(prefix: &str, row: &FieldSpec, presence: &str) -> Vec<Cell> {
    vec![format!("{prefix}{}", row.name).into(), presence.into(), shape_name(row.shape).into(), row.doc.into()]
}
