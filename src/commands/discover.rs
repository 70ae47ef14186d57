//! `syncline discover`: what an account can see.

use serde_json::{Map, Value, json};
use syncline_connectors::{Catalogue, Discover, scope_of};
use syncline_service::{
    accounts::{self, KnownAccount},
    syncs::display_name,
};
use syncline_worker::Environment;

use super::accounts::Reach;
use crate::{
    app,
    cli::DiscoverArgs,
    config::Config,
    fault::{Exit, Fault},
    output::{Output, list, text},
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
        let (name, project) = (&account.row.name, &account.project);
        let found = json!({ "account": name, "project": project, "places": catalogue.containers });
        tell_places(&found, output);
        return Ok(Exit::Done);
    };
    let scope = scope(reach.platform, &account.row.name, place)?;
    let found = reach.discover(Discover::Container(&Value::Object(scope.clone()))).await;
    reach.release().await;
    let catalogue = found.map_err(|error| Fault::failed(error.to_string()))?;
    let found = json!({
        "account": account.row.name, "project": account.project, "place": place, "scope": scope,
        "fields": catalogue.fields, "statuses": catalogue.statuses, "people": catalogue.people,
    });
    tell_contents(&found, output);
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

/// Prints the places of an account.
pub(crate) fn tell_places(document: &Value, output: &Output) {
    output.data(document);
    let account = display_name(&text(document, "project"), &text(document, "account"));
    let places = list(document, "places");
    let Some(first) = places.first() else {
        output.line(format!(
            "the account {account} sees no place; `syncline accounts check {account}` says what it may do"
        ));
        return;
    };
    let line = |place: &Value| {
        let access = if place["writable"] == true { "read, write" } else { "read" };
        vec![text(place, "name"), access.to_owned(), text(place, "title")]
    };
    output.table(&["place", "access", "title"], places.iter().map(line).collect());
    output.line(format!("what one of them has: syncline discover {account} {}", text(first, "name")));
}

/// Prints what a place has.
pub(crate) fn tell_contents(document: &Value, output: &Output) {
    output.data(document);
    output.headline(&format!("fields of {}", text(document, "place")));
    let line = |field: &Value| {
        let all: Vec<&str> = list(field, "options").iter().filter_map(Value::as_str).collect();
        let written = match (field["writable"] == true, field["required"] == true) {
            (false, _) => "no",
            (true, true) => "required",
            (true, false) => "yes",
        };
        vec![text(field, "name"), text(field, "field_type"), written.to_owned(), options(&all)]
    };
    let fields = list(document, "fields").iter().map(line).collect();
    output.table(&["field", "type", "written", "options"], fields);
    let statuses = list(document, "statuses");
    if !statuses.is_empty() {
        output.headline("statuses");
        let line = |status: &Value| vec![text(status, "name"), text(status, "canonical")];
        output.table(&["status", "means"], statuses.iter().map(line).collect());
    }
    let people = list(document, "people");
    output.headline(&count(people.len() as u64, "person", "people"));
    let line = |person: &Value| vec![text(person, "login"), text(person, "name"), text(person, "email")];
    output.table(&["login", "name", "e-mail"], people.iter().map(line).collect());
    output.line(format!("in a document: source: {}", document["scope"]));
}

/// As many options as fit.
fn options(all: &[&str]) -> String {
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
        assert_eq!(options(&["open", "closed"]), "open, closed");
        assert_eq!(
            options(&["one that is rather long", "two", "and another long one"]),
            "one that is rather long, two, …"
        );
        assert_eq!(options(&[&"x".repeat(50)]), "…");
    }
}
