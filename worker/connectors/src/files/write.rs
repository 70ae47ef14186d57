//! Carries out a batch of writes as one rewrite of the file.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use syncline_engine::ports::{ConnectorError, Write};

use super::{
    dialect::Quoting,
    read::{Identity, Index, Step, Table},
    replace::{Finished, Locked, Replacement},
    row::{Outcome, Row, Style, target},
    scope::FileScope,
};

/// The results of a batch, before the rename.
pub(super) struct Prepared {
    /// One result per write.
    pub(super) results: Vec<Outcome>,
    /// The new file; none if nothing changes.
    pub(super) finished: Option<Finished>,
    /// The original as it was when reading began.
    pub(super) began: Identity,
    /// The offset of each row in the new file.
    pub(super) index: Index,
}

/// Reads the file and writes the new one beside it.
pub(super) fn prepare(
    scope: &FileScope,
    writes: &[Write],
    now: DateTime<Utc>,
) -> Result<Prepared, ConnectorError> {
    let locked = Locked::acquire(&scope.path)?;
    // Learn the style before the rows are written: the first row may be among them, and needs the style of the others.
    let quoting = Table::read(scope, locked.reader()?)?.learn();
    let table = Table::read(scope, locked.reader()?)?;
    let began = table.identity;
    let mut rewrite = Rewrite {
        writes,
        pending: pending(writes, &scope.key),
        results: vec![None; writes.len()],
        output: Output {
            original: Some(locked),
            replacement: None,
            position: table.position(),
            open_end: table.record.terminator().is_empty(),
        },
        index: Index::default(),
    };
    rewrite.run(scope, table, &quoting, now)?;
    let finished = rewrite.output.replacement.map(Replacement::finish).transpose()?;
    let lost = || Err(ConnectorError::transient("a write was left without a result"));
    let results = rewrite.results.into_iter().map(|result| result.unwrap_or_else(lost)).collect();
    Ok(Prepared { results, finished, began, index: rewrite.index })
}

/// The writes by row, in order for each row.
fn pending(writes: &[Write], key: &str) -> HashMap<String, Vec<usize>> {
    let mut pending: HashMap<String, Vec<usize>> = HashMap::new();
    for (position, write) in writes.iter().enumerate() {
        pending.entry(target(write, key).into_owned()).or_default().push(position);
    }
    pending
}

struct Rewrite<'a> {
    writes: &'a [Write],
    pending: HashMap<String, Vec<usize>>,
    results: Vec<Option<Outcome>>,
    output: Output,
    index: Index,
}

impl Rewrite<'_> {
    fn run(
        &mut self,
        scope: &FileScope,
        mut table: Table,
        quoting: &Quoting,
        now: DateTime<Utc>,
    ) -> Result<(), ConnectorError> {
        let file = scope.path.display().to_string();
        let header = table.header.clone();
        let style = |stamp| Style { file: &file, header: &header, quoting, stamp, now };
        let mut deleted = Vec::new();
        loop {
            let id = match table.step()? {
                Step::End => break,
                Step::Blank => {
                    self.output.copy(table.record.raw())?;
                    continue;
                }
                Step::Row(id) => id,
            };
            if !self.index.insert(&id, self.output.position) {
                return Err(table.duplicate(&id));
            }
            let Some(positions) = self.pending.remove(&id) else {
                self.output.copy(table.record.raw())?;
                continue;
            };
            let mut row = Some(Row::of(&table.record));
            let changed = self.apply(&style(table.stamp), &id, &mut row, &positions);
            match row {
                _ if !changed => self.output.copy(table.record.raw())?,
                Some(row) => self.output.change(&row.to_text(header.delimiter))?,
                None => {
                    self.output.change("")?;
                    deleted.push(id);
                }
            }
        }
        deleted.iter().for_each(|id| self.index.remove(id));
        self.append(&style(table.stamp))
    }

    /// Handles writes to rows that the file does not have: creates, and writes whose row is missing.
    fn append(&mut self, style: &Style<'_>) -> Result<(), ConnectorError> {
        let mut rest: Vec<(String, Vec<usize>)> = std::mem::take(&mut self.pending).into_iter().collect();
        rest.sort_by_key(|(_, positions)| positions[0]);
        for (id, positions) in rest {
            let mut row = None;
            self.apply(style, &id, &mut row, &positions);
            if let Some(row) = row {
                let mut text = row.to_text(style.header.delimiter);
                if self.output.open_end {
                    // A file without a newline at its end keeps that form.
                    self.output.change(&style.header.newline)?;
                    text.truncate(text.len() - style.header.newline.len());
                }
                self.index.insert(&id, self.output.position);
                self.output.change(&text)?;
            }
        }
        Ok(())
    }

    fn apply(&mut self, style: &Style<'_>, id: &str, row: &mut Option<Row>, positions: &[usize]) -> bool {
        let mut changed = false;
        for position in positions {
            self.results[*position] = Some(style.apply(row, id, &self.writes[*position], &mut changed));
        }
        changed
    }
}

/// The new file. It is created with the first change, so that a batch without changes writes nothing.
struct Output {
    original: Option<Locked>,
    replacement: Option<Replacement>,
    /// The length of the new file so far.
    position: u64,
    /// The last line has no line ending.
    open_end: bool,
}

impl Output {
    /// Copies text of the original.
    fn copy(&mut self, text: &str) -> Result<(), ConnectorError> {
        if let Some(replacement) = &mut self.replacement {
            replacement.write(text)?;
        }
        self.advance(text);
        Ok(())
    }

    /// Writes text that differs from the original.
    fn change(&mut self, text: &str) -> Result<(), ConnectorError> {
        if let Some(original) = self.original.take() {
            self.replacement = Some(Replacement::begin(original, self.position)?);
        }
        self.copy(text)
    }

    fn advance(&mut self, text: &str) {
        self.position += text.len() as u64;
        if let Some(last) = text.as_bytes().last() {
            self.open_end = !matches!(last, b'\n' | b'\r');
        }
    }
}
