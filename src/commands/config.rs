//! `syncline config`: the settings in force and their origins.

use serde_json::json;

use crate::{
    config::{Origin, Setting},
    fault::{Exit, Fault},
    output::Output,
};

/// Width of the column of names; the longest is `SYNCLINE_KEEP_DELIVERIES_COUNT`.
const NAMES: usize = 30;

/// Prints every setting that a flag, a variable or a file can set.
pub(crate) fn run(settings: &[Setting], output: &Output) -> Result<Exit, Fault> {
    for setting in settings {
        // The name on the command line or in the environment.
        let name = if setting.is_flag { format!("--{}", setting.name) } else { setting.variable.to_owned() };
        let (value, origin) = (&setting.value, &setting.origin);
        let line = format!("{name:<NAMES$} {value}  ({origin})");
        if output.fits(&line) {
            output.line(line);
        } else {
            output.line(format!("{name:<NAMES$} {value}"));
            output.line(format!("    ({origin})"));
        }
    }
    let told: Vec<_> = settings
        .iter()
        .map(|setting| {
            let mut told = json!({
                "setting": setting.name,
                "variable": setting.variable,
                "value": setting.value,
                "from": setting.origin.to_string(),
            });
            if let Origin::File { variable, path } = &setting.origin {
                told["from"] = json!(format!("file: {variable}"));
                told["path"] = json!(path.display().to_string());
            }
            told
        })
        .collect();
    output.data(&json!({ "settings": told }));
    Ok(Exit::Done)
}
