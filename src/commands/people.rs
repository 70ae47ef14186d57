//! `syncline people`: who is who on other platforms.

mod file;

use sea_orm::DatabaseConnection;
use serde_json::{Value, json};
use syncline_api::routes::people::view;
use syncline_connectors::Discover;
use syncline_entity::types::MatchedBy;
use syncline_service::{
    accounts,
    people::{self, KnownIdentity, Mapped},
};

use super::{accounts::Reach, discover::scope};
use crate::{
    app,
    cli::{PeopleAction, PeopleArgs, PeopleSyncArgs},
    config::Config,
    fault::{Exit, Fault},
    output::Output,
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
            output.data(&view(&done.person));
            output.line(format!("{} is a person of their own now, and is not matched again", args.identity));
            Ok(Exit::Done)
        }
        Some(PeopleAction::Import(args)) => file::import(&db, &config.caller(), project, args, output).await,
        Some(PeopleAction::Export(args)) => file::export(&db, project, args, output).await,
    }
}

async fn list(db: &DatabaseConnection, project: &str, output: &Output) -> Result<Exit, Fault> {
    let id = people::project(db, project).await?.id;
    let people = people::list(db, id).await?;
    output.data(&json!({ "project": project, "people": people.iter().map(view).collect::<Vec<_>>() }));
    if people.is_empty() {
        output.line(
            "no people are known yet; `syncline people sync ACCOUNT PLACE` asks an account, and `syncline people map` adds one",
        );
        return Ok(Exit::Done);
    }
    let mut lines = Vec::new();
    for person in &people {
        let mut name = person.name().to_owned();
        for identity in &person.identities {
            lines.push(vec![
                std::mem::take(&mut name),
                identity.to_string(),
                identity.row.email.clone().unwrap_or_default(),
                how(identity).to_owned(),
            ]);
        }
    }
    output.table(&["person", "identity", "e-mail", ""], lines);
    let alone = people.iter().filter(|person| person.identities.len() == 1).count() as u64;
    output.line(format!("{}, {alone} with one identity", count(people.len() as u64, "person", "people")));
    Ok(Exit::Done)
}

/// How an identity came to its person, in words.
fn how(identity: &KnownIdentity) -> &'static str {
    match identity.row.matched_by {
        MatchedBy::None => "",
        MatchedBy::Email => "matched by e-mail",
        MatchedBy::Name => "matched by name",
        MatchedBy::Hand => "mapped by hand",
        MatchedBy::Apart => "kept apart",
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
    output.data(&json!({
        "account": account.row.name, "project": account.project, "place": args.place, "found": done.found,
        "new": done.new, "changed": done.changed, "matched_by_email": done.matched_by_email,
        "matched_by_name": done.matched_by_name,
    }));
    output.line(format!(
        "{} of {}: {} new, {} changed; {} matched by e-mail, {} by name",
        count(done.found as u64, "person", "people"),
        args.place,
        done.new,
        done.changed,
        done.matched_by_email,
        done.matched_by_name
    ));
    Ok(Exit::Done)
}

fn mapped(done: &Mapped, output: &Output) -> Result<Exit, Fault> {
    let all: Vec<String> = done.person.identities.iter().map(ToString::to_string).collect();
    let apart: Vec<String> = done.apart.iter().map(ToString::to_string).collect();
    output.data(&json!({ "person": view(&done.person), "apart": apart }));
    output.line(format!("one person: {}", all.join(", ")));
    for identity in apart {
        output.line(format!("{identity} is a person of their own now, and is not matched again"));
    }
    Ok(Exit::Done)
}
