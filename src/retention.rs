//! How long things are kept: flags, then variables, then defaults.

use std::str::FromStr;

use syncline_upkeep::purge::{Age, Retention};

use crate::{cli::KeepArgs, fault::Fault};

/// The limits that flags and variables ask for.
pub(crate) fn read(args: &KeepArgs) -> Result<Retention, Fault> {
    read_from(args, |name| std::env::var(name).ok())
}

fn read_from(args: &KeepArgs, variable: impl Fn(&str) -> Option<String>) -> Result<Retention, Fault> {
    let usual = Retention::default();
    let source = Source { variable };
    Ok(Retention {
        runs: source.read("keep-runs", &args.keep_runs, usual.runs)?,
        runs_count: source.read("keep-runs-count", &args.keep_runs_count, usual.runs_count)?,
        changes: source.read("keep-changes", &args.keep_changes, usual.changes)?,
        changes_count: source.read("keep-changes-count", &args.keep_changes_count, usual.changes_count)?,
        conflicts: source.read("keep-conflicts", &args.keep_conflicts, usual.conflicts)?,
        deliveries: source.read("keep-deliveries", &args.keep_deliveries, usual.deliveries)?,
        deliveries_count: source.read(
            "keep-deliveries-count",
            &args.keep_deliveries_count,
            usual.deliveries_count,
        )?,
        audit: source.read("keep-audit", &args.keep_audit, usual.audit)?,
        deleted_syncs: source.read("keep-deleted-syncs", &args.keep_deleted_syncs, usual.deleted_syncs)?,
        every: source.interval("purge-every", usual.every)?,
    })
}

struct Source<V> {
    variable: V,
}

impl<V: Fn(&str) -> Option<String>> Source<V> {
    /// A limit by its flag, or by the variable of the same name.
    fn read<T: FromStr<Err: std::fmt::Display>>(
        &self,
        name: &str,
        flag: &Option<String>,
        usual: T,
    ) -> Result<T, Fault> {
        let variable = format!("SYNCLINE_{}", name.replace('-', "_").to_uppercase());
        let (shown, text) = match flag {
            Some(text) => (format!("--{name}"), text.clone()),
            // Set to nothing is not set, as for every other variable.
            None => match (self.variable)(&variable).filter(|text| !text.is_empty()) {
                Some(text) => (variable, text),
                None => return Ok(usual),
            },
        };
        text.parse().map_err(|error| Fault::usage(format!("{shown} {text:?} {error}")))
    }

    /// A purge that never rests would be no maintenance.
    fn interval(&self, name: &str, usual: Age) -> Result<Age, Fault> {
        let every = self.read(name, &None, usual)?;
        if matches!(every, Age::Seconds(seconds) if seconds < 60) {
            let text = format!(
                "SYNCLINE_PURGE_EVERY \"{every}\" is less than a minute; write 1m or more, or forever for no purge by this worker"
            );
            return Err(Fault::usage(text));
        }
        Ok(every)
    }
}

#[cfg(test)]
mod tests {
    use syncline_upkeep::purge::Count;

    use super::*;

    fn with(variables: &[(&str, &str)], args: KeepArgs) -> Result<Retention, Fault> {
        let find = |name: &str| variables.iter().find(|(known, _)| *known == name);
        read_from(&args, |name| find(name).map(|(_, value)| (*value).to_owned()))
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
