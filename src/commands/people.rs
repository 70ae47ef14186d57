//! `syncline people`: who is who on other platforms.

pub(crate) mod file;

use sea_orm::DatabaseConnection;
use serde_json::{Value, json};
use syncline_api::routes::people::view;
use syncline_connectors::Discover;
use syncline_service::{
    accounts,
    people::{self, Mapped},
};

use super::{accounts::Reach, discover::scope};
use crate::{
    app,
    cli::{PeopleAction, PeopleArgs, PeopleSyncArgs},
    config::Config,
    fault::{Exit, Fault},
    output::{Output, list as entries, text},
    words::count,
};

/// Carries out what is asked of people.
pub(crate) async fn run(config: &Config, args: &PeopleArgs, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect(config).await?;
    let project = &args.project;
    match &args.action {
        None | Some(PeopleAction::List) => list(&db, project, output).await,
        Some(PeopleAction::Sync(args)) => sync(config, &db, project, args, output).await,
        Some(PeopleAction::Map(args)) => {
            mapped(&people::map(&db, &config.caller(), project, &args.person, &args.identity).await?, output)
        }
        Some(PeopleAction::Unmap(args)) => {
            let done = people::unmap(&db, &config.caller(), project, &args.identity).await?;
            tell_unmapped(&json!(view(&done.person)), &args.identity, output);
            Ok(Exit::Done)
        }
        Some(PeopleAction::Import(args)) => file::import(&db, &config.caller(), project, args, output).await,
        Some(PeopleAction::Export(args)) => file::export(&db, project, args, output).await,
    }
}

async fn list(db: &DatabaseConnection, project: &str, output: &Output) -> Result<Exit, Fault> {
    let id = people::project(db, project).await?.id;
    let people = people::list(db, id).await?;
    tell_list(&json!({ "project": project, "people": people.iter().map(view).collect::<Vec<_>>() }), output);
    Ok(Exit::Done)
}

/// Prints people.
pub(crate) fn tell_list(document: &Value, output: &Output) {
    output.data(document);
    let people = entries(document, "people");
    if people.is_empty() {
        output.line(
            "no people are known yet; `syncline people sync ACCOUNT PLACE` asks an account, and `syncline people map` adds one",
        );
        return;
    }
    let mut lines = Vec::new();
    for person in people {
        let mut name = text(person, "name");
        for identity in entries(person, "identities") {
            lines.push(vec![
                std::mem::take(&mut name),
                shown(identity),
                text(identity, "email"),
                how(&text(identity, "matched_by")).to_owned(),
            ]);
        }
    }
    output.table(&["person", "identity", "e-mail", ""], lines);
    let alone = people.iter().filter(|person| entries(person, "identities").len() == 1).count() as u64;
    output.line(format!("{}, {alone} with one identity", count(people.len() as u64, "person", "people")));
}

/// An identity as commands take it.
pub(crate) fn shown(identity: &Value) -> String {
    let word = identity["login"].as_str().or(identity["id"].as_str()).unwrap_or_default();
    match identity["account"].as_str() {
        Some(account) => format!("{account}:{word}"),
        None => word.to_owned(),
    }
}

/// How an identity came to its person, in words.
fn how(matched_by: &str) -> &str {
    match matched_by {
        "email" => "matched by e-mail",
        "name" => "matched by name",
        "hand" => "mapped by hand",
        "apart" => "kept apart",
        _ => "",
    }
}

async fn sync(
    config: &Config,
    db: &DatabaseConnection,
    project: &str,
    args: &PeopleSyncArgs,
    output: &Output,
) -> Result<Exit, Fault> {
    let name = match project {
        "default" => args.account.clone(),
        project => format!("{project}/{}", args.account),
    };
    let account = accounts::saved(db, accounts::find(db, &name).await?).await?;
    let reach = Reach::of(config, db, &account).await?;
    let scope = Value::Object(scope(reach.platform, &account.row.name, &args.place)?);
    let found = reach.discover(Discover::Container(&scope)).await;
    reach.release().await;
    let found = found.map_err(|error| Fault::failed(error.to_string()))?;
    let done = people::discovered(db, &config.caller(), &account, &found.people).await?;
    let done = json!({
        "account": account.row.name, "project": account.project, "place": args.place, "found": done.found,
        "new": done.new, "changed": done.changed, "matched_by_email": done.matched_by_email,
        "matched_by_name": done.matched_by_name,
    });
    tell_synced(&done, output);
    Ok(Exit::Done)
}

/// Prints what became of the people of a place.
pub(crate) fn tell_synced(done: &Value, output: &Output) {
    output.data(done);
    output.line(format!(
        "{} of {}: {} new, {} changed; {} matched by e-mail, {} by name",
        count(done["found"].as_u64().unwrap_or(0), "person", "people"),
        text(done, "place"),
        done["new"],
        done["changed"],
        done["matched_by_email"],
        done["matched_by_name"]
    ));
}

fn mapped(done: &Mapped, output: &Output) -> Result<Exit, Fault> {
    let apart: Vec<String> = done.apart.iter().map(ToString::to_string).collect();
    tell_mapped(&json!({ "person": view(&done.person), "apart": apart }), output);
    Ok(Exit::Done)
}

/// Prints a person whom an identity was added to.
pub(crate) fn tell_mapped(done: &Value, output: &Output) {
    output.data(done);
    let all: Vec<String> = entries(&done["person"], "identities").iter().map(shown).collect();
    output.line(format!("one person: {}", all.join(", ")));
    for identity in entries(done, "apart").iter().filter_map(Value::as_str) {
        output.line(format!("{identity} is a person of their own now, and is not matched again"));
    }
}

/// Prints that an identity was taken out of a person.
pub(crate) fn tell_unmapped(person: &Value, identity: &str, output: &Output) {
    output.data(person);
    output.line(format!("{identity} is a person of their own now, and is not matched again"));
}
