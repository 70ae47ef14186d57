//! The interface that a connector calls before each of its calls.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::runtime::Handle;

use syncline_engine::limits::{Dimension, Lane, Learned};
use syncline_queue::jitter;

use super::{Answer, CallResult, Cause, Limits, Phase, Request, Ticket};

/// How long to wait when the store of limits fails.
const STORE_WAIT: Duration = Duration::from_secs(5);
/// The jitter between callers that wait for the same moment.
const APART: Duration = Duration::from_millis(20);

/// One account's limits as one run uses them. Clones share them.
///
/// ```
/// # use std::{sync::Arc, time::Duration};
/// # use {syncline_engine::limits::*, syncline_limits::*};
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let limits: Arc<dyn Limits> = Arc::new(MemoryLimits::default());
/// let caller = Caller::new(limits, "account:12", "acme-github").with_lane(Lane::Edit);
/// let hourly = Dimension::windowed("rest", 5_000.0, Duration::from_secs(3600));
/// let content = Dimension::steady("content", 80.0, Duration::from_secs(60)).with_burst(1.0);
/// match caller.permit(&[(&hourly, 1.0), (&content, 1.0)]).await {
///     Ok(permit) => {
///         // The call goes here; what its headers say goes into `Learned`.
///         permit.finish(CallResult::Works, Learned::default()).await;
///     }
///     Err(not_now) => println!("again in {:?}", not_now.delay),
/// }
/// # });
/// ```
#[derive(Debug, Clone)]
pub struct Caller {
    limits: Arc<dyn Limits>,
    subject: Arc<str>,
    label: Arc<str>,
    lane: Lane,
    under: Option<Ticket>,
    patience: Duration,
}

/// Why no call can be made now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotNow {
    /// The account's name for display.
    pub account: String,
    /// How long to wait before the next try.
    pub delay: Duration,
    /// What prevents the call; `None`: the store of limits failed, so nothing passes.
    pub cause: Option<Cause>,
}

impl fmt::Display for NotNow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.account)?;
        match &self.cause {
            Some(cause) => write!(f, "{cause}")?,
            None => f.write_str("the store of rate limits cannot be reached, so no call is made")?,
        }
        write!(f, "; again in {:.1} s", self.delay.as_secs_f64())
    }
}

impl std::error::Error for NotNow {}

impl Caller {
    /// Creates a caller for a subject. `label` is the name for display and metrics: the account's or the platform's
    /// name.
    pub fn new(limits: Arc<dyn Limits>, subject: impl Into<Arc<str>>, label: impl Into<Arc<str>>) -> Self {
        Self {
            limits,
            subject: subject.into(),
            label: label.into(),
            lane: Lane::Poll,
            under: None,
            patience: Duration::from_secs(2),
        }
    }

    /// Sets the lane; the default is [`Lane::Poll`].
    #[must_use]
    pub fn with_lane(mut self, lane: Lane) -> Self {
        self.lane = lane;
        self
    }

    /// Returns the lane of its calls.
    pub fn lane(&self) -> Lane {
        self.lane
    }

    /// Sets how long to wait for a turn; the default is two seconds. For a longer wait [`Caller::permit`] fails, and
    /// the job snoozes so that its slot is free for others.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Makes the calls part of what this permit allowed: if that is a probe of a failing platform, these calls pass
    /// with it.
    #[must_use]
    pub fn under(mut self, permit: &Permit) -> Self {
        self.under = Some(permit.ticket.clone());
        self
    }

    /// Requests a call with these costs.
    pub async fn permit(&self, costs: &[(&Dimension, f64)]) -> Result<Permit, NotNow> {
        let mut request = Request::new(&*self.subject, self.lane);
        request.under = self.under.clone();
        for (dimension, amount) in costs {
            request = request.cost(dimension, *amount);
        }
        let began = Instant::now();
        loop {
            let (delay, cause) = match self.limits.take(&request).await {
                Ok(Answer::Granted(ticket)) => {
                    self.granted(&ticket, began.elapsed());
                    return Ok(Permit { caller: self.clone(), ticket, finished: false });
                }
                Ok(Answer::WaitFor { delay, cause }) => (delay, Some(cause)),
                Err(error) => {
                    tracing::warn!(account = %self.label, %error, "the store of rate limits cannot be asked");
                    (STORE_WAIT, None)
                }
            };
            if cause.is_none() || began.elapsed() + delay > self.patience {
                return Err(self.refused(delay, cause));
            }
            tokio::time::sleep(delay + jitter(APART)).await;
        }
    }

    fn granted(&self, ticket: &Ticket, waited: Duration) {
        metrics::counter!(
            "syncline_limits_granted_total", "account" => self.label.to_string(), "lane" => self.lane.as_str()
        )
        .increment(1);
        metrics::histogram!("syncline_limits_wait_seconds", "account" => self.label.to_string())
            .record(waited.as_secs_f64());
        if ticket.probe {
            self.show(Phase::HalfOpen);
        }
    }

    fn refused(&self, delay: Duration, cause: Option<Cause>) -> NotNow {
        let name = match &cause {
            Some(Cause::Dimension(_)) => "limit",
            Some(Cause::Blocked) => "blocked",
            Some(Cause::Breaker) => "breaker",
            None => "store",
        };
        if cause == Some(Cause::Breaker) {
            self.show(Phase::Open);
        }
        metrics::counter!(
            "syncline_limits_refused_total", "account" => self.label.to_string(), "cause" => name
        )
        .increment(1);
        // The jitter keeps parked jobs from returning at the same moment.
        NotNow { account: self.label.to_string(), delay: delay + jitter(delay / 10), cause }
    }

    fn show(&self, phase: Phase) {
        metrics::gauge!("syncline_breaker_state", "account" => self.label.to_string()).set(phase.level());
    }
}

/// Permission to make a call. Dropped without [`Permit::finish`] it returns its slots and reports no result.
#[derive(Debug)]
pub struct Permit {
    caller: Caller,
    ticket: Ticket,
    finished: bool,
}

impl Permit {
    /// Reports the end of the call. A failure of the store is only logged: slots expire by themselves.
    pub async fn finish(mut self, result: CallResult, learned: Learned) {
        self.finished = true;
        let nothing_to_say = match result {
            CallResult::Works => self.ticket.quiet,
            CallResult::Fails { .. } => false,
            CallResult::Unknown => true,
        };
        if nothing_to_say && learned.is_empty() && !self.holds() {
            return;
        }
        let caller = &self.caller;
        match caller.limits.finish(&caller.subject, &self.ticket, &result, &learned).await {
            Ok(phase) => caller.show(phase),
            Err(error) => {
                tracing::warn!(account = %caller.label, %error, "the store of rate limits cannot be told");
            }
        }
    }

    fn holds(&self) -> bool {
        self.ticket.probe || !self.ticket.slots.is_empty()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.finished || !self.holds() {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        let (caller, ticket) = (self.caller.clone(), std::mem::take(&mut self.ticket));
        runtime.spawn(async move {
            let nothing = Learned::default();
            let told = caller.limits.finish(&caller.subject, &ticket, &CallResult::Unknown, &nothing).await;
            if let Err(error) = told {
                tracing::debug!(account = %caller.label, %error, "slots are left to end by themselves");
            }
        });
    }
}
