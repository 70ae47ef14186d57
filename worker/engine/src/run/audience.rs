//! Who may read what a run copies.

use super::{Run, RunError};
use crate::{Side, side::Pair};

impl Run<'_> {
    /// Tells the store who may read the places. It stops the run if what only some may read would be copied to where everyone
    /// may by now.
    pub(super) async fn check_audience(&self) -> Result<(), RunError> {
        if !Side::BOTH.into_iter().all(|side| self.places.get(side).capabilities().remote) {
            return Ok(());
        }
        let mut public = Pair::default();
        for side in Side::BOTH {
            let told = self.places.get(side).is_public(&self.call(side)).await;
            *public.get_mut(side) = told.map_err(|error| RunError::Place { side, error })?;
        }
        Ok(self.store.admit_audience(public).await?)
    }
}
