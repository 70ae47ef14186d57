//! The statuses of a side as a document names them: per category one name, or several, the preferred one first.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{Category, FieldSpec, FieldType, Finding};

/// Names of statuses by category.
pub type StatusNames = BTreeMap<Category, Names>;

/// One name, or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Names {
    One(String),
    Several(Vec<String>),
}

impl Names {
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let names = match self {
            Names::One(name) => std::slice::from_ref(name),
            Names::Several(names) => names.as_slice(),
        };
        names.iter().map(String::as_str)
    }
}

/// Checks names by category at this path.
pub(super) fn check(value: &Json, path: &str) -> Vec<Finding> {
    let Some(object) = value.as_object() else {
        let text = "must be categories and names, for example { in_review: [Review, QA], done: Released }";
        return vec![Finding::error(path, text)];
    };
    let mut findings = Vec::new();
    let mut known = BTreeSet::new();
    for (category, names) in object {
        let path = format!("{path}.{category}");
        match Category::parse(category) {
            Err(why) => {
                findings.push(Finding { at_key: true, ..Finding::error(path, why) });
                continue;
            }
            Ok(category) if !known.insert(category) => {
                findings.push(Finding::error(path, "the same category as another key; write one list"));
                continue;
            }
            Ok(_) => {}
        }
        let is_name = |name: &Json| name.as_str().is_some_and(|name| !name.trim().is_empty());
        let all = match names {
            Json::Array(names) => !names.is_empty() && names.iter().all(is_name),
            name => is_name(name),
        };
        if !all {
            findings
                .push(Finding::error(path, "must be a name, or a list of names, the preferred one first"));
        }
    }
    findings
}

impl FieldSpec {
    /// Checks what belongs to statuses alone.
    pub(super) fn check_statuses(&self, path: &str, findings: &mut Vec<Finding>) {
        let is_status = [self.source_type, self.target_type].contains(&FieldType::Status);
        let stated = [("source_statuses", &self.source_statuses), ("target_statuses", &self.target_statuses)];
        for (key, statuses) in stated {
            if !statuses.is_empty() && !is_status {
                let text = "belongs to statuses; set source_type and target_type to status";
                findings.push(Finding::error(format!("{path}.{key}"), text));
            }
            let mut seen: BTreeMap<&str, Category> = BTreeMap::new();
            for (category, name) in
                statuses.iter().flat_map(|(category, names)| names.iter().map(move |name| (*category, name)))
            {
                if let Some(first) = seen.insert(name, category) {
                    let text = format!("{name:?} is in {first} already; a status has one category");
                    findings.push(Finding::error(format!("{path}.{key}.{category}"), text));
                }
            }
        }
        if !is_status && self.status_matching != super::default_matching() {
            let text = "belongs to statuses; set source_type and target_type to status";
            findings.push(Finding::error(format!("{path}.status_matching"), text));
        }
        check_types(self, path, findings);
    }
}

/// A set, a person and a status keep their meaning only in a field that holds text or lists.
fn check_types(field: &FieldSpec, path: &str, findings: &mut Vec<Finding>) {
    use FieldType::{Array, Json, People, Person, Set, Status, String};
    let (source, target) = (field.source_type, field.target_type);
    for (kind, other, key) in [(source, target, "target_type"), (target, source, "source_type")] {
        let fits: &[FieldType] = match kind {
            Set => &[Set, Array, String, Json],
            Person | People => &[Person, People, Array, String, Json],
            Status => &[Status, String],
            _ => continue,
        };
        if !fits.contains(&other) {
            let names: Vec<&str> = fits.iter().map(|kind| kind.as_str()).collect();
            let text =
                format!("{other} cannot hold what the other side has, a {kind}; use {}", names.join(", "));
            findings.push(Finding::error(format!("{path}.{key}"), text));
        }
    }
}
