//! Splits CSV into records and cells, keeping the bytes they were written in.
//!
//! A rewrite copies untouched records byte for byte, which needs each record's exact extent, and a half-written file
//! must not pass for a whole one. The `csv` crate offers neither (it closes an open quote at the end of the file
//! silently), so the splitting is done here; a test holds both to the same reading.

use std::{
    borrow::Cow,
    io::{self, BufRead},
};

/// A record larger than this is taken for a quote that was never closed: memory stays bounded.
const LARGEST_RECORD: usize = 16 << 20;

/// Why the next record cannot be read.
#[derive(Debug)]
pub(super) enum Flaw {
    Io(io::Error),
    NotUtf8 { line: u64 },
    OpenQuote { line: u64 },
    TooLong { line: u64 },
}

/// One record as it stands in the file.
#[derive(Debug, Default)]
pub(super) struct Record {
    raw: String,
    /// Where each cell ends in `raw`.
    ends: Vec<usize>,
    /// Where the record starts in the file.
    pub(super) offset: u64,
    /// The line it starts on.
    pub(super) line: u64,
}

impl Record {
    /// The bytes, with the line ending.
    pub(super) fn raw(&self) -> &str {
        &self.raw
    }

    /// The line ending: `\n`, `\r\n`, `\r`, or nothing at the end of a file.
    pub(super) fn terminator(&self) -> &str {
        &self.raw[self.body()..]
    }

    /// A blank line holds no record.
    pub(super) fn is_blank(&self) -> bool {
        self.body() == 0
    }

    /// How many cells there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// A cell as it is written, quotes and all.
    pub(super) fn raw_cell(&self, position: usize) -> &str {
        let start = if position == 0 { 0 } else { self.ends[position - 1] + 1 };
        &self.raw[start..self.ends[position]]
    }

    /// A cell's content.
    pub(super) fn cell(&self, position: usize) -> Cow<'_, str> {
        unquoted(self.raw_cell(position))
    }

    fn body(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }
}

/// Where the scanner stands.
#[derive(Clone, Copy, PartialEq)]
enum At {
    CellStart,
    Cell,
    Quoted,
    QuoteInQuoted,
    CarriageReturn,
}

/// Reads records one after the other.
pub(super) struct Records<R> {
    input: R,
    delimiter: u8,
    offset: u64,
    line: u64,
}

impl<R: BufRead> Records<R> {
    /// Reads `input`, which stands at `offset` of its file, on `line`.
    pub(super) fn new(input: R, delimiter: u8, offset: u64, line: u64) -> Self {
        Self { input, delimiter, offset, line }
    }

    /// Where the next record starts.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads the next record into `record`; false at the end.
    pub(super) fn read(&mut self, record: &mut Record) -> Result<bool, Flaw> {
        let mut bytes = std::mem::take(&mut record.raw).into_bytes();
        bytes.clear();
        record.ends.clear();
        (record.offset, record.line) = (self.offset, self.line);
        let at = self.scan(&mut bytes, &mut record.ends)?;
        if bytes.is_empty() {
            return Ok(false);
        }
        if at == At::Quoted {
            return Err(Flaw::OpenQuote { line: self.line });
        }
        self.offset += bytes.len() as u64;
        let lone_return = u64::from(bytes.ends_with(b"\r"));
        self.line += lone_return + bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        record.raw = String::from_utf8(bytes).map_err(|error| {
            let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = record.line + valid.iter().filter(|byte| **byte == b'\n').count() as u64;
            Flaw::NotUtf8 { line }
        })?;
        Ok(true)
    }

    fn scan(&mut self, bytes: &mut Vec<u8>, ends: &mut Vec<usize>) -> Result<At, Flaw> {
        let mut at = At::CellStart;
        loop {
            let available = match self.input.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Flaw::Io(error)),
            };
            if available.is_empty() {
                if at != At::CarriageReturn {
                    ends.push(bytes.len());
                }
                return Ok(at);
            }
            let (used, ended) = advance(&mut at, available, self.delimiter, bytes.len(), ends);
            bytes.extend_from_slice(&available[..used]);
            self.input.consume(used);
            if ended {
                return Ok(at);
            }
            if bytes.len() > LARGEST_RECORD {
                return Err(Flaw::TooLong { line: self.line });
            }
        }
    }
}

/// Moves over `available` up to the end of the record: how many bytes belong to it, and whether it ended. `before` is
/// how many bytes of it were seen earlier.
fn advance(
    at: &mut At,
    available: &[u8],
    delimiter: u8,
    before: usize,
    ends: &mut Vec<usize>,
) -> (usize, bool) {
    for (position, byte) in available.iter().enumerate() {
        if *at == At::CarriageReturn {
            return (position + usize::from(*byte == b'\n'), true);
        }
        *at = match (*at, *byte) {
            (At::Quoted, b'"') => At::QuoteInQuoted,
            (At::Quoted, _) => At::Quoted,
            (At::CellStart | At::QuoteInQuoted, b'"') => At::Quoted,
            (_, b'\n') => {
                ends.push(before + position);
                return (position + 1, true);
            }
            (_, b'\r') => {
                ends.push(before + position);
                At::CarriageReturn
            }
            (_, byte) if byte == delimiter => {
                ends.push(before + position);
                At::CellStart
            }
            _ => At::Cell,
        };
    }
    (available.len(), false)
}

/// The content of a cell. What follows a closing quote belongs to it, as the `csv` crate and spreadsheets read it.
pub(super) fn unquoted(raw: &str) -> Cow<'_, str> {
    let Some(quoted) = raw.strip_prefix('"') else { return Cow::Borrowed(raw) };
    let mut content = String::with_capacity(quoted.len());
    let mut rest = quoted;
    while let Some((before, after)) = rest.split_once('"') {
        content.push_str(before);
        let Some(more) = after.strip_prefix('"') else {
            content.push_str(after);
            return Cow::Owned(content);
        };
        content.push('"');
        rest = more;
    }
    content.push_str(rest);
    Cow::Owned(content)
}

/// A cell as it must be written to be read back as `content`.
pub(super) fn quote(content: &str, delimiter: u8) -> String {
    let special = |byte: u8| byte == delimiter || matches!(byte, b'"' | b'\n' | b'\r');
    if content.bytes().any(special) {
        format!("\"{}\"", content.replace('"', "\"\""))
    } else {
        content.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(text: &str, buffer: usize) -> Result<(Vec<Vec<String>>, String), Flaw> {
        let input = io::BufReader::with_capacity(buffer, text.as_bytes());
        let mut records = Records::new(input, b',', 0, 1);
        let (mut rows, mut copy, mut record) = (Vec::new(), String::new(), Record::default());
        while records.read(&mut record)? {
            copy.push_str(record.raw());
            if !record.is_blank() {
                rows.push((0..record.len()).map(|cell| record.cell(cell).into_owned()).collect());
            }
        }
        Ok((rows, copy))
    }

    #[test]
    fn lines_are_counted_through_quoted_cells() {
        let text = "a,b\r\n\"x\ny\",2\rz,\"\"\"q\"\n";
        let mut records = Records::new(text.as_bytes(), b',', 0, 1);
        let mut record = Record::default();
        let mut seen = Vec::new();
        while records.read(&mut record).unwrap() {
            seen.push((record.line, record.offset, record.terminator().to_owned()));
        }
        let expected = [(1, 0, "\r\n"), (2, 5, "\r"), (4, 13, "\n")];
        assert_eq!(seen, expected.map(|(line, offset, end)| (line, offset, end.to_owned())));
    }

    #[test]
    fn an_open_quote_at_the_end_is_a_flaw() {
        let mut records = Records::new("a,b\n1,\"half".as_bytes(), b',', 0, 1);
        let mut record = Record::default();
        assert!(records.read(&mut record).unwrap());
        assert!(matches!(records.read(&mut record), Err(Flaw::OpenQuote { line: 2 })));
    }

    #[test]
    fn other_encodings_are_a_flaw() {
        let mut records = Records::new(b"a,b\n1,\"x\n\xe9\"\n".as_slice(), b',', 0, 1);
        let mut record = Record::default();
        assert!(records.read(&mut record).unwrap());
        assert!(matches!(records.read(&mut record), Err(Flaw::NotUtf8 { line: 3 })));
    }

    proptest! {
        #[test]
        fn reads_what_the_csv_crate_reads(text in "[a\",\n\r é]{0,24}", buffer in 1usize..9) {
            let Ok((rows, copy)) = split(&text, buffer) else { return Ok(()) };
            prop_assert_eq!(&copy, &text);
            let reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
            let expected: Vec<Vec<String>> = reader
                .into_records()
                .map(|record| record.unwrap().iter().map(str::to_owned).collect())
                .collect();
            prop_assert_eq!(rows, expected);
        }

        #[test]
        fn a_written_cell_reads_back(content in "[a\",;\n\r é]{0,12}") {
            let text = format!("{},x\n", quote(&content, b','));
            let (rows, _) = split(&text, 64).unwrap();
            prop_assert_eq!(&rows[0][0], &content);
        }
    }
}
