//! Texts that are too long, and epics.

use serde_json::{Value as Json, json};
use syncline_engine::ports::ReadMode;

use crate::world::{World, create, done, field, update};

/// The issue does not fail, and the cut copy is not read as an edit: it is what was written.
#[tokio::test]
async fn case_65_a_description_that_is_too_long_is_shortened() {
    let world = World::new().await;
    let place = world.open().await;
    let long = "wörd ".repeat(8_000);
    assert_eq!(place.accepts("description", &syncline_engine::Value::Text(long.clone())), Ok(()));
    let made =
        done(world.write(&*place, create("sl-a", json!({ "summary": "T", "description": long }))).await);
    let text = field(&made, "description");
    let text = text.as_str().unwrap();
    assert!(
        text.chars().count() <= 32_767 && text.chars().count() > 30_000 && text.contains("The text goes on"),
        "{}",
        text.chars().count()
    );
    assert!(text.starts_with("wörd wörd"));
    let (items, _) = world.list(&*place, ReadMode::Full).await.unwrap();
    assert_eq!(items, std::slice::from_ref(&made));
    let item =
        done(world.write(&*place, update(&made.id, json!({ "description": long, "summary": "two" }))).await);
    assert_eq!((field(&item, "description"), field(&item, "summary")), (json!(text), json!("two")));
}

#[tokio::test]
async fn case_67_a_long_title_is_shortened_on_the_border_of_a_character() {
    let world = World::new().await;
    let place = world.open().await;
    let title = format!("{} 📏📏📏📏📏", "Exports ".repeat(31));
    let made = done(world.write(&*place, create("sl-a", json!({ "summary": title }))).await);
    let short = field(&made, "summary");
    let short = short.as_str().unwrap();
    assert!(short.encode_utf16().count() <= 255 && short.ends_with('…'), "{short}");
    let item =
        done(world.write(&*place, update(&made.id, json!({ "summary": format!("New: {title}") }))).await);
    assert!(field(&item, "summary").as_str().unwrap().starts_with("New: Exports"));
}

/// In both kinds of projects, and without the fields of former epics.
#[tokio::test]
async fn case_76_an_epic_is_a_parent() {
    let world = World::new().await;
    for project in ["SYNC", "TEAM"] {
        let epic = json!({ "summary": "all", "type": "Epic" });
        let epic = world.control("POST", &format!("/jira/projects/{project}/issues"), epic)["key"].clone();
        let place = world.open_with(json!({ "project_key": project }), &world.account(), &[]).await;
        let made = done(world.write(&*place, create("sl-a", json!({ "summary": "part" }))).await);
        world.forget();
        let item = done(world.write(&*place, update(&made.id, json!({ "parent": epic }))).await);
        assert_eq!(field(&item, "parent"), epic);
        assert_eq!(world.log()[0]["body"], json!({ "fields": { "parent": { "key": epic } } }));
        let item = done(world.write(&*place, update(&made.id, json!({ "parent": Json::Null }))).await);
        assert_eq!(field(&item, "parent"), Json::Null);
    }
}

/// Both together do not become one, and removing one removes one.
#[tokio::test]
async fn case_71_labels_with_spaces_are_labels_of_their_own() {
    let world = World::new().await;
    let place = world.open().await;
    let both = json!(["needs triage", "needs-triage"]);
    let made = done(world.write(&*place, create("sl-a", json!({ "summary": "T", "labels": both }))).await);
    assert_eq!(field(&made, "labels"), both);
    let item = done(world.write(&*place, update(&made.id, json!({ "labels": ["needs-triage"] }))).await);
    assert_eq!(
        (field(&item, "labels"), world.shown(&made.id, "labels")),
        (json!(["needs-triage"]), json!(["needs-triage"]))
    );
}
