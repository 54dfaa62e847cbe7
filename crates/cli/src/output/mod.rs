//! Everything that reaches standard output: lists and single objects, in the format that was asked for.
//!
//! - `lister`: a list, printed as it comes
//! - `table`: aligned columns, in pages, so that a long list needs no more memory than a short one
//! - `csv`: one row for each object, nested fields flattened with dots
//! - `rows`: rows whose columns only their query knows
//! - `shape`: which fields each object has
//! - `words`: money, counts, durations as people read them
//! - `fit`: text cut to a width
//! - `indent`: JSON as people read it
//! - `file`: output into a file that is whole or not there

mod csv;
mod file;
mod fit;
mod indent;
mod lister;
#[cfg(feature = "sql")]
mod rows;
mod shape;
mod table;
pub(crate) mod words;

pub(crate) use file::write_file;
pub(crate) use fit::cut;
pub(crate) use indent::indented;
pub(crate) use lister::{Lister, format_of_one_command, print_object};
#[cfg(feature = "sql")]
pub(crate) use rows::Rows;
pub(crate) use shape::Item;
pub(crate) use table::{Align, Cell, Column, Table};
