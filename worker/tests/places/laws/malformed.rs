//! A file that is not well-formed never loses, merges or deletes a row.

use syncline_engine::{Side, run::Options};

use super::{Checked, Failure, Law, Play, Step};
use crate::{
    draw::Draw,
    pair::Role,
    place::{At, Place, write_file},
    splitter::{Split, split},
};

/// How often a file is damaged; damage that leaves it well-formed is no case of this law.
const TRIES: usize = 3;

pub(super) async fn check(play: &mut Play<'_>, last: &Step) -> Checked<()> {
    for side in Side::BOTH {
        let At::File(path) = play.places.get(side).at.clone() else { continue };
        let bytes = std::fs::read(&path)?;
        for _ in 0..TRIES {
            let damaged = damage(play.places.get(side), &bytes, &mut play.draw);
            if is_well_formed(play.places.get(side), &damaged) {
                continue;
            }
            write_file(&path, &damaged)?;
            hold(play, side, &damaged, last).await?;
            write_file(&path, &bytes)?;
        }
    }
    let options = Options { confirm_deletes: true, approved_deletes: Some(1000), ..Options::default() };
    let step = play.run(options).await?;
    for side in Side::BOTH {
        let lost = last.after.get(side).rows.iter().find(|row| !step.after.get(side).rows.contains(row));
        if let Some(lost) = lost {
            let written = &step.ran.changes;
            return Err(broken(format!(
                "once the file is mended, the {side} no longer has {lost:?}; {written:?}"
            )));
        }
    }
    Ok(())
}

/// A run over a damaged file, with leave to delete, touches nothing and names the line.
async fn hold(play: &mut Play<'_>, side: Side, damaged: &[u8], last: &Step) -> Checked<()> {
    let shown = || String::from_utf8_lossy(damaged).into_owned();
    let options = Options { confirm_deletes: true, approved_deletes: Some(1000), ..Options::default() };
    play.fault.next_run();
    let mut sync = crate::stage::Sync { id: play.sync.id, spec: play.sync.spec.clone() };
    sync.spec.delete_policy = syncline_engine::spec::DeletePolicy::Delete;
    let ran = play.stage.run(&sync, &play.fault, options).await?;
    let At::File(path) = &play.places.get(side).at else { return Ok(()) };
    if std::fs::read(path)? != damaged {
        return Err(broken(format!("the damaged file was written:\n{}", shown())));
    }
    if play.places.get(side.other()).look().await? != *last.after.get(side.other()) {
        return Err(broken(format!("the other side was written from a damaged file:\n{}", shown())));
    }
    match ran.outcome {
        Ok(report) => Err(broken(format!("a damaged file was read as {:?}:\n{}", report.read, shown()))),
        Err(error) if names_a_line(&error) => {
            play.applied.note(Law::Malformed, 1);
            Ok(())
        }
        Err(error) => Err(broken(format!("this names no line: {error}\n{}", shown()))),
    }
}

/// Or the column, or what the file is instead.
fn names_a_line(error: &str) -> bool {
    ["line ", "there is no column", "UTF-16", "the file is empty", "appears twice", "has no field"]
        .iter()
        .any(|words| error.contains(words))
}

/// By the rules of docs/platforms/csv.md.
fn is_well_formed(place: &Place, bytes: &[u8]) -> bool {
    let Ok(split) = split(bytes, place.layout.file.delimiter) else { return false };
    let Some(header) = split.records.first() else { return false };
    let names: Vec<String> = (0..header.cells.len()).map(|cell| header.content(cell)).collect();
    let mapped = |role| {
        let name = place.layout.name(role);
        name.is_none_or(|name| names.iter().any(|found| found == name))
    };
    let fields = (0..6).map(Role::Field).all(mapped);
    let key = names.iter().position(|name| Some(name.as_str()) == place.layout.name(Role::Key));
    let Some(key) = key.filter(|_| fields && mapped(Role::Tag) && mapped(Role::Modified)) else {
        return false;
    };
    has_rows(&split, names.len(), key)
}

/// Each row is as wide as the header, and has a key of its own.
fn has_rows(split: &Split, width: usize, key: usize) -> bool {
    let mut keys = std::collections::BTreeSet::new();
    split
        .records
        .iter()
        .skip(1)
        .filter(|row| !row.is_blank())
        .all(|row| row.cells.len() == width && !row.content(key).is_empty() && keys.insert(row.content(key)))
}

fn damage(place: &Place, bytes: &[u8], draw: &mut Draw) -> Vec<u8> {
    let quotes: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] == b'"').collect();
    let delimiter = place.layout.file.delimiter;
    let delimiters: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] == delimiter).collect();
    let at = draw.below(bytes.len());
    let insert = |at: usize, what: &[u8]| [&bytes[..at], what, &bytes[at..]].concat();
    let remove = |at: usize| [&bytes[..at], &bytes[at + 1..]].concat();
    match draw.below(11) {
        0 | 1 if !quotes.is_empty() => remove(draw.pick(&quotes)),
        2 => insert(at, b"\""),
        3 if !quotes.is_empty() => insert(draw.pick(&quotes), b" "),
        4 if !quotes.is_empty() => insert(draw.pick(&quotes), b"\\"),
        5 => bytes[..at].to_vec(),
        6 if !delimiters.is_empty() => remove(draw.pick(&delimiters)),
        7 => insert(at, &[delimiter]),
        8 => insert(at, &[draw.pick(&[0, 0xe9, 0xff])]),
        9 => {
            [&[0xff, 0xfe], bytes.iter().flat_map(|byte| [*byte, 0]).collect::<Vec<u8>>().as_slice()].concat()
        }
        _ => {
            // The last row once more.
            let end: &[u8] = if bytes.ends_with(b"\n") || bytes.ends_with(b"\r") { b"" } else { b"\n" };
            let row = split(bytes, delimiter).ok().and_then(|split| {
                let last = split.records.len() > 1;
                last.then(|| split.records.last()?.places.first().map(|place| place.start)).flatten()
            });
            [bytes, end, &bytes[row.unwrap_or(bytes.len())..]].concat()
        }
    }
}

fn broken(what: String) -> Failure {
    Failure::Broken(Law::Malformed, what)
}
