//! What a faulty place does to its bytes behind everybody's back.

use syncline_engine::ports::{Write, WriteOp};

use crate::{
    pair::Role,
    place::{At, Place, write_file},
    splitter::split,
};

/// A blank line at the end of the file.
pub(crate) fn add_line(place: &Place) {
    if let At::File(path) = &place.at
        && let Ok(mut bytes) = std::fs::read(path)
    {
        bytes.extend_from_slice(b"\n\n");
        let _ = write_file(path, &bytes);
    }
}

/// A quote that nothing closes.
pub(crate) fn open_quote(place: &Place) {
    if let At::File(path) = &place.at
        && let Ok(mut bytes) = std::fs::read(path)
    {
        bytes.extend_from_slice(b"\n\"");
        let _ = write_file(path, &bytes);
    }
}

/// Quotes around a cell of a row that is not among those written; in a table, another text in its tag.
pub(crate) async fn quote_another(place: &Place, writes: &[Write]) {
    let written =
        |key: &str| writes.iter().any(|write| matches!(&write.op, WriteOp::Update { id, .. } if id == key));
    let At::File(path) = &place.at else {
        let Ok(seen) = place.look().await else { return };
        let other = seen.rows.iter().find(|row| !written(&row.key));
        if let (Some(row), Some(tag)) = (other, place.layout.position(Role::Tag)) {
            let _ = place.edit(&row.key, tag, &format!("\"{}\"", row.tag)).await;
        }
        return;
    };
    let Ok(bytes) = std::fs::read(path) else { return };
    let Ok(split) = split(&bytes, place.layout.file.delimiter) else { return };
    let key = place.first_cell(place.key());
    let other = split.records.iter().skip(1).find(|row| !row.is_blank() && !written(&row.content(key)));
    let Some(row) = other else { return };
    let bare = |position: &usize| !row.cells[*position].is_empty() && !row.cells[*position].contains(&b'"');
    let Some(position) = (0..row.cells.len()).find(bare) else { return };
    let at = row.places[position].clone();
    let quoted = [b"\"", row.cells[position].as_slice(), b"\""].concat();
    let _ = write_file(path, &[&bytes[..at.start], &quoted, &bytes[at.end..]].concat());
}
