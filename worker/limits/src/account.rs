//! The state of one subject, and the decisions based on it.

use std::collections::BTreeMap;

use syncline_engine::limits::{LONGEST_WAIT, Lane, Learned, Rule};

use super::{
    Answer, BreakerPolicy, CallResult, Cause, DimensionStatus, Phase, Request, SubjectStatus, Ticket,
    breaker::Breaker,
    bucket::{Bucket, Micros, Rate, length, micros},
};

/// The name under which probes of an open breaker hold their slots; no dimension may have it.
pub(super) const PROBES: &str = "";
/// How long to wait for a slot; the store does not notify callers when one becomes free.
pub(super) const SLOT_WAIT: Micros = 100_000.0;
/// How long to wait while other calls probe a platform.
pub(super) const PROBE_WAIT: Micros = 2_000_000.0;

/// The state of one subject. It does no I/O: the time is an argument, in microseconds since the epoch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Account {
    /// The platform asked for no calls before this time.
    pub(super) blocked_until: Micros,
    /// The last serial number given out.
    pub(super) serial: u64,
    pub(super) breaker: Breaker,
    /// By dimension: rates, and waiting requests for slots.
    pub(super) buckets: BTreeMap<String, Bucket>,
    /// Slots in use and when they end, by dimension.
    pub(super) slots: BTreeMap<String, BTreeMap<u64, Micros>>,
}

impl Account {
    /// Takes all requested costs, or none.
    pub fn take(&mut self, policy: &BreakerPolicy, request: &Request, now: Micros) -> Answer {
        self.drop_ended_slots(now);
        let phase = self.breaker.phase(now);
        let under_probe = request.under.as_ref().is_some_and(|under| {
            under.probe && self.slots.get(PROBES).is_some_and(|probes| probes.contains_key(&under.serial))
        });
        let refused = match phase {
            Phase::Open => Some(self.breaker.until - now),
            Phase::HalfOpen if !under_probe && self.in_use(PROBES) >= policy.probes.max(1) as usize => {
                Some(PROBE_WAIT)
            }
            _ => None,
        };
        if let Some(wait) = refused {
            return Answer::WaitFor { delay: length(wait), cause: Cause::Breaker };
        }
        if self.blocked_until > now {
            return Answer::WaitFor { delay: length(self.blocked_until - now), cause: Cause::Blocked };
        }
        let waits: Vec<Micros> = request
            .costs
            .iter()
            .map(|cost| self.wait(&cost.dimension.name, &cost.dimension.rule, request.lane, cost.amount, now))
            .collect();
        let mut longest = (0.0, "");
        for (cost, wait) in request.costs.iter().zip(&waits) {
            if *wait > longest.0 {
                longest = (*wait, &cost.dimension.name);
            }
        }
        if longest.0 > 0.0 {
            for (cost, wait) in request.costs.iter().zip(&waits).filter(|(_, wait)| **wait > 0.0) {
                if request.lane != Lane::Backfill {
                    self.bucket(&cost.dimension.name).want(request.lane, *wait, now);
                }
            }
            return Answer::WaitFor {
                delay: length(longest.0),
                cause: Cause::Dimension(longest.1.to_owned()),
            };
        }
        self.serial += 1;
        let probe = phase == Phase::HalfOpen && !under_probe;
        let mut ticket = Ticket {
            serial: self.serial,
            epoch: self.breaker.epoch,
            probe,
            slots: Vec::new(),
            quiet: self.breaker.is_quiet(),
        };
        if probe {
            self.hold(PROBES, ticket.serial, now + micros(policy.probe_for));
        }
        for cost in &request.costs {
            let name = &*cost.dimension.name;
            match cost.dimension.rule {
                Rule::Concurrent { hold, .. } => {
                    self.hold(name, ticket.serial, now + micros(hold));
                    self.bucket(name).take_turn(request.lane);
                    ticket.slots.push(name.to_owned());
                }
                rule @ Rule::Rate { .. } => {
                    if let Some(rate) = Rate::of(&rule) {
                        self.bucket(name).take(rate, request.lane, cost.amount, now);
                    }
                }
            }
        }
        Answer::Granted(ticket)
    }

    /// Returns the ticket's slots, reports the result to the breaker, and applies what was learned.
    pub fn finish(
        &mut self,
        policy: &BreakerPolicy,
        ticket: &Ticket,
        result: &CallResult,
        learned: &Learned,
        now: Micros,
    ) -> Phase {
        self.drop_ended_slots(now);
        for name in ticket.slots.iter().map(String::as_str).chain(ticket.probe.then_some(PROBES)) {
            if let Some(slots) = self.slots.get_mut(name) {
                slots.remove(&ticket.serial);
            }
        }
        self.breaker.report(policy, ticket.epoch, result, now);
        if let Some(blocked_for) = learned.blocked_for {
            self.blocked_until = self.blocked_until.max(now + micros(blocked_for.min(LONGEST_WAIT)));
        }
        for observed in &learned.observed {
            if let Some(rate) = Rate::of(&observed.dimension.rule) {
                self.bucket(&observed.dimension.name).learn(rate, observed, now);
            }
        }
        self.breaker.phase(now)
    }

    /// Returns the state for display.
    pub fn status(&self, subject: &str, now: Micros) -> SubjectStatus {
        let ahead = |time: Micros| (time > now).then(|| length(time - now));
        let dimensions = self.buckets.iter().map(|(name, bucket)| DimensionStatus {
            name: name.clone(),
            limit: (bucket.limit > 0.0).then_some(bucket.limit),
            remaining: bucket.remaining(now),
            full_in: bucket.full_in(now),
            in_use: self
                .slots
                .get(name)
                .map_or(0, |slots| slots.values().filter(|ends| **ends > now).count()),
        });
        SubjectStatus {
            subject: subject.to_owned(),
            blocked_for: ahead(self.blocked_until),
            phase: self.breaker.phase(now),
            opens_in: ahead(self.breaker.until),
            failures: self.breaker.failures,
            error: (!self.breaker.error.is_empty()).then(|| self.breaker.error.clone()),
            dimensions: dimensions.collect(),
        }
    }

    fn wait(&self, name: &str, rule: &Rule, lane: Lane, cost: f64, now: Micros) -> Micros {
        let bucket = self.buckets.get(name).copied().unwrap_or_default();
        match rule {
            Rule::Concurrent { limit, .. } => {
                let free = self.in_use(name) < usable_slots(*limit, lane) as usize;
                let mut wait = if free { 0.0 } else { SLOT_WAIT };
                for wanted in &bucket.wanted[..lane.rank()] {
                    wait = f64::max(wait, wanted - now);
                }
                wait.ceil()
            }
            rule @ Rule::Rate { .. } => Rate::of(rule).map_or(0.0, |rate| bucket.wait(rate, lane, cost, now)),
        }
    }

    fn bucket(&mut self, name: &str) -> &mut Bucket {
        self.buckets.entry(name.to_owned()).or_default()
    }

    fn hold(&mut self, name: &str, serial: u64, ends: Micros) {
        self.slots.entry(name.to_owned()).or_default().insert(serial, ends);
    }

    fn in_use(&self, name: &str) -> usize {
        self.slots.get(name).map_or(0, BTreeMap::len)
    }

    fn drop_ended_slots(&mut self, now: Micros) {
        for slots in self.slots.values_mut() {
            slots.retain(|_, ends| *ends > now);
        }
        self.slots.retain(|_, slots| !slots.is_empty());
    }
}

/// Returns how many slots of a dimension a lane may use, at least one.
pub(super) fn usable_slots(limit: u32, lane: Lane) -> u32 {
    ((f64::from(limit) * (1.0 - lane.reserve())).floor() as u32).max(1)
}
