//! Answers of places that read all items of a call at once.

use std::collections::HashMap;

use syncline_engine::{
    Item,
    ports::{ConnectorError, ErrorScope, Found, Write, Written},
};

/// One answer per id: the item with this very id, or [`Found::Gone`]. An error is that of each id.
pub(crate) fn found(
    ids: &[String],
    items: Result<Vec<Item>, ConnectorError>,
) -> Vec<(String, Result<Found, ConnectorError>)> {
    match items {
        Ok(items) => {
            // A column that accepts "5.0" or "A" for 5 or "a" returns rows with other ids.
            let mut items: HashMap<String, Item> =
                items.into_iter().map(|item| (item.id.clone(), item)).collect();
            let mut answer = |id: &String| items.remove(id).map_or(Found::Gone, Found::Item);
            ids.iter().map(|id| (id.clone(), Ok(answer(id)))).collect()
        }
        Err(error) => {
            let error = error.about(ErrorScope::Endpoint);
            ids.iter().map(|id| (id.clone(), Err(error.clone()))).collect()
        }
    }
}

/// The outcomes of writes of which none was sent.
pub(crate) fn none_sent(writes: &[Write], error: ConnectorError) -> Vec<Written> {
    let error = error.about(ErrorScope::Endpoint);
    writes.iter().map(|_| Written::NotSent(error.clone())).collect()
}
