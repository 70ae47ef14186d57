//! What a connector asks before each of its calls.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::runtime::Handle;

use syncline_engine::limits::{Dimension, Lane, Learned};
use syncline_queue::jitter;

use super::{Answer, CallResult, Cause, Limits, Phase, Request, Ticket};

/// How long to wait for a store that cannot be asked.
const STORE_WAIT: Duration = Duration::from_secs(5);
/// Those who wait for the same moment come a little apart.
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

/// Calls cannot be made now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotNow {
    /// Whose limits they are, for people.
    pub account: String,
    /// Ask again after this time.
    pub delay: Duration,
    /// What stands in the way; `None`: the store of limits cannot be asked, so nothing passes.
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
    /// A caller for a subject. The label is what people and metrics call it: the account's or the platform's name.
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

    /// In this lane; [`Lane::Poll`] is the default.
    #[must_use]
    pub fn with_lane(mut self, lane: Lane) -> Self {
        self.lane = lane;
        self
    }

    /// Waits for a turn that comes within this time; two seconds are the default. A later one is left to the job, which
    /// snoozes and frees its place for others.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Its calls belong to what this permit let through: where that is a try of a platform that did not work, they are
    /// part of it.
    #[must_use]
    pub fn under(mut self, permit: &Permit) -> Self {
        self.under = Some(permit.ticket.clone());
        self
    }

    /// Asks for a call that costs this much.
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
        // Parked jobs come back a little apart, not all in the same moment.
        NotNow { account: self.label.to_string(), delay: delay + jitter(delay / 10), cause }
    }

    fn show(&self, phase: Phase) {
        metrics::gauge!("syncline_breaker_state", "account" => self.label.to_string()).set(phase.level());
    }
}

/// Leave to make a call. Dropped without [`Permit::finish`] it gives its slots back and says nothing.
#[derive(Debug)]
pub struct Permit {
    caller: Caller,
    ticket: Ticket,
    finished: bool,
}

impl Permit {
    /// The call is over. A store that cannot be told is a warning: slots come free by themselves.
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
