//! Planted secrets, clean texts, properties.

use std::sync::LazyLock;

use super::Redactor;

mod clean;
mod planted;
mod properties;

/// One redactor for all tests, as a host has one for all texts.
fn redactor() -> &'static Redactor {
    static REDACTOR: LazyLock<Redactor> = LazyLock::new(Redactor::new);
    &REDACTOR
}
