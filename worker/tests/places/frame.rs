//! What a run may have changed in a place: what it has on record as written, and no other byte.

use std::collections::{BTreeMap, BTreeSet};

use syncline_engine::Side;
use syncline_entity::types;

use crate::{
    pair::{Column, Role},
    place::Place,
    snapshot::{Cell, Snapshot},
    splitter::{Record, Split},
    stage::Ran,
};

/// What a run says that it wrote, by the key of the row: the fields, or the whole row.
pub(crate) type Written = BTreeMap<String, BTreeSet<Option<String>>>;

/// What a run has on record as written to a side.
pub(crate) fn written(ran: &Ran, side: Side) -> Written {
    let mut written = Written::new();
    let confirmed = ran
        .changes
        .iter()
        .filter(|change| matches!(change.state, types::ChangeState::Confirmed | types::ChangeState::Unknown));
    for change in confirmed.filter(|change| (change.side == types::Side::Source) == (side == Side::Source)) {
        let link = ran.links.iter().find(|link| link.id == change.link_id);
        let key = link.and_then(|link| {
            if side == Side::Source { link.entity_id.clone() } else { link.external_id.clone() }
        });
        let ended = link.is_some_and(|link| link.link_state == types::LinkState::Tombstone);
        // The link of a row that is gone gives up its key when a new row takes it; that row is on record itself.
        if ended && key.is_none() && change.after.is_none() {
            continue;
        }
        written.entry(key.unwrap_or_default()).or_default().insert(change.field.clone());
    }
    written
}

/// Holds what became of a place against what is on record.
pub(crate) fn check(
    place: &Place,
    before: &Snapshot,
    after: &Snapshot,
    written: &Written,
) -> Result<(), String> {
    for (key, fields) in written {
        let was_deleted = before.row(key).is_some() && fields.contains(&None);
        if after.row(key).is_none() && !was_deleted {
            return Err(format!("the row {key:?} is on record as written, and is not there"));
        }
    }
    for row in &after.rows {
        let fields = written.get(&row.key);
        let Some(old) = before.row(&row.key) else {
            if fields.is_some_and(|fields| fields.contains(&None)) {
                continue;
            }
            return Err(format!("the row {:?} is new, and nothing is on record of it", row.key));
        };
        for (column, (cell, old)) in place.layout.columns.iter().zip(row.cells.iter().zip(&old.cells)) {
            if cell != old && !may_change(column, fields) && place.layout.capitals() != Some(column.role) {
                let (key, name) = (&row.key, &column.name);
                return Err(format!(
                    "the row {key:?} had {old:?} in {name:?} and has {cell:?}, which is not on record"
                ));
            }
            if column.role == Role::Modified && cell != old {
                same_form(old, cell, column)?;
            }
        }
    }
    for row in &before.rows {
        let recorded = written.get(&row.key).is_some_and(|fields| fields.contains(&None));
        if after.row(&row.key).is_none() && !recorded {
            return Err(format!("the row {:?} is gone, and nothing is on record of it", row.key));
        }
    }
    match (&before.file, &after.file) {
        (Some((_, before)), Some((_, after))) => bytes(place, before, after, written),
        _ => Ok(()),
    }
}

fn may_change(column: &Column, fields: Option<&BTreeSet<Option<String>>>) -> bool {
    let Some(fields) = fields else { return false };
    matches!(column.role, Role::Modified | Role::Marker)
        || column.generated.is_some()
        || fields.contains(&Some(column.name.clone()))
        || fields.contains(&None)
}

/// A time that replaces another looks like it.
fn same_form(old: &Cell, new: &Cell, column: &Column) -> Result<(), String> {
    let (Cell::Text(old), Cell::Text(new)) = (old, new) else { return Ok(()) };
    let shape = |text: &str| {
        text.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect::<String>()
    };
    // PostgreSQL writes its own times, with as many decimals as there are.
    // A date in a column of times would lose the time.
    let is_date = old.len() == 10 && ["DATETIME", "TIMESTAMP"].contains(&column.declared.as_str());
    if column.declared.starts_with("timestamp") || is_date || shape(old) == shape(new) {
        return Ok(());
    }
    Err(format!("the time {old:?} was replaced by {new:?}, which has another form"))
}

/// What of a file stays as it was: everything but the cells that are on record, and rows that are new or gone.
fn bytes(place: &Place, before: &Split, after: &Split, written: &Written) -> Result<(), String> {
    if before.head != after.head {
        return Err("the head of the file is another".to_owned());
    }
    let key_cell = place.first_cell(place.key());
    let key = |row: &Record| (!row.is_blank()).then(|| row.content(key_cell));
    let keys = |split: &Split| split.records.iter().skip(1).filter_map(key).collect::<BTreeSet<_>>();
    let (old_keys, new_keys) = (keys(before), keys(after));
    let stays = |others: &BTreeSet<String>| {
        let others = others.clone();
        move |row: &&Record| key(row).is_none_or(|key| others.contains(&key))
    };
    let old: Vec<&Record> = skip_header(before).filter(stays(&new_keys)).collect();
    let new: Vec<&Record> = skip_header(after).filter(stays(&old_keys)).collect();
    if before.records.first().map(|row| &row.cells) != after.records.first().map(|row| &row.cells) {
        return Err("the header is another".to_owned());
    }
    if old.len() != new.len() {
        return Err(format!("of {} rows that stay {} are there", old.len(), new.len()));
    }
    for (old, new) in old.into_iter().zip(new) {
        same_row(place, old, new, key(old).and_then(|key| written.get(&key)))?;
    }
    let end = |split: &Split| split.records.last().is_some_and(|row| row.end.is_empty());
    // Where the last row goes, the one before it is as it was.
    if end(before) != end(after) && before.records.last().as_ref().is_some_and(stays(&new_keys)) {
        return Err("the last line has another end".to_owned());
    }
    Ok(())
}

fn skip_header(split: &Split) -> impl Iterator<Item = &Record> {
    split.records.iter().skip(1)
}

fn same_row(
    place: &Place,
    old: &Record,
    new: &Record,
    fields: Option<&BTreeSet<Option<String>>>,
) -> Result<(), String> {
    if old.end != new.end && !old.end.is_empty() && !new.end.is_empty() {
        return Err(format!("a line ended with {:?} and ends with {:?}", old.end, new.end));
    }
    let columns = place.layout.columns.iter().flat_map(|column| std::iter::repeat_n(column, column.copies));
    for (column, (old, new)) in columns.zip(old.cells.iter().zip(&new.cells)) {
        if old != new && !may_change(column, fields) {
            let text = |cell: &[u8]| String::from_utf8_lossy(cell).into_owned();
            return Err(format!("a cell of {:?} was {} and is {}", column.name, text(old), text(new)));
        }
    }
    Ok(())
}
