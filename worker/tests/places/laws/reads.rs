//! What a run wrote, the next run reads.

use syncline_engine::{
    Side,
    ports::{Call, Meter, OpenGate, Place, ReadMode},
};

use super::{Checked, Failure, Law, Play, Step, crossing};
use crate::{faulty::Faulty, pair::Role, stage::Always};

/// Opens both places anew and holds what they list against what is there.
pub(super) async fn check(play: &mut Play<'_>, step: &Step) -> Checked<()> {
    let opened = play.stage.open(&play.sync.spec).await.map_err(broken)?;
    let meter = Meter::default();
    let call = Call::new(&Always, &OpenGate, &meter, chrono::Utc::now());
    let pair = [(Side::Source, opened.places.source), (Side::Target, opened.places.target)];
    for (side, connector) in pair {
        let connector = Faulty::new(connector, side, &play.fault);
        let mut listing =
            connector.list(ReadMode::Full, None, &call).await.map_err(|error| broken(error.message))?;
        let mut items = Vec::new();
        while let Some(page) = listing.next_page(&call).await.map_err(|error| broken(error.message))? {
            items.extend(page);
        }
        let rows = &step.after.get(side).rows;
        if items.len() != rows.len() || !listing.end().complete {
            return Err(broken(format!("the {side} has {} rows and lists {}", rows.len(), items.len())));
        }
        for row in rows {
            let Some(item) = items.iter().find(|item| item.id == row.key) else {
                return Err(broken(format!("the {side} does not list the row {:?}", row.key)));
            };
            for field in 0..play.pair.fields.len() {
                let Some(name) = play.places.get(side).layout.name(Role::Field(field)) else { continue };
                let Some(value) = item.fields.get(name) else {
                    return Err(broken(format!("the {side} lists the row {:?} without {name:?}", row.key)));
                };
                let read = play.pair.common(field, side, play.pair.fields[field].sort.read_value(value));
                let there = crossing::read(&play.places, play.pair, field, side, row);
                if !crossing::agree(play.pair, field, &read, &there) {
                    let what =
                        format!("the {side} has {there:?} in {name:?} of {:?} and lists {value:?}", row.key);
                    return Err(broken(what));
                }
            }
        }
    }
    play.applied.note(Law::Reads, step.after.source.rows.len() + step.after.target.rows.len());
    Ok(())
}

fn broken(what: String) -> Failure {
    Failure::Broken(Law::Reads, what)
}
