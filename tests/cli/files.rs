//! Files that are not as they should be: told with file, line and remedy, and left as they are.

use anyhow::{Result, ensure};
use rstest::rstest;
use syncline_support::places::write_csv;

use super::common::{Places, ensure_tells, number};

const ROWS: usize = 30;

/// Edits in the table, and a file in which only `spoil` is wrong: the sync says `parts` and touches neither place. Once
/// the file is mended, the edit arrives.
async fn ensure_refused(spoil: impl Fn(String) -> Vec<u8>, parts: &[&str]) -> Result<()> {
    let places = Places::in_step(ROWS, "").await?;
    places.table.execute("UPDATE tasks SET title = 'Theirs' WHERE id = 'T-000009'").await?;
    let good = std::fs::read_to_string(&places.file)?;
    std::fs::write(&places.file, spoil(good.clone()))?;
    let before = places.contents().await?;
    for arguments in [&["sync", "tasks", "--confirm-deletes"][..], &["plan", "tasks"]] {
        let refused = places.program.expect(1, arguments)?;
        ensure_tells(&(refused.stdout + &refused.stderr), &[&["backlog.csv"], parts].concat())?;
    }
    ensure!(places.contents().await? == before, "a refused sync changed something");
    ensure!(std::fs::read_dir(places.program.folder())?.count() <= 6, "something was left in the folder");
    std::fs::write(&places.file, good)?;
    places.sync(0, &[])?;
    let items = places.ensure_in_step().await?;
    ensure!(items.len() == ROWS && items["T-000009"]["title"] == "Theirs", "{items:?}");
    Ok(())
}

#[tokio::test]
async fn a_file_that_is_not_there_is_named() -> Result<()> {
    let places = Places::in_step(ROWS, "").await?;
    let (bytes, rows) = places.contents().await?;
    std::fs::remove_file(&places.file)?;
    let refused = places.told(1, &["--confirm-deletes"])?;
    ensure_tells(&refused.stderr, &["backlog.csv", "no such file", "create it or mend the path"])?;
    ensure!(places.table.read().await? == rows, "a missing file deleted rows");
    ensure!(!places.file.exists(), "a missing file was made");
    std::fs::write(&places.file, bytes)?;
    ensure!(number(&places.sync(0, &[])?, "items_synced")? == 0);
    Ok(())
}

#[tokio::test]
async fn a_quote_that_is_never_closed_is_told_with_its_line() -> Result<()> {
    let spoil = |text: String| text.replace("\"Task 20, generated\"", "\"Task 20, generated").into_bytes();
    // The quote that opens in line 21 swallows a row and is closed by the next one's; what follows does not fit.
    ensure_refused(spoil, &["line 21"]).await?;
    let spoil = |text: String| (text + "T-000031,\"half a ti").into_bytes();
    ensure_refused(spoil, &["line 32", "never closed", "close it, or wait"]).await
}

#[tokio::test]
async fn a_last_row_cut_short_is_told_with_its_line() -> Result<()> {
    let spoil = |text: String| (text + "T-000031,Half").into_bytes();
    ensure_refused(spoil, &["line 32", "2 cells", "header has 5", "mend the row, or wait"]).await
}

#[tokio::test]
async fn an_id_that_stands_twice_is_told_with_both_lines() -> Result<()> {
    let spoil = |text: String| text.replace("T-000020,", "T-000004,").into_bytes();
    ensure_refused(spoil, &["line 21", "\"T-000004\"", "line 5", "an id of its own"]).await
}

#[tokio::test]
async fn a_row_without_an_id_is_told_with_its_line() -> Result<()> {
    let spoil = |text: String| text.replace("T-000020,", ",").into_bytes();
    ensure_refused(spoil, &["line 21", "no \"id\""]).await
}

#[tokio::test]
async fn an_empty_file_deletes_nothing() -> Result<()> {
    ensure_refused(|_| Vec::new(), &["the file is empty", "first line must name the columns"]).await
}

#[tokio::test]
async fn a_file_that_is_not_text_is_told_with_its_line() -> Result<()> {
    let spoil = |text: String| {
        let mut bytes = text.into_bytes();
        bytes.extend(b"T-000031,\xff\xfe,open,1,\n");
        bytes
    };
    ensure_refused(spoil, &["line 32", "UTF-8"]).await
}

#[tokio::test]
async fn a_key_column_that_is_not_there_is_told_with_those_that_are() -> Result<()> {
    let spoil = |text: String| text.replacen("id,", "code,", 1).into_bytes();
    ensure_refused(
        spoil,
        &["line 1", "no column \"id\"", "\"code\", \"title\", \"state\", \"points\", \"notes\""],
    )
    .await
}

#[tokio::test]
async fn a_mapped_column_that_is_not_there_is_told_with_those_that_are() -> Result<()> {
    let places = Places::in_step(ROWS, "").await?;
    let text = std::fs::read_to_string(&places.file)?;
    std::fs::write(&places.file, text.replacen("title", "summary", 1))?;
    let before = places.contents().await?;
    let refused = places.told(1, &[])?;
    ensure_tells(
        &refused.stderr,
        &["no field \"title\", which source_field names", "id, summary, state, points"],
    )?;
    ensure!(places.contents().await? == before, "a refused sync changed something");
    Ok(())
}

#[rstest]
#[case::without_a_last_line_end("\n", false)]
#[case::with_the_other_line_ends("\r\n", true)]
#[tokio::test]
async fn how_a_file_was_written_stays_as_it_was(#[case] newline: &str, #[case] bom: bool) -> Result<()> {
    let places = Places::new(0, "").await?;
    write_csv(&places.file, 3)?;
    let text = std::fs::read_to_string(&places.file)?.replace('\n', newline);
    let text = if bom { format!("\u{feff}{text}") } else { text.trim_end().to_owned() };
    std::fs::write(&places.file, &text)?;
    places.sync(0, &[])?;
    let new = "INSERT INTO tasks (id, title, state, points) VALUES ('T-000004', 'New', 'open', 4)";
    places.table.execute(new).await?;
    places.sync(0, &[])?;
    let expected = if bom {
        format!("{text}T-000004,New,open,4,{newline}")
    } else {
        format!("{text}{newline}T-000004,New,open,4,")
    };
    let written = std::fs::read_to_string(&places.file)?;
    ensure!(written == expected, "{written:?} instead of {expected:?}");
    Ok(())
}

#[tokio::test]
async fn a_file_that_may_not_be_replaced_is_named_and_nothing_is_lost() -> Result<()> {
    let places = Places::in_step(ROWS, "max_retries: 0").await?;
    places.table.execute("UPDATE tasks SET title = 'Theirs' WHERE id = 'T-000009'").await?;
    // Not even root writes into a folder that is a file: the backlog moves under a name that leads nowhere.
    let moved = places.program.path("moved.csv");
    std::fs::rename(&places.file, &moved)?;
    std::os::unix::fs::symlink(places.program.path("moved.csv/backlog.csv"), &places.file)?;
    let refused = places.told(1, &[])?;
    ensure_tells(&refused.stderr, &["backlog.csv"])?;
    std::fs::remove_file(&places.file)?;
    std::os::unix::fs::symlink(&moved, &places.file)?;
    places.sync(0, &[])?;
    ensure!(places.ensure_in_step().await?["T-000009"]["title"] == "Theirs");
    ensure!(places.file.is_symlink(), "the link was replaced by a file");
    Ok(())
}
