//! The audit trail: change rows, their states and their chain.

use serde_json::json;
use syncline_engine::{
    Side, Value,
    ports::{Change, Intended, LinkRef, Recorded, Verdict},
    value::{Decimal, Instant},
};

use super::{
    KeptChange, Stage,
    build::{again, change, ids, intended, judged, pairs, text},
};

const VERDICTS: [Verdict; 3] = [Verdict::Confirmed, Verdict::NotWritten, Verdict::Unknown];

/// The rows of a link as "side field state".
async fn rows(stage: &dyn Stage, link: LinkRef) -> Vec<String> {
    let kept = stage.kept().await;
    assert_eq!(kept.broken, [0_i64; 0], "{kept:?}");
    let row = |change: &KeptChange| {
        format!("{} {} {}", change.side.as_str(), change.field.as_deref().unwrap_or("-"), change.state)
    };
    kept.changes.iter().filter(|change| change.link == link.id).map(row).collect()
}

pub(crate) async fn changes_are_intended_until_the_verdict(stage: &dyn Stage) {
    let store = stage.open(1).await;
    let known = pairs(&*store, 1).await[0];
    let mut new = intended(None, ids("s2", ""), &[Side::Target]);
    new.changes = vec![
        Change { field: None, ..change(Side::Target, "", Value::Null, text("created")) },
        change(Side::Target, "title", Value::Null, text("new")),
    ];
    let batch = [intended(Some(known), ids("s1", "t1"), &Side::BOTH), new];
    let refs = store.intend(&batch).await.unwrap();
    assert_eq!(rows(stage, refs[0]).await, ["source title intended", "target title intended"]);
    assert_eq!(rows(stage, refs[1]).await, ["target - intended", "target title intended"]);
    let kept = stage.kept().await.changes;
    assert_eq!((&kept[0].before, &kept[0].after), (&text("old"), &text("new")));
    assert_eq!((kept[0].rule.as_str(), &kept[2].before), ("title changed", &Value::Null));
}

/// Every pair of verdicts, with rows and verdicts in either order. A refused write keeps its rows and their places, and
/// the chain verifies before and after the link's next write.
pub(crate) async fn each_side_has_its_own_verdict(stage: &dyn Stage) {
    let store = stage.open(1).await;
    let sides = [[Side::Source, Side::Target], [Side::Target, Side::Source]];
    let mut made = pairs(&*store, 36).await.into_iter().enumerate();
    for (order, told) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        for (first, second) in VERDICTS.iter().flat_map(|one| VERDICTS.iter().map(move |two| (*one, *two))) {
            let (place, at) = made.next().unwrap();
            let both = ids(&format!("s{}", place + 1), &format!("t{}", place + 1));
            let mut write = intended(Some(at), both.clone(), &sides[order]);
            let points = |side: &Side| change(*side, "points", Value::Int(1), Value::Int(2));
            write.changes.extend(sides[order].iter().map(points));
            let at = store.intend(&[write]).await.unwrap()[0];
            let mut verdicts = vec![(Side::Source, first), (Side::Target, second)];
            if told == 1 {
                verdicts.reverse();
            }
            store.record(&[judged(at, both.clone(), &verdicts)]).await.unwrap();
            let verdict = |side| if side == Side::Source { first } else { second };
            let mut expected = expect(&sides[order], "title", &verdict);
            expected.extend(expect(&sides[order], "points", &verdict));
            assert_eq!(rows(stage, at).await, expected, "{first:?} {second:?}");
            let next = intended(Some(again(&*store, at).await), both.clone(), &[Side::Target]);
            let at = store.intend(&[next]).await.unwrap()[0];
            store.record(&[judged(at, both, &[(Side::Target, Verdict::Confirmed)])]).await.unwrap();
            expected.push("target title confirmed".to_owned());
            assert_eq!(rows(stage, at).await, expected, "{first:?} {second:?}, and the next write");
        }
    }
}

fn expect(sides: &[Side], field: &str, verdict: &impl Fn(Side) -> Verdict) -> Vec<String> {
    let state = |side: Side| match verdict(side) {
        Verdict::Confirmed => "confirmed",
        Verdict::NotWritten => "not_written",
        Verdict::Unknown => "unknown",
    };
    sides.iter().map(|side| format!("{side} {field} {}", state(*side))).collect()
}

pub(crate) async fn verdicts_are_for_their_own_link(stage: &dyn Stage) {
    let store = stage.open(1).await;
    let made = pairs(&*store, 4).await;
    let number = |place: usize| ids(&format!("s{}", place + 1), &format!("t{}", place + 1));
    let write = |(place, at): (usize, &LinkRef)| intended(Some(*at), number(place), &Side::BOTH);
    let batch: Vec<Intended> = made.iter().enumerate().map(write).collect();
    let refs = store.intend(&batch).await.unwrap();
    let both = |verdict| [(Side::Source, verdict), (Side::Target, verdict)];
    let records = [
        judged(refs[2], number(2), &both(Verdict::Unknown)),
        judged(refs[0], number(0), &both(Verdict::NotWritten)),
        judged(refs[3], number(3), &both(Verdict::Confirmed)),
    ];
    store.record(&records).await.unwrap();
    assert_eq!(rows(stage, refs[0]).await, ["source title not_written", "target title not_written"]);
    assert_eq!(rows(stage, refs[1]).await, ["source title intended", "target title intended"]);
    assert_eq!(rows(stage, refs[2]).await, ["source title unknown", "target title unknown"]);
    assert_eq!(rows(stage, refs[3]).await, ["source title confirmed", "target title confirmed"]);
}

/// A write that is refused and sent again leaves both attempts on record, in their order.
pub(crate) async fn a_refused_write_keeps_its_rows(stage: &dyn Stage) {
    let store = stage.open(1).await;
    let at = pairs(&*store, 1).await[0];
    let mut write = intended(Some(at), ids("s1", "t1"), &[Side::Target]);
    write.changes.push(change(Side::Target, "points", Value::Int(1), Value::Int(2)));
    let at = store.intend(&[write]).await.unwrap()[0];
    let sent = stage.kept().await.changes;
    store.record(&[judged(at, ids("s1", "t1"), &[(Side::Target, Verdict::NotWritten)])]).await.unwrap();
    let refused = stage.kept().await.changes;
    let state = |rows: &[KeptChange], state: &str| -> Vec<KeptChange> {
        rows.iter().map(|row| KeptChange { state: state.to_owned(), ..row.clone() }).collect()
    };
    assert_eq!(refused, state(&sent, "not_written"), "nothing but the state may change");
    let next = intended(Some(again(&*store, at).await), ids("s1", "t1"), &[Side::Target]);
    let at = store.intend(&[next]).await.unwrap()[0];
    store.record(&[judged(at, ids("s1", "t1"), &[(Side::Target, Verdict::Confirmed)])]).await.unwrap();
    let expected = ["target title not_written", "target points not_written", "target title confirmed"]
        .map(str::to_owned);
    assert_eq!(rows(stage, at).await, expected);
}

/// A platform carried the write out but for some fields.
pub(crate) async fn fields_left_out_are_not_written(stage: &dyn Stage) {
    let store = stage.open(1).await;
    let made = pairs(&*store, 2).await;
    let write = |at, source: &str, target: &str| {
        let mut write = intended(Some(at), ids(source, target), &Side::BOTH);
        write.changes.push(change(Side::Target, "points", Value::Int(1), Value::Int(2)));
        write
    };
    let refs = store.intend(&[write(made[0], "s1", "t1"), write(made[1], "s2", "t2")]).await.unwrap();
    let both = [(Side::Source, Verdict::Confirmed), (Side::Target, Verdict::Confirmed)];
    let first = Recorded {
        left_out: vec![(Side::Target, "title".to_owned())],
        ..judged(refs[0], ids("s1", "t1"), &both)
    };
    store.record(&[first, judged(refs[1], ids("s2", "t2"), &both)]).await.unwrap();
    let expected = ["source title confirmed", "target title not_written", "target points confirmed"];
    assert_eq!(rows(stage, refs[0]).await, expected);
    let expected = ["source title confirmed", "target title confirmed", "target points confirmed"];
    assert_eq!(rows(stage, refs[1]).await, expected);
}

pub(crate) async fn a_write_without_changes_has_no_trail(stage: &dyn Stage) {
    let store = stage.open(1).await;
    let known = pairs(&*store, 1).await[0];
    let quiet = |link, ids| Intended { changes: Vec::new(), ..intended(link, ids, &[Side::Target]) };
    let batch = [quiet(Some(known), ids("s1", "t1")), quiet(None, ids("s2", ""))];
    let refs = store.intend(&batch).await.unwrap();
    let records = [
        judged(refs[0], ids("s1", "t1"), &[(Side::Target, Verdict::Confirmed)]),
        judged(refs[1], ids("s2", "t2"), &[(Side::Target, Verdict::NotWritten)]),
    ];
    store.record(&records).await.unwrap();
    assert_eq!(stage.kept().await.changes, []);
}

/// A row is hashed as the engine has its values, and verified as the database returns them.
pub(crate) async fn a_chain_verifies_whatever_its_values(stage: &dyn Stage) {
    let store = stage.open(1).await;
    let at = pairs(&*store, 1).await[0];
    let decimal = |digits| Value::Decimal(Decimal::parse(digits).unwrap());
    let values = [
        Value::Bool(false),
        Value::Int(i64::MIN),
        Value::Float(0.1),
        Value::Float(1e300),
        Value::Float(-2.5e-9),
        decimal("1.50"),
        decimal("-0"),
        decimal("123456789012345678901234567890.5"),
        decimal("1e30"),
        text(""),
        text("Ünï\u{1}\u{1f}\r\n\t\"code\" \\ 🦀"),
        text("1.0"),
        Value::Date("2026-02-28".parse().unwrap()),
        Value::DateTime(Instant::parse("2026-02-03T04:05+02:00").unwrap()),
        Value::DateTime(Instant::parse("2026-02-03 04:05:06.123456").unwrap()),
        Value::List(vec![Value::Int(1), Value::Null, text("")]),
        Value::from_json(&json!({ "b": null, "a": { "list": [], "n": 1.25 }, "empty": {} })),
    ];
    let mut write = intended(Some(at), ids("s1", "t1"), &[Side::Target]);
    let row = |(place, value): (usize, &Value)| {
        change(Side::Target, &format!("f{place}"), value.clone(), values[(place + 1) % values.len()].clone())
    };
    write.changes = values.iter().enumerate().map(row).collect();
    let at = store.intend(&[write]).await.unwrap()[0];
    assert_eq!(rows(stage, at).await.len(), values.len());
    store.record(&[judged(at, ids("s1", "t1"), &[(Side::Target, Verdict::Confirmed)])]).await.unwrap();
    let kept = stage.kept().await;
    assert_eq!(kept.broken, [0_i64; 0]);
    for (row, value) in kept.changes.iter().zip(&values) {
        let plain = Value::from_json(&value.to_json());
        assert!(row.before.same(&plain), "{value:?} became {:?}", row.before);
    }
}
