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
