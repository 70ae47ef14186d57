//! Splits CSV into records and cells, and keeps their original bytes.
//!
//! A rewrite copies untouched records byte for byte, which needs each record's exact extent, and a file with a missing
//! quote must not pass as complete. The `csv` crate offers neither: it takes text after a closing quote into the cell
//! and closes an open quote at the end of the file. This strict splitter reports everything that a missing or extra
//! quote may have caused as a flaw. A test checks that it and the `csv` crate agree on well-formed input.

use std::{
    borrow::Cow,
    io::{self, BufRead},
};

/// A larger record is treated as an unclosed quote, so that memory stays bounded.
pub(super) const LARGEST_RECORD: usize = 16 << 20;

/// Why the next record cannot be parsed.
#[derive(Debug)]
pub(super) enum Flaw {
    Io(io::Error),
    NotUtf8 {
        line: u64,
    },
    /// A NUL byte.
    Nul {
        line: u64,
    },
    /// The file ends inside the quoted cell that opens on `line`.
    OpenQuote {
        line: u64,
    },
    TooLong {
        line: u64,
    },
    /// Text on `line` follows the closing quote of the cell that opens on `opened`.
    AfterQuote {
        line: u64,
        opened: u64,
        backslash: bool,
    },
    /// A quote in an unquoted cell: its opening quote may be missing, or stand after a blank.
    StrayQuote {
        line: u64,
    },
}

/// One record as written in the file.
#[derive(Debug, Default)]
pub(super) struct Record {
    raw: String,
    /// The position in `raw` at which each cell ends.
    ends: Vec<usize>,
    /// The offset of the record in the file.
    pub(super) offset: u64,
    /// The line on which it starts.
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

    /// True for an empty line and for a row of empty cells, which spreadsheets append; neither is a record.
    pub(super) fn is_blank(&self) -> bool {
        (0..self.len()).all(|position| self.cell(position).trim().is_empty())
    }

    /// The number of cells.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// A cell as written, with its quotes.
    pub(super) fn raw_cell(&self, position: usize) -> &str {
        let start = if position == 0 { 0 } else { self.ends[position - 1] + 1 };
        &self.raw[start..self.ends[position]]
    }

    pub(super) fn cell(&self, position: usize) -> Cow<'_, str> {
        unquoted(self.raw_cell(position))
    }

    fn body(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }
}

/// The state of the scanner.
#[derive(Clone, Copy, PartialEq)]
enum At {
    CellStart,
    /// Only blanks so far.
    Blanks,
    Cell,
    /// The last byte is a quote in an unquoted cell.
    QuoteInCell,
    Quoted,
    QuoteInQuoted,
    CarriageReturn,
}

/// How far a scan came.
enum Reached {
    /// The end of the bytes, inside the record.
    Middle,
    /// The end of the record.
    End,
    /// A byte that is not allowed there.
    Misplaced,
}

pub(super) struct Records<R> {
    input: R,
    delimiter: u8,
    offset: u64,
    line: u64,
}

impl<R: BufRead> Records<R> {
    /// Reads `input`, which starts at `offset` of its file, on `line`.
    pub(super) fn new(input: R, delimiter: u8, offset: u64, line: u64) -> Self {
        Self { input, delimiter, offset, line }
    }

    /// The offset of the next record.
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
            return Err(Flaw::OpenQuote { line: self.line + newlines(&bytes[..cell_start(&record.ends)]) });
        }
        self.offset += bytes.len() as u64;
        let lone_return = u64::from(bytes.ends_with(b"\r"));
        self.line += lone_return + newlines(&bytes);
        if let Some(position) = bytes.iter().position(|byte| *byte == 0) {
            return Err(Flaw::Nul { line: record.line + newlines(&bytes[..position]) });
        }
        record.raw = String::from_utf8(bytes).map_err(|error| {
            let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            Flaw::NotUtf8 { line: record.line + newlines(valid) }
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
                match at {
                    At::CarriageReturn => {}
                    At::QuoteInCell => return Err(self.misplaced(at, bytes, ends)),
                    // The open cell is the one after the last end.
                    At::Quoted => {}
                    _ => ends.push(bytes.len()),
                }
                return Ok(at);
            }
            let (used, reached) = advance(&mut at, available, self.delimiter, bytes.len(), ends);
            bytes.extend_from_slice(&available[..used]);
            self.input.consume(used);
            match reached {
                Reached::End => return Ok(at),
                Reached::Misplaced => return Err(self.misplaced(at, bytes, ends)),
                Reached::Middle if bytes.len() > LARGEST_RECORD => {
                    return Err(Flaw::TooLong { line: self.line });
                }
                Reached::Middle => {}
            }
        }
    }

    /// The flaw for a byte that must not follow `bytes`.
    fn misplaced(&self, at: At, bytes: &[u8], ends: &[usize]) -> Flaw {
        let line = self.line + newlines(bytes);
        if at != At::QuoteInQuoted {
            return Flaw::StrayQuote { line };
        }
        let opened = self.line + newlines(&bytes[..cell_start(ends)]);
        Flaw::AfterQuote { line, opened, backslash: bytes.ends_with(b"\\\"") }
    }
}

/// The position at which the cell after the last end starts.
fn cell_start(ends: &[usize]) -> usize {
    ends.last().map_or(0, |end| end + 1)
}

fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// Scans `available` up to the end of the record. Returns how many bytes belong to the record, and how far the scan
/// came. `before` is the number of bytes of the record in earlier input.
fn advance(
    at: &mut At,
    available: &[u8],
    delimiter: u8,
    before: usize,
    ends: &mut Vec<usize>,
) -> (usize, Reached) {
    for (position, byte) in available.iter().enumerate() {
        if *at == At::CarriageReturn {
            return (position + usize::from(*byte == b'\n'), Reached::End);
        }
        *at = match (*at, *byte) {
            (At::Quoted, b'"') => At::QuoteInQuoted,
            (At::Quoted, _) => At::Quoted,
            (At::CellStart | At::QuoteInQuoted, b'"') => At::Quoted,
            // A blank before the opening quote, or a doubled quote or a cell's end whose opening quote is missing.
            (At::Blanks | At::QuoteInCell, b'"') => return (position, Reached::Misplaced),
            (At::QuoteInCell, byte) if byte == delimiter || matches!(byte, b'\n' | b'\r') => {
                return (position, Reached::Misplaced);
            }
            (_, b'\n') => {
                ends.push(before + position);
                return (position + 1, Reached::End);
            }
            (_, b'\r') => {
                ends.push(before + position);
                At::CarriageReturn
            }
            (_, byte) if byte == delimiter => {
                ends.push(before + position);
                At::CellStart
            }
            (At::QuoteInQuoted, _) => return (position, Reached::Misplaced),
            (At::Cell, b'"') => At::QuoteInCell,
            (At::CellStart | At::Blanks, b' ' | b'\t') => At::Blanks,
            _ => At::Cell,
        };
    }
    (available.len(), Reached::Middle)
}

pub(super) fn unquoted(raw: &str) -> Cow<'_, str> {
    let Some(quoted) = raw.strip_prefix('"') else { return Cow::Borrowed(raw) };
    let content = quoted.strip_suffix('"').unwrap_or(quoted);
    if content.contains('"') { Cow::Owned(content.replace("\"\"", "\"")) } else { Cow::Borrowed(content) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::files::dialect::quote;

    fn split(text: &str, buffer: usize) -> Result<(Vec<Vec<String>>, String), Flaw> {
        let input = io::BufReader::with_capacity(buffer, text.as_bytes());
        let mut records = Records::new(input, b',', 0, 1);
        let (mut rows, mut copy, mut record) = (Vec::new(), String::new(), Record::default());
        while records.read(&mut record)? {
            copy.push_str(record.raw());
            if record.body() > 0 {
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

    fn flaw(text: &str) -> String {
        format!("{:?}", split(text, 64).unwrap_err())
    }

    #[test]
    fn misplaced_quotes_are_flaws_with_their_lines() {
        assert_eq!(
            flaw("a,b\n1,\"12 inch\n2,\"two\"\n"),
            "AfterQuote { line: 3, opened: 2, backslash: false }"
        );
        assert_eq!(flaw("1,\"a \\\"b\\\"\"\n"), "AfterQuote { line: 1, opened: 1, backslash: true }");
        assert_eq!(flaw("1,\"a\" \n"), "AfterQuote { line: 1, opened: 1, backslash: false }");
        for stray in ["1, \"a\"\n", "1,a\"\"b\n", "1,note\"\n", "1,note\"", "1,note\",\n"] {
            assert_eq!(flaw(&format!("a,b\n{stray}")), "StrayQuote { line: 2 }", "{stray}");
        }
        assert_eq!(flaw("a\n1\0\n"), "Nul { line: 2 }");
        assert_eq!(flaw("a,b\n1,\"x\ny\",\"z"), "OpenQuote { line: 3 }");
        let (rows, copy) = split("1,12\" pipe\n", 64).unwrap();
        assert_eq!((rows[0][1].as_str(), copy.as_str()), ("12\" pipe", "1,12\" pipe\n"));
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

        #[test]
        fn a_quote_lost_or_added_never_goes_unseen(
            rows in prop::collection::vec(prop::collection::vec(("[a\",\n\r é]{0,6}", any::<bool>()), 2), 1..6),
            place in any::<prop::sample::Index>(),
        ) {
            let cell = |(content, quoted): &(String, bool)| {
                if *quoted { format!("\"{}\"", content.replace('"', "\"\"")) } else { quote(content, b',') }
            };
            let text: String =
                rows.iter().map(|row| format!("{}\n", row.iter().map(cell).collect::<Vec<_>>().join(","))).collect();
            let quotes: Vec<usize> = text.match_indices('"').map(|(position, _)| position).collect();
            prop_assume!(!quotes.is_empty());
            let mut spoiled = text;
            spoiled.remove(*place.get(&quotes));
            prop_assert!(split(&spoiled, 64).is_err(), "{:?}", spoiled);
        }
    }
}
