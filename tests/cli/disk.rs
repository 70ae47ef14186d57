//! A disk that is full. It is a small file system in memory, which only root can mount.
//!
//! Where that is impossible the test fails and says so; `SYNCLINE_TEST_NO_MOUNT=1` leaves it out knowingly.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use syncline_support::places::{Table, document, read_csv, write_csv};

use super::common::{ensure_tells, number, program};

/// A mounted file system, gone when dropped.
struct Disk(PathBuf);

impl Disk {
    fn mount(folder: PathBuf) -> Result<Disk> {
        std::fs::create_dir(&folder)?;
        let advice = "mounting needs root; set SYNCLINE_TEST_NO_MOUNT=1 to leave this test out knowingly";
        mount(&["-t", "tmpfs", "-o", "size=256k", "tmpfs"], &folder).context(advice)?;
        Ok(Disk(folder))
    }

    fn grow(&self) -> Result<()> {
        mount(&["-o", "remount,size=8m"], &self.0)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

fn mount(arguments: &[&str], folder: &Path) -> Result<()> {
    let output = Command::new("mount").args(arguments).arg(folder).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

#[tokio::test]
async fn a_full_disk_leaves_the_file_whole_and_is_told() -> Result<()> {
    if std::env::var_os("SYNCLINE_TEST_NO_MOUNT").is_some() {
        return Ok(());
    }
    let program = program()?;
    let disk = Disk::mount(program.path("disk"))?;
    let file = disk.0.join("backlog.csv");
    write_csv(&file, 100)?;
    let table = Table::open(&program.path("tasks.db")).await?;
    let more = "source: { path: disk/backlog.csv, key: id }\nmax_retries: 0";
    program.write("sync.yaml", &document(more))?;
    program.expect(0, &["apply", "sync.yaml"])?;
    program.expect(0, &["sync", "tasks"])?;
    let before = std::fs::read(&file)?;
    let rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500) \
                INSERT INTO tasks (id, title, state) SELECT 'N-' || i, hex(zeroblob(150)), 'open' FROM n";
    table.execute(rows).await?;

    let refused = program.expect(1, &["sync", "tasks"])?;
    ensure_tells(&(refused.stdout + &refused.stderr), &["backlog.csv", "disk full", "free some space"])?;
    ensure!(std::fs::read(&file)? == before, "the file was changed");
    let files = std::fs::read_dir(&disk.0)?.count();
    ensure!(files == 1, "{files} files on the disk");
    ensure!(table.read().await?.len() == 1600, "rows were lost");

    disk.grow()?;
    let run = program.expect(0, &["--json", "sync", "tasks"])?.json()?;
    ensure!(number(&run, "created")? == 1500, "{run}");
    ensure!(read_csv(&file)? == table.read().await?, "the sides differ");
    Ok(())
}
