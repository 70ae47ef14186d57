//! The served part of Linear's schema.

use std::{collections::HashMap, sync::LazyLock};

use crate::graphql::{Definition, Schema};

/// The served schema. The text is part of the program and its tests parse it, so parsing does not fail.
pub(super) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let mut schema = Schema::read(include_str!("schema.graphql")).unwrap_or_default();
    let of_issue = match schema.get("Issue") {
        Some(Definition::Object { fields, .. }) => fields.clone(),
        _ => HashMap::new(),
    };
    if let Some(Definition::Object { fields, .. }) = schema.types.get_mut("IssueSearchResult") {
        fields.extend(of_issue);
    }
    schema
});

#[cfg(test)]
mod tests {
    use std::{path::Path, process::Command};

    use super::*;

    /// SYNCLINE_CONTRACTS names a folder with the published schema. Without it the test reports that and passes.
    #[test]
    #[allow(clippy::print_stdout, reason = "a check that did not run says so")]
    fn the_served_schema_is_part_of_the_published_one() {
        assert!(
            SCHEMA.is_object("Query") && SCHEMA.is_object("IssueSearchResult"),
            "the served schema is read"
        );
        let file = std::env::var_os("SYNCLINE_CONTRACTS")
            .map(|folder| Path::new(&folder).join("linear/schema.graphql.gz"));
        let Some(file) = file.filter(|file| file.exists()) else {
            println!("NOT CHECKED: SYNCLINE_CONTRACTS names no folder with linear/schema.graphql.gz");
            return;
        };
        let unpacked = Command::new("gzip").arg("-dc").arg(file).output().unwrap();
        let published = Schema::read(&String::from_utf8(unpacked.stdout).unwrap()).unwrap();
        for (name, served) in &SCHEMA.types {
            let found = published.get(name).unwrap_or_else(|| panic!("{name} is not published"));
            match (served, found) {
                (Definition::Scalar, Definition::Scalar) => {}
                (Definition::Enum(served), Definition::Enum(found)) => assert_eq!(served, found, "{name}"),
                (Definition::Input(served), Definition::Input(found)) => {
                    for field in served {
                        assert!(found.contains(field), "{name}.{}", field.name);
                    }
                    for field in found.iter().filter(|field| field.of.is_required()) {
                        assert!(served.contains(field), "{name}.{} is required", field.name);
                    }
                }
                (Definition::Object { fields: served, .. }, Definition::Object { fields: found, .. }) => {
                    for (key, field) in served {
                        let other = found.get(key).unwrap_or_else(|| panic!("{name}.{key} is not published"));
                        assert_eq!(field.of, other.of, "{name}.{key}");
                        assert!(field.args.iter().all(|arg| other.args.contains(arg)), "{name}.{key}");
                        let required = other.args.iter().filter(|arg| arg.of.is_required());
                        assert!(required.into_iter().all(|arg| field.args.contains(arg)), "{name}.{key}");
                    }
                }
                _ => panic!("{name} is of another kind"),
            }
        }
    }
}
