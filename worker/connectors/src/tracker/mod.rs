//! What the platforms whose items are issues share: how a place is opened, how its fields are known, and where its
//! listings continue.

pub(crate) mod cursor;

use syncline_engine::{
    ports::{ConnectorError, ErrorKind, ErrorScope, FieldInfo},
    spec::FieldType,
};

use crate::{
    Account,
    look::{Look, LookColumn},
    platform::Opening,
};

/// A field of every issue.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    pub(crate) name: &'static str,
    pub(crate) field_type: FieldType,
    pub(crate) writable: bool,
    /// The most characters.
    pub(crate) longest: Option<usize>,
}

pub(crate) const fn written(name: &'static str, field_type: FieldType) -> Known {
    Known { name, field_type, writable: true, longest: None }
}

pub(crate) const fn read(name: &'static str, field_type: FieldType) -> Known {
    Known { name, field_type, writable: false, longest: None }
}

pub(crate) const fn text(name: &'static str, longest: usize) -> Known {
    Known { longest: Some(longest), ..written(name, FieldType::String) }
}

/// These fields for checking mappings, with those of the mapped ones that somebody has added to the platform.
pub(crate) fn infos<'a>(
    known: &[Known],
    added: impl Iterator<Item = &'a String>,
    added_type: &str,
) -> Vec<FieldInfo> {
    let of_known = known.iter().map(|field| FieldInfo {
        name: field.name.to_owned(),
        type_name: field.field_type.as_str().to_owned(),
        writable: field.writable,
    });
    let of_added =
        added.map(|name| FieldInfo { name: name.clone(), type_name: added_type.to_owned(), writable: true });
    of_known.chain(of_added).collect()
}

/// The description of a place with these fields.
pub(crate) fn look(known: &[Known]) -> Look {
    let column = |known: &Known| LookColumn {
        name: known.name.to_owned(),
        field_type: known.field_type,
        writable: known.writable,
    };
    Look { columns: known.iter().map(column).collect(), ..Look::default() }
}

/// The account that a place is opened with. `place` and `secret` are what the platform calls them.
pub(crate) fn account<'a>(
    opening: &Opening<'a>,
    platform: &str,
    place: &str,
    secret: &str,
) -> Result<&'a Account, ConnectorError> {
    if opening.entity != "issue" {
        let text =
            format!("entity_type: {platform} has issues in this version, and not {:?}", opening.entity);
        return Err(ConnectorError::permanent(text));
    }
    opening.account.ok_or_else(|| {
        let text = format!("{place}: the scope names no account with {secret}");
        ConnectorError::new(ErrorKind::Auth, text).about(ErrorScope::Account)
    })
}

/// Ok if one of these fields is the one without which no issue is made.
pub(crate) fn creates(names: &[&str], title: &str) -> Result<(), String> {
    if names.contains(&title) {
        return Ok(());
    }
    Err(format!("an issue needs a {title}: map the field {title}, and give it a default_value"))
}
