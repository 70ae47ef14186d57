//! Fields that somebody has added to the site.

use rstest::rstest;
use serde_json::{Value as Json, json};
use syncline_engine::{
    Value,
    ports::{ErrorScope, ReadMode},
    value::fields_from_json,
};

use crate::world::{World, create, done, field, in_part, update};

const SCOPE: &str = r#"{ "project_key": "SYNC" }"#;

fn scope() -> Json {
    serde_json::from_str(SCOPE).unwrap()
}

#[rstest]
#[case("text", json!([]), json!("a line"), json!("another"))]
#[case("textarea", json!([]), json!("a text"), json!("another"))]
#[case("number", json!([]), json!(3), json!(2.5))]
#[case("date", json!([]), json!("2026-02-28"), json!("2028-02-29"))]
#[case("datetime", json!([]), json!("2026-02-28T10:20:30.000+0000"), json!("2026-03-01T00:00:00.000+0000"))]
#[case("select", json!(["Low", "High"]), json!("High"), json!("Low"))]
#[case("radio", json!(["Low", "High"]), json!("High"), json!("Low"))]
#[case("multi_select", json!(["a", "b", "c"]), json!(["a", "b"]), json!(["c"]))]
#[case("checkboxes", json!(["a", "b"]), json!(["a", "b"]), json!(["b"]))]
#[case("cascading", json!([{ "value": "Europe", "children": ["France", "Italy"] }]), json!("Europe / France"), json!("Europe"))]
#[case("url", json!([]), json!("https://acme.example/a"), json!("https://acme.example/b"))]
#[case("labels", json!([]), json!(["a b", "c"]), json!(["c"]))]
#[tokio::test]
async fn simple_kinds_are_read_and_written(
    #[case] kind: &str,
    #[case] options: Json,
    #[case] first: Json,
    #[case] second: Json,
) {
    let world = World::new().await;
    let id = world.field(json!({ "name": "Ours", "kind": kind, "options": options }));
    for name in ["fields.Ours".to_owned(), format!("fields.{id}")] {
        let place = world.open_with(scope(), &world.account(), &["summary", &name]).await;
        let marker = format!("sl-{}", name.len());
        let new = create(&marker, json!({ "summary": "T", name.clone(): first }));
        let made = done(world.write(&*place, new).await);
        let same = |item: &syncline_engine::Item, value: &Json| {
            let read = field(item, &name);
            // Jira shows times in the zone of the account.
            if kind == "datetime" {
                read.as_str().unwrap()[..19] == value.as_str().unwrap()[..19]
            } else {
                read == *value
            }
        };
        assert!(same(&made, &first), "{made:?}");
        let item = done(world.write(&*place, update(&made.id, json!({ name.clone(): second }))).await);
        assert!(same(&item, &second), "{item:?}");
        let (items, _) = world.list(&*place, ReadMode::Full).await.unwrap();
        assert_eq!(items.iter().find(|listed| listed.id == item.id), Some(&item));
        let item = done(world.write(&*place, update(&made.id, json!({ name.clone(): null }))).await);
        assert!(item.fields[&name].is_blank(), "{item:?}");
    }
}

#[tokio::test]
async fn people_are_their_account_ids() {
    let world = World::new().await;
    let (one, many) = (
        world.field(json!({ "name": "Tester", "kind": "user" })),
        world.field(json!({ "name": "Watchers", "kind": "multi_user" })),
    );
    let (tester, watchers) = (format!("fields.{one}"), format!("fields.{many}"));
    let place = world.open_with(scope(), &world.account(), &["summary", &tester, &watchers]).await;
    let mut both = vec![world.person("ada"), world.person("bruno")];
    both.sort();
    let fields = json!({ "summary": "T", tester.clone(): world.person("bruno"), watchers.clone(): both });
    let item = done(world.write(&*place, create("sl-a", fields)).await);
    assert_eq!((field(&item, &tester), field(&item, &watchers)), (json!(world.person("bruno")), json!(both)));
}

#[tokio::test]
async fn a_name_that_two_fields_have_is_refused_with_both() {
    let world = World::new().await;
    let first = world.field(json!({ "name": "Points", "kind": "number" }));
    let second = world.field(json!({ "name": "points", "kind": "number" }));
    let place = world.open_with(scope(), &world.account(), &["summary", "fields.Points"]).await;
    let error = world.list(&*place, ReadMode::Full).await.unwrap_err();
    assert_eq!(error.scope, ErrorScope::Endpoint);
    for part in ["fields.Points", &first, &second] {
        assert!(error.message.contains(part), "{error}");
    }
    let place = world.open_with(scope(), &world.account(), &["summary", "fields.Point"]).await;
    let error = world.list(&*place, ReadMode::Full).await.unwrap_err();
    assert!(error.message.contains("did you mean \"fields."), "{error}");
}

/// Every team-managed project may have a field of the same name.
#[tokio::test]
async fn a_field_of_another_project_is_not_meant() {
    let world = World::new().await;
    world.control(
        "POST",
        "/jira/projects",
        json!({ "key": "TWO", "team_managed": true, "members": { "ada": "admin" } }),
    );
    let ours = world.field(json!({ "name": "Estimate", "kind": "number", "team_project": "TEAM" }));
    world.field(json!({ "name": "Estimate", "kind": "number", "team_project": "TWO" }));
    let account = world.account();
    let place =
        world.open_with(json!({ "project_key": "TEAM" }), &account, &["summary", "fields.Estimate"]).await;
    let made =
        done(world.write(&*place, create("sl-a", json!({ "summary": "T", "fields.Estimate": 5 }))).await);
    assert_eq!(world.shown(&made.id, &ours), json!(5.0));
}

/// The others are written.
#[tokio::test]
async fn a_value_that_the_kind_does_not_take_is_left_out() {
    let world = World::new().await;
    world.field(json!({ "name": "Points", "kind": "number" }));
    world.field(json!({ "name": "Size", "kind": "select", "options": ["S", "M"] }));
    let mapped = ["summary", "fields.Points", "fields.Size"];
    let place = world.open_with(scope(), &world.account(), &mapped).await;
    let fields = json!({ "summary": "T", "fields.Points": "many", "fields.Size": "XXL" });
    let (made, mut left_out) = in_part(world.write(&*place, create("sl-a", fields.clone())).await);
    left_out.sort();
    assert_eq!(left_out, ["fields.Points", "fields.Size"]);
    let (item, mut left_out) = in_part(world.write(&*place, update(&made.id, fields)).await);
    left_out.sort();
    assert_eq!((left_out.len(), field(&item, "summary")), (2, json!("T")));
    assert!(place.accepts("fields.Points", &Value::Object(fields_from_json(&json!({ "a": 1 })))).is_err());
}
