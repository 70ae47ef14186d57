//! Converts the fields of a write to a table's columns. No I/O.

use chrono::{DateTime, Utc};
use syncline_engine::{
    Value,
    ports::{ConnectorError, Marker, Write, WriteOp, changed_since_read},
    value::{Fields, Instant, Precision},
};

use super::{
    column::{Column, Kind},
    convert::stamp_of,
    db::{Dialect, Raw},
    table::{Row, Table},
};

impl Table {
    /// The id of a write's row; none for a create whose id the database assigns.
    pub(super) fn target(&self, write: &Write) -> Option<String> {
        match &write.op {
            WriteOp::Update { id, .. } | WriteOp::Remove { id, .. } => Some(id.clone()),
            WriteOp::Create { marker, fields } => self.asked(marker, fields).or_else(|| match self.marker {
                Some(_) if self.key_assigned => None,
                _ => self.derived_key(&marker.text),
            }),
        }
    }

    /// Ok if a new row can be created with just these fields. Triggers may fill in missing fields, so with triggers
    /// nothing is refused.
    pub(super) fn creates(&self, fields: &[&str]) -> Result<(), String> {
        if let Some(grant) = &self.no_insert {
            return Err(format!("the role may not insert rows; as the owner, run: {grant}"));
        }
        let given = |column: &Column| fields.contains(&column.name.as_str());
        let lacks =
            |name: &str, why: &str| format!("a new row needs a value for {name:?}{why}; map a field to it");
        if !given(self.key()) && !self.key_assigned && !self.derives_key() {
            return Err(lacks(&self.key().name, ""));
        }
        let own = [Some(self.key), self.marker, self.version, self.modified];
        let missing = |(position, column): &(usize, &Column)| {
            let left_out = column.not_null && !column.has_default && column.writable && !given(column);
            left_out && !own.contains(&Some(*position))
        };
        match self.columns.iter().enumerate().find(missing) {
            Some((_, column)) if self.triggers.is_empty() => {
                Err(lacks(&column.name, &format!(" ({}, NOT NULL without a default)", column.type_name)))
            }
            _ => Ok(()),
        }
    }

    /// The id that a create requests.
    pub(super) fn asked(&self, marker: &Marker, fields: &Fields) -> Option<String> {
        let field = || match fields.get(&self.key().name) {
            Some(value) if !value.is_blank() => Some(value.name()),
            _ => None,
        };
        marker.id.clone().or_else(field)
    }

    /// Ok if a row is still as a write expects it.
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

    /// The field values in the columns' forms.
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
            // A new row without a value here gets the column's default.
            if creating && value.is_blank() && (column.has_default || position == self.key) {
                continue;
            }
            let raw = column.stored(value, self.dialect).map_err(|what| self.refusal(what))?;
            values.push((position, raw));
        }
        Ok(values)
    }

    /// Records the time of the write in the form of the time it replaces, unless the write sets it. Keeps content that
    /// is no time.
    pub(super) fn touch(&self, values: &mut Vec<(usize, Raw)>, now: DateTime<Utc>, row: Option<&Row>) {
        if let Some(position) = self.modified.filter(|position| !has(values, *position)) {
            let column = &self.columns[position];
            if column.writable && row.is_none_or(|row| row.item.unread.is_none()) {
                let own = row.and_then(|row| stamp_of(&row.raw[position]));
                // The column's own form determines the precision.
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

impl Column {
    /// A value in the form of this column, or why the column cannot store it. If null is not allowed, a blank value
    /// becomes the empty text or array: both are read as null.
    pub(super) fn stored(&self, value: &Value, dialect: Dialect) -> Result<Raw, String> {
        let (name, type_name) = (&self.name, &self.type_name);
        if !self.writable {
            return Err(format!(
                "the column {name:?} is computed by the database; set `direction: target_to_source` for this field \
                 (`source_to_target` where the table is the source)"
            ));
        }
        if value.is_blank() && self.not_null {
            return match self.kind {
                Kind::Text => Ok(Raw::Text(String::new())),
                Kind::Any if dialect == Dialect::Sqlite => Ok(Raw::Text(String::new())),
                Kind::Array => Ok(Raw::Text("{}".to_owned())),
                _ => Err(format!(
                    "the column {name:?} ({type_name}) is NOT NULL and cannot be empty; give it a value, or the field a \
                     default_value"
                )),
            };
        }
        let raw = self.raw(value, dialect)?;
        if let Raw::Text(text) = &raw {
            self.has_place_for(text)?;
        }
        Ok(raw)
    }

    fn has_place_for(&self, text: &str) -> Result<(), String> {
        let (name, type_name) = (&self.name, &self.type_name);
        if !self.labels.is_empty() && !self.labels.iter().any(|label| label == text) {
            let labels = self.labels.join(", ");
            return Err(format!("the column {name:?} ({type_name}) cannot take {text}; it takes {labels}"));
        }
        let length = text.trim_end_matches(' ').chars().count();
        match self.length {
            Some(most) if length > most => Err(format!(
                "the column {name:?} ({type_name}) cannot take a text of {length} characters; it takes {most}"
            )),
            _ => Ok(()),
        }
    }
}

/// True if a column is among the written ones.
pub(super) fn has(values: &[(usize, Raw)], wanted: usize) -> bool {
    values.iter().any(|(position, _)| *position == wanted)
}
