//! Reads and checks syncs in YAML. Errors have file, line and column.

use std::path::{Path, PathBuf};

use serde::Serialize;
use syncline_engine::spec::{Finding, Severity, SyncSpec};
use syncline_service::{Origin, documents, yaml};

use crate::{
    fault::{Fault, said},
    positions::Positions,
};

#[derive(Debug)]
pub(crate) struct Document {
    /// The file's name in messages.
    file: PathBuf,
    /// Each with its findings.
    pub(crate) syncs: Vec<Checked>,
}

/// A sync and its findings.
#[derive(Debug, Serialize)]
pub(crate) struct Checked {
    /// The document; its paths are absolute.
    #[serde(skip)]
    pub(crate) spec: SyncSpec,
    pub(crate) name: String,
    /// Errors and warnings.
    pub(crate) findings: Vec<Located>,
}

/// A finding and its place in the file.
#[derive(Debug, Serialize)]
pub(crate) struct Located {
    #[serde(flatten)]
    pub(crate) finding: Finding,
    /// From 1.
    pub(crate) line: u64,
    /// From 1.
    pub(crate) column: u64,
}

/// Reads files; for a folder, the `.yaml` and `.yml` files in it. The fault lists the errors of all files.
pub(crate) fn read_all(paths: &[PathBuf]) -> Result<Vec<Document>, Fault> {
    let mut documents: Vec<Document> = Vec::new();
    let mut wrong = Vec::new();
    for file in files(paths)? {
        match read(&file).and_then(|document| document.refuse_errors().map(|()| document)) {
            Ok(document) => documents.push(document),
            Err(fault) => wrong.push(fault.message),
        }
    }
    let syncs: Vec<(&Path, &SyncSpec)> =
        documents.iter().flat_map(|d| d.syncs.iter().map(|sync| (&*d.file, &sync.spec))).collect();
    for (later, earlier) in documents::repeated_names(syncs.iter().map(|(_, spec)| *spec)) {
        let ((file, spec), (other, _)) = (syncs[later], syncs[earlier]);
        wrong.push(format!(
            "{}: name: {:?} stands in {} as well; names are unique within a project",
            file.display(),
            spec.name,
            other.display()
        ));
    }
    if wrong.is_empty() { Ok(documents) } else { Err(Fault::usage(wrong.join("\n"))) }
}

fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Fault> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let fault = |error: std::io::Error| Fault::usage(format!("{}: {}", path.display(), said(&error)));
        let entries =
            std::fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(fault)?;
        let yaml = |path: &PathBuf| path.extension().is_some_and(|end| end == "yaml" || end == "yml");
        let mut within: Vec<PathBuf> = entries.iter().map(std::fs::DirEntry::path).filter(yaml).collect();
        if within.is_empty() {
            return Err(Fault::usage(format!("{}: the folder has no .yaml or .yml file", path.display())));
        }
        within.sort();
        files.append(&mut within);
    }
    Ok(files)
}

/// Reads a file of one or more documents; `-` is standard input. If keys or types of values are wrong, the fault lists
/// every such error with file, line and column.
pub(crate) fn read(file: &Path) -> Result<Document, Fault> {
    let shown = shown(file);
    let text = if file == Path::new("-") {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(file)
    };
    let text = text.map_err(|error| {
        let why = match error.kind() {
            std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
            std::io::ErrorKind::InvalidData => "this is not UTF-8 text; save the file as UTF-8".to_owned(),
            _ => said(&error),
        };
        Fault::usage(format!("{}: {why}", shown.display()))
    })?;
    let misread = |error| Fault::usage(misread(&shown, &text, &error));
    let positions = Positions::read(&text).map_err(misread)?;
    let documents = positions.documents();
    if documents.iter().all(serde_json::Value::is_null) {
        return Err(Fault::usage(format!("{}: holds no sync", shown.display())));
    }
    let wrong: Vec<Located> = documents
        .iter()
        .enumerate()
        .flat_map(|(place, document)| {
            documents::shape(document).into_iter().map(move |finding| (place, finding))
        })
        .map(|(place, finding)| locate(finding, &positions, place))
        .collect();
    if !wrong.is_empty() {
        let wrong: Vec<String> = in_order(wrong.iter()).into_iter().map(|one| one.line_of(&shown)).collect();
        return Err(Fault::usage(wrong.join("\n")));
    }
    let specs: Vec<SyncSpec> = yaml::parse(&text).map_err(misread)?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder =
        std::path::absolute(folder).map_err(|error| Fault::usage(format!("{}: {error}", shown.display())))?;
    let repeated = documents::repeated_names(&specs);
    let check_one = |(place, spec): (usize, SyncSpec)| {
        let twin = repeated.iter().any(|(later, _)| *later == place);
        let spec = documents::resolve(spec, Some(&folder));
        let mut findings = documents::check(&spec, Origin::CommandLine);
        if twin {
            let text =
                format!("{:?} stands in this file twice; names are unique within a project", spec.name);
            findings.push(Finding::error("name", text));
        }
        let findings = findings.into_iter().map(|finding| locate(finding, &positions, place)).collect();
        Checked { name: spec.name.clone(), spec, findings }
    };
    Ok(Document { file: shown.clone(), syncs: specs.into_iter().enumerate().map(check_one).collect() })
}

/// Findings in the order of their places in the file.
fn in_order<'a>(findings: impl Iterator<Item = &'a Located>) -> Vec<&'a Located> {
    let mut findings: Vec<&Located> = findings.collect();
    findings.sort_by_key(|located| (located.line, located.column));
    findings
}

/// The file's name in messages.
fn shown(file: &Path) -> PathBuf {
    if file == Path::new("-") { PathBuf::from("<stdin>") } else { file.to_owned() }
}

fn locate(finding: Finding, positions: &Positions, place: usize) -> Located {
    let (line, column) = positions.find(place, &finding).unwrap_or((1, 1));
    Located { finding, line, column }
}

/// `file:line:column: error`, and the line itself, for text that is not YAML.
fn misread(file: &Path, text: &str, error: &serde_saphyr::Error) -> String {
    let error = error.without_snippet();
    let plain = error.to_string();
    let tab = tab_in_indentation(text);
    let place = error.location().map(|location| (location.line(), location.column()));
    let (place, message) = match (error, tab) {
        (serde_saphyr::Error::DuplicateMappingKey { key, .. }, _) => {
            let key = key.as_deref().unwrap_or("one key");
            (place, format!("the key {key:?} stands here a second time; keep one of the two"))
        }
        (_, Some(tab)) => (Some(tab), "a tab stands in the indentation; indent with spaces".to_owned()),
        _ => {
            let end = place.map(|(line, column)| format!(" at line {line}, column {column}"));
            let plain = end.and_then(|end| plain.strip_suffix(&end)).unwrap_or(&plain);
            (place, format!("not valid YAML: {plain}"))
        }
    };
    let Some((line, column)) = place else { return format!("{}: {message}", file.display()) };
    let source = text.lines().nth(usize::try_from(line).unwrap_or(1).saturating_sub(1)).unwrap_or_default();
    format!("{}:{line}:{column}: {message}\n  {}", file.display(), source.trim())
}

/// Line and column of the first tab in the indentation of a line.
fn tab_in_indentation(text: &str) -> Option<(u64, u64)> {
    (1..).zip(text.lines()).find_map(|(line, text)| {
        let column =
            (1..).zip(text.chars().take_while(|c| [' ', '\t'].contains(c))).find(|(_, c)| *c == '\t')?.0;
        (!text.trim().is_empty()).then_some((line, column))
    })
}

impl Document {
    /// Fails with all errors, if there are any.
    pub(crate) fn refuse_errors(&self) -> Result<(), Fault> {
        let errors: Vec<String> = self.told(Severity::Error);
        if errors.is_empty() { Ok(()) } else { Err(Fault::usage(errors.join("\n"))) }
    }

    /// The findings of this severity, a line each: `file:line:column: path: message`.
    pub(crate) fn told(&self, severity: Severity) -> Vec<String> {
        let findings = self.syncs.iter().flat_map(|sync| &sync.findings);
        let wanted = findings.filter(|located| located.finding.severity == severity);
        in_order(wanted).into_iter().map(|located| located.line_of(&self.file)).collect()
    }
}

impl Located {
    fn line_of(&self, file: &Path) -> String {
        let Finding { path, message, .. } = &self.finding;
        let path = if path.is_empty() { String::new() } else { format!("{path}: ") };
        format!("{}:{}:{}: {path}{message}", file.display(), self.line, self.column)
    }
}
