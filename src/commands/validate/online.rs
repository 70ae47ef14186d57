//! `syncline validate --online`: holds documents against the places that they name.

use sea_orm::DatabaseConnection;
use serde_json::Value;
use syncline_connectors::{Catalogue, Discover, platform};
use syncline_engine::{
    Side,
    nearest::alternatives,
    side::Pair,
    spec::{FieldType, Names, SyncSpec},
};
use syncline_service::{accounts, syncs::display_name};
use syncline_worker::gate::Calls;

use crate::{
    app,
    commands::{accounts::Reach, plan::NoLeave},
    config::Config,
    fault::Fault,
    output::Output,
};

/// Opens both places of every sync, and checks its fields and values against them. The fault lists all that is wrong; what
/// may be meant is a note.
pub(super) async fn check(
    config: &Config,
    specs: impl Iterator<Item = &SyncSpec>,
    output: &Output,
) -> Result<(), Fault> {
    let db = app::connect_or_imagine(config).await?;
    let mut wrong = Vec::new();
    for spec in specs {
        let name = display_name(&spec.project, &spec.name);
        let mut warnings = Vec::new();
        let found = one(config, &db, spec, &mut warnings).await?;
        warnings.iter().for_each(|text| output.note(&format!("warning: {name}: {text}")));
        wrong.extend(found.into_iter().map(|text| format!("{name}: {text}")));
    }
    if wrong.is_empty() { Ok(()) } else { Err(Fault::usage(wrong.join("\n"))) }
}

async fn one(
    config: &Config,
    db: &DatabaseConnection,
    spec: &SyncSpec,
    warnings: &mut Vec<String>,
) -> Result<Vec<String>, Fault> {
    let environment = app::environment(config, db.clone())?;
    // Opening counts against no limit; the catalogues are asked for within the limits.
    let calls = Calls::unlimited();
    let context = calls.context(&NoLeave, environment.clock.now());
    if let Err(error) = environment.opener().open(spec.clone(), 0, &context).await {
        return Ok(error.to_string().lines().map(str::to_owned).collect());
    }
    let mut wrong = Vec::new();
    let mut public = Pair::new(None, None);
    for side in Side::BOTH {
        match catalogue(config, db, spec, side).await {
            Ok(Some(catalogue)) => {
                wrong.extend(values(spec, side, &catalogue));
                *public.get_mut(side) = catalogue.containers.first().map(|container| container.public);
            }
            Ok(None) => {}
            Err(fault) => wrong.push(format!("{side}: {}", fault.message)),
        }
    }
    warnings.extend(Side::BOTH.into_iter().filter(|to| spec.direction.writes(*to)).filter_map(|to| {
        let from = to.other();
        let widens = *public.get(from) == Some(false) && *public.get(to) == Some(true);
        widens.then(|| {
            format!("the {from} is private, and the {to} is public: everyone may read what is copied there")
        })
    }));
    Ok(wrong)
}

/// What the place of a side has; none for a place without an account, which opening has checked.
async fn catalogue(
    config: &Config,
    db: &DatabaseConnection,
    spec: &SyncSpec,
    side: Side,
) -> Result<Option<Catalogue>, Fault> {
    let (name, scope) = match side {
        Side::Source => (&spec.source_platform, &spec.source),
        Side::Target => (&spec.target_platform, &spec.target),
    };
    let account = scope
        .get("account")
        .and_then(Value::as_str)
        .filter(|_| platform(name).is_some_and(|platform| platform.needs_account()));
    let Some(account) = account else { return Ok(None) };
    let account = accounts::find(db, &display_name(&spec.project, account)).await?;
    let reach = Reach::of(config, db, &account).await?;
    let found = reach.discover(Discover::Container(&Value::Object(scope.clone()))).await;
    reach.release().await;
    found.map(Some).map_err(|error| Fault::failed(error.to_string()))
}

/// Values of mappings that a field with fixed options does not have.
fn values(spec: &SyncSpec, side: Side, catalogue: &Catalogue) -> Vec<String> {
    let mut wrong = Vec::new();
    for (place, mapping) in spec.field_mappings.iter().enumerate() {
        let (name, keys, values) = match side {
            Side::Source => (&mapping.source_field, &mapping.values, &mapping.back),
            Side::Target => (&mapping.target_field, &mapping.back, &mapping.values),
        };
        let Some(field) = catalogue.fields.iter().find(|field| field.name == *name) else { continue };
        if field.field_type == FieldType::Status && !catalogue.statuses.is_empty() {
            let stated = match side {
                Side::Source => &mapping.source_statuses,
                Side::Target => &mapping.target_statuses,
            };
            let has = || catalogue.statuses.iter().map(|status| status.name.as_str());
            for stated in
                stated.values().flat_map(Names::iter).filter(|stated| !has().any(|known| known == *stated))
            {
                let known = alternatives(stated, has(), "it has:");
                wrong.push(format!(
                    "field_mappings[{place}]: the {side} has no status {stated:?}, which {side}_statuses names; {known}"
                ));
            }
        }
        // A place that makes new labels as they come lists those that it has, not those that it takes.
        if field.options.is_empty() || [FieldType::Array, FieldType::Set].contains(&field.field_type) {
            continue;
        }
        let named = keys.keys().map(String::as_str).chain(values.values().filter_map(Value::as_str));
        for value in named.filter(|value| !field.options.iter().any(|option| option == value)) {
            let known = alternatives(value, field.options.iter().map(String::as_str), "it has:");
            wrong.push(format!(
                "field_mappings[{place}]: {name:?} of the {side} has no value {value:?}; {known}"
            ));
        }
    }
    wrong
}
