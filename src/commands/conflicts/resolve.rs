//! `syncline conflicts resolve`: records a person's choices and starts the runs that apply them.

pub(crate) mod background;

use std::collections::BTreeMap;

use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter};
use serde_json::{Value as Json, json};
use syncline_engine::{Side, Value, conflict::Choice};
use syncline_entity::{sync_conflict, sync_history};
use syncline_runs::{sync_key, work_key};
use syncline_service::{
    Caller,
    conflicts::{Chosen, Decision, choose, open_ids},
    syncs,
};

use crate::{
    app,
    cli::ResolveArgs,
    commands::sync,
    config::{Config, LeaseConfig},
    fault::{Exit, Fault},
    output::Output,
    wait,
};

/// More conflicts than this are left to the workers.
pub(crate) const MOST_HERE: usize = 1_000;

/// The choice for each conflict.
type Choices = BTreeMap<i64, Choice>;

/// Records the choices and accepts the runs that apply them, in one transaction.
pub(super) async fn run(
    config: &Config,
    db: &DatabaseConnection,
    args: &ResolveArgs,
    output: &Output,
) -> Result<Exit, Fault> {
    let environment = app::environment(config, db.clone())?;
    if args.background {
        return background::run(config, (db, &environment.queue), args, output).await;
    }
    let one = one_choice(args)?;
    let choices: Choices = match &one {
        Some(choice) => {
            let ids = meant(db, args).await?;
            if args.ids.is_empty() && ids.len() > MOST_HERE {
                return background::run(config, (db, &environment.queue), args, output).await;
            }
            ids.into_iter().map(|id| (id, choice.clone())).collect()
        }
        None => of_fields(db, args).await?,
    };
    if choices.is_empty() {
        output.data(&json!({ "resolution": one.as_ref().map(Choice::as_str), "conflicts": [] }));
        output.line("no conflicts");
        return Ok(Exit::Done);
    }
    let decisions: Vec<Decision> =
        choices.iter().map(|(id, choice)| Decision::new(*id, choice.clone())).collect();
    let chosen = choose(db, &environment.queue, &decisions, &config.caller()).await?;
    if args.no_wait {
        for of_run in &chosen {
            let what = one.as_ref().map_or("each choice".to_owned(), ToString::to_string);
            output.line(format!("{what} stands; run {} carries it out", of_run.run));
        }
        tell(&chosen, &choices, &BTreeMap::new(), None, output);
        return Ok(Exit::Done);
    }
    let lease = LeaseConfig::from(&args.lease);
    let mut open = 0;
    for of_run in &chosen {
        let row = sync_history::by_run(db, of_run.run).await?;
        let key = row.map_or_else(|| sync_key(of_run.config.id), |row| work_key(&row));
        wait::follow(config.role, environment.clone(), (of_run.run, key), lease, output).await?;
        open = sync::open_conflicts(db, of_run.config.id).await?;
    }
    let ids: Vec<i64> = choices.keys().copied().collect();
    let after = sync_conflict::Entity::find().filter(sync_conflict::Column::Id.is_in(ids)).all(db).await?;
    let after: BTreeMap<i64, sync_conflict::Model> = after.into_iter().map(|row| (row.id, row)).collect();
    tell(&chosen, &choices, &after, Some(open), output);
    conclude(&chosen, &choices, &after, output)
}

/// The choice that holds for all conflicts; none if each field has its own.
pub(crate) fn one_choice(args: &ResolveArgs) -> Result<Option<Choice>, Fault> {
    let wrong = |side: &String| Fault::usage(format!("--side {side:?} is no side; allowed: source, target"));
    if let Some(side) = &args.side {
        return Side::parse(side).map(|side| Some(side.into())).ok_or_else(|| wrong(side));
    }
    let flags = [(args.source, Choice::Source), (args.target, Choice::Target), (args.base, Choice::Base)];
    let flag = flags.into_iter().find_map(|(given, choice)| given.then_some(choice));
    Ok(flag.or_else(|| Some(Choice::Value(Value::text(args.value.clone()?)))))
}

/// A field and its choice, from `FIELD=CHOICE`.
pub(crate) fn field_and_choice(given: &str) -> Result<(&str, Choice), Fault> {
    let wrong = || {
        Fault::usage(format!(
            "--field {given:?} is not FIELD=CHOICE; CHOICE is source, target, base or value:VALUE, as in \
             --field 'title=value:New title'"
        ))
    };
    // A field's name may have an equals sign, and so may a value: the first one before a known choice separates.
    let choice = |text: &str| match text {
        "base" => Some(Choice::Base),
        _ => match text.strip_prefix("value:") {
            Some(value) => Some(Choice::Value(Value::text(value))),
            None => Side::parse(text).map(Choice::from),
        },
    };
    let parts = given.match_indices('=').map(|(place, _)| (&given[..place], &given[place + 1..]));
    parts.filter_map(|(field, text)| Some((field, choice(text)?))).next().ok_or_else(wrong)
}

/// The open conflicts of the items that the ids name, each with the choice for its field.
async fn of_fields(db: &DatabaseConnection, args: &ResolveArgs) -> Result<Choices, Fault> {
    let mut choices = Choices::new();
    for id in &args.ids {
        let named = sync_conflict::Entity::find_by_id(*id).one(db).await?;
        let named = named
            .ok_or_else(|| Fault::usage(format!("there is no conflict {id}; see `syncline conflicts`")))?;
        let open = sync_conflict::open_of_link(db, named.link_id).await?;
        for given in &args.field {
            let (field, choice) = field_and_choice(given)?;
            let found = open.iter().find(|conflict| conflict.field.as_deref() == Some(field));
            let found = found.ok_or_else(|| {
                let fields: Vec<&str> = open.iter().filter_map(|other| other.field.as_deref()).collect();
                let there = if fields.is_empty() { "none".to_owned() } else { fields.join(", ") };
                Fault::usage(format!(
                    "--field {field}: the item of conflict {id} has no open conflict in this field; it has: {there}"
                ))
            })?;
            if choices.insert(found.id, choice).is_some() {
                return Err(Fault::usage(format!("--field {field} is given twice for one item")));
            }
        }
    }
    Ok(choices)
}

/// The ids of the conflicts that the arguments select.
async fn meant(db: &DatabaseConnection, args: &ResolveArgs) -> Result<Vec<i64>, Fault> {
    if !args.ids.is_empty() {
        return Ok(args.ids.clone());
    }
    let sync = match &args.sync {
        Some(name) => Some(syncs::find(db, name).await?.id),
        None => None,
    };
    Ok(open_ids(db, &Caller::person("command line"), sync, args.filter.clone()).await?)
}

fn tell(
    chosen: &[Chosen],
    choices: &Choices,
    after: &BTreeMap<i64, sync_conflict::Model>,
    open: Option<u64>,
    output: &Output,
) {
    let applied = |id: &i64| after.get(id).is_some_and(|conflict| conflict.resolved);
    let name = |id: &i64| choices.get(id).map(Choice::as_str);
    let all = chosen.iter().flat_map(|one| {
        let line = |id| {
            let value = match choices.get(id) {
                Some(Choice::Value(value)) => value.to_json(),
                _ => Json::Null,
            };
            json!({
                "conflict": id, "resolution": name(id), "value": value, "run": one.run, "applied": applied(id),
                "open_conflicts": open,
            })
        };
        one.conflicts.iter().map(line)
    });
    let all: Vec<Json> = all.collect();
    tell_line(&all, output);
}

/// Prints the decided conflicts as JSON; one of them alone is the whole document.
pub(crate) fn tell_line(all: &[Json], output: &Output) {
    match all {
        [only] => output.data(only),
        _ => {
            let mut names: Vec<&Json> = all.iter().map(|line| &line["resolution"]).collect();
            names.dedup();
            let one = if let [one] = names[..] { one.clone() } else { Json::Null };
            output.data(&json!({ "resolution": one, "conflicts": all }));
        }
    }
}

fn conclude(
    chosen: &[Chosen],
    choices: &Choices,
    after: &BTreeMap<i64, sync_conflict::Model>,
    output: &Output,
) -> Result<Exit, Fault> {
    let mut failed = Vec::new();
    for (one, id) in chosen.iter().flat_map(|one| one.conflicts.iter().map(move |id| (one, *id))) {
        let Some(conflict) = after.get(&id).filter(|conflict| conflict.resolved) else {
            failed.push(format!(
                "conflict {id} is not resolved: its values changed since it was listed, or the run failed; see \
                 `syncline conflicts` and `syncline runs {}`",
                one.run
            ));
            continue;
        };
        let choice = choices.get(&id).map(Choice::as_str).unwrap_or_default();
        let what = what_stands(choice, conflict.field.is_none());
        output.line(format!("conflict {id} is resolved: {what}"));
    }
    if failed.is_empty() { Ok(Exit::Done) } else { Err(Fault::failed(failed.join("\n"))) }
}

/// What stands after a choice, by the choice's name; `whole`: the conflict was about the whole item.
pub(crate) fn what_stands(choice: &str, whole: bool) -> String {
    match choice {
        "" => "done".to_owned(),
        choice if whole => format!("the {choice} stands"),
        "base" => "both sides are back at their base".to_owned(),
        "value" => "both sides have the given value".to_owned(),
        side => format!("the {side}'s value stands on both sides"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_given_with_its_choice() {
        let value = |text: &str| Choice::Value(Value::text(text));
        for (given, field, choice) in [
            ("title=source", "title", Choice::Source),
            ("title=remote", "title", Choice::Target),
            ("a=b=base", "a=b", Choice::Base),
            ("title=value:x=y", "title", value("x=y")),
            ("title=value:", "title", value("")),
        ] {
            assert_eq!(
                field_and_choice(given).map_err(|fault| fault.message),
                Ok((field, choice)),
                "{given}"
            );
        }
        for given in ["title", "title=both", "title=value"] {
            let fault = field_and_choice(given).map_err(|fault| fault.message);
            assert!(fault.is_err_and(|message| message.contains("value:VALUE")), "{given}");
        }
    }
}
