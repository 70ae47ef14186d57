//! Area F: sizes.

use anyhow::{Context, Result, ensure};

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
