//! The table of house rules.

use super::tree::{Finding, Tree};
use super::{documents, habits, layering, licences, plain_text, sizes};

/// One house rule.
pub(super) struct Rule {
    /// Short name, shown with each finding.
    pub(super) name: &'static str,
    /// What it demands.
    pub(super) demands: &'static str,
    /// Why.
    pub(super) reason: &'static str,
    /// Looks for breaks.
    pub(super) check: fn(&Tree) -> Vec<Finding>,
}

/// Every rule, in the order in which they are applied.
pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "crate-direction",
        demands: "a crate depends only on the workspace crates its room allows",
        reason: "the vocabulary outlives the storage and the storage outlives the surfaces; an \
                 arrow the wrong way would tie them together for good",
        check: layering::crate_direction,
    },
    Rule {
        name: "light-recorder",
        demands: "flightrec-recorder builds without async runtime, HTTP or SQL engine",
        reason: "a host embeds the recorder; it must not inherit a runtime it did not choose",
        check: layering::light_recorder,
    },
    Rule {
        name: "no-edges-inside",
        demands: "only cli and server know HTTP status codes, exit codes and how to end the process",
        reason: "a library that decides how its host answers or ends cannot be embedded",
        check: layering::no_edges_inside,
    },
    Rule {
        name: "pure-vocabulary",
        demands: "events uses no files, sockets, threads, processes or environment",
        reason: "checking an event must give the same answer everywhere, without side effects",
        check: layering::pure_vocabulary,
    },
    Rule {
        name: "one-door-to-disk",
        demands: "file access only in the files of the list in layering.rs",
        reason: "a fault run can break only the disk it can reach; whatever goes around the \
                 storage seam is never tested against failing, full or lying disks",
        check: layering::one_door_to_disk,
    },
    Rule {
        name: "one-translator",
        demands: "only ingest has OTLP or OpenTelemetry in its identifiers or dependencies; cli \
                  and server may name it to route to ingest",
        reason: "foreign conventions change often; one crate translates them, all others speak \
                 the project's own vocabulary",
        check: layering::one_translator,
    },
    Rule {
        name: "file-length",
        demands: "at most 800 lines in a file without its tests; a warning above 400",
        reason: "a file is read whole; a longer one holds more than one role",
        check: sizes::file_length,
    },
    Rule {
        name: "function-length",
        demands: "at most 120 lines in a function; a warning above 70; a lone big match or table \
                  may say `// tidy: long-function <reason>` above it",
        reason: "what does not fit on a screen is not checked by eye",
        check: sizes::function_length,
    },
    Rule {
        name: "reasoned-lints",
        demands: "no `allow` or `expect` attribute without a reason, and no bare `allow`; \
                  prefer `expect`",
        reason: "a silenced lint without its reason cannot be judged later; `expect` speaks up \
                 when it is no longer needed",
        check: habits::reasoned_lints,
    },
    Rule {
        name: "no-wildcard",
        demands: "no `_ =>` arm in a file marked `// tidy: no-wildcard`",
        reason: "a new kind or error code must stop the compiler at each place that decides on it",
        check: habits::no_wildcard,
    },
    Rule {
        name: "nothing-unfinished",
        demands: "no unfinished-code macro, debug print or fix-me mark",
        reason: "what is committed works; open ends belong into the tracker, where they are seen",
        check: habits::nothing_unfinished,
    },
    Rule {
        name: "no-ignored-tests",
        demands: "no test carries the ignore attribute",
        reason: "a test that does not run protects nothing but looks as if it did",
        check: habits::no_ignored_tests,
    },
    Rule {
        name: "crate-docs",
        demands: "every crate root begins with `//!` text",
        reason: "the first thing a reader opens must say what the crate is and is not",
        check: habits::crate_docs,
    },
    Rule {
        name: "whitespace",
        demands: "no tabs, trailing blanks or carriage returns; one newline at the end",
        reason: "invisible differences hide real ones in a diff",
        check: plain_text::whitespace,
    },
    Rule {
        name: "no-machine-paths",
        demands: "no home directory, no path of a checkout and no package mirror in any file",
        reason: "the checkout must work, and read the same, on every machine",
        check: plain_text::no_machine_paths,
    },
    Rule {
        name: "links",
        demands: "relative Markdown links lead to a file, and their anchors to a heading",
        reason: "a dead link costs each reader the search that its author skipped",
        check: documents::links,
    },
    Rule {
        name: "decisions",
        demands: "each decision in docs/adr is NNNN-title.md with a number of its own, stands in \
                  docs/adr/README.md and has Context, Decision, Rejected and Figures",
        reason: "a decision without its rejected ways and its figures gets decided again",
        check: documents::decisions,
    },
    Rule {
        name: "licences",
        demands: "each dependency offers a licence that deny.toml allows",
        reason: "users may ship what they embed; one reciprocal licence deep in the tree ends that",
        check: licences::licences,
    },
    Rule {
        name: "sources",
        demands: "lock files name no source but the public crate registry",
        reason: "a git or mirror source can change or vanish under a fixed version",
        check: licences::sources,
    },
];
