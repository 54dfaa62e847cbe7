//! `cargo xtask tidy`: the house rules that a machine can check.
//!
//! A rule is one row of [`rules::RULES`]: its name, what it demands, why, and the function that
//! looks for breaks. Rules see the files through [`tree::Tree`], an image in memory, so that the
//! test of each rule is a small tree that breaks it (in `samples`).
//!
//! | file | has |
//! |---|---|
//! | `rules` | the table of rules |
//! | `command` | reads the checkout, applies the table, prints |
//! | `tree` | the files and the dependency graph, as the rules see them |
//! | `blank` | tells code, comments and literals apart |
//! | `scan` | finds tests, functions, attributes and paths in Rust code |
//! | `layering` | who may depend on whom and know what |
//! | `sizes` | lengths of files and functions |
//! | `habits` | lints, markers and words in code |
//! | `plain_text` | whitespace, paths of somebody's machine |
//! | `documents` | Markdown links and decision records |
//! | `licences` | licences and sources of dependencies |

mod blank;
mod command;
mod documents;
mod habits;
mod layering;
mod licences;
mod plain_text;
mod rules;
mod scan;
mod sizes;
mod tree;

#[cfg(test)]
mod samples;

pub(crate) use command::run;
