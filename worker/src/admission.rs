//! Checks before a run begins whether calls to its platforms are allowed.
//!
//! A platform that is down or asked for a pause parks the jobs of its account: they snooze and use up no attempt. The
//! result of a run is reported to the account's breaker. A sync of places without accounts, such as files and SQL
//! tables, needs no admission. The limits of single calls are checked between the connector and its [`Caller`].

use std::sync::Arc;

use chrono::{DateTime, Utc};
use syncline_engine::{Side, ports::ErrorKind, side::Pair};
use syncline_entity::{
    sync_config,
    types::{RunKind, SyncMethod},
};
use syncline_limits::{CallResult, Caller, Lane, Learned, Limits, NotNow, Permit};
use syncline_runs::Begun;

use crate::handlers::kinds;

/// The lane of a run: first runs that a person or an event asked for, then retries, then scheduled runs.
pub(crate) fn lane(begun: &Begun) -> Lane {
    lane_of(begun.row.kind, begun.row.sync_type, begun.attempt)
}

fn lane_of(kind: RunKind, method: SyncMethod, attempt: u32) -> Lane {
    match kinds::of(kind.as_str()).lane {
        Some(lane) if attempt <= 1 => lane(method),
        _ => Lane::Retry,
    }
}

/// The accounts of a sync.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Accounts<'a>(Pair<Option<(i64, &'a str)>>);

impl<'a> Accounts<'a> {
    pub(crate) fn of(config: &'a sync_config::Model) -> Self {
        let account = |id: Option<i64>, platform: &'a str| id.map(|id| (id, platform));
        Accounts(Pair::new(
            account(config.source_account_id, &config.source_platform),
            account(config.target_account_id, &config.target_platform),
        ))
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

/// Which side a run failed at, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Blame<'a> {
    pub(crate) side: Side,
    pub(crate) kind: &'a ErrorKind,
    pub(crate) text: &'a str,
}

/// Asks for a permit of every account of a sync. If one account refuses, the permits already granted are returned.
pub(crate) async fn admit(
    limits: &Arc<dyn Limits>,
    accounts: Accounts<'_>,
    lane: Lane,
) -> Result<Admitted, NotNow> {
    let mut admitted = Admitted::default();
    for side in Side::BOTH {
        let Some((id, platform)) = *accounts.0.get(side) else { continue };
        if let Some(known) = admitted.accounts.iter_mut().find(|account| account.id == id) {
            known.sides.push(side);
            continue;
        }
        let caller = Caller::new(Arc::clone(limits), format!("account:{id}"), format!("{platform}/{id}"));
        let caller = caller.with_lane(lane);
        // The dropped permits of the accounts before this one are returned.
        let permit = caller.permit(&[]).await?;
        admitted.accounts.push(Account { id, sides: vec![side], caller: caller.under(&permit), permit });
    }
    Ok(admitted)
}

impl Admitted {
    /// The limiter that the connector of a side asks before each call; `None` where there is no account.
    pub fn caller(&self, side: Side) -> Option<&Caller> {
        self.accounts.iter().find(|account| account.sides.contains(&side)).map(|account| &account.caller)
    }

    /// Reports the result of the run to the breakers.
    pub(crate) async fn finish(self, blame: Option<Blame<'_>>, now: DateTime<Utc>) {
        for account in self.accounts {
            let (result, learned) = match blame {
                None => (CallResult::Works, Learned::default()),
                Some(blame) if account.sides.contains(&blame.side) => judge(blame, now),
                // The run ended before this side's result was known.
                Some(_) => (CallResult::Unknown, Learned::default()),
            };
            account.permit.finish(result, learned).await;
        }
    }
}

/// What a failed run tells about its platform.
fn judge(blame: Blame<'_>, now: DateTime<Utc>) -> (CallResult, Learned) {
    let mut learned = Learned::default();
    let result = match blame.kind {
        ErrorKind::Transient | ErrorKind::Auth => CallResult::Fails { error: blame.text.to_owned() },
        ErrorKind::RateLimited { until } => {
            learned.blocked_for = Some((*until - now).to_std().unwrap_or_default());
            CallResult::Unknown
        }
        // The platform answered; it refused the request.
        ErrorKind::Permanent | ErrorKind::NotFound | ErrorKind::Conflict => CallResult::Works,
        ErrorKind::Stopped(_) => CallResult::Unknown,
    };
    (result, learned)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use syncline_limits::{Cause, MemoryLimits, Phase};

    use super::*;

    fn limits() -> Arc<dyn Limits> {
        Arc::new(MemoryLimits::default())
    }

    fn accounts(source: Option<i64>, target: Option<i64>) -> Accounts<'static> {
        Accounts(Pair::new(source.map(|id| (id, "jira")), target.map(|id| (id, "github"))))
    }

    async fn fail(limits: &Arc<dyn Limits>, kind: ErrorKind, times: usize) {
        for _ in 0..times {
            let admitted = admit(limits, accounts(Some(1), Some(2)), Lane::Poll).await.expect("a run");
            let blame = Blame { side: Side::Target, kind: &kind, text: "HTTP 503" };
            admitted.finish(Some(blame), Utc::now()).await;
        }
    }

    #[tokio::test]
    async fn places_without_accounts_ask_nobody() {
        let admitted = admit(&limits(), accounts(None, None), Lane::Poll).await.expect("a run");
        assert!(admitted.accounts.is_empty() && admitted.caller(Side::Source).is_none());
    }

    #[tokio::test]
    async fn an_outage_parks_the_runs_of_its_account_alone() {
        for kind in [ErrorKind::Transient, ErrorKind::Auth] {
            let limits = limits();
            fail(&limits, kind, 5).await;
            let refused = admit(&limits, accounts(None, Some(2)), Lane::Edit).await.expect_err("parked");
            assert_eq!(refused.cause, Some(Cause::Breaker));
            assert!(refused.to_string().starts_with("github/2: the platform does not work"), "{refused}");
            admit(&limits, accounts(Some(1), Some(3)), Lane::Poll).await.expect("others run");
        }
    }

    #[tokio::test]
    async fn a_refusal_by_the_platform_is_no_outage() {
        let limits = limits();
        for kind in [ErrorKind::Permanent, ErrorKind::NotFound, ErrorKind::Conflict] {
            fail(&limits, kind, 10).await;
        }
        admit(&limits, accounts(Some(1), Some(2)), Lane::Poll).await.expect("it works");
    }

    #[tokio::test]
    async fn a_limited_platform_is_left_alone_until_its_time() {
        let limits = limits();
        fail(&limits, ErrorKind::RateLimited { until: Utc::now() + TimeDelta::minutes(10) }, 1).await;
        let refused = admit(&limits, accounts(Some(1), Some(2)), Lane::Edit).await.expect_err("parked");
        assert_eq!(refused.cause, Some(Cause::Blocked));
        assert!(refused.delay.as_secs() > 590, "{refused:?}");
        assert_eq!(limits.status("account:2").await.expect("the store").phase, Phase::Closed);
    }

    #[tokio::test]
    async fn both_sides_of_one_account_are_one() {
        let limits = limits();
        let admitted = admit(&limits, accounts(Some(7), Some(7)), Lane::Poll).await.expect("a run");
        assert_eq!(admitted.accounts.len(), 1);
        assert!(admitted.caller(Side::Source).is_some() && admitted.caller(Side::Target).is_some());
    }

    #[test]
    fn people_go_first_and_retries_after_them() {
        assert_eq!(lane_of(RunKind::Sync, SyncMethod::Manual, 1), Lane::Edit);
        assert_eq!(lane_of(RunKind::Resolve, SyncMethod::Batch, 1), Lane::Edit);
        assert_eq!(lane_of(RunKind::Sync, SyncMethod::Webhook, 1), Lane::Edit);
        assert_eq!(lane_of(RunKind::Sync, SyncMethod::Manual, 2), Lane::Retry);
        assert_eq!(lane_of(RunKind::Sync, SyncMethod::Poll, 1), Lane::Poll);
    }
}
