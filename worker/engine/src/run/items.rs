//! Reads single items of one side, and searches for the counterparts of new ones. Lists nothing.

use super::{
    Absence, Run, RunError, find::Waiting, index::LinkIndex, matching::Matcher, observe::fetch,
    prepare::Read, report::Report,
};
use crate::{Side, ports::Found, side::Pair};

impl Run<'_> {
    /// What is known of these items. Takes all other links out of the run.
    pub(super) async fn read_items(
        &self,
        side: Side,
        ids: &[String],
        matcher: &Matcher<'_>,
        index: &mut LinkIndex,
        waiting: &mut Waiting,
        report: &mut Report,
    ) -> Result<Pair<Read>, RunError> {
        let mut readings: Pair<Read> = Pair::default();
        let mut content = self.mapping.hasher(side);
        for (id, found) in fetch(side, *self.places.get(side), ids, &self.call(side)).await? {
            match found {
                Ok(Found::Item(item) | Found::Moved { item, .. }) => {
                    readings.get_mut(side).observed.add(
                        side,
                        item,
                        self.mapping,
                        &mut content,
                        matcher,
                        index,
                    );
                }
                Ok(Found::Gone) => index.explain_id(side, &id, Absence::Gone),
                Ok(Found::OutOfScope) => index.explain_id(side, &id, Absence::OutOfScope),
                // Only a whole reading tells what it means.
                Ok(Found::NotVisible) => report.counts.skipped += 1,
                Err(error) => report.add_unread(&id, &error),
            }
        }
        if matcher.matches() {
            let mut observed = Pair::new(&mut readings.source.observed, &mut readings.target.observed);
            // No side is read whole, so a new item whose counterpart cannot be searched for waits.
            self.find_counterparts(side, (false, true), matcher, &mut observed, index, waiting).await?;
        }
        index.leave_others_alone(side);
        Ok(readings)
    }
}
