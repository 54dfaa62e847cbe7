//! Who waits for whom: sessions in an order in which none stands before those that it waits for.

use std::collections::{BTreeMap, BTreeSet};

use flightrec_events::Id;
use toml::Spanned;

use super::errors::Report;
use super::fields::Span;
use super::names;
use super::sessions::{Entry, Meant};

/// The most circles that are told: whoever breaks them may have broken the others too.
const MOST_CIRCLES: usize = 10;

/// The most sessions of a circle that are told.
const MOST_STEPS: usize = 16;

/// What an entry waits for.
#[derive(Debug, Clone, Default)]
pub(super) struct Waits {
    pub(super) after: Vec<Meant>,
    pub(super) input_from: Vec<Meant>,
    /// The entries behind both, each with the place where it is named.
    on: BTreeMap<usize, Span>,
}

/// Looks up all names; tells those that no session has.
pub(super) fn waits(entries: &[Entry], directory: &BTreeMap<Id, Meant>, report: &mut Report<'_>) -> Vec<Waits> {
    entries
        .iter()
        .map(|entry| {
            let mut on = BTreeMap::new();
            let mut look_up = |named: &[Spanned<Id>]| -> Vec<Meant> {
                let mut found = Vec::new();
                for name in named {
                    if let Some(meant) = directory.get(name.get_ref()) {
                        on.entry(meant.entry).or_insert_with(|| name.span());
                        found.push(*meant);
                    } else {
                        let known = ("sessions", directory.keys().map(Id::as_str));
                        report.unknown(name.span(), "session", name.get_ref().as_str(), known);
                    }
                }
                found
            };
            let after = look_up(&entry.after);
            let input_from = look_up(&entry.input_from);
            Waits { after, input_from, on }
        })
        .collect()
}

/// The places of all entries, each behind those that it waits for and else in the order of the file. Circles are told.
pub(super) fn in_order(entries: &[Entry], waits: &[Waits], report: &mut Report<'_>) -> Vec<usize> {
    let mut order = Vec::with_capacity(entries.len());
    let mut open: Vec<usize> = waits.iter().map(|waits| waits.on.len()).collect();
    let mut waiting_for: Vec<Vec<usize>> = vec![Vec::new(); entries.len()];
    for (entry, waits) in waits.iter().enumerate() {
        for on in waits.on.keys() {
            waiting_for[*on].push(entry);
        }
    }
    let mut ready: BTreeSet<usize> = (0..entries.len()).filter(|entry| open[*entry] == 0).collect();
    while let Some(entry) = ready.pop_first() {
        order.push(entry);
        for waiting in &waiting_for[entry] {
            open[*waiting] -= 1;
            if open[*waiting] == 0 {
                ready.insert(*waiting);
            }
        }
    }
    if order.len() < entries.len() {
        let done: BTreeSet<usize> = order.iter().copied().collect();
        let left = (0..entries.len()).filter(|entry| !done.contains(entry)).collect();
        tell_circles(entries, waits, left, report);
    }
    order
}

/// Every entry that is left waits for another that is left: walking on must lead to one that was seen.
fn tell_circles(entries: &[Entry], waits: &[Waits], mut left: BTreeSet<usize>, report: &mut Report<'_>) {
    let mut told = 0;
    while let Some(start) = left.first().copied() {
        let mut path = vec![start];
        let circle = loop {
            let here = path[path.len() - 1];
            let Some(next) = waits[here].on.keys().copied().find(|on| left.contains(on)) else { break None };
            if let Some(at) = path.iter().position(|seen| *seen == next) {
                break Some(&path[at..]);
            }
            path.push(next);
        };
        match circle {
            Some(circle) => {
                tell(entries, waits, circle, report);
                left = left.iter().copied().filter(|entry| !circle.contains(entry)).collect();
                told += 1;
                if told == MOST_CIRCLES {
                    return;
                }
            }
            // It waits only for a circle that was told.
            None => left = left.iter().copied().filter(|entry| !path.contains(entry)).collect(),
        }
    }
}

fn tell(entries: &[Entry], waits: &[Waits], circle: &[usize], report: &mut Report<'_>) {
    let name = |entry: usize| {
        let name = entries[entry].name.as_ref().map_or("", |name| name.get_ref().as_str());
        names::quoted(name)
    };
    // The circle is told from the session that stands first in the file.
    let first = circle.iter().enumerate().min_by_key(|(_, entry)| **entry).map_or(0, |(at, _)| at);
    let around: Vec<usize> = circle[first..].iter().chain(&circle[..first]).copied().collect();
    let next = |at: usize| around[(at + 1) % around.len()];
    let mut steps: Vec<String> = around.iter().take(MOST_STEPS).map(|entry| name(*entry)).collect();
    if around.len() > MOST_STEPS {
        steps.push("…".to_owned());
    }
    steps.push(name(around[0]));
    let lines: Vec<String> = around
        .iter()
        .enumerate()
        .take(MOST_STEPS)
        .map(|(at, entry)| {
            let line = report.line(waits[*entry].on[&next(at)].start);
            format!("line {line}: {} waits for {}", name(*entry), name(next(at)))
        })
        .collect();
    let place = waits[around[0]].on[&next(0)].clone();
    let mut told = report.error(place, format!("these sessions wait for each other: {}", steps.join(" → ")));
    for line in lines {
        told.help(line);
    }
}
