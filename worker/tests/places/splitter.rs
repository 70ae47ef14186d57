//! Splits a CSV file by the rules of docs/platforms/csv.md, on bytes, and without the connector's code.

use std::ops::Range;

/// A row with its line end.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Record {
    /// Each cell as it is written.
    pub(crate) cells: Vec<Vec<u8>>,
    /// Where each cell stands in the file.
    pub(crate) places: Vec<Range<usize>>,
    pub(crate) end: Vec<u8>,
}

impl Record {
    /// What a cell says.
    pub(crate) fn content(&self, position: usize) -> String {
        let raw = String::from_utf8_lossy(&self.cells[position]).into_owned();
        match raw.strip_prefix('"') {
            Some(rest) => rest.strip_suffix('"').unwrap_or(rest).replace("\"\"", "\""),
            None => raw,
        }
    }

    pub(crate) fn is_blank(&self) -> bool {
        (0..self.cells.len()).all(|position| self.content(position).trim().is_empty())
    }
}

/// A file that is well-formed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Split {
    /// The byte order mark and the line `sep=`.
    pub(crate) head: Vec<u8>,
    pub(crate) delimiter: u8,
    pub(crate) records: Vec<Record>,
}

/// Splits a file, or says what is wrong with it.
pub(crate) fn split(bytes: &[u8], delimiter: u8) -> Result<Split, String> {
    if std::str::from_utf8(bytes).is_err() {
        return Err("it is not UTF-8".to_owned());
    }
    if bytes.contains(&0) {
        return Err("it has a zero byte".to_owned());
    }
    let mut at = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    if bytes[at..].starts_with(b"sep=") {
        at += bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len() - at, |end| end + 1);
    }
    let head = bytes[..at].to_vec();
    let mut records = Vec::new();
    while at < bytes.len() {
        let (record, next) = record(bytes, at, delimiter)?;
        records.push(record);
        at = next;
    }
    Ok(Split { head, delimiter, records })
}

fn record(bytes: &[u8], mut at: usize, delimiter: u8) -> Result<(Record, usize), String> {
    let mut record = Record { cells: Vec::new(), places: Vec::new(), end: Vec::new() };
    loop {
        let stop =
            if bytes.get(at) == Some(&b'"') { quoted(bytes, at)? } else { bare(bytes, at, delimiter)? };
        record.cells.push(bytes[at..stop].to_vec());
        record.places.push(at..stop);
        match bytes.get(stop) {
            Some(byte) if *byte == delimiter => at = stop + 1,
            Some(b'\r') if bytes.get(stop + 1) == Some(&b'\n') => {
                record.end = b"\r\n".to_vec();
                return Ok((record, stop + 2));
            }
            Some(b'\r' | b'\n') => {
                record.end = bytes[stop..=stop].to_vec();
                return Ok((record, stop + 1));
            }
            None => return Ok((record, stop)),
            Some(_) => return Err(format!("text follows a closing quote at byte {stop}")),
        }
    }
}

/// The end of a cell in quotes that opens at `at`.
fn quoted(bytes: &[u8], at: usize) -> Result<usize, String> {
    let mut place = at + 1;
    loop {
        match (bytes.get(place), bytes.get(place + 1)) {
            (Some(b'"'), Some(b'"')) => place += 2,
            (Some(b'"'), _) => return Ok(place + 1),
            (Some(_), _) => place += 1,
            (None, _) => return Err(format!("the quote at byte {at} is never closed")),
        }
    }
}

/// The end of a cell without quotes around it.
fn bare(bytes: &[u8], at: usize, delimiter: u8) -> Result<usize, String> {
    let ends = |byte: &u8| *byte == delimiter || matches!(byte, b'\r' | b'\n');
    let stop = bytes[at..].iter().position(ends).map_or(bytes.len(), |length| at + length);
    let cell = &bytes[at..stop];
    let blank = |part: &[u8]| part.iter().all(|byte| matches!(byte, b' ' | b'\t'));
    for (place, _) in cell.iter().enumerate().filter(|(_, byte)| **byte == b'"') {
        let next = cell.get(place + 1);
        if blank(&cell[..place]) || next.is_none() || next == Some(&b'"') {
            return Err(format!("a stray quote at byte {}", at + place));
        }
    }
    Ok(stop)
}

/// A cell with this content, in quotes where it needs them or wants them.
pub(crate) fn cell(content: &str, delimiter: u8, wants_quotes: bool) -> String {
    let needs = |byte: u8| byte == delimiter || matches!(byte, b'"' | b'\r' | b'\n');
    if wants_quotes || content.bytes().any(needs) {
        format!("\"{}\"", content.replace('"', "\"\""))
    } else {
        content.to_owned()
    }
}
