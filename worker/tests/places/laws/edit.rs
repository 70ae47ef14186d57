//! One edited cell on one side changes that cell and no other byte on the other; one row taken away takes one row away.

use syncline_engine::{Side, run::Options, spec::Direction};
use syncline_entity::{sync_metadata::Model as Link, types::LinkState};

use super::{Checked, Failure, Law, Play, Step, crossing, idle};
use crate::{
    frame,
    meaning::{Meaning, Sort},
    pair::{Kind, Role},
    snapshot::Seen,
    values,
};

/// How often a cell is edited, and how often another one is looked for that can be.
const EDITS: usize = 2;
const TRIES: usize = 8;

pub(super) async fn check(play: &mut Play<'_>, mut last: Step) -> Checked<Step> {
    for _ in 0..EDITS {
        let mut edited = None;
        for _ in 0..TRIES {
            edited = edit(play, &last).await?;
            if edited.is_some() {
                break;
            }
        }
        let Some(edited) = edited else { break };
        let refused = last.ran.links.into_iter().filter(|link| link.last_error.is_some()).collect();
        last = carried(play, edited, refused).await?;
    }
    Ok(last)
}

/// A cell that was edited.
struct Edited {
    link: Link,
    field: usize,
    /// The side that was edited.
    side: Side,
    now: Meaning,
}

/// True for a link that is in step. A value that waits for a person is an edit that a delete does not overrule.
fn settled(link: &Link, last: &Step) -> bool {
    link.link_state == LinkState::Linked
        && link.last_error.is_none()
        && last.ran.conflicts.iter().all(|conflict| conflict.link_id != link.id)
}

/// Edits a cell of a link that is in step.
async fn edit(play: &mut Play<'_>, last: &Step) -> Checked<Option<Edited>> {
    let links: Vec<&Link> = last.ran.links.iter().filter(|link| settled(link, last)).collect();
    if links.is_empty() {
        return Ok(None);
    }
    let link = links[play.draw.below(links.len())].clone();
    let field = play.draw.below(play.pair.fields.len());
    let side = if play.draw.chance(50) { Side::Source } else { Side::Target };
    let (Some(source), Some(target)) = (&link.entity_id, &link.external_id) else { return Ok(None) };
    let keys = (source.clone(), target.clone());
    let (key, other) = if side == Side::Source { (&keys.0, &keys.1) } else { (&keys.1, &keys.0) };
    let layout = &play.places.get(side).layout;
    let Some(column) = layout.position(Role::Field(field)) else { return Ok(None) };
    let computed = layout.columns[column].generated.is_some() || layout.columns[column].copies > 1;
    // A trigger would edit more than the one cell.
    let computed = computed || layout.capitals().is_some();
    if !play.pair.writes(field, side.other()) || play.pair.is_changed(field) || computed {
        return Ok(None);
    }
    let sort = play.pair.fields[field].sort;
    let plain = layout.kind != Kind::Csv;
    let rows = &last.after.get(side).rows;
    let text = match sort {
        _ if play.draw.chance(10) => String::new(),
        Sort::Parent => rows[play.draw.below(rows.len())].key.clone(),
        sort => values::text(sort, &mut play.draw, plain),
    };
    let text = play.pair.spelled(field, side, text);
    let (Some(row), Some(other)) = (last.after.get(side).row(key), last.after.get(side.other()).row(other))
    else {
        return Ok(None);
    };
    let meaning = play.pair.common(field, side, sort.read(&text));
    let read = |side, row| crossing::read(&play.places, play.pair, field, side, row);
    // Times of one minute, and texts that differ by blanks at their end, may be the same on the other side.
    let is_same = |one: &Meaning| one.same_padded(&meaning);
    // What was never in step may be settled either way.
    let pair = if side == Side::Source { (row, other) } else { (other, row) };
    let in_step = (0..play.pair.fields.len()).all(|other| {
        let one_way = play.pair.flow(other) != Direction::Bidirectional;
        other != field && !one_way || crossing::same(play.pair, &play.places, other, pair.0, pair.1)
    });
    let required = play.pair.fields[field].required && meaning == Meaning::Nothing;
    if is_same(&read(side, row)) || is_same(&read(side.other(), other)) || required || !in_step {
        return Ok(None);
    }
    if !play.places.get(side).edit(key, column, &text).await? {
        return Ok(None);
    }
    let seen = play.places.get(side).look().await?;
    if seen == *last.after.get(side) {
        return Ok(None);
    }
    let Some(row) = seen.row(key) else { return Ok(None) };
    let now = crossing::read(&play.places, play.pair, field, side, row);
    Ok(Some(Edited { link, field, side, now }))
}

/// Runs after an edit and looks what it did. An edit may make room for what was refused before it.
async fn carried(play: &mut Play<'_>, edited: Edited, refused: Vec<Link>) -> Checked<Step> {
    let step = play.run(Options::default()).await?;
    let Edited { link, field, side, now } = edited;
    let other = side.other();
    if let Err(error) = &step.ran.outcome {
        return Err(broken(format!("the run after an edit failed: {error}")));
    }
    if refused.is_empty() {
        idle::unchanged(&step, side, Law::Edit)?;
    }
    let key = if other == Side::Source { &link.entity_id } else { &link.external_id };
    let key = key.clone().unwrap_or_default();
    let current = step.ran.links.iter().find(|other| other.id == link.id).unwrap_or(&link);
    if current.last_error.is_some() {
        if !play.excuse(&step.ran, current, field)
            && !super::refused::is_named(play, current.last_error.as_deref().unwrap_or_default())
        {
            return Err(broken(format!("an edit was refused, and not by name: {:?}", current.last_error)));
        }
        if frame::written(&step.ran, other).is_empty() {
            idle::unchanged(&step, other, Law::Refused)?;
            play.applied.note(Law::Refused, 1);
            return Ok(step);
        }
    }
    play.hold_frame(&step, Law::Edit)?;
    let name = play.pair.field_name(field, other).to_owned();
    let written = frame::written(&step.ran, other);
    let is_edit =
        written.get(&key).is_some_and(|fields| fields.iter().all(|field| field.as_ref() == Some(&name)));
    let waited = |key: &String| {
        let tried = step.ran.links.iter().filter(|link| refused.iter().any(|refused| refused.id == link.id));
        tried.into_iter().any(|link| [&link.entity_id, &link.external_id].contains(&&Some(key.clone())))
    };
    if !is_edit || !written.keys().all(|other| *other == key || waited(other)) {
        return Err(broken(format!("{name:?} of {key:?} was to be written, and {written:?} was")));
    }
    let Some(row) = step.after.get(other).row(&key) else {
        return Err(broken(format!("the row {key:?} is gone after an edit")));
    };
    let there = crossing::read(&play.places, play.pair, field, other, row);
    if !crossing::agree(play.pair, field, &now, &there) {
        return Err(broken(format!("{name:?} of {key:?} was edited to {now:?}, and {there:?} arrived")));
    }
    play.applied.note(Law::Edit, 1);
    Ok(step)
}

/// A row that is taken away on one side goes on the other, where deletes are carried.
pub(super) async fn row_removed(play: &mut Play<'_>, last: &Step) -> Checked<()> {
    let links: Vec<&Link> = last.ran.links.iter().filter(|link| settled(link, last)).collect();
    if links.is_empty() || !play.pair.deletes {
        return Ok(());
    }
    let link = links[play.draw.below(links.len())];
    let side = if play.draw.chance(50) { Side::Source } else { Side::Target };
    let (Some(source), Some(target)) = (&link.entity_id, &link.external_id) else { return Ok(()) };
    let (key, other) = if side == Side::Source { (source, target) } else { (target, source) };
    // Gap of the product: after a lost answer, a key in the spelling of its own side is taken for an edited one, and an
    // edited row is not deleted.
    let respelled = play.pair.answer_lost && source != target;
    if respelled || !play.pair.direction.writes(side.other()) || !play.places.get(side).remove(key).await? {
        return Ok(());
    }
    let options = Options { confirm_deletes: true, approved_deletes: Some(1), ..Options::default() };
    let step = play.run(options).await?;
    play.hold_frame(&step, Law::Edit)?;
    let places = (step.before.get(side.other()), step.after.get(side.other()));
    // SQLite gives the key of a row that is gone to the next new one.
    let is_gone = |row: &&Seen| places.1.row(&row.key).is_none_or(|now| now.tag != row.tag);
    let gone: Vec<&str> = places.0.rows.iter().filter(is_gone).map(|row| row.key.as_str()).collect();
    let asked = step.ran.conflicts.iter().any(|conflict| conflict.link_id == link.id);
    let excused = asked || step.ran.links.iter().any(|now| now.id == link.id && now.last_error.is_some());
    if gone != [other] && !(excused && gone.is_empty()) {
        let outcome = &step.ran.outcome;
        return Err(broken(format!(
            "the row {key:?} of the {side} was taken away, and these went: {gone:?}; {outcome:?}"
        )));
    }
    play.applied.note(Law::Edit, 1);
    Ok(())
}

fn broken(what: String) -> Failure {
    Failure::Broken(Law::Edit, what)
}
