//! People in YAML and CSV files.

use std::{io::Read, path::Path};

use sea_orm::DatabaseConnection;
use serde_json::{Value, json};
use syncline_service::{
    Caller,
    people::{self, Entry},
};

use crate::{
    cli::{PeopleExportArgs, PeopleFormat, PeopleImportArgs},
    fault::{Exit, Fault, said},
    output::Output,
    words::count,
};

/// Maps the people of a file.
pub(super) async fn import(
    db: &DatabaseConnection,
    caller: &Caller,
    project: &str,
    args: &PeopleImportArgs,
    output: &Output,
) -> Result<Exit, Fault> {
    let entries = read(args)?;
    let done = people::import(db, caller, project, &entries).await;
    let done = done.map_err(|error| of_file(args, error.into()))?;
    let done = json!({ "people": done.people, "identities": done.identities, "new": done.new });
    tell_imported(project, &done, output);
    Ok(Exit::Done)
}

/// An error about the content of a file, with the file's name.
pub(crate) fn of_file(args: &PeopleImportArgs, mut fault: Fault) -> Fault {
    fault.message = format!("{}: {}", args.file.display(), fault.message);
    fault
}

/// Reads the people of a file.
pub(crate) fn read(PeopleImportArgs { file, format }: &PeopleImportArgs) -> Result<Vec<Entry>, Fault> {
    let name = file.display();
    let text = match file.to_str() {
        Some("-") => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map(|_| text)
        }
        _ => std::fs::read_to_string(file),
    };
    let text = text.map_err(|error| Fault::usage(format!("{name}: {}", said(&error))))?;
    Ok(match (format_of(*format, Some(file.as_path())), text.trim()) {
        (_, "") => Vec::new(),
        (PeopleFormat::Csv, _) => {
            people::from_csv(&text).map_err(|error| Fault::usage(format!("{name}: {error}")))?
        }
        (PeopleFormat::Yaml, text) => serde_saphyr::from_str(text).map_err(|error| {
            let keys = "a list of people, each with name, email, accounts { ACCOUNT: LOGIN } and texts";
            Fault::usage(format!("{name}: must be {keys}: {error}"))
        })?,
    })
}

/// Prints what an import did.
pub(crate) fn tell_imported(project: &str, done: &Value, output: &Output) {
    let number = |key: &str| done[key].as_u64().unwrap_or(0);
    output.data(&json!({
        "project": project, "people": done["people"], "identities": done["identities"], "new": done["new"],
    }));
    output.line(format!(
        "mapped {} with {}, {} of them new",
        count(number("people"), "person", "people"),
        count(number("identities"), "identity", "identities"),
        number("new")
    ));
}

/// The form of a file, by its name if none is given.
fn format_of(given: Option<PeopleFormat>, file: Option<&Path>) -> PeopleFormat {
    let is_csv = |file: &Path| file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv"));
    given.unwrap_or(if file.is_some_and(is_csv) { PeopleFormat::Csv } else { PeopleFormat::Yaml })
}

/// Writes the people of a project.
pub(super) async fn export(
    db: &DatabaseConnection,
    project: &str,
    args: &PeopleExportArgs,
    output: &Output,
) -> Result<Exit, Fault> {
    let id = people::project(db, project).await?.id;
    write(project, &people::export(&people::list(db, id).await?), args, output)
}

/// Writes people into a file, or prints them.
pub(crate) fn write(
    project: &str,
    entries: &[Entry],
    PeopleExportArgs { output: file, format }: &PeopleExportArgs,
    output: &Output,
) -> Result<Exit, Fault> {
    let text = match format_of(*format, file.as_deref()) {
        PeopleFormat::Csv => people::to_csv(entries)?,
        PeopleFormat::Yaml => {
            serde_saphyr::to_string(&entries).map_err(|error| Fault::failed(error.to_string()))?
        }
    };
    match file {
        Some(file) => {
            std::fs::write(file, text)
                .map_err(|error| Fault::usage(format!("{}: {}", file.display(), said(&error))))?;
            output.data(&json!({ "project": project, "people": entries.len(), "file": file }));
            let people = count(entries.len() as u64, "person", "people");
            output.line(format!("wrote {people} into {}", file.display()));
        }
        None => {
            output.data(&json!({ "project": project, "people": entries }));
            output.verbatim(text.trim_end());
        }
    }
    Ok(Exit::Done)
}
