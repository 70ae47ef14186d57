//! `syncline init`: writes a document for two places, based on their columns.

mod ordered;
mod remote;
mod suggest;

use std::{
    fmt::Write as _,
    fs::OpenOptions,
    io::Write as _,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value, json};
use syncline_connectors::{Look, Opening, address, check_scope, platform};
use syncline_engine::{
    nearest::{alternatives, nearest},
    spec::FieldType,
};

use self::remote::Drafted;
use crate::{
    app,
    cli::InitArgs,
    config::Config,
    fault::{Exit, Fault},
    output::Output,
};

/// Names of columns that contain the time of a row's last change.
const MODIFIED: [&str; 6] =
    ["updated_at", "modified_at", "last_modified", "modified", "updated", "changed_at"];
const MARKER: &str = "sync_marker";

/// A place and its columns.
struct Place {
    platform: &'static str,
    scope: Map<String, Value>,
    look: Look,
    key: String,
}

/// Inspects both places and writes a document. `config` reads the settings, which only accounts need.
pub(crate) async fn run(
    args: &InitArgs,
    config: impl FnOnce() -> Result<Config, Fault>,
    output: &Output,
) -> Result<Exit, Fault> {
    if [args.source(), args.target()].into_iter().any(remote::may_be_account) {
        return with_accounts(args, &config()?, output).await;
    }
    let name = args.name.clone().unwrap_or_else(|| name_of(args));
    let file = file_of(args, &name)?;
    let near = is_near(&file);
    let source = source(args, near).await?;
    let target = target(args, near).await?;
    if source.platform == target.platform && source.scope == target.scope {
        return Err(Fault::usage(format!("{} is named twice; a sync needs two places", args.source())));
    }
    let text = document(&name, &source, &target)?;
    write(args, &name, &file, &text, output)
}

/// The same with at least one place behind an account.
async fn with_accounts(args: &InitArgs, config: &Config, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect_or_imagine(config).await?;
    // The name depends on the places, and only where they are near does the file's name matter to them.
    let near = args.output.as_deref().is_none_or(is_near);
    let source = match remote::account(&db, args.source()).await? {
        Some((account, place)) => Drafted::discovered(config, &db, &account, place).await?,
        None => Drafted::local(source(args, near).await.map_err(|fault| unknown(args.source(), fault))?),
    };
    let target = match remote::account(&db, args.target()).await? {
        Some((account, place)) => Drafted::discovered(config, &db, &account, place).await?,
        None => Drafted::local(target(args, near).await.map_err(|fault| unknown(args.target(), fault))?),
    };
    let name = args.name.clone().or_else(|| source.name()).or_else(|| target.name());
    let name = name.unwrap_or_else(|| name_of(args));
    let file = file_of(args, &name)?;
    let text = remote::document(&name, &source, &target)?;
    write(args, &name, &file, &text, output)
}

/// A place that is neither a file nor of an account.
fn unknown(given: &str, fault: Fault) -> Fault {
    if !remote::may_be_account(given) {
        return fault;
    }
    let account = given.split('/').next().unwrap_or_default();
    Fault::usage(format!("{}; nor is there an account {account:?}: see `syncline accounts`", fault.message))
}

async fn source(args: &InitArgs, near: bool) -> Result<Place, Fault> {
    place(args.source(), args.source_table.as_deref(), args.key.as_deref(), near, "--source-table").await
}

async fn target(args: &InitArgs, near: bool) -> Result<Place, Fault> {
    place(args.target(), args.table.as_deref(), args.key.as_deref(), near, "--table").await
}

/// True if the document is written into the present folder, so that relative paths in it mean the same.
fn is_near(file: &Path) -> bool {
    file.parent().is_none_or(|folder| folder.as_os_str().is_empty())
}

/// The file to write, which must not be there.
fn file_of(args: &InitArgs, name: &str) -> Result<PathBuf, Fault> {
    let file = args.output.clone().unwrap_or_else(|| PathBuf::from(format!("{name}.yaml")));
    if file.exists() && !args.force {
        return Err(Fault::usage(format!(
            "{} is there already; -o FILE writes another one, --force replaces it",
            file.display()
        )));
    }
    Ok(file)
}

fn write(args: &InitArgs, name: &str, file: &Path, text: &str, output: &Output) -> Result<Exit, Fault> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).create_new(!args.force);
    let written = options.open(file).and_then(|mut open| open.write_all(text.as_bytes()));
    written.map_err(|error| Fault::failed(format!("{}: {error}", file.display())))?;
    output.line(format!("wrote {}", file.display()));
    if [args.source(), args.target()].into_iter().any(has_password) {
        output.note(
            "a password stands in it; with env:VARIABLE in place of the URL it stays out of the document",
        );
    }
    output.line(format!("next: syncline plan -f {0}, then syncline apply {0}", file.display()));
    output.data(&json!({ "file": file, "name": name }));
    Ok(Exit::Done)
}

/// The name of the sync: that of the target's table, or of the file.
fn name_of(args: &InitArgs) -> String {
    let stem = |text: &str| Path::new(text).file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let name = args.table.clone().or_else(|| stem(args.source())).unwrap_or_default();
    let safe = name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' });
    let safe: String = safe.take(100).collect();
    if safe.is_empty() { "sync".to_owned() } else { safe }
}

/// True if a URL contains a password.
fn has_password(given: &str) -> bool {
    let user = given.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@'));
    user.is_some_and(|(user, _)| user.contains(':'))
}

async fn place(
    given: &str,
    table: Option<&str>,
    key: Option<&str>,
    near: bool,
    flag: &str,
) -> Result<Place, Fault> {
    if !given.contains("://") && address::may_hold_password(given) && !Path::new(given).exists() {
        return Err(Fault::usage(
            "a place is neither a file nor an address that can be read; write postgres://USER:PASSWORD@HOST/DATABASE, or \
             env:NAME for a variable that holds it",
        ));
    }
    let is_url = given.contains("://") || given.starts_with("sqlite:");
    let (name, mut scope) = match given.strip_prefix("env:") {
        Some(variable) => ("sql", json!({ "url": { "env": variable } })),
        None if is_url => ("sql", json!({ "url": given })),
        None => ("csv", json!({ "path": given })),
    };
    if name == "sql" {
        let Some(table) = table else {
            return Err(Fault::usage(format!("{flag} TABLE must name the table of the database")));
        };
        scope["table"] = json!(table);
    }
    let platform = platform(name).ok_or_else(|| Fault::failed("no such platform"))?;
    if let Some(finding) = check_scope(platform, &scope, "").first() {
        return Err(Fault::usage(finding.message.clone()));
    }
    let mut absolute = scope.clone();
    platform.resolve(&mut absolute, &std::env::current_dir()?);
    let look =
        platform.look(&Opening::new(&absolute)).await.map_err(|error| Fault::usage(error.to_string()))?;
    let key = choose_key(&look, key, given)?;
    let scope = if near { scope } else { absolute };
    let Value::Object(mut scope) = scope else { return Err(Fault::failed("a scope has keys")) };
    scope.extend(look.scope.clone());
    scope.insert("key".to_owned(), json!(key));
    let has = |name: &str| look.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name));
    if let Some(modified) = MODIFIED.iter().find_map(|name| has(name)) {
        scope.insert("modified".to_owned(), json!(modified.name));
    }
    if name == "sql"
        && let Some(marker) = has(MARKER)
    {
        scope.insert("marker".to_owned(), json!(marker.name));
    }
    Ok(Place { platform: name, scope, look, key })
}

/// The requested column, else a unique one called `id` or `key`, else the first unique one.
fn choose_key(look: &Look, asked: Option<&str>, place: &str) -> Result<String, Fault> {
    let columns = || look.columns.iter().map(|column| column.name.as_str());
    if let Some(asked) = asked {
        if columns().any(|column| column == asked) {
            return Ok(asked.to_owned());
        }
        let known = alternatives(asked, columns(), "the columns are");
        let place = if place.contains("://") { "the table" } else { place };
        return Err(Fault::usage(format!("{place} has no column {asked:?} for --key; {known}")));
    }
    let keys = || look.keys.iter().filter(|key| *key != MARKER);
    let usual = keys().find(|key| ["id", "key"].contains(&key.to_ascii_lowercase().as_str()));
    let usual = usual.or_else(|| keys().find(|key| key.to_ascii_lowercase().ends_with("id")));
    usual.or_else(|| keys().next()).cloned().ok_or_else(|| {
        Fault::usage("no column is unique, so none can be the key; add a primary key or a unique index")
    })
}

/// Each column of the source that matches one of the target, with both names and the type.
fn pairs<'a>(source: &'a Place, target: &'a Place) -> Vec<(&'a str, &'a str, FieldType)> {
    let free = |place: &'a Place| -> Vec<&'a str> {
        let own = ["modified", "marker"].map(|key| place.scope.get(key).and_then(Value::as_str));
        let columns = place.look.columns.iter().filter(|column| column.writable || column.name == place.key);
        columns.map(|column| column.name.as_str()).filter(|name| !own.contains(&Some(name))).collect()
    };
    let (mut left, mut right) = (free(source), free(target));
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    let plain = |name: &str| -> String {
        name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    let equal = |a: &str, b: &str| plain(a) == plain(b);
    let begins = |a: &str, b: &str| {
        let (a, b) = (plain(a), plain(b));
        a.len().min(b.len()) >= 3
            && (a.starts_with(&b) || b.starts_with(&a) || a.ends_with(&b) || b.ends_with(&a))
    };
    let similar = |a: &str, b: &str| nearest(a, [b]).is_some_and(|_| a.len().min(b.len()) >= 4);
    let keys = |a: &str, b: &str| a == source.key && b == target.key;
    type Fits<'a> = &'a dyn Fn(&str, &str) -> bool;
    let rules: [Fits<'_>; 4] = [&keys, &equal, &begins, &similar];
    for fits in rules {
        left.retain(|a| {
            let is_key = *a == source.key;
            let found = right.iter().position(|b| is_key == (*b == target.key) && fits(a, b));
            if let Some(place) = found {
                pairs.push((a, right.remove(place)));
            }
            found.is_none()
        });
    }
    let place = |name: &str| source.look.columns.iter().position(|column| column.name == name);
    pairs.sort_by_key(|(a, _)| place(a));
    let of = |place: &Place, name: &str| {
        let column = place.look.columns.iter().find(|column| column.name == name);
        column.map_or(FieldType::String, |column| column.field_type)
    };
    let common = |a: &str, b: &str| match (of(source, a), of(target, b)) {
        (FieldType::String, other) => other,
        (other, _) => other,
    };
    pairs.into_iter().map(|(a, b)| (a, b, common(a, b))).collect()
}

fn document(name: &str, source: &Place, target: &Place) -> Result<String, Fault> {
    let pairs = pairs(source, target);
    if pairs.is_empty() {
        return Err(Fault::usage(
            "no column of the source is called like one of the target; write the mapping by hand",
        ));
    }
    let mut text =
        String::from("# Written by `syncline init`. Check the mapping, then: syncline plan -f FILE\n");
    // Writing to a String does not fail. JSON is valid YAML, so quoted text needs no special rules.
    let _ = writeln!(text, "name: {}", json!(name));
    for (side, place) in [("source", source), ("target", target)] {
        let _ = writeln!(text, "{side}_platform: {}", place.platform);
        let _ = writeln!(text, "{side}: {}", Value::Object(place.scope.clone()));
    }
    let _ = writeln!(text, "direction: bidirectional");
    if let Some((key, ..)) = pairs.iter().find(|(a, ..)| *a == source.key) {
        let _ = writeln!(text, "match_on: [{}]", json!(key));
    }
    let _ = writeln!(text, "field_mappings:");
    for (a, b, kind) in &pairs {
        let types = match kind {
            FieldType::String => String::new(),
            kind => format!(", source_type: {kind}, target_type: {kind}"),
        };
        let _ = writeln!(text, "  - {{ source_field: {}, target_field: {}{types} }}", json!(a), json!(b));
    }
    for (side, place) in [("source", source), ("target", target)] {
        let mapped =
            |name: &str| pairs.iter().any(|(a, b, _)| if side == "source" { *a == name } else { *b == name });
        let used = |name: &str| place.scope.values().any(|value| value == name);
        let names = place.look.columns.iter().map(|column| column.name.as_str());
        let rest: Vec<String> =
            names.filter(|name| !mapped(name) && !used(name)).map(|name| json!(name).to_string()).collect();
        if !rest.is_empty() {
            let _ = writeln!(text, "# not mapped, of the {side}: {}", rest.join(", "));
        }
    }
    Ok(text)
}
