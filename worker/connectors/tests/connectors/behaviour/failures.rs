//! Limits, lost rights, dead tokens, outages.

use std::time::Duration;

use chrono::Utc;
use syncline_engine::{
    ports::{ConnectorError, ErrorKind, ErrorScope, Found, ReadMode, Written},
    value::Fields,
};

use super::stage::{Fault, LIMITED, Stage};
use crate::place::{create, marker, update};

#[track_caller]
fn is_limit(error: &ConnectorError) {
    let ErrorKind::RateLimited { until } = error.kind else { panic!("{:?}: {error}", error.kind) };
    let wait = (until - Utc::now()).to_std().unwrap_or_default();
    assert!(wait.abs_diff(LIMITED) < Duration::from_secs(5), "{wait:?}");
}

pub(super) async fn a_limit_tells_when_to_go_on(place: &dyn Stage) {
    let id = place.add("one").await;
    place.fail(Fault::Limit).await;
    is_limit(&place.try_list(ReadMode::Full).await.unwrap_err());
    place.fail(Fault::Limit).await;
    is_limit(&place.ask(&id).await.unwrap_err());
    assert!(matches!(place.ask(&id).await, Ok(Found::Item(_))));
}

/// What was made stays made, the rest is not sent, and is made afterwards, once.
pub(super) async fn case_118_a_limit_amid_a_batch_is_no_success(place: &dyn Stage) {
    let new = |n: usize| create(marker(&format!("m{n}")), place.titled(&format!("new {n}")));
    let writes: Vec<_> = (0..5).map(new).collect();
    place.fail(Fault::LimitedCreate).await;
    let outcomes = place.send(&writes).await;
    assert!(outcomes[0].is_done(), "{:?}", outcomes[0]);
    is_limit(outcomes[1].error().unwrap());
    assert!(matches!(outcomes[1], Written::Refused(_) | Written::NotSent(_)), "{:?}", outcomes[1]);
    assert!(outcomes[2..].iter().all(|outcome| matches!(outcome, Written::NotSent(_))), "{outcomes:?}");
    assert_eq!(place.ids().await.len(), 1);
    place.pass(LIMITED).await;
    assert!(place.write(&writes).await.iter().all(Result::is_ok));
    assert_eq!(place.ids().await.len(), 5);
}

/// Nothing is taken for deleted, and nothing is taken for written.
pub(super) async fn a_lost_permission_is_no_deletion(place: &dyn Stage) {
    let id = place.add("one").await;
    assert!(place.list(ReadMode::Full).await.1.complete);
    place.fail(Fault::LostPermission).await;
    let found = place.ask(&id).await;
    assert!(matches!(found, Ok(Found::NotVisible) | Err(_)), "{found:?}");
    let error = place.try_list(ReadMode::Full).await.unwrap_err();
    assert!(error.stops_the_batch() && error.kind != ErrorKind::Transient, "{error:?}");
    for write in [update(&id, place.titled("two"), Fields::new()), create(marker("m"), place.titled("new"))] {
        let outcomes = place.send(&[write]).await;
        assert!(matches!(outcomes[..], [Written::Refused(_) | Written::NotSent(_)]), "{outcomes:?}");
    }
}

pub(super) async fn a_dead_token_is_an_error_of_the_account(place: &dyn Stage) {
    let id = place.add("one").await;
    place.fail(Fault::DeadToken).await;
    let mut errors =
        vec![place.try_list(ReadMode::Full).await.unwrap_err(), place.ask(&id).await.unwrap_err()];
    let writes = [create(marker("m1"), place.titled("new")), create(marker("m2"), place.titled("new"))];
    let outcomes = place.send(&writes).await;
    assert!(matches!(outcomes[1], Written::NotSent(_)), "{outcomes:?}");
    errors.extend(outcomes.iter().map(|outcome| outcome.error().unwrap().clone()));
    for error in errors {
        assert_eq!((error.kind, error.scope), (ErrorKind::Auth, ErrorScope::Account), "{error}");
    }
}

pub(super) async fn an_outage_passes(place: &dyn Stage) {
    let id = place.add("one").await;
    place.fail(Fault::Outage).await;
    assert_eq!(place.try_list(ReadMode::Full).await.unwrap_err().kind, ErrorKind::Transient);
    place.fail(Fault::Outage).await;
    assert_eq!(place.ask(&id).await.unwrap_err().kind, ErrorKind::Transient);
    assert!(place.list(ReadMode::Full).await.1.complete);
}
