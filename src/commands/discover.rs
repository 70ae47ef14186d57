//! `syncline discover`: what an account can see.

use serde_json::{Map, Value, json};
use syncline_connectors::{Catalogue, Discover, scope_of};
use syncline_service::accounts::{self, KnownAccount};
use syncline_worker::Environment;

use super::accounts::Reach;
use crate::{
    app,
    cli::DiscoverArgs,
    config::Config,
    fault::{Exit, Fault},
    output::Output,
    words::count,
};

/// Characters of a field's options shown; `--json` has all of them. The table fits 80 columns with so many.
const OPTIONS_SHOWN: usize = 40;

/// Lists the places of an account, or what one of them has.
pub(crate) async fn run(config: &Config, args: &DiscoverArgs, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect_or_imagine(config).await?;
    let account = accounts::find(&db, &args.account).await?;
    let reach = Reach::of(config, &db, &account).await?;
    let Some(place) = &args.place else {
        let found = reach.discover(Discover::Containers).await;
        reach.release().await;
        let catalogue = found.map_err(|error| Fault::failed(error.to_string()))?;
        output.data(&json!({ "account": account.row.name, "project": account.project, "places": catalogue.containers }));
        places(&account.to_string(), &catalogue, output);
        return Ok(Exit::Done);
    };
    let scope = scope(reach.platform, &account.row.name, place)?;
    let found = reach.discover(Discover::Container(&Value::Object(scope.clone()))).await;
    reach.release().await;
    let catalogue = found.map_err(|error| Fault::failed(error.to_string()))?;
    output.data(&json!({
        "account": account.row.name, "project": account.project, "place": place, "scope": scope,
        "fields": catalogue.fields, "statuses": catalogue.statuses, "people": catalogue.people,
    }));
    contents(place, &catalogue, output);
    output.line(format!("in a document: source: {}", Value::Object(scope)));
    Ok(Exit::Done)
}

/// What an account can see: its places, or what one of them has.
pub(crate) async fn catalogue(
    environment: &Environment,
    account: &KnownAccount,
    place: Option<&str>,
) -> Result<Catalogue, Fault> {
    let reach = Reach::within(environment, account).await?;
    let found = match place {
        None => reach.discover(Discover::Containers).await,
        Some(place) => {
            let scope = Value::Object(scope(reach.platform, &account.row.name, place)?);
            reach.discover(Discover::Container(&scope)).await
        }
    };
    reach.release().await;
    found.map_err(|error| Fault::failed(error.to_string()))
}

/// The scope of a place of an account.
pub(crate) fn scope(
    platform: &dyn syncline_connectors::Platform,
    account: &str,
    place: &str,
) -> Result<Map<String, Value>, Fault> {
    let mut scope = scope_of(platform, place).ok_or_else(|| {
        Fault::usage(format!("the places of {} have no names; write the scope by hand", platform.name()))
    })?;
    scope.insert("account".to_owned(), json!(account));
    let json = Value::Object(scope.clone());
    match syncline_connectors::check_scope(platform, &json, "").first() {
        Some(finding) => {
            Err(Fault::usage(format!("{}: {}", finding.path.trim_start_matches('.'), finding.message)))
        }
        None => Ok(scope),
    }
}

fn places(account: &str, catalogue: &Catalogue, output: &Output) {
    if catalogue.containers.is_empty() {
        output.line(format!(
            "the account {account} sees no place; `syncline accounts check {account}` says what it may do"
        ));
        return;
    }
    let line = |place: &syncline_connectors::Container| {
        let access = if place.writable { "read, write" } else { "read" };
        vec![place.name.clone(), access.to_owned(), place.title.clone().unwrap_or_default()]
    };
    output.table(&["place", "access", "title"], catalogue.containers.iter().map(line).collect());
    if let Some(first) = catalogue.containers.first() {
        output.line(format!("what one of them has: syncline discover {account} {}", first.name));
    }
}

fn contents(place: &str, catalogue: &Catalogue, output: &Output) {
    output.headline(&format!("fields of {place}"));
    let line = |field: &syncline_connectors::Field| {
        let options = options(&field.options);
        let written = match (field.writable, field.required) {
            (false, _) => "no",
            (true, true) => "required",
            (true, false) => "yes",
        };
        vec![field.name.clone(), field.field_type.to_string(), written.to_owned(), options]
    };
    output.table(&["field", "type", "written", "options"], catalogue.fields.iter().map(line).collect());
    if !catalogue.statuses.is_empty() {
        output.headline("statuses");
        let line =
            |status: &syncline_connectors::Status| vec![status.name.clone(), status.canonical.to_owned()];
        output.table(&["status", "means"], catalogue.statuses.iter().map(line).collect());
    }
    output.headline(&count(catalogue.people.len() as u64, "person", "people"));
    let line = |person: &syncline_connectors::Person| {
        vec![
            person.login.clone(),
            person.name.clone().unwrap_or_default(),
            person.email.clone().unwrap_or_default(),
        ]
    };
    output.table(&["login", "name", "e-mail"], catalogue.people.iter().map(line).collect());
}

/// As many options as fit.
fn options(all: &[String]) -> String {
    let mut shown = String::new();
    for option in all {
        let gap = if shown.is_empty() { "" } else { ", " };
        if shown.chars().count() + gap.len() + option.chars().count() > OPTIONS_SHOWN {
            return format!("{shown}{gap}…");
        }
        shown.push_str(gap);
        shown.push_str(option);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_options_that_fit_are_shown() {
        let all = |names: &[&str]| -> Vec<String> { names.iter().map(|name| (*name).to_owned()).collect() };
        assert_eq!(options(&all(&["open", "closed"])), "open, closed");
        assert_eq!(
            options(&all(&["one that is rather long", "two", "and another long one"])),
            "one that is rather long, two, …"
        );
        assert_eq!(options(&all(&[&"x".repeat(50)])), "…");
    }
}
