//! What crosses is what it was, and so is what comes back.

use syncline_engine::{Side, run::Options, side::Pair as Both, spec::Direction};
use syncline_entity::{sync_metadata::Model as Link, types::LinkState};

use super::{Checked, Failure, Law, Play, Step};
use crate::{
    build::build,
    meaning::{Meaning, number},
    pair::{Act, Column, Pair, Role},
    place::Place,
    snapshot::Seen,
};

/// The two rows of each link say the same, unless the field is named or asked about.
pub(super) fn arrives(play: &mut Play<'_>, step: &Step) -> Checked<()> {
    let mut cells = 0;
    for link in step.ran.links.iter().filter(|link| link.link_state == LinkState::Linked) {
        let Some((source, target)) = rows(link, step) else { continue };
        let was = Both::new(was_there(step, Side::Source, source), was_there(step, Side::Target, target));
        for field in 0..play.pair.fields.len() {
            if play.pair.is_changed(field) || may_differ(play.pair, field, &was, play, source, target) {
                continue;
            }
            cells += 1;
            if same(play.pair, &play.places, field, source, target) || play.excuse(&step.ran, link, field) {
                continue;
            }
            let place = |side: Side, row: &Seen| {
                let column = play.pair.layouts.get(side).position(Role::Field(field)).unwrap_or_default();
                format!("{:?} {:?}", play.pair.layouts.get(side).columns[column].name, row.cells[column])
            };
            let (source_cell, target_cell) = (place(Side::Source, source), place(Side::Target, target));
            let what = format!(
                "row {:?}: the source has {source_cell}, the target {target_cell}, and nothing says why; error: {:?}",
                source.tag, link.last_error
            );
            return Err(Failure::Broken(Law::Crossing, what));
        }
    }
    play.applied.note(Law::Crossing, cells);
    Ok(())
}

fn rows<'a>(link: &Link, step: &'a Step) -> Option<(&'a Seen, &'a Seen)> {
    let source = step.after.source.row(link.entity_id.as_ref()?)?;
    Some((source, step.after.target.row(link.external_id.as_ref()?)?))
}

fn was_there(step: &Step, side: Side, row: &Seen) -> bool {
    step.before.get(side).row(&row.key).is_some()
}

/// Cells that nothing promises to bring in step.
fn may_differ(
    pair: &Pair,
    field: usize,
    was: &Both<bool>,
    play: &Play<'_>,
    source: &Seen,
    target: &Seen,
) -> bool {
    let flow = pair.flow(field);
    // What is only on the side that may not be carried from stays there.
    if flow != Direction::Bidirectional && was.source && was.target {
        return true;
    }
    let made_on = |side: Side| !*was.get(side);
    Side::BOTH.into_iter().any(|side| {
        let column = pair.layouts.get(side).column(Role::Field(field));
        let from = side.other();
        let row = if from == Side::Source { source } else { target };
        // A new row whose field is empty takes the default of the column or what the column computes; a field that does
        // not flow there is not written.
        let empty = read(&play.places, pair, field, from, row) == Meaning::Nothing;
        let fills_itself = |column: &Column| column.default.is_some() || column.generated.is_some();
        made_on(side) && (!flow.writes(side) || empty && column.is_some_and(fills_itself))
    })
}

/// What a row says in a field.
pub(super) fn read(places: &Both<Place>, pair: &Pair, field: usize, side: Side, row: &Seen) -> Meaning {
    let Some(column) = pair.layouts.get(side).position(Role::Field(field)) else { return Meaning::Nothing };
    pair.common(field, side, places.get(side).meaning(column, &row.cells[column]))
}

pub(super) fn same(pair: &Pair, places: &Both<Place>, field: usize, source: &Seen, target: &Seen) -> bool {
    let source = read(places, pair, field, Side::Source, source);
    agree(pair, field, &source, &read(places, pair, field, Side::Target, target))
}

/// Whether two cells of a field say the same, as far as its columns can hold what they say.
pub(super) fn agree(pair: &Pair, field: usize, one: &Meaning, other: &Meaning) -> bool {
    let columns = Side::BOTH.map(|side| pair.layouts.get(side).column(Role::Field(field)));
    let is = |fits: fn(&Column) -> bool| columns.iter().flatten().any(|column| fits(column));
    // Text in a column of numbers is the number that it states.
    let number = |meaning: &Meaning| if let Meaning::Text(text) = meaning { number(text) } else { None };
    let is_number = is(|column| column.declared == "NUMERIC");
    one.same(other)
        || is(Column::pads) && one.same_padded(other)
        || is_number && number(one).is_some_and(|one| number(other) == Some(one))
}

/// An empty place like the source is filled from the target: its rows say what those of the source say.
pub(super) async fn comes_back(play: &mut Play<'_>, step: &Step) -> Checked<()> {
    let pair = play.pair;
    let trigger = pair.layouts.source.table.trigger.as_ref().map(|trigger| trigger.act);
    if trigger.is_some_and(|act| !matches!(act, Act::Capitals(_))) || step.after.target.rows.is_empty() {
        return Ok(());
    }
    let mut back = pair.clone();
    back.direction = Direction::TargetToSource;
    back.fields.iter_mut().for_each(|field| field.direction = None);
    let name = format!("{}_back", play.places.target.table);
    let place = play.stage.place(&pair.layouts.source, &name).await?;
    build(&place, &back, Side::Source, false).await?;
    let scopes = Both::new(place.scope(), play.places.target.scope());
    let sync = play
        .stage
        .sync(&back.document(&format!("{name}-{}", uuid::Uuid::now_v7().simple()), &scopes))
        .await?;
    let ran = play.stage.run(&sync, &play.fault, Options::default()).await?;
    let look = place.look().await;
    play.stage.clear(&place).await?;
    if let Err(error) = &ran.outcome {
        return Err(Failure::Broken(Law::Crossing, format!("the way back failed: {error}")));
    }
    let look = look.map_err(|error| {
        Failure::Broken(Law::Reads, format!("the file of the way back is broken: {error}"))
    })?;
    let places = Both::new(place, play.places.target.clone());
    let mut cells = 0;
    for link in ran.links.iter().filter(|link| link.link_state == LinkState::Linked) {
        let keys = (link.entity_id.as_deref(), link.external_id.as_deref());
        let (Some(key), Some(target)) = keys else { continue };
        let (Some(row), Some(target)) = (look.row(key), step.after.target.row(target)) else { continue };
        let Some(original) = step.after.source.tagged(&row.tag) else { continue };
        for field in 0..pair.fields.len() {
            let before = read(&play.places, pair, field, Side::Source, original);
            let held = same(pair, &play.places, field, original, target);
            // Blanks alone are the empty text where the target pads.
            let empty = agree(pair, field, &before, &Meaning::Nothing);
            if !held || empty || back.is_changed(field) || play.excuse(&ran, link, field) {
                continue;
            }
            cells += 1;
            let now = read(&places, pair, field, Side::Source, row);
            if !agree(pair, field, &before, &now) {
                let what = format!("row {:?}: {before:?} went out and {now:?} came back", row.tag);
                return Err(Failure::Broken(Law::Crossing, what));
            }
        }
    }
    play.applied.note(Law::Crossing, cells);
    Ok(())
}
