//! For each rule a tree that breaks it, and one as close to it as possible that does not.

use super::rules::RULES;
use super::tree::{Member, Package, Severity, Tree};

/// A sample: files as (path, text), a graph, and where the break must be found.
struct Sample {
    rule: &'static str,
    broken: Tree,
    at: (&'static str, usize),
    clean: Tree,
}

fn files(list: &[(&str, &str)]) -> Tree {
    let mut tree = Tree::default();
    for (path, text) in list {
        tree.add(path, text.as_bytes().to_vec());
    }
    tree
}

fn file(path: &str, text: &str) -> Tree {
    files(&[(path, text)])
}

fn member(name: &str, manifest: &str, dependency: &str) -> Tree {
    let text = format!("[package]\nname = \"{name}\"\n[dependencies]\n{dependency}.workspace = true\n");
    let mut tree = file(manifest, &text);
    tree.graph.members.insert(
        name.to_owned(),
        Member { manifest: manifest.to_owned(), dependencies: [dependency.to_owned()].into() },
    );
    tree
}

fn recorder_tree(names: &[&str]) -> Tree {
    let mut tree = Tree::default();
    tree.graph.recorder_tree = names.iter().map(|&name| name.to_owned()).collect();
    tree
}

fn licensed(licence: &str) -> Tree {
    let mut tree = file("deny.toml", "[licenses]\nallow = [\"MIT\"]\n");
    tree.graph.packages.push(Package { label: "thing 1.0.0".to_owned(), licence: Some(licence.to_owned()) });
    tree
}

fn long(lines: usize, inside_function: bool, above: &str) -> Tree {
    let mut text = String::from("//! A crate for the sake of its length.\n");
    text.push_str(above);
    if inside_function {
        text.push_str("fn long() {\n");
    }
    text.push_str(&"    const _: u32 = 0;\n".repeat(lines));
    if inside_function {
        text.push_str("}\n");
    }
    file("crates/events/src/long.rs", &text)
}

fn decision(name: &str, figures: &str) -> Tree {
    let body = format!(
        "# Title\n\n## Context\n\nIt was so.\n\n## Decision\n\nWe do it.\n\n\
         ## Rejected\n\nThe other way round.\n\n{figures}"
    );
    files(&[(&format!("docs/adr/{name}"), &body), ("docs/adr/README.md", &format!("# Decisions\n\n- [one]({name})\n"))])
}

const ROOT: &str = "crates/events/src/lib.rs";

fn samples() -> Vec<Sample> {
    [layering(), sizes(), habits(), texts(), dependencies()].into_iter().flatten().collect()
}

fn layering() -> Vec<Sample> {
    vec![
        Sample {
            rule: "crate-direction",
            broken: member("flightrec-journal", "crates/journal/Cargo.toml", "flightrec-events"),
            at: ("crates/journal/Cargo.toml", 4),
            clean: member("flightrec-recorder", "crates/recorder/Cargo.toml", "flightrec-events"),
        },
        Sample {
            rule: "crate-direction",
            broken: member("flightrec-extra", "crates/extra/Cargo.toml", "serde"),
            at: ("crates/extra/Cargo.toml", 1),
            clean: member("flightrec-events", "crates/events/Cargo.toml", "serde"),
        },
        Sample {
            rule: "light-recorder",
            broken: recorder_tree(&["serde", "tokio"]),
            at: ("crates/recorder/Cargo.toml", 1),
            clean: recorder_tree(&["serde", "zstd"]),
        },
        Sample {
            rule: "no-edges-inside",
            broken: file("crates/recorder/src/a.rs", "fn f() {\n    std::process::exit(1)\n}\n"),
            at: ("crates/recorder/src/a.rs", 2),
            clean: file("crates/cli/src/main.rs", "fn f() {\n    std::process::exit(1)\n}\n"),
        },
        Sample {
            rule: "no-edges-inside",
            broken: file("crates/journal/src/a.rs", "use std::process::ExitCode;\n"),
            at: ("crates/journal/src/a.rs", 1),
            clean: file("crates/journal/src/a.rs", "// ExitCode is for the command line.\n"),
        },
        Sample {
            rule: "pure-vocabulary",
            broken: file(ROOT, "use std::{\n    fmt,\n    thread,\n};\n"),
            at: (ROOT, 3),
            clean: file(ROOT, "use std::fmt;\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n"),
        },
        Sample {
            rule: "one-door-to-disk",
            broken: file("crates/recorder/src/a.rs", "\nfn f() { std::fs::remove_file(p) }\n"),
            at: ("crates/recorder/src/a.rs", 2),
            clean: file("crates/recorder/tests/it/a.rs", "use std::fs;\n"),
        },
        Sample {
            rule: "one-translator",
            broken: file("crates/events/src/a.rs", "struct OtlpSpan;\n"),
            at: ("crates/events/src/a.rs", 1),
            clean: file("crates/ingest/src/a.rs", "struct OtlpSpan;\n"),
        },
        Sample {
            rule: "one-translator",
            broken: member("flightrec-server", "crates/server/Cargo.toml", "opentelemetry-proto"),
            at: ("crates/server/Cargo.toml", 4),
            clean: member("flightrec-ingest", "crates/ingest/Cargo.toml", "opentelemetry-proto"),
        },
    ]
}

fn sizes() -> Vec<Sample> {
    vec![
        Sample {
            rule: "file-length",
            broken: long(801, false, ""),
            at: ("crates/events/src/long.rs", 1),
            clean: long(799, false, ""),
        },
        Sample {
            rule: "function-length",
            broken: long(121, true, ""),
            at: ("crates/events/src/long.rs", 2),
            clean: long(121, true, "// tidy: long-function one row for each number\n"),
        },
        Sample {
            rule: "function-length",
            broken: long(121, true, "// tidy: long-function\n"),
            at: ("crates/events/src/long.rs", 3),
            clean: long(118, true, ""),
        },
    ]
}

fn habits() -> Vec<Sample> {
    vec![
        Sample {
            rule: "reasoned-lints",
            broken: file(ROOT, "//! A.\n#[allow(dead_code)]\nfn f() {}\n"),
            at: (ROOT, 2),
            clean: file(ROOT, "//! A.\n#[expect(dead_code, reason = \"a sample\")]\nfn f() {}\n"),
        },
        Sample {
            rule: "no-wildcard",
            broken: file(
                ROOT,
                "// tidy: no-wildcard\nfn f(x: X) {\n    match x {\n        X::A => 1,\n        _ => 2,\n    }\n}\n",
            ),
            at: (ROOT, 5),
            clean: file(ROOT, "fn f(x: X) {\n    match x {\n        X::A => 1,\n        _ => 2,\n    }\n}\n"),
        },
        Sample {
            rule: "nothing-unfinished",
            broken: file(ROOT, "fn f() {\n    todo!()\n}\n"),
            at: (ROOT, 2),
            clean: file(ROOT, "fn todo() -> &'static str {\n    \"todo!()\"\n}\n"),
        },
        Sample {
            rule: "nothing-unfinished",
            broken: file(ROOT, concat!("fn f() {} // FIX", "ME later\n")),
            at: (ROOT, 1),
            clean: file(ROOT, "fn f() {} // prefixed later\n"),
        },
        Sample {
            rule: "no-ignored-tests",
            broken: file(ROOT, "#[test]\n#[ignore = \"slow\"]\nfn f() {}\n"),
            at: (ROOT, 2),
            clean: file(ROOT, "#[test]\nfn ignore() {}\n"),
        },
        Sample {
            rule: "crate-docs",
            broken: file(ROOT, "// A comment, no documentation.\nmod a;\n"),
            at: (ROOT, 1),
            clean: file(ROOT, "//! The vocabulary of events.\nmod a;\n"),
        },
    ]
}

fn texts() -> Vec<Sample> {
    vec![
        Sample {
            rule: "whitespace",
            broken: file("a.md", "one\ntwo \n"),
            at: ("a.md", 2),
            clean: file("a.md", "one\ntwo\n"),
        },
        Sample {
            rule: "whitespace",
            broken: file("a.md", "one\ntwo"),
            at: ("a.md", 2),
            clean: file("test-data/a.txt", "one\r\n\ttwo"),
        },
        Sample {
            rule: "no-machine-paths",
            broken: file("a.md", concat!("\nlook into /ho", "me/jsmith/x\n")),
            at: ("a.md", 2),
            clean: file("a.md", "\nlook into /home/alice/x\n"),
        },
        Sample {
            rule: "links",
            broken: file("docs/a.md", "# A\n\nsee [b](b.md)\n"),
            at: ("docs/a.md", 3),
            clean: files(&[("docs/a.md", "# A\n\nsee [b](b.md#the-b)\n"), ("docs/b.md", "## The B\n")]),
        },
        Sample {
            rule: "links",
            broken: files(&[("docs/a.md", "see [b](b.md#the-c)\n"), ("docs/b.md", "## The B\n")]),
            at: ("docs/a.md", 1),
            clean: file("docs/a.md", "# A\n\nsee [A](#a)\n"),
        },
        Sample {
            rule: "decisions",
            broken: decision("0001-one.md", ""),
            at: ("docs/adr/0001-one.md", 1),
            clean: decision("0001-one.md", "## Figures\n\nnone needed: it is about names alone\n"),
        },
        Sample {
            rule: "decisions",
            broken: decision("one.md", "## Figures\n\n35 MB a second\n"),
            at: ("docs/adr/one.md", 1),
            clean: decision("0002-two.md", "## Figures\n\n35 MB a second\n"),
        },
        Sample {
            rule: "decisions",
            broken: decision("0001-one.md", "## Figures\n\nnone needed\n"),
            at: ("docs/adr/0001-one.md", 15),
            clean: Tree::default(),
        },
    ]
}

fn dependencies() -> Vec<Sample> {
    vec![
        Sample {
            rule: "licences",
            broken: licensed("GPL-3.0-only"),
            at: ("Cargo.lock", 1),
            clean: licensed("MIT OR GPL-3.0-only"),
        },
        Sample {
            rule: "sources",
            broken: file("sim/Cargo.lock", "name = \"a\"\nsource = \"git+https://example.org/a\"\n"),
            at: ("sim/Cargo.lock", 2),
            clean: file(
                "sim/Cargo.lock",
                "name = \"a\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\n",
            ),
        },
    ]
}

fn breaks(rule: &str, tree: &Tree) -> Vec<(String, usize)> {
    let rule = RULES.iter().find(|one| one.name == rule).expect("a rule of the table");
    (rule.check)(tree)
        .into_iter()
        .filter(|finding| finding.severity == Severity::Broken)
        .map(|finding| (finding.path, finding.line))
        .collect()
}

#[test]
fn each_broken_sample_is_found_where_it_is() {
    for sample in samples() {
        let found = breaks(sample.rule, &sample.broken);
        let (path, line) = sample.at;
        assert!(found.contains(&(path.to_owned(), line)), "{}: expected {path}:{line}, found {found:?}", sample.rule);
    }
}

#[test]
fn no_clean_sample_is_blamed() {
    for sample in samples() {
        let found = breaks(sample.rule, &sample.clean);
        assert!(found.is_empty(), "{}: {found:?}", sample.rule);
    }
}

#[test]
fn each_rule_has_a_sample() {
    let samples = samples();
    for rule in RULES {
        assert!(samples.iter().any(|sample| sample.rule == rule.name), "{} has no sample that breaks it", rule.name);
    }
}

#[test]
fn soft_limits_warn_and_break_nothing() {
    let tree = long(500, false, "");
    let rule = RULES.iter().find(|one| one.name == "file-length").unwrap();
    let found = (rule.check)(&tree);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].severity, Severity::Warning);
}

#[test]
fn a_file_declared_under_cfg_test_is_a_test_file() {
    let tree = files(&[
        (ROOT, "//! Vocabulary.\n#[cfg(test)]\nmod cases;\nmod live;\n"),
        ("crates/events/src/cases.rs", "use std::fs;\n"),
        ("crates/events/src/live.rs", "use std::fs;\n"),
    ]);
    assert_eq!(breaks("pure-vocabulary", &tree), [("crates/events/src/live.rs".to_owned(), 1)]);
}
