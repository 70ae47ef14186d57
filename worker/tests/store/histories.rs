//! Random histories: the same calls on the store in memory and on the SQL store, after each of which every read agrees.

use std::collections::{BTreeMap, HashMap};

use chrono::TimeDelta;
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::json;
use syncline_engine::ports::Clock as _;
use syncline_engine::{
    Side,
    conflict::Choice,
    ports::{CursorState, LinkRef, Store, StoreError},
};

use crate::{
    contract::{
        Stage,
        build::{minute, text},
        fake::Fake,
        seen::{Seen, see},
    },
    draw,
    stage::{SqlStage, wait_for},
};

const STEPS: usize = 40;

#[test]
fn any_history_is_the_same_on_sqlite() {
    wait_for(async {
        let mut ends = BTreeMap::new();
        for seed in seeds(40) {
            History::new(SqlStage::sqlite().await, seed).await.play(&mut ends).await;
        }
        assert_mixed(&ends);
    });
}

#[test]
fn any_history_is_the_same_on_postgresql() {
    wait_for(async {
        let mut ends = BTreeMap::new();
        for seed in seeds(20) {
            History::new(SqlStage::postgres().await, seed).await.play(&mut ends).await;
        }
        assert_mixed(&ends);
    });
}

/// So many seeds, or the one of `STORE_SEED`.
fn seeds(count: u64) -> Vec<u64> {
    match std::env::var("STORE_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => vec![seed],
        None => (0..count).collect(),
    }
}

/// How often calls ended in which way.
type Ends = BTreeMap<&'static str, usize>;

/// Most calls are kept, and each reason for refusing one is met.
fn assert_mixed(ends: &Ends) {
    let share = |end| ends.get(end).copied().unwrap_or(0) * 100 / ends.values().sum::<usize>().max(1);
    let shares = ["kept", "stopped", "outdated", "refused by the database"].map(share);
    let least = [50, 2, 2, 2];
    assert!(shares.iter().zip(least).all(|(share, least)| *share >= least), "{ends:?}");
}

/// One store on each stage, opened by the same attempt.
struct Both {
    fake: Box<dyn Store>,
    sql: Box<dyn Store>,
}

struct History {
    seed: u64,
    rng: StdRng,
    fake: Fake,
    sql: SqlStage,
    /// Runs are 0 and 1, and others after they ended.
    runs: [u32; 2],
    stores: [Both; 2],
    /// An attempt that was shut out, or whose run is over.
    late: Option<Both>,
}

impl History {
    async fn new(sql: SqlStage, seed: u64) -> History {
        let fake = Fake::new();
        let stores = [open(&fake, &sql, 0).await, open(&fake, &sql, 1).await];
        History { seed, rng: StdRng::seed_from_u64(seed), fake, sql, runs: [0, 1], stores, late: None }
    }

    async fn play(mut self, ends: &mut Ends) {
        let mut seen = see(&self.fake, &*self.stores[0].fake).await;
        let mut there = see(&self.sql, &*self.stores[0].sql).await;
        let mut told = Vec::new();
        for _ in 0..STEPS {
            let step = self.step(&seen, &there).await;
            told.push(step.what.clone());
            let now = see(&self.fake, &*self.stores[0].fake).await;
            let there_now = see(&self.sql, &*self.stores[0].sql).await;
            let at = || format!("seed {}, after {told:#?}", self.seed);
            assert!(step.agrees(), "{:?}, and {:?} in SQL: {}", step.here, step.there, at());
            if let Some(end) = step.here {
                *ends.entry(end).or_default() += 1;
            }
            assert_eq!(numbered(now.clone()), numbered(there_now.clone()), "{}", at());
            (seen, there) = (now, there_now);
        }
    }

    /// One call on both stores, or something that happens beside them.
    async fn step(&mut self, seen: &Seen, there: &Seen) -> Told {
        let late = self.late.as_ref().filter(|_| self.rng.random_bool(0.1));
        let who = self.rng.random_range(0..2);
        let Both { fake, sql } = late.unwrap_or(&self.stores[who]);
        match self.rng.random_range(0..100) {
            0..35 => {
                let batch = draw::intents(&mut self.rng, seen);
                let mut same = batch.clone();
                for one in &mut same {
                    one.link = one.link.map(|at| translated(at, seen, there));
                }
                let (here, far) = (fake.intend(&batch).await, sql.intend(&same).await);
                if let (Ok(here), Ok(far)) = (&here, &far) {
                    let versions = |refs: &[LinkRef]| refs.iter().map(|at| at.version).collect::<Vec<_>>();
                    assert_eq!(versions(here), versions(far), "seed {}", self.seed);
                }
                Told::of(format!("{batch:?}"), here, far)
            }
            35..75 => {
                let batch = draw::records(&mut self.rng, seen);
                let mut same = batch.clone();
                for one in &mut same {
                    one.link = one.link.map(|at| translated(at, seen, there));
                    for id in &mut one.closed_conflicts {
                        let place = seen.kept.conflicts.iter().position(|row| row.id == *id).unwrap();
                        *id = there.kept.conflicts[place].id;
                    }
                }
                let (here, far) = (fake.record(&batch).await, sql.record(&same).await);
                Told::of(format!("{batch:?}"), here, far)
            }
            75..80 => {
                let now = self.fake.clock().now();
                Told::of("release".to_owned(), fake.move_deadline(now).await, sql.move_deadline(now).await)
            }
            80..85 => {
                let number = self.rng.random_range(0..100);
                let (cursor, reader) = (Some(json!([number])), Some(format!("{number}")));
                let state = CursorState { cursor, last_full_at: Some(minute(number)), reader };
                let saved = [(Side::BOTH[who], state)];
                Told::of(
                    format!("{saved:?}"),
                    fake.save_cursors(&saved).await,
                    sql.save_cursors(&saved).await,
                )
            }
            85..90 => {
                let open: Vec<usize> =
                    (0..seen.kept.conflicts.len()).filter(|place| seen.kept.conflicts[*place].open).collect();
                if let Some(place) = open.get(self.rng.random_range(0..open.len().max(1))) {
                    let own = Choice::Value(text("own"));
                    let all = [Choice::Source, Choice::Target, Choice::Base, own];
                    let choice = all[self.rng.random_range(0..all.len())].clone();
                    self.fake.choose(seen.kept.conflicts[*place].id, choice.clone()).await;
                    self.sql.choose(there.kept.conflicts[*place].id, choice).await;
                }
                Told::quietly(format!("choose of {open:?}"))
            }
            90..95 => {
                self.fake.clock().advance(TimeDelta::seconds(7));
                self.sql.clock().advance(TimeDelta::seconds(7));
                Told::quietly("wait".to_owned())
            }
            part => {
                if part >= 98 {
                    self.fake.end(self.runs[who]).await;
                    self.sql.end(self.runs[who]).await;
                    self.runs[who] += 2;
                }
                let next = open(&self.fake, &self.sql, self.runs[who]).await;
                self.late = Some(std::mem::replace(&mut self.stores[who], next));
                Told::quietly(format!("open run {}", self.runs[who]))
            }
        }
    }
}

async fn open(fake: &Fake, sql: &SqlStage, run: u32) -> Both {
    Both { fake: fake.open(run).await, sql: sql.open(run).await }
}

/// A step, and how its call ended on the store in memory and on the SQL store.
struct Told {
    what: String,
    here: Option<&'static str>,
    there: Option<&'static str>,
}

impl Told {
    fn of<T>(what: String, here: Result<T, StoreError>, there: Result<T, StoreError>) -> Told {
        let end = |result: Result<T, StoreError>| Some(result.err().map_or("kept", |error| kind(&error)));
        Told { what, here: end(here), there: end(there) }
    }

    /// What is out of date and refused as well is answered with either.
    fn agrees(&self) -> bool {
        let errors = [Some("outdated"), Some("refused by the database")];
        self.here == self.there || (errors.contains(&self.here) && errors.contains(&self.there))
    }

    /// A step that calls no store.
    fn quietly(what: String) -> Told {
        Told { what, here: None, there: None }
    }
}

fn kind(error: &StoreError) -> &'static str {
    match error {
        StoreError::Stopped(_) => "stopped",
        StoreError::Outdated => "outdated",
        StoreError::Newer { .. } => "left to a newer version",
        StoreError::Paused(_) => "paused",
        StoreError::Database(_) => "refused by the database",
    }
}

fn translated(at: LinkRef, seen: &Seen, there: &Seen) -> LinkRef {
    let place = seen.briefs.iter().position(|brief| brief.id == at.id).unwrap();
    LinkRef { id: there.briefs[place].id, ..at }
}

/// The same with links and conflicts numbered from 0: a database may leave numbers out.
fn numbered(mut seen: Seen) -> Seen {
    let links: HashMap<i64, i64> = seen.briefs.iter().map(|brief| brief.id).zip(0..).collect();
    let conflicts: HashMap<i64, i64> = seen.kept.conflicts.iter().map(|row| row.id).zip(0..).collect();
    let name = |id: &mut Option<String>| {
        if let Some((own, _)) = id.as_ref().and_then(|id| id.split_once(" (ended ")) {
            *id = Some(format!("{own} (ended)"));
        }
    };
    for brief in &mut seen.briefs {
        brief.id = links[&brief.id];
        Side::BOTH.iter().for_each(|side| name(brief.ids.get_mut(*side)));
    }
    for link in &mut seen.links {
        link.at.id = links[&link.at.id];
        Side::BOTH.iter().for_each(|side| name(link.ids.get_mut(*side)));
        link.conflicts.iter_mut().for_each(|conflict| conflict.id = conflicts[&conflict.id]);
    }
    seen.open_intents.iter_mut().for_each(|id| *id = links[id]);
    seen.kept.links.iter_mut().for_each(|link| link.id = links[&link.id]);
    seen.kept.changes.iter_mut().for_each(|change| change.link = links[&change.link]);
    for conflict in &mut seen.kept.conflicts {
        (conflict.id, conflict.link) = (conflicts[&conflict.id], links[&conflict.link]);
    }
    seen
}
