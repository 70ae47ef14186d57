//! Limits in SQL rows, for SQLite and PostgreSQL.
//!
//! Each subject has one row of `circuit_breakers`, which is also its lock, and one row of `rate_buckets` per dimension.
//! Each operation is a transaction: it locks the subject's row, reads, lets [`Account`] decide, and writes what
//! changed. On SQLite the transaction is immediate, so that it waits for the lock at the start instead of failing
//! later. Concurrent operations of one process share a transaction, since a run may have several requests in progress.

use std::{collections::BTreeMap, fmt};

use async_trait::async_trait;
use sea_orm::{DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, QueryResult, TransactionTrait};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use syncline_engine::limits::Learned;
use syncline_queue::{Error, Together};
use syncline_sql::{Binds, begin};

use super::{
    Account, Answer, BreakerPolicy, CallResult, Limits, Phase, Request, SubjectStatus, Ticket,
    account::PROBES,
    breaker::Breaker,
    bucket::{Bucket, Micros},
    memory::TestClock,
};

/// The most operations in one transaction.
const MOST: usize = 64;

/// Limits in a SQL database that has Syncline's schema.
#[derive(Clone)]
pub struct SqlLimits {
    store: Store,
    line: Together<Asked, Result<Told, Error>>,
}

impl fmt::Debug for SqlLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlLimits").field("policy", &self.store.policy).finish_non_exhaustive()
    }
}

/// An operation on one subject.
enum Asked {
    Take(Request),
    Finish { subject: String, ticket: Ticket, result: CallResult, learned: Learned },
}

/// The result of an operation.
enum Told {
    Taken(Answer),
    Finished(Phase),
}

impl SqlLimits {
    pub fn new(db: DatabaseConnection, policy: BreakerPolicy) -> Self {
        Self::of(Store { db, policy, clock: None })
    }

    /// Uses a clock that a test sets.
    #[doc(hidden)]
    #[must_use]
    pub fn with_clock(self, clock: TestClock) -> Self {
        Self::of(Store { clock: Some(clock), ..self.store })
    }

    fn of(store: Store) -> Self {
        let own = store.clone();
        let line = Together::new(MOST, move |asked| {
            let store = own.clone();
            Box::pin(async move { store.carry_out(asked).await })
        });
        Self { store, line }
    }

    async fn ask(&self, asked: Asked) -> Result<Told, Error> {
        self.line.call(asked).await.map_err(|cut| DbErr::Custom(cut.to_string()))?
    }
}

/// The database, and the policy for its rows.
#[derive(Clone)]
struct Store {
    db: DatabaseConnection,
    policy: BreakerPolicy,
    clock: Option<TestClock>,
}

impl Store {
    /// Executes operations, those of one subject in one transaction and in their order.
    async fn carry_out(&self, asked: Vec<Asked>) -> Vec<Result<Told, Error>> {
        let mut of: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (position, asked) in asked.iter().enumerate() {
            of.entry(asked.subject().to_owned()).or_default().push(position);
        }
        let mut told: Vec<Option<Result<Told, Error>>> = asked.iter().map(|_| None).collect();
        for (subject, positions) in of {
            let asked: Vec<&Asked> = positions.iter().map(|position| &asked[*position]).collect();
            let decide = |account: &mut Account, now: Micros| -> Vec<Told> {
                asked.iter().map(|asked| asked.decide(&self.policy, account, now)).collect()
            };
            match self.decide(&subject, decide).await {
                Ok(decided) => {
                    for (position, decided) in positions.into_iter().zip(decided) {
                        told[position] = Some(Ok(decided));
                    }
                }
                Err(error) => {
                    let text = error.to_string();
                    let mut first = Some(error);
                    for position in positions {
                        let error = first.take().unwrap_or_else(|| DbErr::Custom(text.clone()).into());
                        told[position] = Some(Err(error));
                    }
                }
            }
        }
        // Each operation has a subject, and so a result.
        told.into_iter().flatten().collect()
    }

    /// Runs a decision about a subject while its row is locked.
    async fn decide<T>(
        &self,
        subject: &str,
        decide: impl FnOnce(&mut Account, Micros) -> T + Send,
    ) -> Result<T, Error> {
        let tx = begin(&self.db).await?;
        let mut breaker = lock(&tx, subject).await?;
        if breaker.is_none() {
            create(&tx, subject).await?;
            breaker = lock(&tx, subject).await?;
        }
        let (mut account, now) = read(&tx, subject, breaker.as_ref()).await?;
        let now = self.clock.as_ref().map_or(now, |clock| clock.now() as Micros);
        let before = account.clone();
        let decided = decide(&mut account, now);
        write(&tx, subject, &before, &account).await?;
        tx.commit().await?;
        Ok(decided)
    }
}

impl Asked {
    fn subject(&self) -> &str {
        match self {
            Asked::Take(request) => &request.subject,
            Asked::Finish { subject, .. } => subject,
        }
    }

    fn decide(&self, policy: &BreakerPolicy, account: &mut Account, now: Micros) -> Told {
        match self {
            Asked::Take(request) => Told::Taken(account.take(policy, request, now)),
            Asked::Finish { ticket, result, learned, .. } => {
                Told::Finished(account.finish(policy, ticket, result, learned, now))
            }
        }
    }
}

/// Returns the error of a result that belongs to another operation.
fn mixed_up() -> Error {
    DbErr::Custom("the limits answered another question".to_owned()).into()
}

#[async_trait]
impl Limits for SqlLimits {
    async fn take(&self, request: &Request) -> Result<Answer, Error> {
        match self.ask(Asked::Take(request.clone())).await? {
            Told::Taken(answer) => Ok(answer),
            Told::Finished(_) => Err(mixed_up()),
        }
    }

    async fn finish(
        &self,
        subject: &str,
        ticket: &Ticket,
        result: &CallResult,
        learned: &Learned,
    ) -> Result<Phase, Error> {
        let (subject, ticket) = (subject.to_owned(), ticket.clone());
        let asked = Asked::Finish { subject, ticket, result: result.clone(), learned: learned.clone() };
        match self.ask(asked).await? {
            Told::Finished(phase) => Ok(phase),
            Told::Taken(_) => Err(mixed_up()),
        }
    }

    async fn status(&self, subject: &str) -> Result<SubjectStatus, Error> {
        let tx = self.store.db.begin().await?;
        let mut binds = Binds::new(&tx);
        let text = format!("SELECT {BREAKER} FROM circuit_breakers WHERE subject = {}", binds.bind(subject));
        let breaker = binds.all(&tx, text).await?.into_iter().next();
        let (account, now) = read(&tx, subject, breaker.as_ref()).await?;
        tx.rollback().await?;
        let now = self.store.clock.as_ref().map_or(now, |clock| clock.now() as Micros);
        Ok(account.status(subject, now))
    }

    async fn forget(&self, subject: &str) -> Result<(), Error> {
        let tx = self.store.db.begin().await?;
        for table in ["circuit_breakers", "rate_buckets"] {
            let mut binds = Binds::new(&tx);
            let text = format!("DELETE FROM {table} WHERE subject = {}", binds.bind(subject));
            binds.run(&tx, text).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

const BREAKER: &str =
    "failures, failed_at, epoch, streak, open_until, successes, last_error, blocked_until, serial, probes";

/// Locks the subject's row until the transaction ends.
async fn lock(tx: &DatabaseTransaction, subject: &str) -> Result<Option<QueryResult>, DbErr> {
    let mut binds = Binds::new(tx);
    let lock = if binds.backend == DbBackend::Postgres { " FOR UPDATE" } else { "" };
    let text =
        format!("SELECT {BREAKER} FROM circuit_breakers WHERE subject = {}{lock}", binds.bind(subject));
    Ok(binds.all(tx, text).await?.into_iter().next())
}

async fn create(tx: &DatabaseTransaction, subject: &str) -> Result<(), DbErr> {
    let mut binds = Binds::new(tx);
    let values = [
        binds.bind(subject),
        binds.bind(0i32),
        binds.bind(0f64),
        binds.bind(0i64),
        binds.bind(0i32),
        binds.bind(0f64),
        binds.bind(0i32),
        binds.bind(""),
        binds.bind(0f64),
        binds.bind(0i64),
        binds.bind(json(&BTreeMap::<u64, Micros>::new())?),
    ];
    let values = values.map(|value| value.to_string()).join(", ");
    let text = format!(
        "INSERT INTO circuit_breakers (subject, {BREAKER}) VALUES ({values}) ON CONFLICT (subject) DO NOTHING"
    );
    binds.run(tx, text).await?;
    Ok(())
}

/// Reads the state of a subject, and the database's time. The time is read after the lock was taken.
async fn read(
    tx: &DatabaseTransaction,
    subject: &str,
    breaker: Option<&QueryResult>,
) -> Result<(Account, Micros), DbErr> {
    let mut account = Account::default();
    if let Some(row) = breaker {
        account.breaker = Breaker {
            failures: row.try_get::<i32>("", "failures")?.unsigned_abs(),
            failed_at: row.try_get("", "failed_at")?,
            epoch: row.try_get::<i64>("", "epoch")?.unsigned_abs(),
            streak: row.try_get::<i32>("", "streak")?.unsigned_abs(),
            until: row.try_get("", "open_until")?,
            successes: row.try_get::<i32>("", "successes")?.unsigned_abs(),
            error: row.try_get("", "last_error")?,
        };
        account.blocked_until = row.try_get("", "blocked_until")?;
        account.serial = row.try_get::<i64>("", "serial")?.unsigned_abs();
        hold(&mut account, PROBES, of_json(row.try_get("", "probes")?)?);
    }
    let mut binds = Binds::new(tx);
    let text = format!(
        "SELECT {now} AS now, b.dimension, b.full_at, b.window_left, b.window_ends, b.told_limit, b.wanted, b.slots \
         FROM (SELECT 1 AS one) AS one LEFT JOIN rate_buckets AS b ON b.subject = {subject}",
        now = binds.now(),
        subject = binds.bind(subject),
    );
    let mut now = 0;
    for row in binds.all(tx, text).await? {
        now = row.try_get::<i64>("", "now")?;
        let Some(name) = row.try_get::<Option<String>>("", "dimension")? else { continue };
        let bucket = Bucket {
            full_at: row.try_get("", "full_at")?,
            left: row.try_get("", "window_left")?,
            until: row.try_get("", "window_ends")?,
            limit: row.try_get("", "told_limit")?,
            wanted: of_json(row.try_get("", "wanted")?)?,
        };
        hold(&mut account, &name, of_json(row.try_get("", "slots")?)?);
        account.buckets.insert(name, bucket);
    }
    Ok((account, now as Micros))
}

fn hold(account: &mut Account, name: &str, slots: BTreeMap<u64, Micros>) {
    if !slots.is_empty() {
        account.slots.insert(name.to_owned(), slots);
    }
}

/// Writes the differences.
async fn write(
    tx: &DatabaseTransaction,
    subject: &str,
    before: &Account,
    after: &Account,
) -> Result<(), DbErr> {
    let slots = |account: &Account, name: &str| account.slots.get(name).cloned().unwrap_or_default();
    let probes = slots(after, PROBES);
    let same = before.breaker == after.breaker
        && before.serial == after.serial
        && before.blocked_until == after.blocked_until
        && slots(before, PROBES) == probes;
    if !same {
        let mut binds = Binds::new(tx);
        let breaker = &after.breaker;
        let columns = [
            ("failures", binds.bind(small(breaker.failures))),
            ("failed_at", binds.bind(breaker.failed_at)),
            ("epoch", binds.bind(large(breaker.epoch))),
            ("streak", binds.bind(small(breaker.streak))),
            ("open_until", binds.bind(breaker.until)),
            ("successes", binds.bind(small(breaker.successes))),
            ("last_error", binds.bind(&*breaker.error)),
            ("blocked_until", binds.bind(after.blocked_until)),
            ("serial", binds.bind(large(after.serial))),
            ("probes", binds.bind(json(&probes)?)),
        ];
        let set = columns.map(|(column, value)| format!("{column} = {value}")).join(", ");
        let text = format!("UPDATE circuit_breakers SET {set} WHERE subject = {}", binds.bind(subject));
        binds.run(tx, text).await?;
    }
    let mut binds = Binds::new(tx);
    let mut rows = Vec::new();
    for (name, bucket) in &after.buckets {
        let held = slots(after, name);
        if before.buckets.get(name) == Some(bucket) && slots(before, name) == held {
            continue;
        }
        let row = [
            binds.bind(subject),
            binds.bind(&**name),
            binds.bind(bucket.full_at),
            binds.bind(bucket.left),
            binds.bind(bucket.until),
            binds.bind(bucket.limit),
            binds.bind(json(&bucket.wanted)?),
            binds.bind(json(&held)?),
        ];
        rows.push(format!("({})", row.map(|value| value.to_string()).join(", ")));
    }
    if rows.is_empty() {
        return Ok(());
    }
    let columns = ["full_at", "window_left", "window_ends", "told_limit", "wanted", "slots"];
    let text = format!(
        "INSERT INTO rate_buckets (subject, dimension, {}) VALUES {} ON CONFLICT (subject, dimension) DO UPDATE SET {}",
        columns.join(", "),
        rows.join(", "),
        columns.map(|column| format!("{column} = excluded.{column}")).join(", "),
    );
    binds.run(tx, text).await?;
    Ok(())
}

fn small(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn large(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn json<T: Serialize>(value: &T) -> Result<Value, DbErr> {
    serde_json::to_value(value).map_err(|error| DbErr::Json(error.to_string()))
}

fn of_json<T: DeserializeOwned>(value: Value) -> Result<T, DbErr> {
    serde_json::from_value(value).map_err(|error| DbErr::Json(error.to_string()))
}
