//! Limits in Redis: one script per operation, so that each is atomic.
//!
//! The state of a subject is under one hash tag, `{PREFIX:limits:SUBJECT}:`, so that Redis Cluster keeps it on one
//! node: `state`, a hash which `lua/bucket.lua` describes, and `slots:DIMENSION`, the slots in use. State that is not
//! touched for sixty days expires; by then it has no effect.

use std::sync::Arc;

use ::redis::{Cmd, FromRedisValue, Value, from_redis_value};
use async_trait::async_trait;

use syncline_engine::limits::{LONGEST_WAIT, Learned, Rule};
use syncline_queue::{Error, RedisBackend, RedisConnection as Connection, Script};

use super::{
    Account, Answer, BreakerPolicy, CallResult, Cause, Limits, Phase, Request, SubjectStatus, Ticket,
    account::{self, PROBE_WAIT, PROBES, SLOT_WAIT},
    breaker::{Breaker, ERROR_KEPT},
    bucket::{
        Bucket, HOLD, LONGEST, MEMORY, Micros, Rate, SAME_WINDOW, length, limit_of, micros, remaining_of,
    },
    memory::TestClock,
};

/// Limits in Redis or Valkey, on the queue's server.
#[derive(Debug, Clone)]
pub struct RedisLimits {
    connection: Connection,
    prefix: String,
    policy: BreakerPolicy,
    clock: Option<TestClock>,
    scripts: Arc<Scripts>,
}

#[derive(Debug)]
struct Scripts {
    take: Script,
    finish: Script,
    status: Script,
}

impl RedisLimits {
    /// Creates limits on this queue's server, under its prefix. Each object has one connection, which its clones share.
    pub fn new(queue: &RedisBackend, policy: BreakerPolicy) -> Self {
        let scripts = Scripts {
            take: script(include_str!("lua/take.lua")),
            finish: script(include_str!("lua/finish.lua")),
            status: script(include_str!("lua/status.lua")),
        };
        Self {
            connection: queue.connection().clone(),
            prefix: tag_safe(queue.prefix()),
            policy,
            clock: None,
            scripts: Arc::new(scripts),
        }
    }

    /// Uses a clock that a test sets.
    #[doc(hidden)]
    #[must_use]
    pub fn with_clock(mut self, clock: TestClock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Returns the time argument of scripts; empty for the server's clock.
    fn now(&self) -> String {
        self.clock.as_ref().map(|clock| clock.now().to_string()).unwrap_or_default()
    }

    fn key(&self, subject: &str, what: &str) -> String {
        format!("{{{}:limits:{}}}:{what}", self.prefix, tag_safe(subject))
    }

    fn slots(&self, subject: &str, dimension: &str) -> String {
        self.key(subject, &format!("slots:{dimension}"))
    }

    async fn run<T: FromRedisValue>(&self, script: &Script, call: &Cmd) -> Result<T, Error> {
        let reply = script.run(&self.connection, call).await?;
        read(reply)
    }

    async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Error> {
        let reply = self.connection.run(command).await?;
        read(reply)
    }
}

/// Reads an answer; one of an unexpected form is an error.
fn read<T: FromRedisValue>(reply: Value) -> Result<T, Error> {
    from_redis_value(reply).map_err(|error| Error::Refused(error.into()))
}

/// Escapes a name for a hash tag, which a brace would end early. The percent sign is escaped too, so that different
/// names stay different.
fn tag_safe(name: &str) -> String {
    name.replace('%', "%25").replace('{', "%7B").replace('}', "%7D")
}

fn script(body: &str) -> Script {
    let numbers = [
        ("LONGEST", LONGEST),
        ("HOLD", HOLD),
        ("MEMORY", MEMORY),
        ("SAME_WINDOW", SAME_WINDOW),
        ("SLOT_WAIT", SLOT_WAIT),
        ("PROBE_WAIT", PROBE_WAIT),
        ("MAX_DELAY", micros(LONGEST_WAIT)),
    ];
    let constants: String = numbers.iter().map(|(name, value)| format!("local {name} = {value}\n")).collect();
    Script::whole(format!("{constants}{}{body}", include_str!("lua/bucket.lua")))
}

/// Milliseconds after which an untouched subject expires: by then none of its state has an effect.
fn kept_for() -> u64 {
    (LONGEST / 1e3) as u64
}

/// Formats an optional number for [`TAKE`] and [`FINISH`].
fn maybe(number: Option<f64>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

#[async_trait]
impl Limits for RedisLimits {
    async fn take(&self, request: &Request) -> Result<Answer, Error> {
        let subject = &*request.subject;
        let mut keys = vec![self.key(subject, "state"), self.slots(subject, PROBES)];
        keys.extend(request.costs.iter().map(|cost| self.slots(subject, &cost.dimension.name)));
        let under =
            request.under.as_ref().filter(|ticket| ticket.probe).map(|ticket| ticket.serial.to_string());
        let mut call = self.scripts.take.call_with(&keys);
        call.arg(self.now())
            .arg(request.lane.rank())
            .arg(request.lane.reserve())
            .arg(self.policy.probes.max(1))
            .arg(micros(self.policy.probe_for))
            .arg(under.unwrap_or_default())
            .arg(kept_for());
        for cost in &request.costs {
            call.arg(&*cost.dimension.name);
            match cost.dimension.rule {
                Rule::Concurrent { limit, hold } => {
                    let usable = account::usable_slots(limit, request.lane);
                    call.arg("slot").arg(cost.amount).arg(usable).arg(micros(hold)).arg(0).arg(0);
                }
                rule @ Rule::Rate { .. } => {
                    let numbers = Rate::of(&rule).map(Rate::numbers).unwrap_or_default();
                    call.arg("rate").arg(cost.amount).arg(&numbers[..]);
                }
            }
        }
        let (granted, rest): (i64, Vec<Value>) = split(self.run(&self.scripts.take, &call).await?)?;
        if granted == 1 { grant(rest, request) } else { refusal(rest) }
    }

    async fn finish(
        &self,
        subject: &str,
        ticket: &Ticket,
        result: &CallResult,
        learned: &Learned,
    ) -> Result<Phase, Error> {
        let mut keys = vec![self.key(subject, "state")];
        let held = ticket.slots.iter().map(String::as_str).chain(ticket.probe.then_some(PROBES));
        keys.extend(held.map(|name| self.slots(subject, name)));
        let (result, error) = match result {
            CallResult::Works => ("works", String::new()),
            CallResult::Fails { error } => ("fails", error.chars().take(ERROR_KEPT).collect()),
            CallResult::Unknown => ("unknown", String::new()),
        };
        let mut call = self.scripts.finish.call_with(&keys);
        call.arg(self.now())
            .arg(ticket.serial)
            .arg(ticket.epoch)
            .arg(result)
            .arg(error)
            .arg(&self.policy.numbers()[..])
            .arg(maybe(learned.blocked_for.map(|time| micros(time.min(LONGEST_WAIT)))))
            .arg(kept_for());
        for observed in &learned.observed {
            let Some(rate) = Rate::of(&observed.dimension.rule) else { continue };
            call.arg(&*observed.dimension.name)
                .arg(&rate.numbers()[..])
                .arg(maybe(limit_of(observed)))
                .arg(maybe(remaining_of(observed)))
                .arg(maybe(observed.reset_in.map(micros)));
        }
        Ok(match self.run::<i64>(&self.scripts.finish, &call).await? {
            0 => Phase::Closed,
            1 => Phase::Open,
            _ => Phase::HalfOpen,
        })
    }

    async fn status(&self, subject: &str) -> Result<SubjectStatus, Error> {
        let mut call = self.scripts.status.call_with(&[self.key(subject, "state")]);
        call.arg(self.now());
        let (now, fields): (f64, Vec<(String, String)>) = self.run(&self.scripts.status, &call).await?;
        let mut account = known(&fields);
        let names: Vec<String> = account.buckets.keys().cloned().collect();
        for name in names {
            let mut command = ::redis::cmd("ZRANGEBYSCORE");
            command.arg(self.slots(subject, &name)).arg(now).arg("+inf").arg("WITHSCORES");
            let slots: Vec<(u64, Micros)> = self.ask(&command).await?;
            account.slots.insert(name, slots.into_iter().collect());
        }
        Ok(account.status(subject, now))
    }

    async fn forget(&self, subject: &str) -> Result<(), Error> {
        let state = self.key(subject, "state");
        let fields: Vec<String> = self.ask(::redis::cmd("HKEYS").arg(&state)).await?;
        let mut keys = vec![state, self.slots(subject, PROBES)];
        keys.extend(
            fields.iter().filter_map(|field| field.strip_prefix("d:")).map(|name| self.slots(subject, name)),
        );
        self.ask(::redis::cmd("DEL").arg(&keys)).await
    }
}

/// Splits off the first part of an answer.
fn split(mut reply: Vec<Value>) -> Result<(i64, Vec<Value>), Error> {
    let rest = reply.split_off(reply.len().min(1));
    Ok((read(Value::Array(reply)).map(|first: [i64; 1]| first[0])?, rest))
}

fn grant(rest: Vec<Value>, request: &Request) -> Result<Answer, Error> {
    let (serial, epoch, probe, quiet) = read(Value::Array(rest))?;
    let slots = request.costs.iter().filter(|cost| matches!(cost.dimension.rule, Rule::Concurrent { .. }));
    let slots = slots.map(|cost| cost.dimension.name.clone().into_owned()).collect();
    Ok(Answer::Granted(Ticket { serial, epoch, probe, slots, quiet }))
}

fn refusal(rest: Vec<Value>) -> Result<Answer, Error> {
    let (wait, cause): (f64, String) = read(Value::Array(rest))?;
    let cause = match cause.strip_prefix("dimension:") {
        Some(name) => Cause::Dimension(name.to_owned()),
        None if cause == "blocked" => Cause::Blocked,
        None => Cause::Breaker,
    };
    Ok(Answer::WaitFor { delay: length(wait), cause })
}

/// Reads the state from the fields of its hash.
fn known(fields: &[(String, String)]) -> Account {
    let mut account = Account::default();
    let breaker: &mut Breaker = &mut account.breaker;
    for (field, text) in fields {
        let number: f64 = text.parse().unwrap_or_default();
        match field.as_str() {
            "b" => account.blocked_until = number,
            "n" => account.serial = number as u64,
            "f" => breaker.failures = number as u32,
            "t" => breaker.failed_at = number,
            "o" => breaker.epoch = number as u64,
            "k" => breaker.streak = number as u32,
            "u" => breaker.until = number,
            "s" => breaker.successes = number as u32,
            "e" => breaker.error = text.clone(),
            name => {
                if let Some(name) = name.strip_prefix("d:") {
                    account.buckets.insert(name.to_owned(), bucket(text));
                }
            }
        }
    }
    account
}

fn bucket(text: &str) -> Bucket {
    let mut numbers = text.split(' ').map(|number| number.parse().unwrap_or_default());
    let mut next = || numbers.next().unwrap_or_default();
    Bucket { full_at: next(), left: next(), until: next(), limit: next(), wanted: [next(), next(), next()] }
}
