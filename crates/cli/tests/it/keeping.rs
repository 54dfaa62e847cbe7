//! What stays and what goes.

use super::support::{Store, created, keys};

#[test]
fn holds_are_placed_listed_and_released() {
    let store = Store::with(&[created("alpha-1", 0), created("beta-1", 1)]);
    assert!(store.list(&["hold"]).is_empty());
    assert!(store.run(["hold", "alpha", "beta", "--reason", "incident 42"]).code(0).stderr.contains("2 holds placed"));
    assert!(store.run(["hold", "alpha"]).code(0).stderr.contains("1 was held already"));
    let held = store.list(&["hold"]);
    assert_eq!(keys(&held[0]), ["reason", "session_id", "since"]);
    assert_eq!((&held[0]["session_id"], &held[0]["reason"]), (&"alpha-1".into(), &"incident 42".into()));
    assert!(store.run(["hold", "alpha", "--release"]).code(0).stderr.contains("1 hold released"));
    assert_eq!(store.list(&["hold"]).len(), 1);
}

#[test]
fn a_hold_on_nothing_is_refused() {
    let store = Store::with(&[created("alpha-1", 0)]);
    assert!(store.run(["hold", "gamma"]).code(1).stderr.contains("gamma"));
    store.run(["hold", "--release"]).code(2);
    store.run(["hold", "alpha", "--release", "--reason", "x"]).code(2);
    assert!(store.list(&["hold"]).is_empty());
}

#[test]
fn changed_holds_are_not_believed() {
    let store = Store::with(&[created("alpha-1", 0)]);
    store.run(["hold", "alpha"]).code(0);
    let path = store.path().join("HOLDS");
    let text = std::fs::read_to_string(&path).unwrap().replace("alpha-1", "alpha-2");
    std::fs::write(&path, text).unwrap();
    assert!(store.run(["hold"]).code(1).stderr.contains("was changed"));
}
