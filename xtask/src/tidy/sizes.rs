//! Lengths of files and functions.

use super::scan::{Function, Source};
use super::tree::{Finding, Tree};

const FILE_SOFT: usize = 400;
const FILE_HARD: usize = 800;
const FUNCTION_SOFT: usize = 70;
const FUNCTION_HARD: usize = 120;
const EXCUSE: &str = "tidy: long-function";

pub(super) fn file_length(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, source) in tree.rust().filter(|(path, _)| !tree.is_test_file(path)) {
        let lines = source.lines_without_tests();
        if lines > FILE_HARD {
            findings.push(Finding::broken(
                path,
                1,
                format!("{lines} lines without tests (at most {FILE_HARD}); split it by role"),
            ));
        } else if lines > FILE_SOFT {
            findings.push(Finding::warning(
                path,
                1,
                format!("{lines} lines without tests; above {FILE_SOFT} a file has two roles"),
            ));
        }
    }
    findings
}

pub(super) fn function_length(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, source) in tree.rust().filter(|(path, _)| !tree.is_test_file(path)) {
        for function in source.functions() {
            if function.is_test || function.lines <= FUNCTION_SOFT || is_excused(source, &function) {
                continue;
            }
            let Function { name, line, lines, .. } = function;
            if lines > FUNCTION_HARD {
                findings.push(Finding::broken(
                    path,
                    line,
                    format!(
                        "`{name}` has {lines} lines (at most {FUNCTION_HARD}); split it, or, for \
                         a lone match or table, write `// {EXCUSE} <reason>` above it"
                    ),
                ));
            } else {
                findings.push(Finding::warning(
                    path,
                    line,
                    format!("`{name}` has {lines} lines; {FUNCTION_SOFT} fit on a screen"),
                ));
            }
        }
    }
    findings
}

/// True if the lines right above the function, or its first line, carry the excuse and a reason.
fn is_excused(source: &Source, function: &Function) -> bool {
    (function.line.saturating_sub(12).max(1)..=function.line)
        .rev()
        .any(|line| source.comment(line).split_once(EXCUSE).is_some_and(|(_, reason)| reason.trim().len() >= 10))
}
