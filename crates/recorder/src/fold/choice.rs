//! Which sessions a list shows, told from their rows, before any of them is looked at closely.

use flightrec_events::Timestamp;
use rustc_hash::FxHashMap;

use super::projection::Projection;
use super::rows::Row;
use crate::query::{SessionFilter, SessionOrder};

/// What a session is sorted by before its creation and its id.
type Rank = i128;

/// What a session is sorted by, before its id.
type Key = (Rank, Option<Timestamp>);

/// So many candidates more than are wanted are gathered before those that cannot be chosen are let go of.
const SPARE: usize = 1_024;

impl Projection {
    /// The sessions that a filter takes, in the order in which they came: as many as it wants, the first ones in its
    /// order, and those that may be their equals.
    pub(crate) fn choose(&self, filter: &SessionFilter) -> Vec<u32> {
        let mut roles = Roles::default();
        let mut chosen: Vec<(Key, u32)> = Vec::new();
        let limit = filter.limit.unwrap_or(usize::MAX);
        // Where roles stand in order is known only when all were met.
        let is_ranked = filter.order != SessionOrder::Role;
        let (mut room, mut last) = (limit.saturating_add(SPARE), None);
        for at in self.listed() {
            let found = self
                .ask(at, |row| filter.takes_row(row).then(|| (rank(filter.order, row, &mut roles), row.created_at())));
            let Some((found, created)) = found else { continue };
            // What the row leaves out is asked of the session.
            let key = (found.unwrap_or_else(|| self.sum_rank(filter.order, at)), created);
            if last.is_some_and(|last| key > last) {
                continue;
            }
            chosen.push((key, at));
            if is_ranked && chosen.len() >= room {
                last = cut(&mut chosen, limit);
                room = chosen.len().saturating_mul(2).saturating_add(SPARE);
            }
        }
        if !is_ranked {
            let ranks = roles.ranks();
            for ((rank, _), _) in &mut chosen {
                *rank = ranks[*rank as usize];
            }
        }
        cut(&mut chosen, limit);
        let mut chosen: Vec<u32> = chosen.into_iter().map(|(_, at)| at).collect();
        chosen.sort_unstable();
        chosen
    }

    /// The rank by cost or tokens of a session that has more than one account.
    fn sum_rank(&self, order: SessionOrder, at: u32) -> Rank {
        let sum = self.session_at(at).sum();
        if order == SessionOrder::Cost { less(sum.nanos) } else { less(sum.input + sum.output) }
    }
}

/// Leaves the first ones in order, as many as are wanted and their equals; the key of the last of them, if others went.
fn cut(chosen: &mut Vec<(Key, u32)>, limit: usize) -> Option<Key> {
    if chosen.len() <= limit {
        return None;
    }
    let Some(last) = limit.checked_sub(1) else {
        chosen.clear();
        return None;
    };
    let last = chosen.select_nth_unstable_by_key(last, |(key, _)| *key).1.0;
    chosen.retain(|(key, _)| *key <= last);
    Some(last)
}

/// Larger ones come first.
fn less(amount: u128) -> Rank {
    -Rank::try_from(amount).unwrap_or(Rank::MAX)
}

/// Later and longer ones come first, unknown ones last.
fn latest(us: Option<i64>) -> Rank {
    us.map_or(Rank::MAX, |us| -Rank::from(us))
}

/// `None` if the row does not tell.
fn rank(order: SessionOrder, row: &Row<'_>, roles: &mut Roles) -> Option<Rank> {
    let account = || match row.account {
        Some(_) if row.has_more_accounts => None,
        account => Some(account.map(|(_, account)| account).unwrap_or_default()),
    };
    match order {
        SessionOrder::Created => Some(0),
        SessionOrder::Updated => Some(latest(row.updated_at().map(Timestamp::as_micros))),
        SessionOrder::Cost => account().map(|account| less(account.nanos)),
        SessionOrder::Tokens => account().map(|account| less(account.input + account.output)),
        SessionOrder::Elapsed => {
            let end = row.ended_at().or(row.updated_at());
            Some(latest(end.zip(row.created_at()).map(|(end, created)| end.micros_since(created))))
        }
        SessionOrder::Role => Some(roles.number(row.role)),
        SessionOrder::State => Some(row.state as Rank),
    }
}

/// The roles that were met, by number.
#[derive(Default)]
struct Roles {
    numbers: FxHashMap<String, usize>,
    has_none: Option<usize>,
    count: usize,
}

impl Roles {
    fn number(&mut self, role: Option<&str>) -> Rank {
        let held = role.map_or(self.has_none, |role| self.numbers.get(role).copied());
        let number = held.unwrap_or_else(|| {
            let number = self.count;
            self.count += 1;
            match role {
                Some(role) => drop(self.numbers.insert(role.to_owned(), number)),
                None => self.has_none = Some(number),
            }
            number
        });
        number as Rank
    }

    /// By number, where it stands among all of them in order; no role stands first.
    fn ranks(self) -> Vec<Rank> {
        let named = self.numbers.into_iter().map(|(role, number)| (Some(role), number));
        let mut all: Vec<(Option<String>, usize)> = named.chain(self.has_none.map(|number| (None, number))).collect();
        all.sort();
        let mut ranks = vec![0; all.len()];
        for (rank, (_, number)) in all.into_iter().enumerate() {
            ranks[number] = rank as Rank;
        }
        ranks
    }
}
