//! The documents of the syncs.

use crate::place::Place;

/// A sync of issues with this name; `more` are further lines.
pub(crate) fn document(name: &str, source: Place, target: Place, more: &str) -> String {
    let mut text = format!("name: {name}\n");
    for (side, place) in [("source", source), ("target", target)] {
        let (platform, scope) = (place.platform(), place.scope());
        text += &format!("{side}_platform: {platform}\n{side}: {{ account: my-{platform}, {scope} }}\n");
    }
    text += &format!(
        "entity_type: issue\ndirection: bidirectional\ntwo_way_create: true\nmax_retries: 100\nfull_read: daily\n\
         match_on: [{}]\n{more}field_mappings:\n",
        source.field("title")
    );
    for (field, types) in [
        ("title", ""),
        ("body", ""),
        ("status", ", source_type: status, target_type: status"),
        ("labels", ", source_type: set, target_type: set"),
    ] {
        let (here, there) = (source.field(field), target.field(field));
        text += &format!("  - {{ source_field: {here}, target_field: {there}{types} }}\n");
    }
    text
}
