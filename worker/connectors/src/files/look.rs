//! Describes a CSV file: its delimiter and its columns.

use std::{
    fs::File,
    io::{BufRead, BufReader},
};

use syncline_engine::{ports::ConnectorError, spec::FieldType};

use super::{
    error::{flaw, io_error},
    header::Start,
    record::{Record, Records},
    scope::FileScope,
};
use crate::look::{Look, LookColumn};

const DELIMITERS: [char; 4] = ['|', '\t', ';', ','];

/// Reads the header. If neither the scope nor the file names a delimiter, takes the most frequent one in the first
/// line.
pub(super) fn look(scope: &FileScope) -> Result<Look, ConnectorError> {
    let path = &scope.path;
    let file = File::open(path).map_err(|error| io_error(path, "open it", &error))?;
    let mut input = BufReader::new(file);
    let start = Start::read(scope, &mut input)?;
    let mut delimiter = start.delimiter;
    if scope.delimiter.is_none() && start.lines == 0 {
        let head = input.fill_buf().map_err(|error| io_error(path, "read it", &error))?;
        let head = String::from_utf8_lossy(head);
        let first = head.lines().next().unwrap_or_default();
        let most = DELIMITERS.into_iter().max_by_key(|delimiter| first.matches(*delimiter).count());
        delimiter = most.and_then(|most| u8::try_from(most).ok()).unwrap_or(delimiter);
    }
    let mut record = Record::default();
    let read = Records::new(input, delimiter, start.bytes, start.lines + 1).read(&mut record);
    if !read.map_err(|found| flaw(path, &found))? {
        return Err(ConnectorError::permanent(format!("{}: the file has no header", path.display())));
    }
    let cells: Vec<String> = (0..record.len()).map(|place| record.cell(place).into_owned()).collect();
    let single = |name: &&String| cells.iter().filter(|cell| cell == name).count() == 1;
    let names: Vec<&String> = cells.iter().filter(|name| !name.trim().is_empty()).filter(single).collect();
    let column =
        |name: &&String| LookColumn { name: (*name).clone(), field_type: FieldType::String, writable: true };
    let columns = names.iter().map(column).collect();
    // A file does not declare a unique column; the first one usually is.
    let keys = names.into_iter().cloned().collect();
    let mut look = Look { columns, keys, ..Look::default() };
    if delimiter != b',' {
        look.scope.insert("delimiter".to_owned(), char::from(delimiter).to_string().into());
    }
    Ok(look)
}
