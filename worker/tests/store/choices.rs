//! Fields that a platform leaves out of a write, from the conflict to a person's choice, on the SQL store.

use rstest::rstest;
use serde_json::{Value as Json, json};
use syncline_engine::{
    Value,
    conflict::Choice,
    mapping::Mapping,
    ports::{Gate, Meter, OpenGate, Place, Unobserved},
    run::{Options, Report, Run, Scope},
    side::Pair,
    spec::SyncSpec,
};

use crate::{
    contract::{Kept, KeptConflict, Stage},
    stage::{SqlStage, wait_for},
    support::{FakePlace, Manners, TestLeave, fields},
};

/// Two places, of which the target leaves the notes out of every write until it is told otherwise.
struct Pairing {
    stage: SqlStage,
    source: FakePlace,
    target: FakePlace,
    spec: SyncSpec,
}

impl Pairing {
    async fn new(on_postgres: bool) -> Pairing {
        let stage = if on_postgres { SqlStage::postgres().await } else { SqlStage::sqlite().await };
        let place = |name| FakePlace::new(name, Manners::default(), stage.shared_clock());
        let document = json!({
            "name": "test", "source_platform": "s", "source": {}, "target_platform": "t", "target": {},
            "field_mappings": [
                { "source_field": "title", "target_field": "name" },
                { "source_field": "body", "target_field": "notes" },
            ],
        });
        let spec = serde_json::from_value(document).unwrap();
        Pairing { source: place("s"), target: place("t"), stage, spec }
    }

    async fn sync(&self, scope: Scope) -> Report {
        let mapping = Mapping::compile(&self.spec, 1).unwrap();
        let store = self.stage.open(1).await;
        let run = Run {
            spec: &self.spec,
            mapping: &mapping,
            places: Pair::new(&self.source as &dyn Place, &self.target),
            gates: Pair::new(&OpenGate as &dyn Gate, &OpenGate),
            store: &*store,
            clock: self.stage.clock(),
            leave: &TestLeave::granted(),
            meter: &Meter::default(),
            observer: &Unobserved,
            options: Options { scope, ..Options::default() },
        };
        run.execute().await.unwrap()
    }

    async fn kept(&self) -> Kept {
        let kept = self.stage.kept().await;
        assert_eq!(kept.broken, [0_i64; 0]);
        kept
    }

    fn values(&self, s: &str, t: &str) -> (Json, Json) {
        (self.source.value(s, "body"), self.target.value(t, "notes"))
    }
}

fn value(text: &str) -> Choice {
    Choice::Value(Value::text(text))
}

fn states(kept: &Kept, after: usize) -> Vec<String> {
    let row = |change: &crate::contract::KeptChange| {
        format!("{} {} {}", change.side, change.field.as_deref().unwrap_or("-"), change.state)
    };
    kept.changes[after..].iter().map(row).collect()
}

#[rstest]
#[case::the_target(Choice::Target, "old", &["source body confirmed"])]
#[case::the_base(Choice::Base, "old", &["source body confirmed"])]
#[case::a_value(value("short"), "short", &["source body confirmed", "target notes confirmed"])]
#[case::the_source_that_is_taken_now(Choice::Source, "far too long", &["target notes confirmed"])]
fn a_field_left_out_is_a_conflict_that_every_choice_resolves(
    #[case] choice: Choice,
    #[case] expected: &str,
    #[case] written: &[&str],
    #[values(false, true)] on_postgres: bool,
) {
    wait_for(async {
        let mut pairing = Pairing::new(on_postgres).await;
        let s = pairing.source.add(fields(json!({ "title": "one", "body": "old" })));
        pairing.sync(Scope::All).await;
        let t = pairing.target.only();
        pairing.target.leave_out(Some("notes"));
        pairing.source.edit(&s, "title", "two");
        pairing.source.edit(&s, "body", "far too long");
        let report = pairing.sync(Scope::All).await;
        assert_eq!((report.counts.updated, report.counts.conflicts, report.counts.failed), (1, 1, 0));
        assert_eq!(pairing.target.value(&t, "name"), json!("two"), "the other fields are written");
        let kept = pairing.kept().await;
        assert_eq!(states(&kept, 1), ["target name confirmed", "target notes not_written"]);
        let [KeptConflict { id, link, kind, field, base, values, open, .. }] = &kept.conflicts[..] else {
            panic!("{kept:?}")
        };
        assert_eq!((kind.as_str(), field.as_deref(), open), ("refused_value", Some("body"), &true));
        assert_eq!(
            (base, &values.source, &values.target),
            (&Value::text("old"), &Value::text("far too long"), &Value::text("old"))
        );
        assert!(
            kept.links[0].error.as_deref().is_some_and(|error| error.contains("field notes: t is too long"))
        );
        // The other side and the base write nothing to the field that is refused.
        if !matches!(choice, Choice::Target | Choice::Base) {
            pairing.target.leave_out(None);
        }
        pairing.stage.choose(*id, choice.clone()).await;
        let report = pairing.sync(Scope::Links(vec![*link])).await;
        assert_eq!((report.counts.resolved, report.counts.conflicts, report.counts.failed), (1, 0, 0));
        assert_eq!(pairing.values(&s, &t), (json!(expected), json!(expected)));
        let kept = pairing.kept().await;
        assert_eq!(states(&kept, 3), written);
        let conflict = &kept.conflicts[0];
        assert_eq!((conflict.open, &conflict.choice), (false, &Some(choice.clone())));
        assert_eq!(conflict.reason.as_deref(), Some(format!("{choice} chosen by a person").as_str()));
        assert_eq!(pairing.sync(Scope::All).await.counts.updated, 0);
    });
}

/// The person's value is refused as well, and the source has it by now.
#[rstest]
fn a_chosen_value_that_is_left_out_is_asked_about_with_what_there_is_now(
    #[values(false, true)] on_postgres: bool,
) {
    wait_for(async {
        let mut pairing = Pairing::new(on_postgres).await;
        let s = pairing.source.add(fields(json!({ "title": "one", "body": "old" })));
        pairing.sync(Scope::All).await;
        let t = pairing.target.only();
        pairing.target.leave_out(Some("notes"));
        pairing.source.edit(&s, "body", "far too long");
        pairing.sync(Scope::All).await;
        let asked = pairing.kept().await.conflicts[0].clone();
        pairing.stage.choose(asked.id, value("still too long")).await;
        assert_eq!(pairing.sync(Scope::Links(vec![asked.link])).await.counts.conflicts, 1);
        assert_eq!(pairing.values(&s, &t), (json!("still too long"), json!("old")));
        let again = pairing.kept().await.conflicts.remove(0);
        assert_eq!(
            (again.id, again.open, again.choice.clone(), again.occurrences),
            (asked.id, true, None, 2)
        );
        assert_eq!((again.values.source, again.base), (Value::text("still too long"), Value::text("old")));
        pairing.stage.choose(asked.id, Choice::Base).await;
        pairing.sync(Scope::Links(vec![asked.link])).await;
        assert_eq!(pairing.values(&s, &t), (json!("old"), json!("old")));
        assert!(!pairing.kept().await.conflicts[0].open);
    });
}

/// A choice and an edit after it, on the SQL store.
#[rstest]
fn a_choice_made_for_other_values_is_not_read(
    #[values(Choice::Base, value("mine"), Choice::Source)] choice: Choice,
    #[values(false, true)] on_postgres: bool,
) {
    wait_for(async {
        let mut pairing = Pairing::new(on_postgres).await;
        pairing.spec.conflict_strategy = syncline_engine::spec::Strategy::Manual;
        let s = pairing.source.add(fields(json!({ "title": "one", "body": "old" })));
        pairing.sync(Scope::All).await;
        let t = pairing.target.only();
        pairing.source.edit(&s, "body", "S");
        pairing.target.edit(&t, "notes", "T");
        pairing.sync(Scope::All).await;
        let asked = pairing.kept().await.conflicts[0].clone();
        pairing.stage.choose(asked.id, choice).await;
        pairing.target.edit(&t, "notes", "later");
        let report = pairing.sync(Scope::Links(vec![asked.link])).await;
        assert_eq!((report.counts.updated, report.counts.conflicts), (0, 1));
        assert_eq!(pairing.values(&s, &t), (json!("S"), json!("later")));
        let again = pairing.kept().await.conflicts.remove(0);
        assert_eq!((again.open, again.choice, again.values.target), (true, None, Value::text("later")));
    });
}

/// What the version before does to a conflict that it meets again: it knows no column `choice`.
const MET_BY_AN_OLDER_PROGRAM: &str = "UPDATE sync_conflicts SET occurrences = occurrences + 1, target_data = $1, \
    resolution = NULL, resolved_by = NULL, resolve_run_id = NULL WHERE id = $2";

/// An older program beside this one takes the conflict for undecided. The choice outlives that, with the person, and does
/// not count for values that this program shows later.
#[rstest]
fn an_older_program_that_meets_the_conflict_neither_loses_nor_bends_the_choice(
    #[values(Choice::Base, value("mine"))] choice: Choice,
    #[values("T", "later")] met: &str,
    #[values(false, true)] on_postgres: bool,
) {
    wait_for(async {
        let mut pairing = Pairing::new(on_postgres).await;
        pairing.spec.conflict_strategy = syncline_engine::spec::Strategy::Manual;
        let s = pairing.source.add(fields(json!({ "title": "one", "body": "old" })));
        pairing.sync(Scope::All).await;
        let t = pairing.target.only();
        pairing.source.edit(&s, "body", "S");
        pairing.target.edit(&t, "notes", "T");
        pairing.sync(Scope::All).await;
        let asked = pairing.kept().await.conflicts[0].clone();
        pairing.stage.choose(asked.id, choice.clone()).await;
        pairing.target.edit(&t, "notes", met);
        pairing.stage.execute(MET_BY_AN_OLDER_PROGRAM, [json!(met).into(), asked.id.into()]).await;
        let report = pairing.sync(Scope::Links(vec![asked.link])).await;
        let conflict = pairing.kept().await.conflicts.remove(0);
        if met == "T" {
            let expected = if choice == Choice::Base { json!("old") } else { json!("mine") };
            assert_eq!(pairing.values(&s, &t), (expected.clone(), expected));
            assert_eq!((conflict.open, conflict.choice), (false, Some(choice)));
            assert_eq!(pairing.stage.person(asked.id).await.as_deref(), Some("somebody"));
        } else {
            assert_eq!((report.counts.updated, report.counts.conflicts), (0, 1));
            assert_eq!(pairing.values(&s, &t), (json!("S"), json!("later")));
            assert_eq!((conflict.open, conflict.choice), (true, None));
        }
    });
}
