//! The draft of a document with a place behind an account.

use std::fmt::Write as _;

use sea_orm::DatabaseConnection;
use serde_json::{Map, Value, json};
use syncline_connectors::{Catalogue, Discover, Field, Platform};
use syncline_engine::spec::FieldType;
use syncline_service::{accounts, accounts::KnownAccount};

use super::{
    Place,
    ordered::value_maps,
    suggest::{Side, Suggested, suggest, types},
};
use crate::{
    commands::{accounts::Reach, discover::scope},
    config::Config,
    fault::Fault,
};

/// The longest line of a comment.
const WIDEST: usize = 100;

/// A side of the draft.
pub(super) struct Drafted {
    platform: &'static str,
    scope: Map<String, Value>,
    catalogue: Catalogue,
    key: Option<String>,
    /// The kind of items; none if any.
    entity: Option<&'static str>,
    project: Option<String>,
}

/// True if the text may be `ACCOUNT/PLACE`: no file, no address and no variable.
pub(super) fn may_be_account(given: &str) -> bool {
    given.contains('/')
        && !given.contains("://")
        && !given.starts_with(['/', '.'])
        && !["env:", "sqlite:"].iter().any(|start| given.starts_with(start))
        && !std::path::Path::new(given).exists()
}

/// The account and the place of `ACCOUNT/PLACE`, or `PROJECT/ACCOUNT/PLACE`; none if there is no such account.
pub(super) async fn account<'a>(
    db: &DatabaseConnection,
    given: &'a str,
) -> Result<Option<(KnownAccount, &'a str)>, Fault> {
    for depth in 1..=2 {
        let Some((end, _)) = given.match_indices('/').nth(depth - 1) else { continue };
        match accounts::find(db, &given[..end]).await {
            Ok(account) => return Ok(Some((account, &given[end + 1..]))),
            Err(syncline_service::Error::Unknown { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

impl Drafted {
    /// Asks the platform what the place has.
    pub(super) async fn discovered(
        config: &Config,
        db: &DatabaseConnection,
        account: &KnownAccount,
        place: &str,
    ) -> Result<Drafted, Fault> {
        let reach = Reach::of(config, db, account).await?;
        let platform: &'static dyn Platform = reach.platform;
        let scope = scope(platform, &account.row.name, place)?;
        let found = reach.discover(Discover::Container(&Value::Object(scope.clone()))).await;
        reach.release().await;
        Ok(Drafted {
            platform: platform.name(),
            scope,
            catalogue: found.map_err(|error| Fault::failed(error.to_string()))?,
            key: None,
            entity: platform.entities().first().copied(),
            project: Some(account.project.clone()),
        })
    }

    /// A file or a table.
    pub(super) fn local(place: Place) -> Drafted {
        let own =
            ["modified", "marker"].map(|key| place.scope.get(key).and_then(Value::as_str).map(str::to_owned));
        let columns = place.look.columns.iter().filter(|column| !own.contains(&Some(column.name.clone())));
        let field = |column: &syncline_connectors::LookColumn| Field {
            name: column.name.clone(),
            field_type: column.field_type,
            writable: column.writable,
            required: false,
            options: Vec::new(),
            longest: None,
        };
        let catalogue = Catalogue { fields: columns.map(field).collect(), ..Catalogue::default() };
        let Place { platform, scope, key, .. } = place;
        Drafted { platform, scope, catalogue, key: Some(key), entity: None, project: None }
    }

    /// A name for the sync: the last part of the place's.
    pub(super) fn name(&self) -> Option<String> {
        let place =
            self.scope.iter().find(|(key, _)| *key != "account").and_then(|(_, value)| value.as_str())?;
        let last = place.rsplit('/').next().unwrap_or(place);
        self.project.as_ref().map(|_| last.to_owned())
    }
}

/// Writes the document. What could not be mapped is in comments.
pub(super) fn document(name: &str, source: &Drafted, target: &Drafted) -> Result<String, Fault> {
    if source.scope == target.scope && source.platform == target.platform {
        return Err(Fault::usage("both places are the same; a sync needs two places"));
    }
    let project = match (&source.project, &target.project) {
        (Some(one), Some(other)) if one != other => {
            let text = format!(
                "the accounts are of two projects, {one:?} and {other:?}; add one to the project of the other"
            );
            return Err(Fault::usage(text));
        }
        (one, other) => one.as_deref().or(other.as_deref()).unwrap_or("default"),
    };
    let side = |name, drafted| -> Side<'_> {
        let Drafted { catalogue, key, .. }: &Drafted = drafted;
        Side { name, catalogue, key: key.as_deref() }
    };
    let suggestion = suggest(&side("source", source), &side("target", target));
    if suggestion.fields.is_empty() {
        return Err(Fault::usage(
            "no field of the source is called like one of the target; write the mapping by hand, with `syncline discover`",
        ));
    }
    let mut text =
        String::from("# Written by `syncline init`. Check the mapping, then: syncline plan -f FILE\n");
    // Writing to a String does not fail. JSON is valid YAML, so quoted text needs no special rules.
    let _ = writeln!(text, "name: {}", json!(name));
    if project != "default" {
        let _ = writeln!(text, "project: {}", json!(project));
    }
    for (side, drafted) in [("source", source), ("target", target)] {
        let _ = writeln!(text, "{side}_platform: {}", drafted.platform);
        let _ = writeln!(text, "{side}: {}", Value::Object(drafted.scope.clone()));
    }
    if let Some(entity) = source.entity.or(target.entity) {
        let _ = writeln!(text, "entity_type: {entity}");
    }
    let _ = writeln!(text, "direction: bidirectional");
    let by_title =
        suggestion.fields.iter().find(|one| ["title", "name", "summary"].contains(&&*one.target.name));
    if let Some(title) = by_title {
        let _ =
            writeln!(text, "# Pairs items that are on both sides already, where a title stands only once:");
        let _ = writeln!(text, "# match_on: [{}]", json!(title.source.name));
    }
    let _ = writeln!(text, "field_mappings:");
    for one in &suggestion.fields {
        write_field(&mut text, one);
    }
    for remark in &suggestion.remarks {
        comment(&mut text, remark);
    }
    Ok(text)
}

/// Writes a remark as comments of at most 100 columns. A line break in a name does not end the comment.
fn comment(text: &mut String, remark: &str) {
    let mut line = String::from("#");
    for word in remark.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > WIDEST && line.len() > 3 {
            let _ = writeln!(text, "{line}");
            line = String::from("#  ");
        }
        line.push(' ');
        line.push_str(word);
    }
    let _ = writeln!(text, "{line}");
}

fn write_field(text: &mut String, one: &Suggested<'_>) {
    let (source, target) = types(one);
    let _ = write!(
        text,
        "  - {{ source_field: {}, target_field: {}",
        json!(one.source.name),
        json!(one.target.name)
    );
    if source != FieldType::String || target != FieldType::String {
        let _ = write!(text, ", source_type: {source}, target_type: {target}");
    }
    if let Some(direction) = one.direction {
        let _ = write!(text, ", direction: {direction}");
    }
    if let Some(maps) = value_maps(one.source, one.target) {
        let _ = write!(text, ",\n      values: {},\n      back: {}", flow(&maps.values), flow(&maps.back));
    }
    let _ = writeln!(text, " }}");
}

/// A value map as a YAML mapping in one line.
fn flow(pairs: &[(String, String)]) -> String {
    let pairs: Vec<String> =
        pairs.iter().map(|(from, to)| format!("{}: {}", json!(from), json!(to))).collect();
    format!("{{ {} }}", pairs.join(", "))
}
