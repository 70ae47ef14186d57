//! Limits in Redis: one script per operation, so that each is atomic whoever asks at the same time.
//!
//! The state of a subject is under one hash tag, `{PREFIX:limits:SUBJECT}:`, so that Redis Cluster keeps it on one node:
//! `state`, a hash which `lua/bucket.lua` describes, and `slots:DIMENSION`, the slots in use. What has not been touched
//! for sixty days goes by itself; by then nothing of it matters any more.

use ::redis::{FromRedisValue, RedisError, Script, ScriptInvocation, aio::ConnectionManager};
use async_trait::async_trait;

use super::{
    Account, Answer, BreakerPolicy, Cause, Learned, Limits, Phase, Request, Rule, Standing, Ticket, Verdict,
    account::{self, PROBE_WAIT, PROBES, SLOT_WAIT},
    breaker::{Breaker, ERROR_KEPT},
    bucket::{Bucket, HOLD, LONGEST, MEMORY, Micros, Rate, SAME_WINDOW, length, micros},
    memory::TestClock,
};
use crate::{backend::Error, retry::MAX_DELAY};

const BUCKET: &str = include_str!("lua/bucket.lua");
const TAKE: &str = include_str!("lua/take.lua");
const FINISH: &str = include_str!("lua/finish.lua");

/// Limits in Redis or Valkey.
#[derive(Clone)]
pub struct RedisLimits {
    connection: ConnectionManager,
    prefix: String,
    policy: BreakerPolicy,
    clock: Option<TestClock>,
    take: Script,
    finish: Script,
}

impl std::fmt::Debug for RedisLimits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisLimits").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl RedisLimits {
    /// Limits over this connection, under keys with this prefix.
    pub fn new(connection: ConnectionManager, prefix: &str, policy: BreakerPolicy) -> Self {
        Self {
            connection,
            prefix: tag_safe(prefix),
            policy,
            clock: None,
            take: script(TAKE),
            finish: script(FINISH),
        }
    }

    /// The same by a clock that a test sets.
    #[doc(hidden)]
    #[must_use]
    pub fn with_clock(mut self, clock: TestClock) -> Self {
        self.clock = Some(clock);
        self
    }

    fn now(&self) -> String {
        self.clock.as_ref().map(|clock| clock.now().to_string()).unwrap_or_default()
    }

    fn key(&self, subject: &str, what: &str) -> String {
        format!("{{{}:limits:{}}}:{what}", self.prefix, tag_safe(subject))
    }

    fn slots(&self, subject: &str, dimension: &str) -> String {
        self.key(subject, &format!("slots:{dimension}"))
    }

    async fn run<T: FromRedisValue>(&self, invocation: &ScriptInvocation<'_>) -> Result<T, Error> {
        invocation.invoke_async(&mut self.connection.clone()).await.map_err(failed)
    }
}

/// A name inside a hash tag: a brace would end it early.
fn tag_safe(name: &str) -> String {
    name.replace(['{', '}'], "_")
}

fn script(body: &str) -> Script {
    let numbers = [
        ("LONGEST", LONGEST),
        ("HOLD", HOLD),
        ("MEMORY", MEMORY),
        ("SAME_WINDOW", SAME_WINDOW),
        ("SLOT_WAIT", SLOT_WAIT),
        ("PROBE_WAIT", PROBE_WAIT),
        ("MAX_DELAY", micros(MAX_DELAY)),
    ];
    let constants: String = numbers.iter().map(|(name, value)| format!("local {name} = {value}\n")).collect();
    Script::new(&format!("{constants}{BUCKET}{body}"))
}

fn failed(error: RedisError) -> Error {
    use ::redis::ErrorKind;
    let lasting = matches!(
        error.kind(),
        ErrorKind::AuthenticationFailed | ErrorKind::InvalidClientConfig | ErrorKind::UnexpectedReturnType
    );
    if lasting { Error::Refused(error.into()) } else { Error::Unavailable(error.into()) }
}

/// For how long an untouched subject is kept: whatever it holds has passed by then.
fn kept_for() -> u64 {
    (LONGEST / 1e3) as u64
}

/// What [`TAKE`] and [`FINISH`] are given for a number that may not be there.
fn maybe(number: Option<f64>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

#[async_trait]
impl Limits for RedisLimits {
    async fn take(&self, request: &Request) -> Result<Answer, Error> {
        let subject = &*request.subject;
        let mut call = self.take.key(self.key(subject, "state"));
        call.key(self.slots(subject, PROBES));
        let under = request.under.as_ref().filter(|ticket| ticket.probe).map(|ticket| ticket.serial.to_string());
        call.arg(self.now())
            .arg(request.lane.rank())
            .arg(request.lane.reserve())
            .arg(self.policy.probes.max(1))
            .arg(micros(self.policy.probe_for))
            .arg(under.unwrap_or_default())
            .arg(kept_for());
        for cost in &request.costs {
            let name = &*cost.dimension.name;
            call.key(self.slots(subject, name));
            match cost.dimension.rule {
                Rule::Concurrent { limit, hold } => {
                    let usable = account::usable_slots(limit, request.lane);
                    call.arg(name).arg("slot").arg(cost.amount).arg(usable).arg(micros(hold)).arg(0).arg(0);
                }
                rule @ Rule::Rate { .. } => {
                    call.arg(name).arg("rate").arg(cost.amount);
                    for number in Rate::of(&rule).map(Rate::numbers).unwrap_or_default() {
                        call.arg(number);
                    }
                }
            }
        }
        let reply: Vec<::redis::Value> = self.run(&call).await?;
        answer(&reply, request).map_err(failed)
    }

    async fn finish(
        &self,
        subject: &str,
        ticket: &Ticket,
        verdict: &Verdict,
        learned: &Learned,
    ) -> Result<Phase, Error> {
        let mut call = self.finish.key(self.key(subject, "state"));
        for name in ticket.slots.iter().map(String::as_str).chain(ticket.probe.then_some(PROBES)) {
            call.key(self.slots(subject, name));
        }
        let (verdict, error) = match verdict {
            Verdict::Works => ("works", String::new()),
            Verdict::Fails { error } => ("fails", error.chars().take(ERROR_KEPT).collect()),
            Verdict::Unknown => ("unknown", String::new()),
        };
        call.arg(self.now()).arg(ticket.serial).arg(ticket.epoch).arg(verdict).arg(error);
        for number in self.policy.numbers() {
            call.arg(number);
        }
        call.arg(maybe(learned.blocked_for.map(|time| micros(time.min(MAX_DELAY))))).arg(kept_for());
        for observed in &learned.observed {
            let Some(rate) = Rate::of(&observed.dimension.rule) else { continue };
            call.arg(&*observed.dimension.name);
            for number in rate.numbers() {
                call.arg(number);
            }
            call.arg(maybe(observed.limit()))
                .arg(maybe(observed.remaining()))
                .arg(maybe(observed.reset_in.map(micros)));
        }
        let phase: i64 = self.run(&call).await?;
        Ok(match phase {
            0 => Phase::Closed,
            1 => Phase::Open,
            _ => Phase::HalfOpen,
        })
    }

    async fn standing(&self, subject: &str) -> Result<Standing, Error> {
        let mut connection = self.connection.clone();
        let (time, fields): ((i64, i64), Vec<(String, String)>) = ::redis::pipe()
            .cmd("TIME")
            .hgetall(self.key(subject, "state"))
            .query_async(&mut connection)
            .await
            .map_err(failed)?;
        let now = self.clock.as_ref().map_or(time.0 * 1_000_000 + time.1, TestClock::now) as Micros;
        let mut account = read(&fields);
        let mut slots = ::redis::pipe();
        let names: Vec<String> = account.buckets.keys().cloned().collect();
        if !names.is_empty() {
            for name in &names {
                slots.zrangebyscore_withscores(self.slots(subject, name), now, "+inf");
            }
            let held: Vec<Vec<(u64, f64)>> = slots.query_async(&mut connection).await.map_err(failed)?;
            account.slots =
                names.into_iter().zip(held.into_iter().map(|slots| slots.into_iter().collect())).collect();
        }
        Ok(account.standing(subject, now))
    }

    async fn forget(&self, subject: &str) -> Result<(), Error> {
        let mut connection = self.connection.clone();
        let state = self.key(subject, "state");
        let fields: Vec<String> =
            ::redis::cmd("HKEYS").arg(&state).query_async(&mut connection).await.map_err(failed)?;
        let mut keys = vec![state, self.slots(subject, PROBES)];
        keys.extend(
            fields.iter().filter_map(|field| field.strip_prefix("d:")).map(|name| self.slots(subject, name)),
        );
        ::redis::cmd("DEL").arg(&keys).query_async::<()>(&mut connection).await.map_err(failed)
    }
}

fn answer(reply: &[::redis::Value], request: &Request) -> Result<Answer, RedisError> {
    use ::redis::from_redis_value_ref as from;
    if from::<i64>(&reply[0])? == 0 {
        let wait: f64 = from::<String>(&reply[1])?.parse().unwrap_or(PROBE_WAIT);
        let cause: String = from(&reply[2])?;
        let cause = match cause.strip_prefix("dimension:") {
            Some(name) => Cause::Dimension(name.to_owned()),
            None if cause == "blocked" => Cause::Blocked,
            None => Cause::Breaker,
        };
        return Ok(Answer::WaitFor { delay: length(wait), cause });
    }
    let slots = request.costs.iter().filter(|cost| matches!(cost.dimension.rule, Rule::Concurrent { .. }));
    Ok(Answer::Granted(Ticket {
        serial: from(&reply[1])?,
        epoch: from(&reply[2])?,
        probe: from(&reply[3])?,
        slots: slots.map(|cost| cost.dimension.name.clone().into_owned()).collect(),
        quiet: from(&reply[4])?,
    }))
}

/// The state as the hash has it.
fn read(fields: &[(String, String)]) -> Account {
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
    Bucket {
        full_at: next(),
        left: next(),
        until: next(),
        limit: next(),
        wanted: [next(), next(), next()],
    }
}

