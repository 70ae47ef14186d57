//! Checks a well-formed document for errors in its content.

use std::collections::{BTreeMap, BTreeSet};

use super::{Direction, FieldSpec, SyncSpec};
use crate::nearest::alternatives;

/// A remark on a document.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    pub severity: Severity,
    /// The path of the key: `field_mappings[2].values`.
    pub path: String,
    /// What is wrong and how to correct it.
    pub message: String,
    /// True if the finding is about the key itself and not about its value.
    #[serde(skip)]
    pub at_key: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The document cannot be used.
    Error,
    /// The document is stored, but a run of it may fail.
    Warning,
}

impl Finding {
    /// A finding that makes the document unusable.
    pub fn error(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, path: path.into(), message: message.into(), at_key: false }
    }

    /// A finding that leaves the document usable.
    pub fn warning(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, path: path.into(), message: message.into(), at_key: false }
    }
}

impl SyncSpec {
    /// The findings about a document with valid keys and kinds of values. Calls no platform.
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (path, name) in [("name", &self.name), ("project", &self.project)] {
            let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            if name.is_empty() || name.len() > 100 || !name.chars().all(allowed) {
                findings.push(Finding::error(
                    path,
                    format!("{name:?} is no name: use 1 to 100 letters, digits, '-', '_' or '.'"),
                ));
            }
        }
        if self.entity_type.is_empty() {
            findings
                .push(Finding::error("entity_type", "is empty; name the kind of items, for example task"));
        }
        if !(self.retry_delay.is_finite() && (0.0..=86_400.0).contains(&self.retry_delay)) {
            findings.push(Finding::error(
                "retry_delay",
                format!("{} is not between 0 and 86400", self.retry_delay),
            ));
        }
        findings.extend(self.timetable().err().unwrap_or_default());
        self.check_fields(&mut findings);
        findings
    }

    fn check_fields(&self, findings: &mut Vec<Finding>) {
        if self.field_mappings.is_empty() {
            findings.push(Finding::error("field_mappings", "is empty; map at least one field"));
        }
        let mut seen: [BTreeMap<&str, usize>; 2] = Default::default();
        for (position, field) in self.field_mappings.iter().enumerate() {
            let path = format!("field_mappings[{position}]");
            for (names, name, key) in
                [(0, &field.source_field, "source_field"), (1, &field.target_field, "target_field")]
            {
                if name.is_empty() {
                    findings.push(Finding::error(format!("{path}.{key}"), "is empty"));
                } else if let Some(first) = seen[names].insert(name, position) {
                    findings.push(Finding::error(
                        format!("{path}.{key}"),
                        format!("{name:?} is mapped already by field_mappings[{first}]"),
                    ));
                }
            }
            if field.bidirectional == Some(true)
                && field.direction.is_some_and(|d| d != Direction::Bidirectional)
            {
                findings.push(Finding::error(format!("{path}.direction"), "contradicts bidirectional: true"));
            }
            check_values(field, self.flow(field), &path, findings);
            field.check_statuses(&path, findings);
            if let Some(transform) = &field.transform {
                findings.push(Finding::warning(
                    format!("{path}.transform"),
                    format!(
                        "this version has no transform {transform:?}; a run of this sync fails until it has"
                    ),
                ));
            }
        }
        let mapped: BTreeSet<&str> =
            self.field_mappings.iter().map(|field| field.source_field.as_str()).collect();
        for (position, name) in self.match_on.iter().enumerate() {
            if !mapped.contains(name.as_str()) {
                findings.push(Finding::error(
                    format!("match_on[{position}]"),
                    format!(
                        "{name:?} is not the source_field of a mapping; {}",
                        alternatives(name, mapped.iter().copied(), "mapped are:")
                    ),
                ));
            }
        }
    }

    /// The direction of a field within the sync's direction.
    pub fn flow(&self, field: &FieldSpec) -> Direction {
        let wanted = match (field.direction, field.bidirectional) {
            (Some(direction), _) => direction,
            (None, Some(false)) => Direction::SourceToTarget,
            // A transform works in one direction only; without its inverse the way back would undo it.
            (None, None) if field.transform.is_some() => Direction::SourceToTarget,
            (None, _) => Direction::Bidirectional,
        };
        match (self.direction, wanted) {
            (Direction::Bidirectional, wanted) => wanted,
            (sync, _) => sync,
        }
    }
}

/// A value map that cannot be inverted needs `back` if values flow back.
fn check_values(field: &FieldSpec, flow: Direction, path: &str, findings: &mut Vec<Finding>) {
    if flow == Direction::SourceToTarget || field.values.is_empty() || !field.back.is_empty() {
        return;
    }
    let mut sources: BTreeMap<String, &str> = BTreeMap::new();
    for (source, target) in &field.values {
        if let Some(first) = sources.insert(target.to_string(), source) {
            findings.push(Finding::error(
                format!("{path}.values"),
                format!(
                    "{first:?} and {source:?} both become {target}: say with `back: {{ {target}: ... }}` which one comes \
                     back, or set bidirectional: false"
                ),
            ));
        }
    }
}
