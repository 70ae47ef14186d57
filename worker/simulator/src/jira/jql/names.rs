//! Values of JQL that are names or ids: projects, statuses, people, options and the like.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    super::{kind::Kind, types::Field},
    check::Check,
    parse::Operand,
    resolve::{Asker, Found, negated, no_field, no_value, text_of},
};

impl Asker<'_> {
    /// `=` and `in` with names or ids, and comparisons of priorities.
    pub(super) fn one_of(self, name: &str, field: &Field, op: &str, values: &[Operand]) -> Found<Check> {
        let (mut ids, mut stored) = (BTreeSet::new(), Vec::new());
        let priorities = matches!(op, ">" | ">=" | "<" | "<=");
        for value in values {
            let text = match value {
                Operand::Function(function) if function.eq_ignore_ascii_case("currentUser") => {
                    self.viewer.user.clone().unwrap_or_default()
                }
                Operand::Function(function) => {
                    return Err(format!("Unable to find JQL function '{function}()'."));
                }
                value => text_of(value),
            };
            let number = text.parse::<u64>().unwrap_or(0);
            let same = |id: u64, known: &str| id == number || known.eq_ignore_ascii_case(&text);
            let before = ids.len();
            match field.kind {
                Kind::Project => {
                    let project = self.state.project(&text).or_else(|| {
                        self.state.projects.values().find(|project| project.name.eq_ignore_ascii_case(&text))
                    });
                    let seen = project.filter(|project| self.viewer.may(project, "BROWSE_PROJECTS"));
                    ids.extend(seen.map(|project| project.id));
                    if ids.len() == before && seen.is_none() && !self.strict() {
                        continue;
                    }
                }
                Kind::Status => {
                    let known = self.state.statuses.values().filter(|known| same(known.id, &known.name));
                    ids.extend(known.map(|known| known.id));
                }
                Kind::IssueType => {
                    let known = self.state.types.values().filter(|known| same(known.id, &known.name));
                    ids.extend(known.map(|known| known.id));
                }
                Kind::Resolution if text.eq_ignore_ascii_case("unresolved") => {
                    return negated(op, Check::Empty("resolution".to_owned()));
                }
                Kind::Resolution => ids.extend(self.state.resolution(&text).map(|known| known.id)),
                Kind::Parent => ids.extend(self.state.issue_id(&text)),
                Kind::Priority => {
                    let Some(at) = self.state.priorities.iter().position(|known| same(known.id, &known.name))
                    else {
                        return no_value(&text, name);
                    };
                    let rank = |(rank, _): &(usize, &super::super::types::Priority)| match op {
                        ">" => *rank < at,
                        ">=" => *rank <= at,
                        "<" => *rank > at,
                        "<=" => *rank >= at,
                        _ => *rank == at,
                    };
                    let all = self.state.priorities.iter().enumerate();
                    stored.extend(all.filter(rank).map(|(_, known)| json!(known.id)));
                    continue;
                }
                Kind::User | Kind::MultiUser => {
                    let user = self.state.users.get(&text);
                    if user.is_none() && self.strict() {
                        return no_value(&text, name);
                    }
                    stored.push(json!(text));
                    continue;
                }
                Kind::Labels | Kind::Url => {
                    stored.push(json!(text));
                    continue;
                }
                _ => {
                    let all = field.contexts.iter().flat_map(|context| &context.options);
                    let all = all.flat_map(|choice| std::iter::once(choice).chain(&choice.children));
                    let known: Vec<Value> = all
                        .filter(|known| same(known.id, &known.value))
                        .map(|known| json!(known.id))
                        .collect();
                    if known.is_empty() {
                        return Err(format!("The option '{text}' for field '{name}' does not exist."));
                    }
                    stored.extend(known);
                    continue;
                }
            }
            if ids.len() == before && self.strict() {
                return no_value(&text, name);
            }
        }
        let check = match field.kind {
            Kind::Project => Check::Project(ids),
            Kind::Status => Check::Status(ids),
            Kind::IssueType => Check::Type(ids),
            Kind::Resolution => Check::Resolution(ids),
            Kind::Parent => Check::Parent(ids),
            _ if field.id == "creator" => return no_field(name),
            _ => Check::Value(field.id.clone(), stored),
        };
        if priorities { Ok(check) } else { negated(op, check) }
    }
}
