//! `syncline simulator`: a local stand-in of GitHub, Jira and Linear with examples to work on.

use serde_json::{Value, json};
use syncline_simulator::{Limits, Running, Settings, Simulator};

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
    let url = running.url();
    let places = platforms(&running, &example);
    output.headline("Simulated platforms; nothing leaves this machine, and all is gone at the end");
    for (name, value) in [("Page", format!("{url}/")), ("Control", format!("{url}/_control"))] {
        output.verbatim(format!("  {name:<8} {value}"));
    }
    for place in &places {
        output.verbatim(format!("  {:<8} {}", place.platform, place.api));
        output.verbatim(format!("  {:<8} secret {}", "", place.secret));
        output.verbatim(format!("  {:<8} places {}", "", place.names.join(", ")));
    }
    output.line(format!(
        "Each place has {} issues. Limits are {}.",
        args.items,
        match args.limits {
            LimitsChoice::Real => "enforced",
            LimitsChoice::Off => "off",
        }
    ));
    output.headline("Try next");
    output.verbatim("  export SYNCLINE_ALLOW_PRIVATE_HOSTS=127.0.0.1");
    for place in &places {
        let Place { platform, api, secret, .. } = place;
        let variable = format!("{}_SECRET", platform.to_ascii_uppercase());
        output.verbatim(format!("  export {variable}={secret}"));
        output.verbatim(format!("  syncline accounts add my-{platform} --platform {platform} \\"));
        output.verbatim(format!("    --base-url {api} --secret env:{variable}"));
    }
    output.line("Ctrl-C ends it.");
    let mut shown = json!({ "url": url, "control": format!("{url}/_control"), "example": example });
    for place in places {
        shown[place.platform] = json!(place.api);
        shown["example"][place.platform]["secret"] = json!(place.secret);
    }
    output.data(&shown);
    shutdown.cancelled().await;
    running.stop().await;
    Ok(Exit::Done)
}

/// What a person needs to know of a platform with its example.
struct Place {
    platform: &'static str,
    /// The base URL of its API.
    api: String,
    /// The secret of an account on it.
    secret: String,
    names: Vec<String>,
}

fn platforms(running: &Running, example: &Value) -> Vec<Place> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let place = |platform, api, containers: &str| {
        let made: &Value = &example[platform];
        let secret = match &made["email"] {
            Value::String(email) => format!("{email}:{}", text(&made["token"])),
            _ => text(&made["token"]),
        };
        let names = made[containers].as_array().into_iter().flatten().map(text).collect();
        Place { platform, api, secret, names }
    };
    vec![
        place("github", running.github(), "repositories"),
        place("jira", running.jira(), "projects"),
        place("linear", running.linear(), "teams"),
    ]
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
