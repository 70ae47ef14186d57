//! `syncline backup`, and what follows when a backup is put back.

mod restores;
mod stage;

use anyhow::{Context, Result, ensure};
use rstest::rstest;
use syncline_support::{places::document, postgres::Database, program::Program};

use super::common::{Places, ensure_tells, number, program};

/// A restored copy: the file in the place of the database, and nothing of the old one beside it.
fn put_back(program: &Program, backup: &str) -> Result<()> {
    for end in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(program.path(&format!("syncline.db{end}")));
    }
    std::fs::copy(program.path(backup), program.path("syncline.db"))?;
    Ok(())
}

#[tokio::test]
async fn a_backup_is_a_whole_database_that_only_its_owner_reads() -> Result<()> {
    let places = Places::in_step(300, "").await?;
    let taken = places.program.expect(0, &["--json", "backup", "kept.db"])?.json()?;
    let file = places.program.path("kept.db");
    ensure!(number(&taken, "bytes")? == std::fs::metadata(&file)?.len(), "{taken}");
    ensure!(taken["schema"].as_str().context("a version")?.starts_with("m2026"), "{taken}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        ensure!(std::fs::metadata(&file)?.permissions().mode() & 0o777 == 0o600);
    }
    let url = format!("sqlite://{}", file.display());
    let stats = |url: &str| places.program.expect(0, &["--json", "--database-url", url, "stats"])?.json();
    ensure!(
        stats(&url)?["links"]
            == stats(&format!("sqlite://{}", places.program.path("syncline.db").display()))?["links"]
    );
    Ok(())
}

#[tokio::test]
async fn backups_are_taken_while_a_worker_writes() -> Result<()> {
    let places = Places::new(4_000, "batch_size: 50").await?;
    let mut running = places.program.start(&["sync", "tasks"])?;
    let mut taken = 0;
    while !running.has_ended()? {
        places.program.expect(0, &["backup", "--force", "kept.db"])?;
        taken += 1;
    }
    ensure!(running.wait()? == Some(0) && taken > 0);
    put_back(&places.program, "kept.db")?;
    let run = places.sync(0, &[])?;
    ensure!(number(&run, "created")? == 0 && places.ensure_in_step().await?.len() == 4_000, "{run}");
    Ok(())
}

#[rstest]
#[case::a_file_that_is_there(&["backup", "mine.txt"], &["mine.txt is there already", "--force"])]
#[case::a_folder(&["backup", "."], &["is a folder"])]
#[case::a_folder_that_is_missing(&["backup", "no/where.db"], &["no/where.db", "there is no folder no"])]
#[case::the_database_itself(&["backup", "--force", "syncline.db"], &["is the database itself"])]
#[case::what_belongs_to_it(&["backup", "--force", "syncline.db-wal"], &["is the database itself"])]
#[case::no_database(&["--database-url", "sqlite://other.db", "backup", "x.db"], &["other.db", "nothing to back up"])]
fn what_must_not_be_written_is_refused(#[case] arguments: &[&str], #[case] parts: &[&str]) -> Result<()> {
    let program = program()?;
    program.expect(0, &["migrate", "up"])?;
    program.write("mine.txt", "mine")?;
    let before = std::fs::read(program.path("syncline.db"))?;
    let refused = program.expect(2, arguments)?;
    ensure_tells(&refused.stderr, parts)?;
    ensure!(std::fs::read_to_string(program.path("mine.txt"))? == "mine");
    ensure!(std::fs::read(program.path("syncline.db"))? == before && !program.path("other.db").exists());
    let left = std::fs::read_dir(program.folder())?.flatten().map(|entry| entry.file_name());
    let left: Vec<_> = left.filter(|name| name.to_string_lossy().starts_with(".syncline")).collect();
    ensure!(left.is_empty(), "{left:?}");
    Ok(())
}

#[test]
fn a_backup_that_does_not_fit_leaves_nothing_behind() -> Result<()> {
    let program = program()?;
    program.expect(0, &["migrate", "up"])?;
    // No file may be larger than 64 KiB.
    let limited = format!("ulimit -f 64; trap '' XFSZ; '{}' backup small.db", env!("CARGO_BIN_EXE_syncline"));
    let refused = program.shell(&["-c", &limited]).output()?;
    ensure!(refused.status.code() == Some(1), "{refused:?}");
    ensure_tells(&String::from_utf8_lossy(&refused.stderr), &["small.db", "disk"])?;
    let left: Vec<_> =
        std::fs::read_dir(program.folder())?.flatten().map(|entry| entry.file_name()).collect();
    ensure!(
        !left
            .iter()
            .any(|name| name.to_string_lossy().contains("small")
                || name.to_string_lossy().starts_with(".sync")),
        "{left:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_server_s_backup_is_told_without_its_password_and_is_no_success() -> Result<()> {
    let database = Database::create().await?;
    let mut program = program()?;
    program.set("DATABASE_URL", &database.url());
    program.expect(0, &["migrate", "up"])?;
    database
        .execute(
            "DO $$ BEGIN CREATE USER locked PASSWORD 's3cret'; EXCEPTION WHEN duplicate_object THEN END $$",
        )
        .await?;
    program.set("DATABASE_URL", &database.locked_url("s3cret"));
    let told = program.expect(2, &["backup", "kept.dump"])?.stderr;
    ensure_tells(
        &told,
        &["pg_dump --format=custom --schema=public --file=kept.dump", "pg_restore", "PGPASSWORD"],
    )?;
    ensure!(!told.contains("s3cret") && !program.path("kept.dump").exists(), "{told}");
    Ok(())
}

#[tokio::test]
async fn a_database_that_stays_where_it_is_raises_no_alarm() -> Result<()> {
    let places = Places::in_step(20, "").await?;
    for arguments in
        [&["runs"][..], &["sync", "tasks"], &["backup", "kept.db"], &["stats"], &["plan", "tasks"]]
    {
        let finished = places.program.expect(0, arguments)?;
        ensure!(!finished.stderr.contains("restored"), "{finished:?}");
    }
    let shown = places.program.expect(0, &["--json", "mark-restored", "--show"])?.json()?;
    ensure!(shown["restored_at"].is_null() && shown["syncs"] == serde_json::json!([]), "{shown}");
    Ok(())
}

#[tokio::test]
async fn a_restored_file_is_noticed_once_and_holds_every_delete() -> Result<()> {
    let places = Places::in_step(300, "").await?;
    places.program.expect(0, &["backup", "kept.db"])?;
    put_back(&places.program, "kept.db")?;
    let warned = places.program.expect(0, &["runs"])?.stderr;
    ensure_tells(&warned, &["warning", "it is the backup of", "--allow-deletes"])?;
    ensure!(!places.program.expect(0, &["runs"])?.stderr.contains("warning"));

    places.remove(&["T-000005"])?;
    for _ in 0..3 {
        let told = places.told(1, &["--confirm-deletes"])?;
        ensure_tells(&told.stderr, &["held", "restored", "1 of 300", "--allow-deletes 1"])?;
    }
    ensure!(places.table.read().await?.len() == 300);
    let shown = places.program.expect(0, &["--json", "mark-restored", "--show"])?.json()?;
    ensure!(shown["syncs"] == serde_json::json!(["tasks"]), "{shown}");
    let run = places.sync(0, &["--allow-deletes", "1"])?;
    ensure!(number(&run, "deleted")? == 1, "{run}");
    // From here on it is a database like any other.
    let shown = places.program.expect(0, &["--json", "mark-restored", "--show"])?.json()?;
    ensure!(shown["syncs"] == serde_json::json!([]) && shown["restored_at"].is_string(), "{shown}");
    places.remove(&["T-000006"])?;
    ensure!(number(&places.sync(0, &["--confirm-deletes"])?, "deleted")? == 1);
    Ok(())
}

#[tokio::test]
async fn what_was_agreed_to_before_the_backup_is_asked_again() -> Result<()> {
    let places = Places::in_step(300, "").await?;
    places.program.expect(0, &["enqueue", "tasks", "--allow-deletes", "300", "--confirm-deletes"])?;
    places.program.expect(0, &["backup", "kept.db"])?;
    put_back(&places.program, "kept.db")?;
    std::fs::write(&places.file, "id,title,state,points,notes\n")?;
    // The waiting run is carried out first; both end held.
    places.sync(1, &[])?;
    let runs = places.program.expect(0, &["--json", "runs"])?.json()?;
    let held = runs["runs"].as_array().context("runs")?.iter().filter(|run| run["status"] == "held").count();
    ensure!(held >= 1 && places.table.read().await?.len() == 300, "{runs}");
    Ok(())
}

#[tokio::test]
async fn a_file_moved_elsewhere_is_treated_the_same() -> Result<()> {
    let mut places = Places::in_step(20, "").await?;
    for end in ["", "-wal"] {
        let _ = std::fs::copy(
            places.program.path(&format!("syncline.db{end}")),
            places.program.path(&format!("moved.db{end}")),
        );
    }
    let moved = format!("sqlite://{}", places.program.path("moved.db").display());
    places.program.set("DATABASE_URL", &moved);
    let finished = places.told(0, &[])?;
    ensure_tells(&finished.stderr, &["warning", "restored or moved", "another one than before"])?;
    ensure!(!places.told(0, &[])?.stderr.contains("warning"));
    Ok(())
}

#[tokio::test]
async fn a_person_may_say_so_where_nothing_tells() -> Result<()> {
    let places = Places::in_step(300, "").await?;
    // A mark cannot be taken back, so it needs a word more; the older name only shows.
    let asked = places.program.expect(2, &["mark-restored"])?;
    ensure_tells(&asked.stderr, &["this marks 1 sync", "nothing is deleted", "nothing was done", "--yes"])?;
    for shown in [&["restored"][..], &["mark-restored", "--show"]] {
        ensure_tells(&places.program.expect(0, shown)?.stdout, &["was not restored"])?;
    }
    let marked = places.program.expect(0, &["mark-restored", "--yes"])?;
    ensure_tells(&marked.stdout, &["marked by hand", "tasks"])?;
    places.remove(&["T-000005"])?;
    ensure_tells(&places.told(1, &["--confirm-deletes"])?.stderr, &["held", "--allow-deletes 1"])
}

#[tokio::test]
async fn a_sync_that_the_backup_was_too_old_to_hold_finds_what_it_made() -> Result<()> {
    let target = "target: { url: \"sqlite://tasks.db\", table: tasks, key: id, modified: updated_at, marker: sync_marker }";
    let places = Places::new(5, "").await?;
    places.program.expect(0, &["backup", "kept.db"])?;
    places.program.write("other.yaml", &document(&format!("name: other\nmatch_on: [title]\n{target}")))?;
    places.program.expect(0, &["apply", "other.yaml"])?;
    places.table.execute("INSERT INTO tasks (id, title, state) VALUES ('N-1', 'Born there', 'open')").await?;
    places.program.expect(0, &["sync", "other"])?;
    let before = places.ensure_in_step().await?;
    ensure!(before.len() == 6);
    // Edited since, so that the titles no longer pair them.
    places.edit("T-000002", "title", "Another title")?;
    put_back(&places.program, "kept.db")?;
    places.program.expect(0, &["apply", "other.yaml"])?;
    let run = places.program.expect(1, &["--json", "sync", "other"])?.json()?;
    ensure!(number(&run, "created")? == 0 && number(&run, "open_conflicts")? == 1, "{run}");
    ensure!(places.items()?.len() == 6 && places.table.read().await?.len() == 6);
    Ok(())
}
