//! The gates of a run's places: each request asks the shared limits of its account, and reports its result to the
//! breaker.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use syncline_engine::{
    ports::{Call, Clock, Gate, Leave, Meter, OpenGate, Pass, Refusal},
    side::Pair,
};
use syncline_limits::{CallResult, Caller, Dimension, Lane, Learned, Permit};

/// The calls of a run to its places.
pub struct Calls {
    /// The requests made to both places.
    pub meter: Meter,
    /// One per place, since two places may belong to two accounts.
    pub gates: Pair<Box<dyn Gate>>,
}

impl Calls {
    /// Creates calls through these gates, counted from zero.
    pub fn through(gates: Pair<Box<dyn Gate>>) -> Self {
        Self { meter: Meter::default(), gates }
    }

    /// Creates calls of places without accounts.
    pub fn unlimited() -> Self {
        Self::through(Pair::new(Box::new(OpenGate), Box::new(OpenGate)))
    }

    /// The context in which the places are called.
    pub fn context<'a>(&'a self, leave: &'a dyn Leave, now: DateTime<Utc>) -> Pair<Call<'a>> {
        let call = |gate: &'a dyn Gate| Call::new(leave, gate, &self.meter, now);
        Pair::new(call(&*self.gates.source), call(&*self.gates.target))
    }

    /// Returns the gates for the engine.
    pub fn gates(&self) -> Pair<&dyn Gate> {
        Pair::new(&*self.gates.source, &*self.gates.target)
    }
}

/// The gate of a place with an account.
pub(crate) struct AccountGate {
    pub(crate) caller: Caller,
    pub(crate) clock: Arc<dyn Clock>,
}

#[async_trait]
impl Gate for AccountGate {
    fn lane(&self) -> Lane {
        self.caller.lane()
    }

    async fn ask(&self, costs: &[(&Dimension, f64)]) -> Result<Box<dyn Pass>, Refusal> {
        match self.caller.permit(costs).await {
            Ok(permit) => Ok(Box::new(AccountPass(permit))),
            Err(not_now) => {
                let delay = TimeDelta::from_std(not_now.delay).unwrap_or(TimeDelta::days(1));
                Err(Refusal { until: self.clock.now() + delay, why: not_now.to_string() })
            }
        }
    }
}

struct AccountPass(Permit);

#[async_trait]
impl Pass for AccountPass {
    async fn report(self: Box<Self>, result: CallResult, learned: Learned) {
        self.0.finish(result, learned).await;
    }
}
