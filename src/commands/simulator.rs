//! `syncline simulator`: local stand-ins of GitHub and Jira with an example to work on.

use serde_json::{Value, json};
use syncline_simulator::{Limits, Settings, Simulator};

use crate::{
    cli::{LimitsChoice, SimulatorArgs},
    fault::{Exit, Fault, said},
    output::Output,
    shutdown,
};

/// Serves until a signal.
pub(crate) async fn run(args: &SimulatorArgs, output: &Output) -> Result<Exit, Fault> {
    let shutdown = shutdown::on_signals()?;
    let settings = Settings {
        listen: args.listen,
        limits: match args.limits {
            LimitsChoice::Real => Limits::Real,
            LimitsChoice::Off => Limits::Off,
        },
        seed: args.seed,
        log: args.log.clone(),
    };
    let running = Simulator::start(settings).await.map_err(|error| failed(args, &error))?;
    let (_, example) = running.control("POST", "/example", &json!({ "items": args.items }));
    let (github, jira) = (&example["github"], &example["jira"]);
    let (url, api, site) = (running.url(), running.github(), running.jira());
    let user = format!("{}:{}", text(&jira["email"]), text(&jira["token"]));
    output.headline("A simulated GitHub and Jira; nothing leaves this machine, all is gone at the end");
    for (name, value) in [
        ("GitHub", api.as_str()),
        ("Token", text(&github["token"])),
        ("Jira", site.as_str()),
        ("User", user.as_str()),
        ("Page", &format!("{url}/")),
        ("Control", &format!("{url}/_control")),
    ] {
        output.verbatim(format!("  {name:<8} {value}"));
    }
    let texts = |list: &Value| list.as_array().into_iter().flatten().map(text).map(str::to_owned).collect();
    let (repositories, projects): (Vec<String>, Vec<String>) =
        (texts(&github["repositories"]), texts(&jira["projects"]));
    output.line(format!(
        "It has the repositories {} and the projects {} with {} issues each. Limits are {}.",
        repositories.join(" and "),
        projects.join(" and "),
        args.items,
        match args.limits {
            LimitsChoice::Real => "enforced",
            LimitsChoice::Off => "off",
        }
    ));
    output.headline("Try next");
    let first = repositories.first().map_or("", String::as_str);
    output.verbatim(format!(
        "  curl -H 'Authorization: Bearer {}' {api}/repos/{first}/issues",
        text(&github["token"])
    ));
    let first = projects.first().map_or("", String::as_str);
    output.verbatim(format!("  curl -u {user} {site}/rest/api/3/issue/{first}-1"));
    output.line("Ctrl-C ends it.");
    output.data(&json!({
        "url": url, "github": api, "jira": site, "control": format!("{url}/_control"),
        "example": github, "jira_example": jira,
    }));
    shutdown.cancelled().await;
    running.stop().await;
    Ok(Exit::Done)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Says which of the settings could not be used.
fn failed(args: &SimulatorArgs, error: &std::io::Error) -> Fault {
    match (error.kind(), &args.log) {
        (std::io::ErrorKind::AddrInUse, _) => Fault::usage(format!(
            "--listen {}: the port is in use by another program; choose another port, or 127.0.0.1:0 for any free one",
            args.listen
        )),
        (_, Some(log)) => {
            Fault::usage(format!("--listen {} or --log {}: {}", args.listen, log.display(), said(error)))
        }
        (_, None) => Fault::usage(format!("--listen {}: {}", args.listen, said(error))),
    }
}
