//! `syncline demo`: a project of a simulated Jira and a repository of a simulated GitHub kept in step, also through an
//! outage and a loss of access.

mod content;
mod stage;
mod story;

use std::{net::Ipv4Addr, path::Path};

use chrono::Utc;
use sea_orm::DatabaseConnection;
use serde_json::{Value, json};
use syncline_accounts::Reference;
use syncline_connectors::http::AllowPrivate;
use syncline_service::{
    Origin,
    accounts::{self, NewAccount, NewSecret},
    store::store,
    syncs,
};
use tokio::net::TcpListener;

use self::{content::DOCUMENT, stage::Stage, story::Story};
use super::program;
use crate::{
    app::{self, Make},
    commands::serve,
    config::{Config, DatabaseUrl, ServerConfig},
    document,
    fault::{Exit, Fault},
    output::Output,
    shutdown,
};

/// Tells the story, and stays with everything running unless it is to end. Leaves nothing behind when it ends.
pub(crate) async fn run(mut config: Config, exit: bool, output: &Output) -> Result<Exit, Fault> {
    let shutdown = shutdown::on_signals()?;
    let folder = tempfile::Builder::new().prefix("syncline-demo-").tempdir()?;
    let url = format!("sqlite://{}", folder.path().join("syncline.db").display());
    config.database.url = DatabaseUrl::parse(&url)?;
    keep_here(&mut config)?;
    let Some(told) = shutdown.run_until_cancelled(tell(&config, folder.path(), output)).await else {
        return Err(Fault::failed("interrupted; the demo has left nothing behind"));
    };
    let Told { stage, db, mut data } = told?;
    data["database_url"] = json!(url);
    data["simulator"] = stage.addresses();
    if exit {
        output.data(&data);
    } else {
        stay(&config, folder.path(), &stage, &mut data, output).await?;
    }
    db.close().await?;
    stage.stop().await;
    folder.close()?;
    Ok(Exit::Done)
}

/// The demo reaches this machine alone, and its queue is in its own database.
fn keep_here(config: &mut Config) -> Result<(), Fault> {
    let here: AllowPrivate = Ipv4Addr::LOCALHOST.to_string().parse().map_err(Fault::failed)?;
    for http in [&mut config.http, &mut config.accounts.http] {
        http.allow_private = here.clone();
        http.proxy = None;
    }
    config.queue.redis = None;
    Ok(())
}

/// What is there when the story has been told.
struct Told {
    stage: Stage,
    db: DatabaseConnection,
    data: Value,
}

async fn tell(config: &Config, folder: &Path, output: &Output) -> Result<Told, Fault> {
    let stage = Stage::set_up(Utc::now().timestamp()).await?;
    let (db, _) = app::connect_or_make(config, Make::default()).await?;
    add_account(config, &db, folder, ("jira", &stage.jira(), &stage.jira_secret)).await?;
    add_account(config, &db, folder, ("github", &stage.github(), &stage.github_secret)).await?;
    let file = folder.join("issues.yaml");
    std::fs::write(&file, DOCUMENT)?;
    let document = document::read(&file)?;
    document.refuse_errors()?;
    let specs: Vec<_> = document.syncs.iter().map(|sync| &sync.spec).collect();
    store(&db, &config.caller(), &specs, Origin::CommandLine).await?;
    let sync = syncs::find(&db, content::NAME).await?;
    let data = Story { config, db: &db, sync: &sync, stage: &stage, output }.tell().await?;
    Ok(Told { stage, db, data })
}

/// Adds an account, whose secret is in a file: platform, base URL and secret.
async fn add_account(
    config: &Config,
    db: &DatabaseConnection,
    folder: &Path,
    (platform, address, secret): (&str, &str, &str),
) -> Result<(), Fault> {
    let file = folder.join(format!("{platform}-secret"));
    std::fs::write(&file, secret)?;
    let account = NewAccount {
        name: &format!("demo-{platform}"),
        platform,
        base_url: Some(address),
        keeps_limits: false,
        secret: NewSecret::Reference(Reference::File(file)),
    };
    accounts::add(db, &app::broker(config), &config.caller(), &account).await?;
    Ok(())
}

/// Runs the API, a worker and the schedule until a signal, beside the simulator.
async fn stay(
    config: &Config,
    folder: &Path,
    stage: &Stage,
    data: &mut Value,
    output: &Output,
) -> Result<(), Fault> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let api = format!("http://{address}/api/v1/sync/stats");
    let addresses = stage.addresses();
    output.headline("Everything goes on, and both sides are synced every 5 seconds");
    output.line("Edit an issue on one of the first two pages, and look at it on the other.");
    for (name, value) in [
        ("Jira", addresses["pages"]["jira"].as_str().unwrap_or_default()),
        ("GitHub", addresses["pages"]["github"].as_str().unwrap_or_default()),
        ("Syncline", &api),
        ("Files", &folder.display().to_string()),
    ] {
        output.verbatim(format!("  {name:<9} {value}"));
    }
    let next = next(data);
    output.headline("Try next, in another terminal");
    for line in &next {
        output.verbatim(format!("  {line}"));
    }
    output.line("Ctrl-C ends the demo and removes its files.");
    data["syncline"] = json!(format!("http://{address}"));
    data["folder"] = json!(folder);
    data["next"] = json!(next);
    output.data(data);
    serve::on(config, &ServerConfig::here(address), listener).await?;
    Ok(())
}

/// The commands to try next.
fn next(data: &Value) -> Vec<String> {
    let program = program();
    let mut next = vec![
        format!("export DATABASE_URL={}", data["database_url"].as_str().unwrap_or_default()),
        "export SYNCLINE_ALLOW_PRIVATE_HOSTS=127.0.0.1".to_owned(),
    ];
    if let Some(id) = data["conflicts"][0]["id"].as_i64() {
        next.push(format!("{program} conflicts resolve {id} --side source  # resolve the conflict"));
    }
    next.push(format!("{program} runs  # what ran"));
    next.push(format!("{program} history {}-17  # what was changed in one issue", content::PROJECT));
    next.push(format!("{program} accounts check demo-jira  # whom the token belongs to"));
    next.push(format!("{program} discover demo-github {}  # what it has", content::REPOSITORY));
    next
}
