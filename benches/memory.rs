//! The memory of a sync of 2,000 items of 1 MiB each: its peak over the idle process is to be at most 128 MiB. The items are
//! made when a place is asked for them, and the store keeps what an index needs, so that the engine alone is measured.
//!
//! `cargo bench -p syncline-engine --bench memory`

#![allow(clippy::print_stdout, reason = "its table is its purpose")]

use std::{
    fs,
    future::Future,
    pin::pin,
    process::ExitCode,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::json;
use syncline_engine::{
    Item, Side, Value,
    capability::{Capabilities, ConcurrencyControl, CreateIdempotency},
    mapping::Mapping,
    ports::{
        BrokenListing, Call, Clock, ConnectorError, CursorState, Due, FieldInfo, Found, Gate, Intended,
        Leave, Link, LinkBrief, LinkRef, LinkState, Listing, ListingEnd, Marker, Meter, OpenGate, Place,
        Position, Probed, ReadMode, Recorded, Stopped, Store, StoreError, Tally, Unobserved, Write, WriteOp,
        Written,
    },
    run::{Options, Run},
    side::Pair,
    spec::SyncSpec,
    value::Fields,
};

const ITEMS: usize = 2_000;
const BYTES: usize = 1 << 20;
/// Items of a page: some MiB, as of a file with rows of this size.
const PAGE: usize = 4;
const MOST_MIB: f64 = 128.0;

/// A place whose items have a long text each. The target has those that were created there.
struct Texts {
    capabilities: Capabilities,
    /// Ids by the numbers of the items.
    ids: Mutex<Vec<String>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Texts {
    fn new(ids: Vec<String>) -> Texts {
        let capabilities = Capabilities {
            platform: "texts",
            key_field: None,
            snapshot: true,
            incremental: false,
            list_page: PAGE,
            fetch_batch: PAGE,
            create_batch: 50,
            update_batch: 50,
            find_batch: None,
            prefers_large_batches: false,
            create_idempotency: CreateIdempotency::Native,
            request_timeout: Duration::ZERO,
            marker_visible_after: Duration::ZERO,
            concurrency: ConcurrencyControl::Fields,
            stepwise: &[],
            history: false,
            removals: &[],
            ids_change: false,
            remote: false,
        };
        Texts { capabilities, ids: Mutex::new(ids) }
    }

    fn item(&self, number: usize) -> Item {
        let line = format!("line of item {number:05}, which nothing else has\n");
        let fields = Fields::from([
            ("title".to_owned(), Value::text(format!("{number:05}"))),
            ("body".to_owned(), Value::Text(line.repeat(BYTES / line.len()))),
        ]);
        Item::new(locked(&self.ids)[number].as_str(), fields)
    }
}

#[async_trait]
impl Place for Texts {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn fields(&self, _: &Call<'_>) -> Result<Vec<FieldInfo>, ConnectorError> {
        Ok(Vec::new())
    }

    async fn list(
        &self,
        _: ReadMode,
        _: Option<Position>,
        _: &Call<'_>,
    ) -> Result<Box<dyn Listing>, ConnectorError> {
        let ids = locked(&self.ids).clone();
        Ok(Box::new(Pages { place: Texts::new(ids), next: 0 }))
    }

    async fn fetch(&self, ids: &[String], _: &Call<'_>) -> Vec<(String, Result<Found, ConnectorError>)> {
        let known = locked(&self.ids).clone();
        let find = |id: &String| match known.iter().position(|known| known == id) {
            Some(number) => Found::Item(self.item(number)),
            None => Found::Gone,
        };
        ids.iter().map(|id| (id.clone(), Ok(find(id)))).collect()
    }

    async fn probe(&self, markers: &[Marker], _: &Call<'_>) -> Result<Vec<Probed>, ConnectorError> {
        Ok(vec![Probed::Absent; markers.len()])
    }

    async fn write(&self, writes: &[Write], _: &Call<'_>) -> Vec<Written> {
        let written = |write: &Write| match &write.op {
            WriteOp::Create { marker, fields } => {
                let number = fields.get("title").map(Value::name).and_then(|title| title.parse().ok());
                let Some(number) = number.filter(|number: &usize| *number < ITEMS) else {
                    return Written::Refused(ConnectorError::permanent("a title that is no number"));
                };
                locked(&self.ids)[number].clone_from(&marker.text);
                Written::item(Item::new(marker.text.as_str(), fields.clone()))
            }
            other => Written::Refused(ConnectorError::permanent(format!("{other:?} is not expected"))),
        };
        writes.iter().map(written).collect()
    }
}

struct Pages {
    place: Texts,
    next: usize,
}

#[async_trait]
impl Listing for Pages {
    async fn next_page(&mut self, _: &Call<'_>) -> Result<Option<Vec<Item>>, ConnectorError> {
        let ids = locked(&self.place.ids).clone();
        let there = |number: &usize| !ids[*number].is_empty();
        let page: Vec<usize> = (self.next..ids.len()).filter(there).take(PAGE).collect();
        let Some(last) = page.last() else { return Ok(None) };
        self.next = last + 1;
        Ok(Some(page.into_iter().map(|number| self.place.item(number)).collect()))
    }

    fn end(&self) -> ListingEnd {
        ListingEnd { complete: true, cursor: None }
    }
}

/// Keeps of a link what tells whether anything changed.
#[derive(Default)]
struct Briefs(Mutex<Vec<LinkBrief>>);

impl Briefs {
    fn add(&self, ids: Pair<Option<String>>) -> i64 {
        let mut briefs = locked(&self.0);
        let id = briefs.len() as i64 + 1;
        briefs.push(LinkBrief {
            id,
            ids,
            hash: Pair::default(),
            tombstone: false,
            out_of_scope: false,
            retry_at: None,
            missing: None,
            unanswered: false,
            mapping_revision: 1,
        });
        id
    }
}

#[async_trait]
impl Store for Briefs {
    async fn tally(&self, due: &Due) -> Result<Tally, StoreError> {
        let briefs = locked(&self.0);
        let links = briefs.len() as u64;
        let due = briefs.iter().filter(|brief| due.is_due(brief)).count() as u64;
        Ok(Tally { links, living: links, due })
    }

    async fn briefs(&self, after: i64, limit: usize) -> Result<Vec<LinkBrief>, StoreError> {
        Ok(locked(&self.0).iter().filter(|brief| brief.id > after).take(limit).cloned().collect())
    }

    async fn links(&self, ids: &[i64]) -> Result<Vec<Link>, StoreError> {
        let briefs = locked(&self.0);
        let link = |brief: &LinkBrief| Link {
            at: LinkRef { id: brief.id, version: 0 },
            ids: brief.ids.clone(),
            base: Pair::default(),
            hash: brief.hash,
            modified: Pair::default(),
            state: LinkState::Linked,
            deleted_side: None,
            missing: None,
            error_count: 0,
            mapping_revision: 1,
            intent: None,
            conflicts: Vec::new(),
        };
        Ok(briefs.iter().filter(|brief| ids.contains(&brief.id)).map(link).collect())
    }

    async fn open_intents(&self) -> Result<Vec<i64>, StoreError> {
        Ok(Vec::new())
    }

    async fn live_intents(&self, _: &[i64]) -> Result<Vec<i64>, StoreError> {
        Ok(Vec::new())
    }

    async fn move_deadline(&self, _: DateTime<Utc>) -> Result<(), StoreError> {
        Ok(())
    }

    async fn now(&self) -> Result<DateTime<Utc>, StoreError> {
        Ok(Utc::now())
    }

    async fn intend(&self, batch: &[Intended]) -> Result<Vec<LinkRef>, StoreError> {
        let id = |one: &Intended| one.link.map_or_else(|| self.add(one.ids.clone()), |at| at.id);
        Ok(batch.iter().map(|one| LinkRef { id: id(one), version: 0 }).collect())
    }

    async fn record(&self, batch: &[Recorded]) -> Result<(), StoreError> {
        for record in batch {
            let id = record.link.map_or_else(|| self.add(record.ids.clone()), |at| at.id);
            let mut briefs = locked(&self.0);
            if let Some(brief) = briefs.iter_mut().find(|brief| brief.id == id) {
                (brief.ids, brief.hash) = (record.ids.clone(), record.hash);
            }
        }
        Ok(())
    }

    async fn cursor(&self, _: Side) -> Result<Option<CursorState>, StoreError> {
        Ok(None)
    }

    async fn save_cursors(&self, _: &[(Side, CursorState)]) -> Result<(), StoreError> {
        Ok(())
    }

    async fn listing(&self, _: Side) -> Result<Option<BrokenListing>, StoreError> {
        Ok(None)
    }

    async fn save_listing(&self, _: Side, _: Option<&BrokenListing>) -> Result<(), StoreError> {
        Ok(())
    }

    async fn admit_audience(&self, _: Pair<Option<bool>>) -> Result<(), StoreError> {
        Ok(())
    }

    async fn removed_since(&self, _: DateTime<Utc>) -> Result<u64, StoreError> {
        Ok(0)
    }
}

struct Free;

impl Leave for Free {
    fn check(&self) -> Result<(), Stopped> {
        Ok(())
    }

    fn remaining(&self) -> Duration {
        Duration::from_secs(3600)
    }
}

impl Clock for Free {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

fn main() -> ExitCode {
    let document = json!({
        "name": "memory", "source_platform": "s", "source": {}, "target_platform": "t", "target": {},
        "direction": "push",
        "field_mappings": [
            { "source_field": "title", "target_field": "title" }, { "source_field": "body", "target_field": "body" },
        ],
    });
    let spec: SyncSpec = match serde_json::from_value(document) {
        Ok(spec) => spec,
        Err(error) => return fail(&format!("the document: {error}")),
    };
    let mapping = match Mapping::compile(&spec, 1) {
        Ok(mapping) => mapping,
        Err(error) => return fail(&format!("the mapping: {error:?}")),
    };
    let source = Texts::new((0..ITEMS).map(|number| format!("{number:05}")).collect());
    let target = Texts::new(vec![String::new(); ITEMS]);
    let store = Briefs::default();
    println!("{ITEMS} items of {} KiB, at most {MOST_MIB} MiB over the idle process\n", BYTES >> 10);
    println!("{:<10} {:>8} {:>8} {:>9} {:>9}", "run", "created", "wall s", "idle MiB", "peak MiB");
    let mut worst = 0.0_f64;
    for (name, expected) in [("first", ITEMS as u64), ("no change", 0)] {
        let idle = resident("VmRSS");
        // Lets the kernel count the peak anew.
        if let Err(error) = fs::write("/proc/self/clear_refs", "5") {
            return fail(&format!("the peak of memory cannot be reset: {error}"));
        }
        let began = Instant::now();
        let run = Run {
            spec: &spec,
            mapping: &mapping,
            places: Pair::new(&source as &dyn Place, &target),
            gates: Pair::new(&OpenGate as &dyn Gate, &OpenGate),
            store: &store,
            clock: &Free,
            leave: &Free,
            observer: &Unobserved,
            meter: &Meter::default(),
            options: Options::default(),
        };
        let report = match drive(run.execute()) {
            Some(Ok(report)) => report,
            Some(Err(error)) => return fail(&format!("the {name} run: {error}")),
            None => return fail("a place waits for something"),
        };
        let peak = resident("VmHWM") - idle;
        worst = worst.max(peak);
        let wall = began.elapsed().as_secs_f64();
        println!("{name:<10} {:>8} {wall:>8.1} {idle:>9.1} {peak:>9.1}", report.counts.created);
        if report.counts.created != expected {
            return fail(&format!("{} items were created instead of {expected}", report.counts.created));
        }
    }
    if worst > MOST_MIB { fail("the peak is too high") } else { ExitCode::SUCCESS }
}

fn fail(why: &str) -> ExitCode {
    println!("{why}");
    ExitCode::FAILURE
}

/// A line of the process's status, in MiB.
fn resident(name: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) / 1024.0
}

/// Nothing here waits, so one poll is enough.
fn drive<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
