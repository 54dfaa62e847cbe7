//! Reads the checkout, applies every rule, prints what it found.

use super::rules::RULES;
use super::tree::{Finding, Severity, Tree};
use crate::error::Error;
use crate::options::Options;
use crate::process::Stopwatch;
use crate::workspace::Workspace;

/// Applies the rules; with `--list` prints them instead.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Error> {
    let mut options = Options::new(arguments);
    let list = options.switch("--list");
    options.finish()?;
    if list {
        for rule in RULES {
            println!("{}\n  rule:   {}\n  reason: {}\n", rule.name, rule.demands, rule.reason);
        }
        return Ok(());
    }

    let watch = Stopwatch::start();
    let tree = Tree::read(workspace)?;
    let mut broken = 0;
    let mut warned = 0;
    for rule in RULES {
        let mut findings = (rule.check)(&tree);
        findings.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
        for finding in &findings {
            println!("{}", shown(rule.name, finding));
            match finding.severity {
                Severity::Broken => broken += 1,
                Severity::Warning => warned += 1,
            }
        }
        if findings.iter().any(|found| found.severity == Severity::Broken) {
            println!("  reason for {}: {}", rule.name, rule.reason);
        }
    }
    println!(
        "tidy: {} rules over {} files in {:.1} s: {broken} broken, {warned} warnings",
        RULES.len(),
        tree.files().len(),
        watch.elapsed().as_secs_f64()
    );
    if broken == 0 { Ok(()) } else { Err(Error::Check(format!("{broken} places break a house rule"))) }
}

fn shown(rule: &str, finding: &Finding) -> String {
    let word = match finding.severity {
        Severity::Broken => "error",
        Severity::Warning => "warning",
    };
    format!("{}:{}: {word} [{rule}] {}", finding.path, finding.line, finding.message)
}
