//! The overview of all commands, in groups.

use clap::CommandFactory;

use super::Cli;

/// The groups of commands, in the order of their first use.
const GROUPS: [(&str, &[&str]); 5] = [
    ("Syncs", &["demo", "init", "apply", "validate", "syncs", "plan", "sync", "enqueue"]),
    ("Accounts", &["accounts", "discover", "people", "projects"]),
    ("What happened", &["top", "runs", "history", "events", "conflicts", "stats", "schedules", "verify"]),
    ("Queue and workers", &["queues", "jobs", "dead", "operations", "workers", "pause", "resume", "pauses"]),
    (
        "Servers and database",
        &["up", "worker", "api", "tokens", "audit", "migrate", "backup", "mark-restored", "purge"],
    ),
];

/// The command line, with the overview as its help.
pub(crate) fn command() -> clap::Command {
    let command = Cli::command();
    let overview = overview(&command);
    command.help_template(format!(
        "{{about}}\n\n{{usage-heading}} {{usage}}\n\n{overview}{{options}}{{after-help}}"
    ))
}

fn overview(command: &clap::Command) -> String {
    let grouped = |name: &str| GROUPS.iter().any(|(_, names)| names.contains(&name));
    let others: Vec<&str> = shown(command).filter(|name| !grouped(name)).collect();
    let header = *command.get_styles().get_header();
    let mut text = String::new();
    for (title, names) in GROUPS.iter().copied().chain([("Other commands", others.as_slice())]) {
        let commands: Vec<_> = names.iter().filter_map(|name| command.find_subcommand(name)).collect();
        if commands.is_empty() {
            continue;
        }
        text.push_str(&format!("{header}{title}:{header:#}\n"));
        for command in commands {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            text.push_str(&format!("  {:<13} {about}\n", command.get_name()));
        }
        text.push('\n');
    }
    text
}

/// The names of the commands that are not hidden.
fn shown(command: &clap::Command) -> impl Iterator<Item = &str> {
    command.get_subcommands().filter(|command| !command.is_hide_set()).map(clap::Command::get_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_stands_in_the_overview_on_one_line() {
        let command = command();
        let overview = overview(&command);
        for name in shown(&command) {
            assert!(overview.contains(&format!("\n  {name} ")), "{name} is missing in:\n{overview}");
        }
        for line in overview.lines() {
            assert!(line.chars().count() <= 80, "too long: {line}");
        }
    }
}
