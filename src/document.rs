//! Syncs as YAML: read, checked, and told where they are wrong.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use syncline_connectors::{Availability, platform, platforms};
use syncline_engine::{
    Side,
    spec::{DeletePolicy, Finding, Severity, SyncSpec},
};

use crate::{fault::Fault, positions::Positions};

/// The syncs of a file.
#[derive(Debug)]
pub(crate) struct Document {
    /// Each with what can be said about it.
    pub(crate) syncs: Vec<Checked>,
}

/// A sync and what can be said about it.
#[derive(Debug, Serialize)]
pub(crate) struct Checked {
    /// The sync; its paths are absolute.
    #[serde(skip)]
    pub(crate) spec: SyncSpec,
    /// Its name.
    pub(crate) name: String,
    /// Faults and warnings.
    pub(crate) findings: Vec<Located>,
}

/// A finding and where in the file it stands.
#[derive(Debug, Serialize)]
pub(crate) struct Located {
    /// What is to be said.
    #[serde(flatten)]
    pub(crate) finding: Finding,
    /// Line, from 1.
    pub(crate) line: u64,
    /// Column, from 1.
    pub(crate) column: u64,
}

/// Reads a file of one or more documents; `-` is standard input. What cannot be read at all is a fault that names file,
/// line and column.
pub(crate) fn read(file: &Path) -> Result<Document, Fault> {
    let shown = if file == Path::new("-") { PathBuf::from("<stdin>") } else { file.to_owned() };
    let text = if file == Path::new("-") {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(file)
    };
    let text = text.map_err(|error| Fault::usage(format!("{}: {error}", shown.display())))?;
    let specs: Vec<SyncSpec> =
        from_yaml(&text).map_err(|error| Fault::usage(located(&shown, &text, &error)))?;
    if specs.is_empty() {
        return Err(Fault::usage(format!("{}: holds no sync", shown.display())));
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder =
        std::path::absolute(folder).map_err(|error| Fault::usage(format!("{}: {error}", shown.display())))?;
    let positions = Positions::read(&text);
    let mut seen = BTreeSet::new();
    let check_one = |(place, spec): (usize, SyncSpec)| {
        let twin = !seen.insert((spec.project.clone(), spec.name.clone()));
        let (spec, mut findings) = check(spec, &folder);
        if twin {
            let text =
                format!("{:?} stands in this file twice; names are unique within a project", spec.name);
            findings.push(Finding::error("name", text));
        }
        let located = |finding: Finding| {
            let (line, column) = positions.find(place, &finding.path).unwrap_or((1, 1));
            Located { finding, line, column }
        };
        Checked { name: spec.name.clone(), spec, findings: findings.into_iter().map(located).collect() }
    };
    Ok(Document { syncs: specs.into_iter().enumerate().map(check_one).collect() })
}

/// Only `true` and `false` are booleans: a column may well be called `n`, and a status `no`.
fn from_yaml<T: DeserializeOwned>(text: &str) -> Result<Vec<T>, serde_saphyr::Error> {
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_multiple_with_options(text, options)
}

/// `file:line:column: what is wrong`, and the line itself.
fn located(file: &Path, text: &str, error: &serde_saphyr::Error) -> String {
    let plain = error.without_snippet().to_string();
    let Some(location) = error.location() else { return format!("{}: {plain}", file.display()) };
    let (line, column) = (location.line(), location.column());
    let message = plain.strip_suffix(&format!(" at line {line}, column {column}")).unwrap_or(&plain);
    let message = match message {
        "invalid u32" | "invalid u64" => "expected a whole number, 0 or more",
        other => other,
    };
    let source = text.lines().nth(usize::try_from(line).unwrap_or(1).saturating_sub(1)).unwrap_or_default();
    format!("{}:{line}:{column}: {message}\n  {}", file.display(), source.trim())
}

fn check(mut spec: SyncSpec, folder: &Path) -> (SyncSpec, Vec<Finding>) {
    let mut findings = spec.findings();
    let SyncSpec { source_platform, source, target_platform, target, .. } = &mut spec;
    for (side, name, scope) in [("source", source_platform, source), ("target", target_platform, target)] {
        let Some(platform) = platform(name) else {
            let known: Vec<&str> = platforms().iter().map(|platform| platform.name()).collect();
            let text = format!("there is no platform {name:?}; allowed: {}", known.join(", "));
            findings.push(Finding::error(format!("{side}_platform"), text));
            continue;
        };
        *name = platform.name().to_owned();
        if platform.availability() == Availability::Planned {
            let text = format!(
                "platform {name} has no connector in this version; a run of this sync fails until it has"
            );
            findings.push(Finding::warning(format!("{side}_platform"), text));
        }
        let mut json = Value::Object(std::mem::take(scope));
        if let Err(error) = platform.check(&json) {
            let path =
                if error.field.is_empty() { side.to_owned() } else { format!("{side}.{}", error.field) };
            findings.push(Finding::error(path, error.message.clone()));
        }
        platform.resolve(&mut json, folder);
        if let Value::Object(resolved) = json {
            *scope = resolved;
        }
    }
    findings.extend(removal(&spec));
    (spec, findings)
}

/// The platforms that this version speaks to can delete, and neither close nor archive.
fn removal(spec: &SyncSpec) -> Option<Finding> {
    if !matches!(spec.delete_policy, DeletePolicy::Close | DeletePolicy::Archive) {
        return None;
    }
    let sides = [(Side::Source, &spec.source_platform), (Side::Target, &spec.target_platform)];
    let available = |name: &str| platform(name).is_some_and(|p| p.availability() == Availability::Available);
    let (_, name) = sides.into_iter().find(|(side, name)| spec.writes(*side) && available(name))?;
    let text = format!("{name} cannot {}; it can: ignore, delete", spec.delete_policy);
    Some(Finding::error("delete_policy", text))
}

impl Document {
    /// A fault that lists every error, if there is one.
    pub(crate) fn refuse_errors(&self, file: &Path) -> Result<(), Fault> {
        let errors: Vec<String> = self.told(file, Severity::Error);
        if errors.is_empty() { Ok(()) } else { Err(Fault::usage(errors.join("\n"))) }
    }

    /// What is to be said, a line each: `file:line:column: path: message`.
    pub(crate) fn told(&self, file: &Path, severity: Severity) -> Vec<String> {
        let findings = self.syncs.iter().flat_map(|sync| &sync.findings);
        let wanted = findings.filter(|located| located.finding.severity == severity);
        let line = |located: &Located| {
            let Finding { path, message, .. } = &located.finding;
            format!("{}:{}:{}: {path}: {message}", file.display(), located.line, located.column)
        };
        wanted.map(line).collect()
    }
}
