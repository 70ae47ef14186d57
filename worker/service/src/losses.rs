//! What texts lose between the two platforms of a sync.

use serde::Serialize;
use syncline_connectors::platform;
use syncline_engine::{
    Side,
    richtext::{Dialect, losses, shown_by_jira},
    spec::{FieldType, SyncSpec},
};

/// What texts lose in one direction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Losses {
    pub from: Side,
    pub to: Side,
    /// The fields that they are written to, in the document's order.
    pub fields: Vec<String>,
    /// What becomes of the forms that the other platform has not.
    pub lost: Vec<&'static str>,
}

/// Returns what the texts with markup of a sync lose, per direction and pair of forms.
pub fn of(spec: &SyncSpec) -> Vec<Losses> {
    let form = |side: Side, field: &str| {
        let name = match side {
            Side::Source => &spec.source_platform,
            Side::Target => &spec.target_platform,
        };
        platform(name)
            .map_or_else(Dialect::default, |known| known.text_form(&spec.entity_type, field).dialect)
    };
    let mut all: Vec<Losses> = Vec::new();
    for field in &spec.field_mappings {
        if ![field.source_type, field.target_type].contains(&FieldType::RichText) {
            continue;
        }
        let name = |side: Side| match side {
            Side::Source => &field.source_field,
            Side::Target => &field.target_field,
        };
        for to in [Side::Target, Side::Source].into_iter().filter(|to| spec.flow(field).writes(*to)) {
            let from = to.other();
            let (here, there) = (form(from, name(from)), form(to, name(to)));
            let mut lost = losses(here, there);
            if here == Dialect::Jira && there != Dialect::Jira {
                lost.extend(shown_by_jira());
            }
            let same = |other: &&mut Losses| other.to == to && other.lost == lost;
            match all.iter_mut().find(same) {
                _ if lost.is_empty() => {}
                Some(other) => other.fields.push(name(to).clone()),
                None => all.push(Losses { from, to, fields: vec![name(to).clone()], lost }),
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn told(source: &str, target: &str, direction: &str) -> Vec<(Side, Vec<String>, usize)> {
        let names = |platform: &str| match platform {
            "github" => "body",
            _ => "description",
        };
        let spec = serde_json::from_value(json!({
            "name": "texts", "source_platform": source, "target_platform": target, "entity_type": "issue",
            "direction": direction, "source": {}, "target": {},
            "field_mappings": [
                { "source_field": "title", "target_field": "title" },
                { "source_field": names(source), "target_field": names(target), "source_type": "rich_text" },
            ],
        }))
        .unwrap();
        of(&spec).into_iter().map(|found| (found.to, found.fields, found.lost.len())).collect()
    }

    #[rstest]
    #[case("github", "github", "bidirectional", &[])]
    #[case("github", "linear", "bidirectional", &[(Side::Target, "description", 8)])]
    #[case("github", "jira", "bidirectional", &[(Side::Target, "description", 16), (Side::Source, "body", 13)])]
    #[case("github", "jira", "source_to_target", &[(Side::Target, "description", 16)])]
    #[case("linear", "jira", "target_to_source", &[(Side::Source, "description", 19)])]
    fn losses_are_those_of_the_pair(
        #[case] source: &str,
        #[case] target: &str,
        #[case] direction: &str,
        #[case] expected: &[(Side, &str, usize)],
    ) {
        let expected: Vec<_> =
            expected.iter().map(|(to, field, count)| (*to, vec![(*field).to_owned()], *count)).collect();
        assert_eq!(told(source, target, direction), expected);
    }
}
