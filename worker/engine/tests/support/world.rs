//! Two places, a store and a sync between them.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard},
};

use chrono::TimeDelta;
use serde_json::{Value as Json, json};
use syncline_engine::{
    Side,
    mapping::{Mapping, PeopleOfSync},
    plan::{ItemPlan, Op},
    ports::{Gate, LinkState, Meter, OpenGate, Place, Step},
    richtext::TextForm,
    run::{Options, Report, Run, RunError},
    side::Pair,
    spec::{Category, SyncSpec},
    value::Fields,
};

use super::{
    CrashAt, FakePlace, FaultyClock, FaultyPlace, FaultyStore, Manners, Meddling, MemoryStore, Seeded,
    Tables, TestClock, TestLeave, drive,
};

/// How a run came to its end.
pub(crate) type Ended = Option<Result<Report, RunError>>;

/// A sync and everything it touches. Runs share nothing but the places and the tables, as processes do.
pub(crate) struct World {
    pub(crate) clock: Arc<TestClock>,
    pub(crate) source: FakePlace,
    pub(crate) target: FakePlace,
    pub(crate) tables: Arc<Mutex<Tables>>,
    pub(crate) spec: SyncSpec,
    pub(crate) revision: i64,
    /// The statuses that the target's platform has.
    pub(crate) statuses: Vec<(String, Category)>,
    /// How the platforms spell their texts.
    pub(crate) forms: Pair<TextForm>,
    /// The table of people, and how often it was changed.
    pub(crate) people: (PeopleOfSync, i64),
    pub(crate) options: Options,
    /// Items made by hand so far.
    pub(crate) added: usize,
    /// Requests of the last run, also if it failed.
    requests: Mutex<u64>,
    /// A fault of the engine, planted for the next runs.
    pub(crate) seeded: Option<Seeded>,
    /// Tags of items that a person has ever removed.
    pub(crate) ever_removed: BTreeSet<String>,
    /// Items removed by hand, as they were.
    pub(crate) removed: Vec<(Side, String, Fields)>,
}

/// Title, body, a status whose map is lossy, points and a due date.
pub(crate) fn default_fields() -> Json {
    json!([
        { "source_field": "title", "target_field": "name" },
        { "source_field": "body", "target_field": "notes" },
        {
            "source_field": "status", "target_field": "state",
            "values": { "To Do": "open", "In Progress": "open", "Done": "closed" },
            "back": { "open": "To Do", "closed": "Done" }
        },
        { "source_field": "points", "target_field": "points", "source_type": "number", "target_type": "number" },
    ])
}

impl World {
    /// A bidirectional sync of `default_fields`, with `changes` to its document.
    pub(crate) fn new(changes: Json) -> World {
        World::with(changes, Manners::default(), Manners::default())
    }

    pub(crate) fn with(changes: Json, source: Manners, target: Manners) -> World {
        let clock = Arc::new(TestClock::new());
        World {
            source: FakePlace::new("s", source, clock.clone()),
            target: FakePlace::new("t", target, clock.clone()),
            clock,
            tables: Arc::default(),
            spec: spec(changes),
            revision: 1,
            statuses: Vec::new(),
            forms: Pair::default(),
            people: Default::default(),
            options: Options::default(),
            added: 0,
            requests: Mutex::default(),
            seeded: None,
            ever_removed: BTreeSet::new(),
            removed: Vec::new(),
        }
    }

    pub(crate) fn place(&self, side: Side) -> &FakePlace {
        match side {
            Side::Source => &self.source,
            Side::Target => &self.target,
        }
    }

    pub(crate) fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap()
    }

    pub(crate) fn mapping(&self) -> Mapping {
        let mut mapping = Mapping::compile(&self.spec, self.revision).unwrap();
        mapping.set_text_forms(|side, _| *self.forms.get(side));
        mapping.set_people(&self.people.0, self.people.1);
        mapping.set_statuses(|side, _| match side {
            Side::Source => Vec::new(),
            Side::Target => self.statuses.clone(),
        });
        mapping
    }

    /// The document is edited.
    pub(crate) fn revise(&mut self, changes: Json) {
        self.spec = spec(changes);
        self.revision += 1;
    }

    pub(crate) fn wait(&self, minutes: i64) {
        self.clock.advance(TimeDelta::minutes(minutes));
    }

    /// A run that comes to its end.
    pub(crate) fn sync(&self) -> Report {
        self.try_sync().unwrap()
    }

    pub(crate) fn sync_with(&self, options: Options) -> Report {
        self.try_sync_with(options).unwrap()
    }

    pub(crate) fn try_sync(&self) -> Result<Report, RunError> {
        self.try_sync_with(self.options.clone())
    }

    pub(crate) fn try_sync_with(&self, options: Options) -> Result<Report, RunError> {
        self.run(&options, CrashAt::never(), TestLeave::granted()).unwrap()
    }

    /// A run whose process dies when a step is reached for the n-th time. None if it did.
    pub(crate) fn crash(&self, step: Step, nth: usize) -> Ended {
        self.run(&self.options, CrashAt::new(step, nth), TestLeave::granted())
    }

    /// A run whose leave is lost after so many questions.
    pub(crate) fn sync_until_lost(&self, after: usize) -> Ended {
        self.run(&self.options, CrashAt::never(), TestLeave::lost_after(after))
    }

    /// For five minutes every run waits for a sender; then one comes to its end.
    pub(crate) fn sync_after_five_minutes(&self) -> Report {
        for _ in 0..5 {
            assert!(matches!(self.try_sync(), Err(RunError::NotBefore(_))));
            self.wait(1);
        }
        self.wait(1);
        self.sync()
    }

    /// What a backup holds.
    pub(crate) fn backup(&self) -> Tables {
        self.tables().clone()
    }

    /// The database is put back to a backup, and every later run knows.
    pub(crate) fn restore(&mut self, backup: &Tables) {
        let mut tables = self.tables();
        let fences = std::mem::take(&mut tables.fences);
        *tables = backup.clone();
        tables.fences = fences;
        tables.cursors.clear();
        for row in tables.links.values_mut().filter(|row| row.missing.is_some()) {
            row.missing = None;
            if row.state != LinkState::Tombstone {
                row.hash = Pair::default();
            }
        }
        drop(tables);
        self.options.after_restore = true;
    }

    /// Another run, whose process dies when a step is reached for the n-th time. Its row is not over.
    pub(crate) fn crash_other(&self, options: &Options, step: Step, nth: usize) -> Ended {
        self.run_as(1, options, CrashAt::new(step, nth), TestLeave::granted())
    }

    /// The other run again, to its end.
    pub(crate) fn sync_other(&self, options: &Options) -> Report {
        let report = self.run_as(1, options, CrashAt::never(), TestLeave::granted());
        self.tables().over.insert(1);
        report.unwrap().unwrap()
    }

    fn run(&self, options: &Options, observer: CrashAt, leave: TestLeave) -> Ended {
        self.run_as(0, options, observer, leave)
    }

    /// A run whose source is another place.
    pub(crate) fn try_sync_from(&self, source: &dyn Place) -> Result<Report, RunError> {
        let target = FaultyPlace::new(&self.target, self.seeded);
        let places = Pair::new(source, &target as &dyn Place);
        self.run_between(places, 0, &self.options, CrashAt::never(), TestLeave::granted()).unwrap()
    }

    fn run_as(&self, run: u32, options: &Options, observer: CrashAt, leave: TestLeave) -> Ended {
        let source = FaultyPlace::new(&self.source, self.seeded);
        let target = FaultyPlace::new(&self.target, self.seeded);
        self.run_between(Pair::new(&source as &dyn Place, &target), run, options, observer, leave)
    }

    fn run_between(
        &self,
        places: Pair<&dyn Place>,
        run: u32,
        options: &Options,
        observer: CrashAt,
        leave: TestLeave,
    ) -> Ended {
        let mapping = self.mapping();
        let observer = Arc::new(observer);
        let store = MemoryStore::open_run(run, &self.tables, &self.clock, observer.clone());
        let meter = Meter::default();
        let seeded = self.seeded;
        let store = FaultyStore { inner: &store, seeded, tables: &self.tables };
        let clock = FaultyClock { inner: &self.clock, seeded };
        let run = Run {
            spec: &self.spec,
            mapping: &mapping,
            places,
            gates: Pair::new(&OpenGate as &dyn Gate, &OpenGate),
            store: &store,
            clock: &clock,
            leave: &leave,
            meter: &meter,
            observer: &Meddling {
                inner: &observer,
                places: [&self.source, &self.target],
                clock: &self.clock,
            },
            options: Seeded::options(seeded, options),
        };
        let ended = drive(run.execute());
        *self.requests.lock().unwrap() = meter.requests();
        ended
    }

    /// What a run would do.
    pub(crate) fn preview(&self) -> (Report, Vec<Op>) {
        let mapping = self.mapping();
        let observer = Arc::new(CrashAt::never());
        let store = MemoryStore::open(&self.tables, &self.clock, observer.clone());
        let run = Run {
            spec: &self.spec,
            mapping: &mapping,
            places: Pair::new(&self.source as &dyn Place, &self.target),
            gates: Pair::new(&OpenGate as &dyn Gate, &OpenGate),
            store: &store,
            clock: &*self.clock,
            leave: &TestLeave::granted(),
            meter: &Meter::default(),
            observer: &*observer,
            options: self.options.clone(),
        };
        let mut ops = Vec::new();
        let mut show = |plan: &ItemPlan| ops.extend(plan.ops.clone());
        let report = drive(run.preview(&mut show)).unwrap().unwrap();
        (report, ops)
    }

    /// Requests of the last run to both places, also if it failed.
    pub(crate) fn requests(&self) -> u64 {
        *self.requests.lock().unwrap()
    }

    /// Writes sent to either place so far.
    pub(crate) fn write_calls(&self) -> u64 {
        self.source.write_calls() + self.target.write_calls()
    }

    /// Asserts that a run finds nothing to do: no write to a platform, none to the store.
    #[track_caller]
    pub(crate) fn assert_quiet(&self) -> Report {
        let written = || {
            let tables = self.tables();
            (self.write_calls(), tables.records, tables.changes.len())
        };
        let before = written();
        let report = self.sync();
        assert_eq!(written(), before, "writes, records and changes of a run with nothing to do: {report:?}");
        report
    }

    /// A pair in step: the source's item, the target's, and nothing left to do.
    pub(crate) fn paired(&self, fields: Json) -> (String, String) {
        let before = self.target.ids();
        let source = self.source.add(super::fields(fields));
        self.sync();
        let target = self.target.ids().into_iter().find(|id| !before.contains(id)).unwrap();
        self.wait(1);
        (source, target)
    }
}

fn spec(changes: Json) -> SyncSpec {
    let mut document = json!({
        "name": "test",
        "source_platform": "s", "source": {},
        "target_platform": "t", "target": {},
        "field_mappings": default_fields(),
    });
    for (key, value) in changes.as_object().unwrap() {
        document[key] = value.clone();
    }
    serde_json::from_value(document).unwrap()
}
