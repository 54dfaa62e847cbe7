//! Who spawned whom: cost up the tree, and trees that cannot be.

use flightrec_recorder::events::{CheckedEvent, Kind};
use flightrec_recorder::query::{EventFilter, SessionFilter};
use flightrec_recorder::view::{Finding, FindingKind, SessionView, TreeView};
use flightrec_recorder::{CostKey, Reader};

use crate::memory::Memory;
use crate::sample::{Usage, created, created_by, inference, message, open, session, take, workload};

fn pay(n: u64, session: &str, nanos: u64) -> CheckedEvent {
    inference(n, session, &Usage { nanos: Some(nanos), ..Usage::default() })
}

fn shape(tree: &TreeView) -> String {
    let children: Vec<_> = tree.children.iter().map(shape).collect();
    format!("{}({})", tree.session.session_id, children.join(" "))
}

fn inclusive(reader: &Reader, id: &str) -> u128 {
    session(reader, id).cost.inclusive_nanos
}

fn count(tree: &TreeView) -> usize {
    1 + tree.children.iter().map(count).sum::<usize>()
}

#[test]
fn cost_sums_up_the_tree_and_children_stand_in_order() {
    let recorder = open(&Memory::default());
    let events = vec![
        created_by(5, "late", Some("root")),
        created(1, "root"),
        created_by(3, "b", Some("root")),
        created_by(4, "a", Some("b")),
        pay(10, "root", 1),
        pay(11, "b", 20),
        pay(12, "a", 300),
        pay(13, "late", 4_000),
        created_by(6, "orphan", Some("nobody")),
        pay(14, "orphan", 50_000),
    ];
    take(&recorder, events);
    let reader = recorder.reader();
    assert_eq!(shape(&reader.tree("root").unwrap()), "root(b(a()) late())");
    let sums: Vec<_> = ["root", "b", "a", "late", "orphan"].map(|id| inclusive(reader, id)).into();
    assert_eq!(sums, [4_321, 320, 300, 4_000, 50_000]);
    let all: Vec<_> = reader.trees().iter().map(shape).collect();
    assert_eq!(all, ["root(b(a()) late())", "orphan()"]);
    recorder.close().unwrap();
}

#[test]
fn a_session_in_a_circle_or_its_own_parent_is_shown_once() {
    let recorder = open(&Memory::default());
    let events = vec![
        created_by(1, "self", Some("self")),
        created_by(2, "x", Some("z")),
        created_by(3, "y", Some("x")),
        created_by(4, "z", Some("y")),
        created_by(5, "leaf", Some("z")),
        pay(6, "self", 1),
        pay(7, "x", 10),
        pay(8, "leaf", 100),
    ];
    take(&recorder, events);
    let reader = recorder.reader();
    let all: Vec<_> = reader.trees().iter().map(shape).collect();
    assert_eq!(all, ["self()", "x(y(z(leaf())))"], "no session is left out");
    assert_eq!(shape(&reader.tree("y").unwrap()), "y(z(x() leaf()))");
    assert_eq!((inclusive(reader, "self"), inclusive(reader, "x")), (1, 110), "nobody pays twice around a circle");
    assert_eq!(reader.sessions(&SessionFilter::default()).len(), 5);
    recorder.close().unwrap();
}

#[test]
fn a_chain_of_a_hundred_thousand_is_summed_and_shown_in_part() {
    const LENGTH: u64 = 100_000;
    let recorder = open(&Memory::default());
    let name = |n: u64| format!("s-{n:06}");
    for first in (0..LENGTH).step_by(1_000) {
        let chain = (first..first + 1_000).map(|n| created_by(n, &name(n), n.checked_sub(1).map(name).as_deref()));
        take(&recorder, chain.collect());
    }
    take(&recorder, vec![pay(LENGTH, &name(LENGTH - 1), 7)]);
    let tree = recorder.reader().tree(&name(0)).unwrap();
    assert_eq!((tree.session.cost.inclusive_nanos, count(&tree)), (7, 64));
    let mut deepest = &tree;
    while let Some(child) = deepest.children.first() {
        deepest = child;
    }
    let told = deepest.session.findings.iter().find(|finding| finding.kind == FindingKind::Gap).expect("it is told");
    assert!(told.detail.contains("1 sessions below depth 64"), "{}", told.detail);
    assert_eq!(recorder.reader().trees().len(), 1);
    recorder.close().unwrap();
}

#[test]
fn no_answer_but_spans_needs_a_span() {
    let events: Vec<_> = [workload(0), workload(100), vec![message(300, "lone")]].concat();
    let is_span = |event: &CheckedEvent| matches!(event.kind(), Some(Kind::SpanOpened | Kind::SpanClosed));
    let without: Vec<_> = events.iter().filter(|event| !is_span(event)).cloned().collect();
    assert_eq!(events.len() - without.len(), 12);
    let [all, less] = [events, without].map(|events| {
        let recorder = open(&Memory::default());
        take(&recorder, events);
        recorder
    });
    // Positions move when events are left out.
    let unplaced = |finding: &Finding| Finding { seq: None, ..finding.clone() };
    let plain = |view: &SessionView| {
        let findings = view.findings.iter().map(unplaced).collect();
        SessionView { spans: 0, open_spans: 0, findings, ..view.clone() }
    };
    let views = |reader: &Reader| -> Vec<_> { reader.sessions(&SessionFilter::default()).iter().map(plain).collect() };
    assert_eq!(views(all.reader()), views(less.reader()));
    let trees = |reader: &Reader| -> Vec<_> { reader.trees().iter().map(shape).collect() };
    assert_eq!(trees(all.reader()), trees(less.reader()));
    for key in [CostKey::Session, CostKey::WorkPacket, CostKey::Role, CostKey::Model, CostKey::Provider] {
        assert_eq!(
            all.reader().cost(key, &SessionFilter::default()),
            less.reader().cost(key, &SessionFilter::default())
        );
    }
    for view in views(all.reader()) {
        let thread = |reader: &Reader| -> Vec<_> {
            let messages = reader.messages(Some(view.session_id.clone())).unwrap();
            messages.into_iter().map(|message| (message.message_id, message.timestamp)).collect()
        };
        assert_eq!(thread(all.reader()), thread(less.reader()));
        let states = |reader: &Reader| -> Vec<_> {
            let states = reader.session(&view.session_id).unwrap().states;
            states.into_iter().map(|step| (step.timestamp, step.to_state)).collect()
        };
        assert_eq!(states(all.reader()), states(less.reader()));
        let filter = EventFilter::of_session(view.session_id.clone());
        let count =
            |reader: &Reader| reader.events(&filter).filter(|event| !is_span(&event.as_ref().unwrap().event)).count();
        assert_eq!(count(all.reader()), less.reader().events(&filter).count());
    }
    assert_eq!(less.reader().session("s-a-0").unwrap().spans, []);
    assert_eq!(all.reader().rate(crate::sample::at(5), 60), less.reader().rate(crate::sample::at(5), 60));
}
