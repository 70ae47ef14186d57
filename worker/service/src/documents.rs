//! Checks whether a document can be stored.

use std::{collections::BTreeMap, path::Path};

use serde_json::Value;
use syncline_connectors::{Availability, check_scope, no_platform, platform};
use syncline_engine::{
    Side,
    nearest::alternatives,
    spec::{Finding, Names, Severity, SyncSpec, check_document},
};

use crate::{Origin, accounts};

/// Checks the keys of a document and of its two places, and the types of their values. If the document can be parsed
/// all the same, its other errors are returned too.
pub fn shape(document: &Value) -> Vec<Finding> {
    let mut findings = check_document(document);
    if !findings.is_empty()
        && let Ok(spec) = serde_json::from_value::<SyncSpec>(document.clone())
    {
        findings.extend(spec.findings().into_iter().filter(|finding| finding.severity == Severity::Error));
    }
    for side in Side::BOTH {
        let name_key = format!("{side}_platform");
        let Some(name) = document[&name_key].as_str() else { continue };
        match platform(name) {
            Some(platform) if document[side.to_string()].is_object() => {
                findings.extend(check_scope(platform, &document[side.to_string()], &side.to_string()));
            }
            Some(_) => {}
            None => findings.push(Finding::error(name_key, no_platform(name))),
        }
    }
    findings
}

/// Reads a document that is JSON: the sync, and the warnings about it. It fails with everything that is wrong.
pub fn read(
    document: &Value,
    folder: Option<&Path>,
    origin: Origin<'_>,
) -> Result<(SyncSpec, Vec<Finding>), Vec<Finding>> {
    let wrong = shape(document);
    if !wrong.is_empty() {
        return Err(wrong);
    }
    // What the shape lets through and the reader does not is an error of this program's tables.
    let spec = serde_json::from_value(document.clone())
        .map_err(|error| vec![Finding::error("", error.to_string())])?;
    let spec = resolve(spec, folder);
    let findings = check(&spec, origin);
    match findings.iter().any(|finding| finding.severity == Severity::Error) {
        true => Err(findings),
        false => Ok((spec, findings)),
    }
}

/// Names are unique within a project: returns the positions of the documents whose name an earlier one has, each with
/// the position of the latest earlier one.
pub fn repeated_names<'a>(specs: impl IntoIterator<Item = &'a SyncSpec>) -> Vec<(usize, usize)> {
    let mut seen = BTreeMap::new();
    let position = |(position, spec): (usize, &'a SyncSpec)| {
        seen.insert((&spec.project, &spec.name), position).map(|earlier| (position, earlier))
    };
    specs.into_iter().enumerate().filter_map(position).collect()
}

/// Returns the document with the platforms' own names in place of aliases, and with absolute paths: relative ones start
/// at the folder. A document over HTTP has no folder, and [`check`] refuses its relative paths.
pub fn resolve(mut spec: SyncSpec, folder: Option<&Path>) -> SyncSpec {
    let SyncSpec { source_platform, source, target_platform, target, .. } = &mut spec;
    for (name, scope) in [(source_platform, source), (target_platform, target)] {
        let Some(platform) = platform(name) else { continue };
        *name = platform.name().to_owned();
        let Some(folder) = folder else { continue };
        let mut json = Value::Object(std::mem::take(scope));
        platform.resolve(&mut json, folder);
        if let Value::Object(resolved) = json {
            *scope = resolved;
        }
    }
    spec
}

/// Runs the remaining checks on a resolved document.
pub fn check(spec: &SyncSpec, origin: Origin<'_>) -> Vec<Finding> {
    let mut findings = spec.findings();
    for (side, name) in [("source", &spec.source_platform), ("target", &spec.target_platform)] {
        if platform(name).is_some_and(|platform| platform.availability() == Availability::Planned) {
            let text = format!(
                "platform {name} has no connector in this version; a run of this sync fails until it has"
            );
            findings.push(Finding::warning(format!("{side}_platform"), text));
        }
    }
    findings.extend(entity(spec));
    findings.extend(accounts::missing(spec));
    findings.extend(removal(spec));
    findings.extend(statuses(spec));
    findings.extend(origin.refusals(spec));
    findings
}

/// Refuses a kind of items that a platform does not have.
fn entity(spec: &SyncSpec) -> Option<Finding> {
    [&spec.source_platform, &spec.target_platform].into_iter().find_map(|name| {
        let entities = platform(name)?.entities();
        if entities.is_empty() || entities.contains(&spec.entity_type.as_str()) {
            return None;
        }
        let text = format!("{name} has no {:?}; it has: {}", spec.entity_type, entities.join(", "));
        Some(Finding::error("entity_type", text))
    })
}

/// Refuses statuses that a platform with statuses of its own does not have.
fn statuses(spec: &SyncSpec) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (position, field) in spec.field_mappings.iter().enumerate() {
        let sides = [
            ("source", &spec.source_platform, &field.source_field, &field.source_statuses),
            ("target", &spec.target_platform, &field.target_field, &field.target_statuses),
        ];
        for (side, name, field, stated) in sides {
            let Some(platform) = platform(name) else { continue };
            let known = platform.statuses(&spec.entity_type, field);
            let known = || known.iter().map(|(name, _)| *name);
            for name in stated.values().flat_map(Names::iter) {
                if known().next().is_some() && !known().any(|known| known == name) {
                    let text = format!(
                        "{field:?} of {} has no status {name:?}; {}",
                        platform.name(),
                        alternatives(name, known(), "it has:")
                    );
                    let path = format!("field_mappings[{position}].{side}_statuses");
                    findings.push(Finding::error(path, text));
                }
            }
        }
    }
    findings
}

/// Refuses a policy that a place which is written to cannot carry out.
fn removal(spec: &SyncSpec) -> Option<Finding> {
    let wanted = spec.delete_policy.removal()?;
    let sides = [
        (Side::Source, &spec.source_platform, &spec.source),
        (Side::Target, &spec.target_platform, &spec.target),
    ];
    sides.into_iter().find_map(|(side, name, scope)| {
        let declared = platform(name)?.declare(&spec.entity_type, &Value::Object(scope.clone())).ok()?;
        if !spec.writes(side) || declared.removals.contains(&wanted) {
            return None;
        }
        let can: String = declared.removals.iter().map(|removal| format!(", {}", removal.as_str())).collect();
        let text = format!("{name} cannot {}; it can: ignore{can}", spec.delete_policy);
        Some(Finding::error("delete_policy", text))
    })
}
