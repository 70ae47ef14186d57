//! Area D: mentions and references in texts.

use serde_json::json;

use crate::world::{World, create, done, field, update};

const TEXT: &str =
    "@ada and @acme/web, see #12, acme/secret#3 and https://github.com/acme/web/issues/7\n\n`@code #1`";

/// What a person wrote on GitHub comes home as it was, and is a mention there.
#[tokio::test]
async fn case_49_mentions_come_home() {
    let world = World::new().await;
    let id = world.person_creates(json!({ "title": "T", "body": TEXT, "raw_body": true }));
    let place = world.open().await;
    assert_eq!(field(&world.item(&*place, &id).await, "body"), TEXT);
    let edited = format!("{TEXT}\n\n@word that is nobody, edited elsewhere");
    done(world.write(&*place, update(&id, json!({ "body": edited }))).await);
    assert_eq!(world.stored(&id)["body"], edited, "no link, no label, no sign between");
}

/// In a copy nothing is live; a reader of the field sees the text as it was, and a person may still mention someone.
#[tokio::test]
async fn case_50_no_accidental_references() {
    let world = World::new().await;
    let place = world.open().await;
    let item = done(world.write(&*place, create("sl-a", json!({ "title": "T", "body": TEXT }))).await);
    assert_eq!(field(&item, "body"), TEXT);
    let stored = |id: &str| world.stored(id)["body"].as_str().unwrap().to_owned();
    let first = stored(&item.id);
    for live in ["@ada", "@acme", "#12", "acme/secret#3", "https://github.com/acme/web/issues/7"] {
        assert!(!first.contains(live), "{live} is live in {first:?}");
    }
    assert!(first.contains("`@code #1`") && first.contains("https://redirect.github.com/acme/web/issues/7"));
    assert_eq!(
        done(world.write(&*place, update(&item.id, json!({ "body": TEXT }))).await).fields["body"],
        item.fields["body"]
    );
    assert_eq!(stored(&item.id), first);
    // A person writes into the copy.
    world
        .person_edits(&item.id, json!({ "body": first.replace("and", "with @bruno and"), "raw_body": true }));
    assert_eq!(field(&world.item(&*place, &item.id).await, "body"), TEXT.replace("and", "with @bruno and"));
}
