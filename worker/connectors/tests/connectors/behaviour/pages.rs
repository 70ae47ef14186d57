//! Listings of any length.

use std::collections::BTreeSet;

use syncline_engine::ports::{ErrorKind, ReadMode};

use super::stage::{Fault, Stage};
use crate::place::call;

async fn lists_all(place: &dyn Stage, count: usize) {
    let (items, end) = place.list(ReadMode::Full).await;
    let found: BTreeSet<String> = items.iter().map(|item| item.id.clone()).collect();
    assert_eq!((items.len(), found.len(), end.complete), (count, count, true));
}

/// None, one, a page, and one more than that.
pub(super) async fn lists_every_item_once_over_pages(place: &dyn Stage) {
    lists_all(place, 0).await;
    place.seed(1).await;
    lists_all(place, 1).await;
    let page = place.capabilities().list_page;
    place.seed(page - 1).await;
    lists_all(place, page).await;
    place.seed(1).await;
    lists_all(place, page + 1).await;
}

pub(super) async fn lists_ten_thousand_items(place: &dyn Stage) {
    place.seed(10_000).await;
    lists_all(place, 10_000).await;
}

/// A second process goes on where the first one met a limit, and misses nothing that was edited or made meanwhile.
pub(super) async fn a_listing_that_met_a_limit_goes_on(place: &dyn Stage) {
    let page = place.capabilities().list_page;
    place.seed(2 * page + page / 2).await;
    let mut listing = place.place().list(ReadMode::Full, None, &call()).await.unwrap();
    let mut found: Vec<String> =
        listing.next_page(&call()).await.unwrap().unwrap().into_iter().map(|item| item.id).collect();
    let first = found.len();
    place.fail(Fault::Limit).await;
    let error = listing.next_page(&call()).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::RateLimited { .. }), "{error}");
    let position = listing.position().unwrap();
    drop(listing);
    let edited = found[0].clone();
    place.edit(&edited, place.roles().title, "edited meanwhile".into()).await;

    let again = place.again().await;
    let mut listing = again.list(ReadMode::Full, Some(position), &call()).await.unwrap();
    let mut rest = Vec::new();
    while let Some(page) = listing.next_page(&call()).await.unwrap() {
        rest.extend(page.into_iter().map(|item| item.id));
    }
    assert!(listing.end().complete && listing.end().cursor.is_some() == place.capabilities().incremental);
    if place.capabilities().incremental && !rest.contains(&edited) {
        // Its place in the order stays, so that the next reading of changes has it.
        let (changed, _) = place.list(ReadMode::Since(listing.end().cursor.unwrap())).await;
        assert!(changed.iter().any(|item| item.id == edited));
    }
    assert!(rest.len() < first + 2 * page, "it began anew");
    found.extend(rest);
    let found: BTreeSet<String> = found.into_iter().collect();
    assert_eq!(found.len(), 2 * page + page / 2);
}
