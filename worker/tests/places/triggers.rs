//! The triggers of tables, and the views that triggers write.

use crate::{
    columns::quoted,
    pair::{Act, Kind, Trigger},
    place::Place,
};

/// The trigger of a place, if it has one.
pub(crate) fn trigger(place: &Place) -> Option<String> {
    let trigger = place.layout.table.trigger.as_ref()?;
    Some(match place.layout.kind {
        Kind::Sqlite => sqlite_trigger(place, trigger),
        _ => postgres_trigger(place, trigger),
    })
}

/// A view over a table, which INSTEAD OF triggers write.
pub(crate) fn view(place: &Place, base: &str) -> String {
    let columns = &place.layout.columns;
    let written: Vec<String> = (0..columns.len())
        .filter(|column| columns[*column].generated.is_none())
        .map(|column| place.quoted(column))
        .collect();
    let (view, base, key) = (quoted(&place.table), quoted(base), place.quoted(place.key()));
    let new: Vec<String> = written.iter().map(|name| format!("NEW.{name}")).collect();
    let sets: Vec<String> = written.iter().map(|name| format!("{name} = NEW.{name}")).collect();
    format!(
        "CREATE VIEW {view} AS SELECT * FROM {base};
         CREATE TRIGGER carrier INSTEAD OF INSERT ON {view} BEGIN INSERT INTO {base} ({}) VALUES ({}); END;
         CREATE TRIGGER carrier_update INSTEAD OF UPDATE ON {view} BEGIN
             UPDATE {base} SET {} WHERE {key} = OLD.{key}; END;
         CREATE TRIGGER carrier_delete INSTEAD OF DELETE ON {view} BEGIN
             DELETE FROM {base} WHERE {key} = OLD.{key}; END;",
        written.join(", "),
        new.join(", "),
        sets.join(", ")
    )
}

fn tags(trigger: &Trigger) -> String {
    format!("'{}'", trigger.tags.join("', '"))
}

fn sqlite_trigger(place: &Place, trigger: &Trigger) -> String {
    let (table, tags, key) = (quoted(&place.table), tags(trigger), place.quoted(place.key()));
    let beside = quoted(&format!("{}_beside", place.table));
    let both = |name: &str, when: &str, action: &str| {
        let one = |name: &str, event: &str| {
            format!(
                "CREATE TRIGGER {name} {when} {event} ON {table} WHEN NEW.tag IN ({tags}) BEGIN {action}; END;"
            )
        };
        format!("{}{}", one(name, "INSERT"), one(&format!("{name}_update"), "UPDATE"))
    };
    match trigger.act {
        Act::Refuse(how) => both("refuser", "BEFORE", &format!("SELECT RAISE({how}, 'not these rows')")),
        Act::Ignore => both("ignorer", "BEFORE", "SELECT RAISE(IGNORE)"),
        Act::Capitals(column) => {
            // Of the column alone: what a write of another one sets off is an edit, which the next run carries.
            let name = place.quoted(column);
            let one = |trigger: &str, event: &str| {
                format!(
                    "CREATE TRIGGER {trigger} AFTER {event} ON {table} WHEN NEW.tag IN ({tags}) BEGIN UPDATE {table} \
                     SET {name} = upper(NEW.{name}) WHERE {key} = NEW.{key}; END;"
                )
            };
            format!("{}{}", one("capitals", "INSERT"), one("capitals_update", &format!("UPDATE OF {name}")))
        }
        Act::Redirect | Act::RefuseAtCommit => format!(
            "CREATE TRIGGER redirector AFTER INSERT ON {table} WHEN NEW.tag IN ({tags}) BEGIN
             INSERT INTO {beside} VALUES (NEW.tag); DELETE FROM {table} WHERE tag = NEW.tag; END;"
        ),
    }
}

fn postgres_trigger(place: &Place, trigger: &Trigger) -> String {
    let (table, tags) = (quoted(&place.table), tags(trigger));
    let beside = quoted(&format!("{}_beside", place.table));
    let function = quoted(&format!("{}_act", place.table));
    let both = "BEFORE INSERT OR UPDATE".to_owned();
    let (name, kind, events, body) = match trigger.act {
        Act::Refuse(code) => {
            let body = format!("RAISE EXCEPTION 'not these rows' USING ERRCODE = '{code}'");
            ("refuser", "TRIGGER", both, body)
        }
        Act::Ignore => ("ignorer", "TRIGGER", both, "RETURN NULL".to_owned()),
        Act::Redirect => {
            let body = format!("INSERT INTO {beside} VALUES (NEW.tag); RETURN NULL");
            ("redirector", "TRIGGER", "BEFORE INSERT".to_owned(), body)
        }
        Act::Capitals(column) => {
            let column = place.quoted(column);
            let body = format!("NEW.{column} := upper(NEW.{column}); RETURN NEW");
            ("capitals", "TRIGGER", format!("{both} OF {column}"), body)
        }
        Act::RefuseAtCommit => {
            let body = "RAISE EXCEPTION 'not these rows' USING ERRCODE = '23514'".to_owned();
            ("committer", "CONSTRAINT TRIGGER", "AFTER INSERT OR UPDATE".to_owned(), body)
        }
    };
    let deferred = if kind == "TRIGGER" { "" } else { "DEFERRABLE INITIALLY DEFERRED" };
    format!(
        "CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; END $$;
         CREATE {kind} {name} {events} ON {table} {deferred} FOR EACH ROW WHEN (NEW.tag IN ({tags}))
         EXECUTE FUNCTION {function}();"
    )
}
