//! When a side that can be read from a cursor is read whole.

use chrono::TimeDelta;

use crate::spec::FullRead;

/// How often a place that costs nothing to read is read whole.
const LOCAL: TimeDelta = TimeDelta::hours(1);
/// The same for a place whose pages count against a limit.
const REMOTE: TimeDelta = TimeDelta::days(1);

/// True if the policy requires a whole reading in this run. Only a whole reading shows every delete.
/// `policy` is the document's, `remote` the place's capability, `by_person` whether a person or a program asked for the
/// run, and `age` the time since the last whole reading.
pub(super) fn is_due(
    policy: Option<FullRead>,
    remote: bool,
    by_person: bool,
    age: Option<TimeDelta>,
) -> bool {
    let Some(age) = age else { return true };
    match policy {
        Some(FullRead::Always) => true,
        Some(FullRead::Every(seconds)) => age.num_seconds() >= i64::try_from(seconds).unwrap_or(i64::MAX),
        None if remote => age >= REMOTE,
        // A person who asks for a run expects the present state.
        None => by_person || age >= LOCAL,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const DAY: FullRead = FullRead::Every(86_400);

    #[rstest]
    #[case::never_read(Some(DAY), true, false, None, true)]
    #[case::local_scheduled(None, false, false, Some(59), false)]
    #[case::local_hourly(None, false, false, Some(60), true)]
    #[case::local_asked_for(None, false, true, Some(0), true)]
    #[case::remote_scheduled(None, true, false, Some(1439), false)]
    #[case::remote_daily(None, true, false, Some(1440), true)]
    #[case::remote_asked_for(None, true, true, Some(1439), false)]
    #[case::always(Some(FullRead::Always), true, false, Some(0), true)]
    #[case::local_policy_goes_first(Some(DAY), false, true, Some(1439), false)]
    #[case::remote_policy_goes_first(Some(FullRead::Every(600)), true, true, Some(10), true)]
    #[case::clock_set_back(None, false, false, Some(-90), false)]
    fn a_side_is_read_whole_when_it_is_due(
        #[case] policy: Option<FullRead>,
        #[case] remote: bool,
        #[case] by_person: bool,
        #[case] minutes: Option<i64>,
        #[case] expected: bool,
    ) {
        assert_eq!(is_due(policy, remote, by_person, minutes.map(TimeDelta::minutes)), expected);
    }
}
