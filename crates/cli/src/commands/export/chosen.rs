//! The sessions that a picture is made of.

use flightrec_recorder::Reader;
use flightrec_recorder::lanes::LaneView;
use flightrec_recorder::query::SessionFilter;
use flightrec_recorder::view::{SessionView, TreeView};

use super::super::Run;
use crate::args::ExportArgs;
use crate::exit::{Failure, tell};

/// So many sessions are read at once: each lies in one place, and a picture of many needs no more memory than that.
const READ_AT_ONCE: usize = 32;

/// Sessions in an order in which parents come before their children.
pub(super) fn sessions(run: &Run, reader: &Reader, args: &ExportArgs) -> Result<Vec<SessionView>, Failure> {
    let (since, until) = args.time.resolve(run.now())?;
    let filter = SessionFilter { since, until, ..args.filters.filter() };
    let trees = match &args.session {
        Some(prefix) => {
            let id = run.store.resolve(reader, prefix)?;
            let mut tree = reader.tree(&id).map_err(|error| run.store.lookup_failure(&error))?;
            if !args.tree {
                tree.children.clear();
            }
            vec![tree]
        }
        None => reader.trees(),
    };
    let mut sessions = in_order(trees);
    sessions.retain(|session| filter.takes(session));
    Ok(sessions)
}

/// The sessions of trees, parents before children, without recursion.
fn in_order(trees: Vec<TreeView>) -> Vec<SessionView> {
    let mut stack: Vec<TreeView> = trees.into_iter().rev().collect();
    let mut sessions = Vec::new();
    while let Some(tree) = stack.pop() {
        sessions.push(tree.session);
        stack.extend(tree.children.into_iter().rev());
    }
    sessions
}

/// Gives the lane of each session to `take`, in their order; answers whether all of them could be read whole.
pub(super) fn each_lane(
    run: &Run,
    reader: &Reader,
    sessions: &[SessionView],
    mut take: impl FnMut(LaneView) -> Result<(), Failure>,
) -> Result<bool, Failure> {
    let mut is_whole = true;
    for sessions in sessions.chunks(READ_AT_ONCE) {
        let read = reader.lanes(sessions.to_vec()).map_err(|error| run.store.read_failure(&error))?;
        for damage in read.damage {
            tell(&damage);
            is_whole = false;
        }
        read.lanes.into_iter().try_for_each(&mut take)?;
    }
    Ok(is_whole)
}

/// What a session is called: its role, its label, the beginning of its id.
pub(super) fn name_of(session: &SessionView, short: &str) -> String {
    let role = session.role.as_deref();
    let label = session.label.as_deref().filter(|label| Some(*label) != role);
    [role, label, Some(short)].into_iter().flatten().collect::<Vec<_>>().join(" ")
}
