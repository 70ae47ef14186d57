//! Resolves a query for this site and viewer: names become ids, dates become times.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    super::{access::Viewer, index::words, kind::Kind, state::State, time, types::Field},
    check::{Check, Compare, Text},
    parse::{Clause, Operand},
};

/// The viewer, and the time of the query.
#[derive(Clone, Copy)]
pub(crate) struct Asker<'a> {
    pub(crate) state: &'a State,
    pub(crate) viewer: &'a Viewer,
    pub(crate) now: i64,
}

pub(super) type Found<T> = Result<T, String>;

pub(super) fn no_field<T>(name: &str) -> Found<T> {
    Err(format!("Field '{name}' does not exist or you do not have permission to view it."))
}

pub(super) fn no_value<T>(value: &str, field: &str) -> Found<T> {
    Err(format!("The value '{value}' does not exist for the field '{field}'."))
}

/// Returns the condition of a clause.
pub(crate) fn resolve(asker: Asker<'_>, clause: &Clause) -> Found<Check> {
    let many = |clauses: &[Clause]| clauses.iter().map(|one| resolve(asker, one)).collect::<Found<Vec<_>>>();
    match clause {
        Clause::And(clauses) => Ok(Check::All(many(clauses)?)),
        Clause::Or(clauses) => Ok(Check::Any(many(clauses)?)),
        Clause::Not(clause) => Ok(Check::Not(Box::new(resolve(asker, clause)?))),
        Clause::Test { field, op, values } => asker.test(field, op, values),
    }
}

impl Asker<'_> {
    fn test(self, name: &str, op: &'static str, values: &[Operand]) -> Found<Check> {
        if let Some(rest) = strip(name, "issue.property[") {
            return self.property(name, rest, op, values);
        }
        let field = match name.to_lowercase().as_str() {
            "id" | "key" | "issuekey" | "issue" => return self.ids(name, op, values),
            "text" => return self.words(name, Text::Everything, op, values),
            "statuscategory" => return self.categories(name, op, values),
            "updateddate" => "updated".to_owned(),
            "createddate" => "created".to_owned(),
            "resolved" => "resolutiondate".to_owned(),
            "type" => "issuetype".to_owned(),
            "due" => "duedate".to_owned(),
            other => other.to_owned(),
        };
        let Some(field) = self.field(&field) else { return no_field(name) };
        let sets = ["=", "!=", "in", "not in", "is", "is not"];
        let compares = ["=", "!=", ">", ">=", "<", "<=", "in", "not in", "is", "is not"];
        let texts = ["~", "!~", "is", "is not"];
        let allowed: &[&str] = match field.kind {
            Kind::Text | Kind::Textarea => &texts,
            Kind::Date | Kind::Datetime | Kind::Float | Kind::StoryPoints | Kind::Priority => &compares,
            _ => &sets,
        };
        if !allowed.contains(&op) {
            return Err(format!("The operator '{op}' is not supported by the '{name}' field."));
        }
        if op == "is" || op == "is not" || matches!(values, [Operand::Empty]) {
            let empty = Check::Empty(field.id.clone());
            return Ok(if ["is", "="].contains(&op) { empty } else { Check::Not(Box::new(empty)) });
        }
        match field.kind {
            Kind::Text | Kind::Textarea if field.id == "summary" => {
                self.words(name, Text::Summary, op, values)
            }
            Kind::Text | Kind::Textarea => self.words(name, Text::Field(field.id.clone()), op, values),
            Kind::Date | Kind::Datetime | Kind::Float | Kind::StoryPoints => {
                self.compared(name, field, op, values)
            }
            _ => self.one_of(name, field, op, values),
        }
    }

    /// Returns a field that the viewer may know of.
    fn field(&self, name: &str) -> Option<&Field> {
        // JQL names custom fields by their names and as `cf[10001]` only.
        if name.starts_with("customfield_") {
            return None;
        }
        let field = self.state.field(name)?;
        let own = field.project.and_then(|id| self.state.projects.get(&id));
        let seen = own.is_none_or(|project| self.viewer.may(project, "BROWSE_PROJECTS"));
        seen.then_some(field)
    }

    /// True if an unknown value is an error. Values that are hidden from the viewer count as unknown.
    pub(super) fn strict(&self) -> bool {
        self.state.behaviour.refuse_missing && self.viewer.user.is_some()
    }

    fn ids(self, name: &str, op: &str, values: &[Operand]) -> Found<Check> {
        let mut ids = BTreeSet::new();
        for value in values {
            let text = match value {
                Operand::Number(number) => number.to_string(),
                Operand::Text(text) => text.clone(),
                _ => return Err(format!("The value is not supported by the field '{name}'.")),
            };
            let found = self.state.issue(&text).filter(|issue| self.viewer.sees(self.state, issue));
            match found {
                Some(issue) => {
                    ids.insert(issue.id);
                }
                None if self.strict() && text.parse::<u64>().is_ok() => {
                    return Err(format!("A value with ID '{text}' does not exist for the field '{name}'."));
                }
                None if self.strict() => {
                    return Err(format!("An issue with key '{text}' does not exist for field '{name}'."));
                }
                None => {}
            }
        }
        let number = |id: u64| i64::try_from(id).unwrap_or(i64::MAX);
        match op {
            "=" | "in" => Ok(Check::Id(ids)),
            "!=" | "not in" => Ok(Check::Not(Box::new(Check::Id(ids)))),
            ">" | ">=" | "<" | "<=" => {
                let Some(id) = ids.first().copied() else { return Ok(Check::Id(ids)) };
                Ok(Check::Compared("id".to_owned(), compare(op), json!(number(id))))
            }
            _ => Err(format!("The operator '{op}' is not supported by the '{name}' field.")),
        }
    }

    fn categories(self, name: &str, op: &str, values: &[Operand]) -> Found<Check> {
        let mut ids = BTreeSet::new();
        for value in values.iter().map(text_of) {
            let statuses = self.state.statuses.values();
            let of = statuses.filter(|status| {
                let category = status.category;
                category.name().eq_ignore_ascii_case(&value)
                    || category.key() == value
                    || category.id().to_string() == value
            });
            let before = ids.len();
            ids.extend(of.map(|status| status.id));
            let known = ["to do", "in progress", "done", "new", "indeterminate", "2", "3", "4"];
            if ids.len() == before && !known.contains(&value.to_lowercase().as_str()) {
                return no_value(&value, name);
            }
        }
        negated(op, Check::Status(ids))
    }

    fn words(self, name: &str, text: Text, op: &str, values: &[Operand]) -> Found<Check> {
        let wanted = values.first().map(text_of).unwrap_or_default();
        if !["~", "!~"].contains(&op) {
            return Err(format!("The operator '{op}' is not supported by the '{name}' field."));
        }
        let trimmed = wanted.trim();
        let phrase = trimmed.len() > 1 && trimmed.starts_with('"') && trimmed.ends_with('"');
        let found = if phrase {
            words(trimmed).collect()
        } else {
            let parts = trimmed.split_whitespace();
            parts
                .flat_map(|part| {
                    let star = part.ends_with('*') && !part.ends_with("\\*");
                    let mut found: Vec<String> = words(part).collect();
                    if let Some(last) = found.last_mut().filter(|_| star) {
                        last.push('*');
                    }
                    found
                })
                .collect::<Vec<String>>()
        };
        if found.is_empty() {
            return Err(format!("The text query '{wanted}' for field '{name}' is not allowed to be empty."));
        }
        let check = if phrase { Check::Phrase(text, found) } else { Check::Words(text, found) };
        Ok(if op == "~" { check } else { Check::Not(Box::new(check)) })
    }

    fn compared(self, name: &str, field: &Field, op: &str, values: &[Operand]) -> Found<Check> {
        let mut checks = Vec::new();
        for value in values {
            let date = matches!(field.kind, Kind::Date | Kind::Datetime);
            let wanted = if date { self.time(name, value)? } else { number(name, value)? };
            let compare = compare(op);
            checks.push(match (field.id.as_str(), wanted.as_i64()) {
                ("created", Some(at)) => Check::Created(compare, at),
                ("updated", Some(at)) => Check::Updated(compare, at),
                ("resolutiondate", Some(at)) => Check::Resolved(compare, at),
                (_, Some(at)) if field.kind == Kind::Date => {
                    let day = time::stamp(at, self.viewer.zone)[..10].to_owned();
                    Check::Compared(field.id.clone(), compare, json!(day))
                }
                _ => Check::Compared(field.id.clone(), compare, wanted),
            });
        }
        let check = if checks.len() == 1 { checks.remove(0) } else { Check::Any(checks) };
        Ok(if ["!=", "not in"].contains(&op) { Check::Not(Box::new(check)) } else { check })
    }

    /// Returns a time in milliseconds. Quoted dates are of the viewer's zone and have whole minutes; numbers are
    /// milliseconds.
    fn time(self, name: &str, value: &Operand) -> Found<Value> {
        let text = match value {
            Operand::Number(millis) if *millis >= 0 => return Ok(json!(millis)),
            Operand::Number(_) | Operand::Empty => String::new(),
            Operand::Function(function) => match function.to_lowercase().as_str() {
                "now" => return Ok(json!(self.now)),
                "startofday" => return Ok(json!(time::today(self.now, self.viewer.zone))),
                _ => return Err(format!("Unable to find JQL function '{function}()'.")),
            },
            Operand::Text(text) => text.clone(),
        };
        let ago = text.strip_prefix('-').and_then(|rest| {
            let unit = match rest.chars().last()? {
                'm' => 60_000,
                'h' => 3_600_000,
                'd' => 86_400_000,
                'w' => 604_800_000,
                _ => return None,
            };
            rest[..rest.len() - 1].parse::<i64>().ok()?.checked_mul(unit)
        });
        let found = ago.map(|ago| self.now - ago).or_else(|| time::jql(&text, self.viewer.zone));
        found.map(|millis| json!(millis)).ok_or_else(|| {
            format!(
                "Date value '{text}' for field '{name}' is invalid. Valid formats include: 'yyyy/MM/dd HH:mm', 'yyyy-MM-dd HH:mm', 'yyyy/MM/dd', 'yyyy-MM-dd', or a period format e.g. '-5d', '4w 2d'."
            )
        })
    }

    /// `issue.property[key].path`, if an app has declared the property.
    fn property(self, name: &str, rest: &str, op: &str, values: &[Operand]) -> Found<Check> {
        let (key, path) = rest.split_once(']').unwrap_or((rest, ""));
        if !self.state.behaviour.indexed_properties.iter().any(|known| known == key) {
            return no_field(name);
        }
        let path: Vec<String> = path.split('.').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        let checks = values.iter().map(|value| {
            let wanted = match value {
                Operand::Number(number) => json!(number),
                value => json!(text_of(value)),
            };
            Check::Property(key.to_owned(), path.clone(), wanted)
        });
        negated(op, Check::Any(checks.collect()))
    }
}

fn strip<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    text.get(..prefix.len()).filter(|start| start.eq_ignore_ascii_case(prefix)).map(|_| &text[prefix.len()..])
}

pub(super) fn text_of(value: &Operand) -> String {
    match value {
        Operand::Text(text) | Operand::Function(text) => text.clone(),
        Operand::Number(number) => number.to_string(),
        Operand::Empty => String::new(),
    }
}

fn number(name: &str, value: &Operand) -> Found<Value> {
    let number = text_of(value).parse::<f64>();
    number
        .map(|number| json!(number))
        .map_err(|_| format!("The value '{}' for field '{name}' is not a valid number.", text_of(value)))
}

fn compare(op: &str) -> Compare {
    match op {
        ">" => Compare::More,
        ">=" => Compare::AtLeast,
        "<" => Compare::Less,
        "<=" => Compare::AtMost,
        _ => Compare::Equal,
    }
}

pub(super) fn negated(op: &str, check: Check) -> Found<Check> {
    match op {
        "=" | "in" => Ok(check),
        "!=" | "not in" => Ok(Check::Not(Box::new(check))),
        _ => Err(format!("The operator '{op}' is not supported here.")),
    }
}
