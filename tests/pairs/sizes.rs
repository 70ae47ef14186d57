//! Area F: sizes.

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::{
    document::document,
    place::{Place, Record},
    stage::Stage,
};

/// The longest text that Jira takes, in characters.
const LONGEST: usize = 32_767;

/// The copy in Jira leads to the issue on GitHub, whose text stays whole when the copy is edited.
#[tokio::test(flavor = "multi_thread")]
async fn case_65_a_description_over_the_limit() -> Result<()> {
    let stage = Stage::new().await?;
    let (name, simulator) = ("long", &stage.simulator);
    let field = "source_field: body, target_field: description";
    let typed = format!("{field}, source_type: rich_text");
    stage.apply(&document(name, Place::Repository, Place::Project, "").replace(field, &typed))?;
    let paragraphs: Vec<String> = (0..2_000).map(|number| format!("Paragraph {number} of a text.")).collect();
    let long = paragraphs.join("\n\n");
    let number = Place::Repository
        .create(simulator, &Record::from([("title", "Long".to_owned()), ("body", long.clone())]))
        .await?;
    stage.sync(name)?;
    let (id, copy) = Place::Project.read(simulator).await?.into_iter().next().context("a copy")?;
    let text = &copy["body"];
    let note = "\n\n(The text goes on: the whole text)";
    ensure!(text.chars().count() <= LONGEST && text.chars().count() > LONGEST - 500, "{}", text.len());
    ensure!(text.strip_suffix(note).is_some_and(|kept| long.starts_with(kept)), "it is cut behind a block");
    let stored = simulator.get("/jira/projects/WEB/issues").await?.to_string();
    ensure!(stored.contains(&format!("/acme/web/issues/{number}\"")), "it has a link to the whole text");
    stage.ensure_quiet(&[name]).await?;
    Place::Project
        .edit(simulator, &id, "body", &text.replace("Paragraph 7 of", "Paragraph seven of"))
        .await?;
    stage.sync(name)?;
    let whole = Place::Repository.read(simulator).await?;
    ensure!(
        whole[&number]["body"] == long.replace("Paragraph 7 of", "Paragraph seven of"),
        "one word changed"
    );
    let stored = simulator.get("/jira/projects/WEB/issues").await?.to_string();
    ensure!(stored.contains(&format!("/acme/web/issues/{number}\"")), "the link is there again");
    stage.ensure_quiet(&[name]).await
}

/// Whether an added field is mapped by its name or by its id, its copy leads to the whole text.
#[rstest::rstest]
#[tokio::test(flavor = "multi_thread")]
async fn case_65_an_added_field_that_is_too_long(#[values(true, false)] by_name: bool) -> Result<()> {
    let stage = Stage::new().await?;
    let simulator = &stage.simulator;
    let made =
        simulator.control("POST", "/jira/fields", json!({ "name": "Notes", "kind": "textarea" })).await?;
    let id = made["id"].as_str().context("an id")?.to_owned();
    let field = if by_name { "Notes" } else { &id };
    let typed = format!("source_field: body, target_field: fields.{field}, source_type: rich_text");
    let document = document("long", Place::Repository, Place::Project, "");
    stage.apply(&document.replace("source_field: body, target_field: description", &typed))?;
    let long =
        (0..2_000).map(|number| format!("Paragraph {number} of a text.")).collect::<Vec<_>>().join("\n\n");
    let record = Record::from([("title", "Long".to_owned()), ("body", long)]);
    let number = Place::Repository.create(simulator, &record).await?;
    stage.sync("long")?;
    let stored = simulator.get("/jira/projects/WEB/issues").await?;
    let mut issues = stored.as_array().context("a list")?.iter();
    let issue = issues.find(|issue| issue["fields"]["summary"] == "Long").context("a copy")?;
    let text = issue["fields"][&id].to_string();
    ensure!(text.contains("the whole text"), "{text}");
    ensure!(text.contains(&format!("/acme/web/issues/{number}\"")), "{text}");
    stage.ensure_quiet(&["long"]).await
}
