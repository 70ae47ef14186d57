//! People, by account id alone.

use serde_json::json;
use syncline_engine::ports::ReadMode;

use crate::world::{World, create, done, field, update};

#[tokio::test]
async fn case_46_no_request_names_a_person_in_another_way() {
    let world = World::new().await;
    let place = world.open().await;
    world.forget();
    let bruno = world.person("bruno");
    let made = done(world.write(&*place, create("sl-a", json!({ "summary": "T", "assignee": bruno }))).await);
    done(
        world
            .write(&*place, update(&made.id, json!({ "assignee": world.person("ada"), "reporter": bruno })))
            .await,
    );
    world.list(&*place, ReadMode::Full).await.unwrap();
    let log = json!(world.log()).to_string();
    assert!(log.contains(&bruno));
    for name in ["bruno@", "\"username\"", "\"name\":\"bruno\"", "\"key\":\"bruno\""] {
        let sent: Vec<String> = world.log().iter().map(|entry| entry["body"].to_string()).collect();
        assert!(!sent.concat().contains(name), "{name}");
    }
}

/// The account id is enough where the e-mail address is hidden.
#[tokio::test]
async fn case_47_a_hidden_e_mail_address_unassigns_nobody() {
    let world = World::new().await;
    world.control("PATCH", "/jira/users/bruno", json!({ "shows_email": false }));
    let id = world.person_creates(json!({ "summary": "one", "assignee": "bruno" }));
    let place = world.open().await;
    assert_eq!(field(&world.item(&*place, &id).await, "assignee"), json!(world.person("bruno")));
    let item = done(world.write(&*place, update(&id, json!({ "summary": "two" }))).await);
    assert_eq!(field(&item, "assignee"), json!(world.person("bruno")));
}
