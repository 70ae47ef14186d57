//! What an account of a server can see.

use reqwest::Method;
use serde_json::{Value, json};
use syncline_connectors::platform;

use super::{
    Client,
    accounts::{find, text_of},
};
use crate::{
    cli::DiscoverArgs,
    commands::discover as told,
    fault::{Exit, Fault},
    output::{Output, text},
};

pub(super) async fn run(client: &Client, args: &DiscoverArgs, output: &Output) -> Result<Exit, Fault> {
    let account = find(client, &args.account).await?;
    let mut shown = json!({ "account": account["name"], "project": account["project"] });
    if let Some(place) = &args.place {
        let name = text(&account, "platform");
        let platform = platform(&name).ok_or_else(|| {
            let text = format!("account {}: this version knows no platform {name:?}", args.account);
            Fault::usage(format!("{text}; it is older than the server's: update it"))
        })?;
        shown["place"] = json!(place);
        shown["scope"] = Value::Object(told::scope(platform, &text(&account, "name"), place)?);
    }
    let query = [("place", args.place.clone())];
    let path = ["accounts", &text_of(&account), "discover"];
    let mut found: Value = client.read(client.request(Method::POST, &path, &query)?).await?;
    let parts: &[&str] = if args.place.is_some() { &["fields", "statuses", "people"] } else { &["places"] };
    for part in parts {
        shown[*part] = found[*part].take();
    }
    match args.place {
        Some(_) => told::tell_contents(&shown, output),
        None => told::tell_places(&shown, output),
    }
    Ok(Exit::Done)
}
