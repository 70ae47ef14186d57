//! What a write means for a table's columns. No I/O.

use chrono::{DateTime, Utc};
use syncline_engine::{
    ports::{ConnectorError, Marker, Write, WriteOp, changed_since_read},
    value::{Fields, Instant, Precision},
};

use super::{
    column::Kind,
    convert::stamp_of,
    db::Raw,
    table::{Row, Table},
};

impl Table {
    /// The id of the row that a write is about; none for a create whose id the database gives.
    pub(super) fn target(&self, write: &Write) -> Option<String> {
        match &write.op {
            WriteOp::Update { id, .. } | WriteOp::Delete { id } => Some(id.clone()),
            WriteOp::Create { marker, fields } => self.asked(marker, fields).or_else(|| match self.marker {
                Some(_) if self.key_assigned => None,
                _ => self.derived_key(&marker.text),
            }),
        }
    }

    /// The id that a create asks for.
    pub(super) fn asked(&self, marker: &Marker, fields: &Fields) -> Option<String> {
        let field = || match fields.get(&self.key().name) {
            Some(value) if !value.is_blank() => Some(value.name()),
            _ => None,
        };
        marker.id.clone().or_else(field)
    }

    /// Whether a row still is as a write expects it.
    pub(super) fn unchanged(&self, row: &Row, write: &Write) -> Result<(), ConnectorError> {
        let (label, id) = (&self.label, &row.item.id);
        let refuse = |what: String| {
            Err(ConnectorError::conflict(format!(
                "{label}: the row {id:?} changed since it was read; {what}"
            )))
        };
        let changed: Vec<String> = changed_since_read(&write.expected, &row.item.fields)
            .into_iter()
            .map(|(name, (before, now))| format!("{name} was {before} and is {now}"))
            .collect();
        match (&write.version, &row.item.version) {
            _ if !changed.is_empty() => refuse(changed.join("; ")),
            (Some(before), Some(now)) if before != now => {
                refuse(format!("its version was {before} and is {now}"))
            }
            _ => Ok(()),
        }
    }

    /// Field values as columns take them.
    pub(super) fn values(
        &self,
        fields: &Fields,
        creating: bool,
    ) -> Result<Vec<(usize, Raw)>, ConnectorError> {
        let mut values = Vec::with_capacity(fields.len() + 3);
        for (name, value) in fields {
            let position = self.position(name).filter(|position| Some(*position) != self.marker);
            let Some(position) = position else {
                let names: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
                let what =
                    format!("there is no column {name:?} to write to; the columns are {}", names.join(", "));
                return Err(self.refusal(what));
            };
            let column = &self.columns[position];
            let raw = column.raw(value, self.dialect).map_err(|what| self.refusal(what))?;
            // Nothing to say about a column that must say something: its default speaks.
            if creating && raw == Raw::Null && (column.has_default || position == self.key) && column.not_null
            {
                continue;
            }
            if !column.writable {
                return Err(self.refusal(format!("the column {name:?} is computed by the database")));
            }
            values.push((position, raw));
        }
        Ok(values)
    }

    /// Records the time of the write, unless the write itself sets it, in the form of the time it replaces. What cannot
    /// be read as a time stays.
    pub(super) fn touch(&self, values: &mut Vec<(usize, Raw)>, now: DateTime<Utc>, row: Option<&Row>) {
        if let Some(position) = self.modified.filter(|position| !has(values, *position)) {
            let column = &self.columns[position];
            if column.writable && row.is_none_or(|row| row.item.unread.is_none()) {
                let own = row.and_then(|row| stamp_of(&row.raw[position]));
                // The column's own form decides how fine it is.
                let precision = match column.kind {
                    Kind::DateTime(Some(precision)) => precision,
                    _ => Precision::Second,
                };
                let instant = Instant::new(now, precision);
                values.push((position, column.time_as(own.or(column.stamp), instant, self.dialect)));
            }
        }
    }

    pub(super) fn taken(&self, id: &str) -> ConnectorError {
        ConnectorError::conflict(format!("{} already has a row with the id {id:?}", self.label))
    }

    pub(super) fn refusal(&self, what: impl AsRef<str>) -> ConnectorError {
        ConnectorError::permanent(format!("{}: {}", self.label, what.as_ref()))
    }
}

/// Whether a column is among those that are written.
pub(super) fn has(values: &[(usize, Raw)], wanted: usize) -> bool {
    values.iter().any(|(position, _)| *position == wanted)
}
