//! Descriptions are read back as the editor writes them.

use serde_json::{Value, json};

use crate::common::Place;

/// Writes a description and returns it as it is read back.
async fn round(place: &Place, text: &str) -> Value {
    place.update("ENG-1", json!({ "description": text })).await.data();
    place.read("ENG-1", "description").await["description"].clone()
}

#[tokio::test]
async fn a_description_is_rewritten() {
    let place = Place::new().await;
    place.create(json!({ "title": "A", "description": "" })).await;
    assert_eq!(place.read("ENG-1", "description").await["description"], Value::Null, "an empty one is none");
    let text = "Title\n=====\r\n- _a_ and __b__\n- c  \n\n|x|y|\n|-|-|\n|1|2|\n\n* [ ] todo\n";
    let stored = "# Title\n\n* *a* and **b**\n* c\n\n| x | y |\n| -- | -- |\n| 1 | 2 |\n\n- [ ] todo";
    assert_eq!(round(&place, text).await, stored);
    let before = place.read("ENG-1", "updatedAt").await;
    assert_eq!(round(&place, stored).await, stored);
    assert_eq!(place.read("ENG-1", "updatedAt").await, before, "what was read back is no change");
    assert_eq!(round(&place, text).await, stored);
    assert_eq!(place.read("ENG-1", "updatedAt").await, before, "and neither is what becomes the same");
    place.switch(json!({ "rewrite_markdown": false }));
    assert_eq!(round(&place, "- a").await, "- a");
}

#[tokio::test]
async fn names_become_links_if_they_name_something() {
    let place = Place::new().await;
    place.create(json!({ "title": "The first one" })).await;
    let url = place.running.url();
    let text = round(&place, "@emil and @nobody: ENG-1, ENG-99, `ENG-1` and X-ENG-1").await;
    assert_eq!(
        text,
        format!(
            "[@emil]({url}/page/linear/acme/profiles/emil) and @nobody: \
             [ENG-1]({url}/page/linear/acme/issue/ENG-1/the-first-one), ENG-99, `ENG-1` and X-ENG-1"
        )
    );
    assert_eq!(round(&place, text.as_str().unwrap()).await, text);
}

#[tokio::test]
async fn addresses_become_links() {
    let place = Place::new().await;
    place.create(json!({ "title": "A" })).await;
    assert_eq!(
        round(&place, "https://a.example/x and setup.sh").await,
        "[https://a.example/x](<https://a.example/x>) and setup.sh"
    );
    place.switch(json!({ "linkify": "hosts" }));
    assert_eq!(round(&place, "setup.sh").await, "[setup.sh](<http://setup.sh>)");
    place.switch(json!({ "linkify": "off" }));
    assert_eq!(round(&place, "https://a.example/x").await, "https://a.example/x");
}
