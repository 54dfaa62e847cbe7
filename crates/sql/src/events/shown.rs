//! Ids and hashes as the text that people know, and empty twins filled: a view over the archive's columns.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringViewBuilder};
use datafusion::arrow::datatypes::DataType;
use datafusion::catalog::TableProvider;
use datafusion::common::{Column, exec_err};
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlanBuilder, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use flightrec_archive::{ColumnType, TableColumn, table_columns};
use flightrec_events::BytesText;

/// The columns that say where an event comes from, where there are several nodes: whose it is, and the day of its segment.
pub(crate) const PLACES: [&str; 2] = ["node", "date"];
const TABLE: &str = "events";
/// The column that only the recorder can read.
const STORED: &str = "stored";

/// The columns of `raw` as they are shown.
pub(super) fn view(raw: Arc<dyn TableProvider>) -> Result<ViewTable> {
    let places = PLACES.iter().filter(|name| raw.schema().index_of(name).is_ok());
    let places: Vec<Expr> = places.map(|name| Expr::Column(Column::new(Some(TABLE), *name))).collect();
    let shown = table_columns().iter().filter(|column| column.name != STORED).map(expression);
    let shown = places.into_iter().chain(shown);
    let plan = LogicalPlanBuilder::scan(TABLE, provider_as_source(raw), None)?.project(shown)?.build()?;
    Ok(ViewTable::new(plan, None))
}

fn expression(column: &TableColumn) -> Expr {
    let own = |name: &str| Expr::Column(Column::new(Some(TABLE), name));
    let form = match (column.holds, column.twin_of) {
        (ColumnType::Id(form), _) => Some(form),
        // A text names content by its artifact's id where it can.
        (ColumnType::Text, Some(_)) => Some(BytesText::ArtifactId),
        (
            ColumnType::Text
            | ColumnType::Bytes
            | ColumnType::Int
            | ColumnType::Time
            | ColumnType::Double
            | ColumnType::Bool,
            _,
        ) => None,
    };
    let Some(form) = form else { return own(column.name) };
    let arguments = [column.name].into_iter().chain(column.twin_of).map(own).collect();
    ScalarUDF::from(IdText::new(form)).call(arguments).alias(column.name)
}

/// The function `hex`, as other engines have it.
pub(crate) fn hex() -> ScalarUDF {
    ScalarUDF::from(IdText::new(BytesText::Hex)).with_aliases(["hex"])
}

/// Bytes as text; where they are empty, those of another column.
#[derive(Debug, PartialEq, Eq, Hash)]
struct IdText {
    form: BytesText,
    signature: Signature,
}

impl IdText {
    fn new(form: BytesText) -> Self {
        Self { form, signature: Signature::variadic_any(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for IdText {
    fn name(&self) -> &'static str {
        match self.form {
            BytesText::Uuid => "uuid_text",
            BytesText::Hex => "hex_text",
            BytesText::ArtifactId => "artifact_id_text",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&arguments.args)?;
        let (own, twin) = match arrays.as_slice() {
            [own] => (own, None),
            [own, twin] => (own, Some(twin)),
            _ => return exec_err!("{} takes a column, and its twin if it has one", self.name()),
        };
        let mut texts = StringViewBuilder::with_capacity(own.len());
        let mut text = String::new();
        for row in 0..own.len() {
            text.clear();
            match value(own, row) {
                None => {
                    texts.append_null();
                    continue;
                }
                Some(Held::Text(held)) if !held.is_empty() => text.push_str(held),
                Some(Held::Bytes(held)) if !held.is_empty() => write_as(self.form, held, &mut text),
                Some(Held::Text(_) | Held::Bytes(_)) => {
                    if let Some(Held::Bytes(held)) = twin.and_then(|twin| value(twin, row)) {
                        write_as(self.form, held, &mut text);
                    }
                }
            }
            texts.append_value(&text);
        }
        Ok(ColumnarValue::Array(Arc::new(texts.finish())))
    }
}

enum Held<'a> {
    Text(&'a str),
    Bytes(&'a [u8]),
}

fn value(array: &ArrayRef, row: usize) -> Option<Held<'_>> {
    if array.is_null(row) {
        return None;
    }
    if let Some(texts) = array.as_string_view_opt() {
        return Some(Held::Text(texts.value(row)));
    }
    array.as_binary_view_opt().map(|bytes| Held::Bytes(bytes.value(row)))
}

/// Writes bytes in a form.
fn write_as(form: BytesText, bytes: &[u8], text: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    if form == BytesText::ArtifactId {
        text.push_str("sha256:");
    }
    for (index, byte) in bytes.iter().enumerate() {
        if form == BytesText::Uuid && matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let bytes: Vec<u8> = (0..16).collect();
        for (form, expected) in [
            (BytesText::Uuid, "00010203-0405-0607-0809-0a0b0c0d0e0f"),
            (BytesText::Hex, "000102030405060708090a0b0c0d0e0f"),
            (BytesText::ArtifactId, "sha256:000102030405060708090a0b0c0d0e0f"),
        ] {
            let mut text = String::new();
            write_as(form, &bytes, &mut text);
            assert_eq!(text, expected);
        }
    }
}
