//! Model runs, each once: the charges of the ledger that stand in an account.

use std::io;
use std::sync::Arc;

use flightrec_events::{EventId, Timestamp};

use super::projection::Projection;
use super::session::SessionFold;
use super::told::Told;
use super::usage::{Amounts, Charge, Witness};
use crate::view::{ModelRunView, Tokens};

impl Projection {
    /// The model runs of one session, or of all: by session in the order in which these came, then by time.
    ///
    /// # Errors
    /// What was packed cannot be read.
    pub(crate) fn model_runs(&self, only: Option<u32>) -> io::Result<Vec<ModelRunView>> {
        let mut runs = Vec::new();
        let wanted = |root: &u32| only.is_none_or(|only| only == *root);
        for root in self.listed().filter(wanted) {
            let mut charges = Vec::new();
            for at in self.places.group(root) {
                charges.extend(self.entries_of(at)?.into_iter().filter_map(|(_, entry)| entry.charge()));
            }
            if charges.is_empty() {
                continue;
            }
            let session = self.session_at(root);
            charges.sort_unstable_by_key(|charge| (charge.timestamp_us, *charge.event_id()));
            if let Some(told) = &session.told {
                leave_out_twice_told(told, &mut charges);
            }
            runs.extend(charges.iter().map(|charge| self.model_run(&session, charge)));
        }
        Ok(runs)
    }

    fn model_run(&self, session: &SessionFold, charge: &Charge) -> ModelRunView {
        let facts = session.facts.as_ref();
        let told = session.told.as_deref();
        let served = self.served(charge.account);
        let told_provider = || told.and_then(|told| told.provider.as_ref()).map(|said| Arc::clone(&said.what));
        let own_provider = || facts.and_then(|facts| facts.provider.clone()).or_else(told_provider);
        let Amounts { input, output, cached, cache_write, reasoning, nanos } = charge.amounts;
        ModelRunView {
            session_id: Arc::clone(&session.id),
            event_id: EventId::from_bytes(*charge.event_id()),
            timestamp: Timestamp::from_micros(charge.timestamp_us).unwrap_or_default(),
            role: facts.map(|facts| &facts.role).or(session.role_told()).cloned(),
            wp_id: facts.and_then(|facts| facts.wp.clone()),
            model_id: Arc::clone(&served.model),
            provider: served.provider.clone().or_else(own_provider),
            backend: facts.map(|facts| facts.backend).or(told.map(Told::backend)),
            tokens: Tokens { input, output, cached, cache_write, reasoning, total: charge.amounts.total() },
            cost_nanos: nanos,
        }
    }
}

/// Leaves out the charges that better witnesses made as well, latest first.
fn leave_out_twice_told(told: &Told, charges: &mut Vec<Charge>) {
    for (account, amounts, times) in told.told_twice() {
        for _ in 0..times {
            let is_one = |charge: &Charge| {
                matches!(charge.witness, Some(Witness::Span | Witness::Log))
                    && (charge.account, charge.amounts) == (account, amounts)
            };
            if let Some(at) = charges.iter().rposition(is_one) {
                charges.remove(at);
            }
        }
    }
}
