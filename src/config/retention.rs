//! The retention: flags, then variables, then defaults.

use std::{fmt, str::FromStr};

use syncline_upkeep::purge::{Age, Retention};

use super::reader::{Origin, Reader};
use crate::{cli::KeepArgs, fault::Fault};

/// Reads the limits from flags and variables.
pub(super) fn read(args: &KeepArgs, reader: &mut Reader<'_>) -> Result<Retention, Fault> {
    let usual = Retention::default();
    Ok(Retention {
        // `--keep-runs`, `SYNCLINE_KEEP_RUNS`; default 90d.
        runs: limit("SYNCLINE_KEEP_RUNS", &args.keep_runs, usual.runs, reader)?,
        // `--keep-runs-count`, `SYNCLINE_KEEP_RUNS_COUNT`; default 100000.
        runs_count: limit("SYNCLINE_KEEP_RUNS_COUNT", &args.keep_runs_count, usual.runs_count, reader)?,
        // `--keep-changes`, `SYNCLINE_KEEP_CHANGES`; default 365d.
        changes: limit("SYNCLINE_KEEP_CHANGES", &args.keep_changes, usual.changes, reader)?,
        // `--keep-changes-count`, `SYNCLINE_KEEP_CHANGES_COUNT`; default all.
        changes_count: limit(
            "SYNCLINE_KEEP_CHANGES_COUNT",
            &args.keep_changes_count,
            usual.changes_count,
            reader,
        )?,
        // `--keep-conflicts`, `SYNCLINE_KEEP_CONFLICTS`; default 365d.
        conflicts: limit("SYNCLINE_KEEP_CONFLICTS", &args.keep_conflicts, usual.conflicts, reader)?,
        // `--keep-deliveries`, `SYNCLINE_KEEP_DELIVERIES`; default 30d.
        deliveries: limit("SYNCLINE_KEEP_DELIVERIES", &args.keep_deliveries, usual.deliveries, reader)?,
        // `--keep-deliveries-count`, `SYNCLINE_KEEP_DELIVERIES_COUNT`; default all.
        deliveries_count: limit(
            "SYNCLINE_KEEP_DELIVERIES_COUNT",
            &args.keep_deliveries_count,
            usual.deliveries_count,
            reader,
        )?,
        // `--keep-audit`, `SYNCLINE_KEEP_AUDIT`; default 365d.
        audit: limit("SYNCLINE_KEEP_AUDIT", &args.keep_audit, usual.audit, reader)?,
        // `--keep-deleted-syncs`, `SYNCLINE_KEEP_DELETED_SYNCS`; default 30d.
        deleted_syncs: limit(
            "SYNCLINE_KEEP_DELETED_SYNCS",
            &args.keep_deleted_syncs,
            usual.deleted_syncs,
            reader,
        )?,
        events: usual.events,
        events_count: usual.events_count,
        // `SYNCLINE_PURGE_EVERY`; default 1d.
        every: interval(usual.every, reader)?,
    })
}

/// Reads a limit from its flag, or from the variable of the same name.
fn limit<T: FromStr<Err: fmt::Display> + fmt::Display>(
    variable: &'static str,
    flag: &Option<String>,
    usual: T,
    reader: &mut Reader<'_>,
) -> Result<T, Fault> {
    let (shown, text, origin) = match flag {
        Some(text) => {
            let name = variable.trim_start_matches("SYNCLINE_").replace('_', "-").to_lowercase();
            (format!("--{name}"), text.clone(), Origin::Flag)
        }
        None => match reader.environment.text(variable)? {
            Some(text) => (variable.to_owned(), text, Origin::Variable(variable.to_owned())),
            None => {
                reader.note(variable, &usual, Origin::Default);
                return Ok(usual);
            }
        },
    };
    let limit = text.parse().map_err(|error| Fault::usage(format!("{shown} {text:?} {error}")))?;
    reader.note(variable, &limit, origin);
    Ok(limit)
}

/// The interval of scheduled purges. One below a minute is refused, since purges would never stop.
fn interval(usual: Age, reader: &mut Reader<'_>) -> Result<Age, Fault> {
    let every = limit("SYNCLINE_PURGE_EVERY", &None, usual, reader)?;
    if matches!(every, Age::Seconds(seconds) if seconds < 60) {
        let text = format!(
            "SYNCLINE_PURGE_EVERY \"{every}\" is less than a minute; write 1m or more, or forever for no purge by this worker"
        );
        return Err(Fault::usage(text));
    }
    Ok(every)
}

#[cfg(test)]
mod tests {
    use syncline_upkeep::purge::Count;

    use super::{
        super::{environment::Variables, reader::matches},
        *,
    };

    fn with(variables: &[(&str, &str)], args: KeepArgs) -> Result<Retention, Fault> {
        let matches = matches(&["purge"]);
        read(&args, &mut Reader::new(&matches, &Variables(variables)))
    }

    #[test]
    fn a_flag_goes_before_a_variable_and_that_before_the_default() {
        let variables = [
            ("SYNCLINE_KEEP_RUNS", "10d"),
            ("SYNCLINE_KEEP_CHANGES", "forever"),
            ("SYNCLINE_KEEP_RUNS_COUNT", "all"),
            ("SYNCLINE_KEEP_AUDIT", ""),
        ];
        let args = KeepArgs { keep_runs: Some("1d".to_owned()), ..KeepArgs::default() };
        let retention = with(&variables, args).unwrap();
        let expected = Retention {
            runs: Age::days(1),
            runs_count: Count::All,
            changes: Age::Forever,
            ..Retention::default()
        };
        assert_eq!(retention, expected);
    }

    #[test]
    fn a_mistake_names_where_it_stands_and_what_to_write() {
        let of = |variables: &[(&str, &str)], args| with(variables, args).unwrap_err();
        let fault = of(&[("SYNCLINE_KEEP_CHANGES", "90")], KeepArgs::default());
        assert_eq!(fault.code, 2);
        assert!(
            fault.message.contains("SYNCLINE_KEEP_CHANGES \"90\"") && fault.message.contains("such as 90d")
        );
        let args = KeepArgs { keep_runs_count: Some("none".to_owned()), ..KeepArgs::default() };
        let fault = of(&[], args);
        assert!(fault.message.contains("--keep-runs-count \"none\"") && fault.message.contains("or all"));
        let fault = of(&[("SYNCLINE_PURGE_EVERY", "5s")], KeepArgs::default());
        assert!(fault.message.contains("SYNCLINE_PURGE_EVERY \"5s\"") && fault.message.contains("forever"));
    }
}
