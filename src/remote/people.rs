//! People of a server.

use serde_json::{Value, json};
use syncline_service::people::Entry;

use super::Client;
use crate::{
    cli::{PeopleAction, PeopleArgs},
    commands::people::{self as told, file},
    fault::{Exit, Fault},
    output::{Output, list as entries},
};

pub(super) async fn run(client: &Client, args: &PeopleArgs, output: &Output) -> Result<Exit, Fault> {
    let project = &args.project;
    let query = [("project", Some(project.clone()))];
    match &args.action {
        None | Some(PeopleAction::List) => {
            let people: Value = client.get(&["people"], &query).await?;
            told::tell_list(&people, output);
        }
        Some(PeopleAction::Sync(args)) => {
            let body = json!({ "project": project, "account": args.account, "place": args.place });
            let mut done: Value = client.long()?.post(&["people", "sync"], &body).await?;
            done["account"] = json!(args.account);
            done["project"] = json!(project);
            done["place"] = json!(args.place);
            told::tell_synced(&done, output);
        }
        Some(PeopleAction::Map(args)) => {
            let body = json!({ "project": project, "person": args.person, "identity": args.identity });
            let mut done: Value = client.post(&["people", "map"], &body).await?;
            done["apart"] = entries(&done, "apart").iter().map(told::shown).collect();
            told::tell_mapped(&done, output);
        }
        Some(PeopleAction::Unmap(args)) => {
            let body = json!({ "project": project, "identity": args.identity });
            let done: Value = client.post(&["people", "unmap"], &body).await?;
            told::tell_unmapped(&done["person"], &args.identity, output);
        }
        Some(PeopleAction::Import(args)) => {
            let body = json!({ "people": file::read(args)? });
            let request = client.request(reqwest::Method::POST, &["people", "import"], &query)?;
            let done = client.read::<Value>(request.json(&body)).await;
            // What is wrong with the use is wrong with the file.
            let done =
                done.map_err(|fault| if fault.code == 2 { file::of_file(args, fault) } else { fault })?;
            file::tell_imported(project, &done, output);
        }
        Some(PeopleAction::Export(args)) => {
            let mut people: Value = client.get(&["people", "export"], &query).await?;
            let people: Vec<Entry> = serde_json::from_value(people["people"].take()).map_err(|error| {
                Fault::failed(format!("{}: the people cannot be read: {error}", client.shown()))
            })?;
            return file::write(project, &people, args, output);
        }
    }
    Ok(Exit::Done)
}
