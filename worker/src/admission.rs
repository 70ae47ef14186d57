//! Checks before a run begins whether calls to its platforms are allowed.
//!
//! A platform that is down or asked for a pause parks the jobs of its account: they snooze and use up no attempt. A
//! sync of places without accounts, such as files and SQL tables, needs no admission. The run's own permit reports no
//! result: each request asks the gate of its place ([`crate::gate`]) and reports its result, so that the breaker counts
//! requests and counts no failure twice.

use std::sync::Arc;

use syncline_engine::{
    Side,
    ports::{Clock, Gate, OpenGate},
    side::Pair,
};
use syncline_entity::{
    sync_config,
    types::{RunKind, SyncMethod},
};
use syncline_limits::{CallResult, Caller, Lane, Learned, Limits, NotNow, Permit};
use syncline_runs::Begun;

use crate::{gate::AccountGate, handlers::kinds};

/// Returns the lane of a run: first attempts by their trigger, see [`kinds`], all others as retries.
pub(crate) fn lane(begun: &Begun) -> Lane {
    lane_of(begun.row.kind, begun.row.sync_type, begun.attempt)
}

fn lane_of(kind: RunKind, method: SyncMethod, attempt: u32) -> Lane {
    match kinds::of(kind.as_str()).lane {
        Some(lane) if attempt <= 1 => lane(method),
        _ => Lane::Retry,
    }
}

/// The accounts of a sync, each with the name of its platform.
#[derive(Debug, Clone, Copy)]
pub struct Accounts<'a>(Pair<Option<(i64, &'a str)>>);

impl<'a> Accounts<'a> {
    /// Creates the accounts from their ids; `None` for a place without an account.
    pub fn new(ids: Pair<Option<i64>>, platforms: Pair<&'a str>) -> Self {
        Accounts(Pair::new(
            ids.source.map(|id| (id, platforms.source)),
            ids.target.map(|id| (id, platforms.target)),
        ))
    }

    pub(crate) fn of(config: &'a sync_config::Model) -> Self {
        let ids = Pair::new(config.source_account_id, config.target_account_id);
        Self::new(ids, Pair::new(&config.source_platform, &config.target_platform))
    }
}

/// The permits of a run that may begin.
#[derive(Debug, Default)]
pub struct Admitted {
    accounts: Vec<Account>,
}

#[derive(Debug)]
struct Account {
    id: i64,
    sides: Vec<Side>,
    caller: Caller,
    permit: Permit,
}

/// Asks for a permit of every account of a sync. If one account refuses, the permits already granted are returned.
pub async fn admit(limits: &Arc<dyn Limits>, accounts: Accounts<'_>, lane: Lane) -> Result<Admitted, NotNow> {
    let mut admitted = Admitted::default();
    for side in Side::BOTH {
        let Some((id, platform)) = *accounts.0.get(side) else { continue };
        if let Some(known) = admitted.accounts.iter_mut().find(|account| account.id == id) {
            known.sides.push(side);
            continue;
        }
        let caller = Caller::new(Arc::clone(limits), format!("account:{id}"), format!("{platform}/{id}"));
        let caller = caller.with_lane(lane);
        // Returning early drops the permits of the accounts before this one, which returns them.
        let permit = caller.permit(&[]).await?;
        admitted.accounts.push(Account { id, sides: vec![side], caller: caller.under(&permit), permit });
    }
    Ok(admitted)
}

impl Admitted {
    /// Returns the gates of both places; the gate of a place without an account is always open.
    pub fn gates(&self, clock: &Arc<dyn Clock>) -> Pair<Box<dyn Gate>> {
        let gate = |side: Side| -> Box<dyn Gate> {
            match self.accounts.iter().find(|account| account.sides.contains(&side)) {
                Some(account) => {
                    Box::new(AccountGate { caller: account.caller.clone(), clock: Arc::clone(clock) })
                }
                None => Box::new(OpenGate),
            }
        };
        Pair::new(gate(Side::Source), gate(Side::Target))
    }

    /// Returns the permits after the run; its requests have reported their results.
    pub async fn release(self) {
        for account in self.accounts {
            account.permit.finish(CallResult::Unknown, Learned::default()).await;
        }
    }
}

#[cfg(test)]
mod tests;
