//! What sync documents over HTTP may name.

use std::{fmt, str::FromStr};

use syncline_service::allow::AllowLists;

use super::reader::{Origin, Reader};
use crate::{cli::AllowArgs, fault::Fault};

/// Reads the lists. A list that is not set is empty.
pub(super) fn read(args: &AllowArgs, reader: &mut Reader<'_>) -> Result<AllowLists, Fault> {
    Ok(AllowLists {
        // `--allow-paths`, `SYNCLINE_ALLOW_PATHS`; default none.
        paths: list("allow_paths", "SYNCLINE_ALLOW_PATHS", args.allow_paths.as_deref(), reader)?,
        // `--allow-variables`, `SYNCLINE_ALLOW_VARIABLES`; default none.
        variables: list(
            "allow_variables",
            "SYNCLINE_ALLOW_VARIABLES",
            args.allow_variables.as_deref(),
            reader,
        )?,
        // `--allow-hosts`, `SYNCLINE_ALLOW_HOSTS`; default none.
        hosts: list("allow_hosts", "SYNCLINE_ALLOW_HOSTS", args.allow_hosts.as_deref(), reader)?,
        // `--allow-vault`, `SYNCLINE_ALLOW_VAULT`; default none.
        vault: list("allow_vault", "SYNCLINE_ALLOW_VAULT", args.allow_vault.as_deref(), reader)?,
    })
}

fn list<T: FromStr<Err = String> + fmt::Display>(
    id: &str,
    variable: &'static str,
    text: Option<&str>,
    reader: &mut Reader<'_>,
) -> Result<T, Fault> {
    let origin = reader.origin(id, variable);
    let list: T = text.unwrap_or_default().parse().map_err(|error| {
        let shown = match origin {
            Origin::Flag => format!("--{}", id.replace('_', "-")),
            _ => variable.to_owned(),
        };
        Fault::usage(format!("{shown}: {error}"))
    })?;
    reader.note_flag(id, variable, &list, origin);
    Ok(list)
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches;

    use super::{
        super::{environment::Variables, reader::matches},
        *,
    };
    use crate::cli::{Cli, Command};

    fn of(arguments: &[&str]) -> Result<AllowLists, String> {
        let matches = matches(&[&["api"], arguments].concat());
        let Ok(Cli { command: Command::Api(args), .. }) = Cli::from_arg_matches(&matches) else {
            panic!("{arguments:?} is not for api")
        };
        read(&args.allow, &mut Reader::new(&matches, &Variables(&[]))).map_err(|fault| fault.message)
    }

    #[test]
    fn nothing_is_allowed_unless_it_is_listed() {
        assert_eq!(of(&[]), Ok(AllowLists::default()));
        assert_eq!(of(&["--allow-hosts", ""]), Ok(AllowLists::default()));
        let lists = of(&["--allow-hosts", "db,other:5433", "--allow-variables", "TASKS_*"]).unwrap();
        assert!(
            lists.hosts.allow("db", 1)
                && !lists.hosts.allow("other", 1)
                && lists.variables.allow("TASKS_URL")
        );
    }

    #[test]
    fn a_wrong_entry_is_named_with_its_setting_but_not_a_password() {
        let refused = of(&["--allow-paths", "/srv,data"]).unwrap_err();
        assert!(refused.starts_with("--allow-paths: \"data\" is not the absolute path"), "{refused}");
        let refused = of(&["--allow-hosts", "postgres://u:hunter2@db/x"]).unwrap_err();
        assert!(refused.starts_with("--allow-hosts: an entry is not a host") && !refused.contains("hunter2"));
    }
}
