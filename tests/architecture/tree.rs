//! Files that a reader can take in.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

const LONGEST: usize = 500;

fn sources(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?.path();
        let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if entry.is_dir() && name != "target" && !name.starts_with('.') {
            sources(&entry, found)?;
        } else if entry.extension().is_some_and(|ending| ending == "rs") {
            found.push(entry);
        }
    }
    Ok(())
}

/// All writes of `sync_history` are in `worker/runs`. The purge deletes rows of ended runs, and migrations may change any
/// table; both are exempt.
#[test]
fn only_the_runs_crate_writes_runs() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in ["src", "api/src", "entity/src", "worker"] {
        sources(&root.join(folder), &mut found)?;
    }
    let writes = ["UPDATE sync_history", "INTO sync_history", "sync_history::ActiveModel"];
    let mut seen = 0;
    for file in found {
        let text = fs::read_to_string(&file)?;
        let path = file.strip_prefix(root).unwrap_or(&file).to_string_lossy().into_owned();
        if !writes.iter().any(|write| text.contains(write)) {
            continue;
        }
        if path.starts_with("worker/runs/src") {
            seen += 1;
        } else {
            let made_up = path.contains("/tests/") || path.contains("/benches/");
            assert!(made_up, "{path} writes sync_history, which only worker/runs may");
        }
    }
    assert!(seen > 0, "this test finds no write of sync_history at all");
    Ok(())
}

#[test]
fn no_source_file_holds_two_ideas() -> io::Result<()> {
    let mut files = Vec::new();
    sources(Path::new(env!("CARGO_MANIFEST_DIR")), &mut files)?;
    assert!(files.len() > 100, "only {} source files were found", files.len());
    for file in files {
        let lines = fs::read_to_string(&file)?.lines().count();
        assert!(lines <= LONGEST, "{} has {lines} lines; at most {LONGEST}", file.display());
    }
    Ok(())
}
