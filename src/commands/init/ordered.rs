//! Suggested value maps for fields whose options have an order, such as priorities.

use syncline_connectors::Field;

/// Fields whose options stand from most to least.
const ORDERED: [&str; 2] = ["priority", "severity"];

/// A value map both ways.
#[derive(Debug, PartialEq)]
pub(super) struct ValueMaps {
    pub(super) values: Vec<(String, String)>,
    pub(super) back: Vec<(String, String)>,
}

/// Pairs the options of two ordered fields; none if the fields have no order, or the same options.
pub(super) fn value_maps(one: &Field, other: &Field) -> Option<ValueMaps> {
    let is_ordered = |field: &Field| {
        let name = field.name.rsplit('.').next().unwrap_or(&field.name);
        ORDERED.iter().any(|known| name.eq_ignore_ascii_case(known)) && !field.options.is_empty()
    };
    if !is_ordered(one) || !is_ordered(other) || one.options == other.options {
        return None;
    }
    Some(ValueMaps {
        values: paired(&one.options, &other.options),
        back: paired(&other.options, &one.options),
    })
}

/// Gives each option its counterpart. One that says that there is no value has no place in the order: its counterpart is
/// such an option, else the one in the middle.
fn paired(from: &[String], to: &[String]) -> Vec<(String, String)> {
    let (unset_from, ordered_from): (Vec<String>, Vec<String>) =
        from.iter().cloned().partition(|option| is_unset(option));
    let (unset_to, ordered_to): (Vec<String>, Vec<String>) =
        to.iter().cloned().partition(|option| is_unset(option));
    if ordered_to.is_empty() {
        return in_order(from, to);
    }
    let mut pairs = in_order(&ordered_from, &ordered_to);
    let middle = unset_to.first().unwrap_or(&ordered_to[ordered_to.len() / 2]);
    pairs.extend(unset_from.into_iter().map(|option| (option, middle.clone())));
    pairs
}

fn is_unset(option: &str) -> bool {
    let option = option.trim().to_lowercase();
    option == "none" || option == "unset" || option.starts_with("no ")
}

/// Pairs options: one with the one of the same name, else with one at the same height between the counterparts of its
/// neighbours that have one.
fn in_order(from: &[String], to: &[String]) -> Vec<(String, String)> {
    let named = |name: &String| to.iter().position(|other| other.eq_ignore_ascii_case(name));
    let mut counterparts = Vec::with_capacity(from.len());
    let mut at = 0;
    while at < from.len() {
        if let Some(found) = named(&from[at]) {
            counterparts.push(found);
            at += 1;
            continue;
        }
        let run = from[at..].iter().take_while(|name| named(name).is_none()).count();
        let after = from.get(at + run).and_then(named).unwrap_or(to.len());
        // Where the names stand in another order on the other side, the range is empty.
        let before = counterparts.last().map_or(0, |found| found + 1).min(after);
        for step in 0..run {
            let found = match after - before {
                0 => before.saturating_sub(1),
                room if run == 1 => before + (room - 1) / 2,
                room => before + step * (room - 1) / (run - 1),
            };
            counterparts.push(found);
        }
        at += run;
    }
    from.iter().cloned().zip(counterparts.into_iter().map(|found| to[found].clone())).collect()
}

#[cfg(test)]
mod tests {
    use syncline_engine::spec::FieldType;

    use super::*;

    fn field(name: &str, options: &[&str]) -> Field {
        Field {
            name: name.to_owned(),
            field_type: FieldType::String,
            writable: true,
            required: false,
            options: options.iter().map(|option| (*option).to_owned()).collect(),
            longest: None,
        }
    }

    fn told(pairs: &[(String, String)]) -> Vec<String> {
        pairs.iter().map(|(from, to)| format!("{from} {to}")).collect()
    }

    #[test]
    fn priorities_are_paired_by_name_and_then_by_order() {
        let jira = field("priority", &["Highest", "High", "Medium", "Low", "Lowest"]);
        let linear = field("priority", &["Urgent", "High", "Medium", "Low"]);
        let maps = value_maps(&jira, &linear).unwrap();
        assert_eq!(
            told(&maps.values),
            ["Highest Urgent", "High High", "Medium Medium", "Low Low", "Lowest Low"]
        );
        assert_eq!(told(&maps.back), ["Urgent Highest", "High High", "Medium Medium", "Low Low"]);
    }

    #[test]
    fn an_option_without_a_value_is_not_the_lowest_one() {
        let jira = field("priority", &["Highest", "High", "Medium", "Low", "Lowest"]);
        let linear = field("priority", &["Urgent", "High", "Medium", "Low", "No priority"]);
        let maps = value_maps(&linear, &jira).unwrap();
        let expected = ["Urgent Highest", "High High", "Medium Medium", "Low Low", "No priority Medium"];
        assert_eq!(told(&maps.values), expected);
        assert_eq!(
            told(&maps.back),
            ["Highest Urgent", "High High", "Medium Medium", "Low Low", "Lowest Low"]
        );
        let other = field("priority", &["None", "Top", "Bottom"]);
        let maps = value_maps(&linear, &other).unwrap();
        assert_eq!(maps.values.last().unwrap().1, "None");
    }

    #[test]
    fn options_without_a_common_name_are_paired_by_height() {
        let numbers = field("fields.Severity", &["1", "2", "3", "4"]);
        let words = field("severity", &["Bad", "Middling"]);
        let maps = value_maps(&numbers, &words).unwrap();
        assert_eq!(told(&maps.values), ["1 Bad", "2 Bad", "3 Bad", "4 Middling"]);
        assert_eq!(told(&maps.back), ["Bad 1", "Middling 4"]);
    }

    /// Names in another order, and one option against many.
    #[test]
    fn every_option_gets_a_counterpart() {
        let up = field("priority", &["Low", "Middle", "High", "Top"]);
        let down = field("priority", &["High", "Low"]);
        let one = field("priority", &["Any"]);
        for (from, to) in [(&up, &down), (&down, &up), (&up, &one), (&one, &down)] {
            let maps = value_maps(from, to).unwrap();
            assert_eq!((maps.values.len(), maps.back.len()), (from.options.len(), to.options.len()));
        }
    }

    #[test]
    fn other_fields_and_equal_options_need_no_map() {
        let priority = field("priority", &["High", "Low"]);
        assert_eq!(value_maps(&priority, &priority), None);
        assert_eq!(value_maps(&field("area", &["api"]), &field("area", &["web"])), None);
        assert_eq!(value_maps(&priority, &field("priority", &[])), None);
    }
}
