//! Limits in this process, for tests and for single processes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use chrono::Utc;

use syncline_engine::limits::Learned;
use syncline_queue::Error;

use super::{
    Account, Answer, BreakerPolicy, CallResult, Limits, Phase, Request, SubjectStatus, Ticket, bucket::Micros,
};

/// Limits that no other process shares.
#[derive(Debug, Clone, Default)]
pub struct MemoryLimits {
    policy: BreakerPolicy,
    clock: Option<TestClock>,
    accounts: Arc<Mutex<HashMap<String, Account>>>,
}

/// A clock that tests set, in microseconds since the epoch.
#[doc(hidden)]
#[derive(Debug, Clone, Default)]
pub struct TestClock(Arc<std::sync::atomic::AtomicI64>);

impl TestClock {
    pub fn at(micros: i64) -> Self {
        let clock = Self::default();
        clock.advance(micros);
        clock
    }

    pub fn advance(&self, micros: i64) {
        self.0.fetch_add(micros, std::sync::atomic::Ordering::SeqCst);
    }

    pub fn now(&self) -> i64 {
        self.0.load(std::sync::atomic::Ordering::SeqCst)
    }
}

impl MemoryLimits {
    /// Creates empty limits with this policy for breakers.
    pub fn new(policy: BreakerPolicy) -> Self {
        Self { policy, ..Self::default() }
    }

    /// Uses a clock that a test sets.
    #[doc(hidden)]
    #[must_use]
    pub fn with_clock(mut self, clock: TestClock) -> Self {
        self.clock = Some(clock);
        self
    }

    fn now(&self) -> Micros {
        let now = match &self.clock {
            Some(clock) => clock.now(),
            None => Utc::now().timestamp_micros(),
        };
        now as Micros
    }

    fn accounts(&self) -> MutexGuard<'_, HashMap<String, Account>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Limits for MemoryLimits {
    async fn take(&self, request: &Request) -> Result<Answer, Error> {
        let now = self.now();
        Ok(self.accounts().entry(request.subject.clone()).or_default().take(&self.policy, request, now))
    }

    async fn finish(
        &self,
        subject: &str,
        ticket: &Ticket,
        result: &CallResult,
        learned: &Learned,
    ) -> Result<Phase, Error> {
        let now = self.now();
        let mut accounts = self.accounts();
        let account = accounts.entry(subject.to_owned()).or_default();
        Ok(account.finish(&self.policy, ticket, result, learned, now))
    }

    async fn status(&self, subject: &str) -> Result<SubjectStatus, Error> {
        let now = self.now();
        let nothing = Account::default();
        Ok(self.accounts().get(subject).unwrap_or(&nothing).status(subject, now))
    }

    async fn forget(&self, subject: &str) -> Result<(), Error> {
        self.accounts().remove(subject);
        Ok(())
    }
}
