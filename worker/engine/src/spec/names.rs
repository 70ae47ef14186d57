//! The enums used in a sync's document, each with the aliases that input accepts.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    Side,
    capability::Removal,
    nearest::{listed, nearest},
};

/// An enum whose members have names and aliases. The error of an unknown name lists what is allowed.
macro_rules! names {
    (
        $(#[$doc:meta])* $name:ident ($what:literal) {
            $( $(#[$member_doc:meta])* $member:ident = $text:literal $( | $alias:literal )* ),+ $(,)?
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $( $(#[$member_doc])* $member ),+ }

        impl $name {
            /// Every member.
            pub const ALL: &'static [$name] = &[ $( $name::$member ),+ ];

            /// The names of every member, each followed by its aliases.
            pub const NAMES: &'static [&'static [&'static str]] = &[ $( &[ $text $(, $alias)* ] ),+ ];

            /// The name used in the database, the API and the CLI.
            pub fn as_str(self) -> &'static str {
                match self { $( $name::$member => $text ),+ }
            }

            /// Parses a name or an alias.
            pub fn parse(text: &str) -> Result<$name, String> {
                match text.trim().to_ascii_lowercase().as_str() {
                    $( $text $( | $alias )* => Ok($name::$member), )+
                    _ => Err(unknown($what, text, Self::NAMES)),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                $name::parse(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                $name::parse(&text).map_err(de::Error::custom)
            }
        }
    };
}

/// Names reserved for a later version.
const LATER: [&str; 5] = ["merge", "field_merge", "priority_based", "custom", "auto"];

/// The error for an unknown name. It suggests aliases, but does not list them.
pub(super) fn unknown(what: &str, text: &str, allowed: &[&[&str]]) -> String {
    let names: Vec<&str> = allowed.iter().filter_map(|names| names.first().copied()).collect();
    let listed = listed(&names, 12);
    if what == "conflict strategy" && LATER.contains(&text.trim().to_ascii_lowercase().as_str()) {
        return format!("{what} {text:?} is not in this version; allowed: {listed}");
    }
    let near = nearest(text, allowed.iter().copied().flatten().copied());
    let near = near.map(|near| format!("did you mean {near:?}? ")).unwrap_or_default();
    format!("unknown {what} {text:?}; {near}allowed: {listed}")
}

names! {
    /// The direction in which a sync, or one of its fields, carries changes.
    Direction ("direction") {
        /// From either side to the other.
        Bidirectional = "bidirectional" | "both" | "two_way",
        /// From the source to the target only.
        SourceToTarget = "source_to_target" | "push" | "local_to_remote",
        /// From the target to the source only.
        TargetToSource = "target_to_source" | "pull" | "remote_to_local",
    }
}

impl Direction {
    /// True if changes may be written to this side.
    pub fn writes(self, side: Side) -> bool {
        match self {
            Direction::Bidirectional => true,
            Direction::SourceToTarget => side == Side::Target,
            Direction::TargetToSource => side == Side::Source,
        }
    }
}

names! {
    /// How a conflict is resolved.
    Strategy ("conflict strategy") {
        /// The later edit wins; a tie goes to the source.
        LastWriteWins = "last_write_wins" | "last_modified_wins" | "timestamp_based" | "lww",
        /// The source wins.
        SourceWins = "source_wins" | "local_wins" | "elder_wins" | "prefer_local",
        /// The target wins.
        TargetWins = "target_wins" | "jira_wins" | "remote_wins" | "external_wins" | "prefer_remote",
        /// A person decides; until then nothing is written.
        Manual = "manual" | "manual_review",
    }
}

names! {
    /// What happens on the other side when an item is deleted.
    DeletePolicy ("delete_policy") {
        /// The link ends; the other item stays as it is and is not created again.
        Ignore = "ignore",
        /// The other item gets a closed status.
        Close = "close",
        /// The other item is archived.
        Archive = "archive",
        /// The other item is deleted.
        Delete = "delete",
    }
}

names! {
    /// How urgent a sync's jobs are.
    Priority ("priority") {
        /// Before everything else.
        Critical = "critical",
        /// Before normal work.
        High = "high",
        Normal = "normal" | "default",
        /// Only when nothing else waits.
        Low = "low",
    }
}

names! {
    /// The type that a field's values are read and written as.
    FieldType ("type") {
        String = "string" | "text",
        /// Markdown, of which the spelling does not count.
        RichText = "rich_text" | "markdown",
        /// A whole number or one with a fraction.
        Number = "number" | "integer" | "float",
        Boolean = "boolean" | "bool",
        /// A civil date.
        Date = "date",
        DateTime = "datetime" | "timestamp",
        Array = "array" | "list",
        /// Texts of which order and repetition do not count.
        Set = "set",
        /// A person, named as the side names people.
        Person = "person",
        /// A set of persons.
        People = "people" | "persons",
        /// A status, which has a category.
        Status = "status",
        /// A JSON object.
        Object = "object",
        Json = "json",
    }
}

names! {
    /// The categories that the statuses of all platforms fall into, in the order of work.
    Category ("status category") {
        Todo = "todo",
        InProgress = "in_progress",
        InReview = "in_review",
        Done = "done",
        Cancelled = "cancelled" | "canceled",
    }
}

names! {
    /// How to handle a status of no known category.
    StatusMatching ("status_matching") {
        /// It is an error of its field.
        Strict = "strict",
        /// Both sides keep what they have, with a note.
        Lenient = "lenient",
    }
}

names! {
    /// How to handle a schedule's ticks that passed while no worker could fire them.
    MissedTicks ("missed_ticks policy") {
        /// Make up for none.
        Skip = "skip" | "none",
        /// Make up for all of them in one run.
        Once = "once" | "one",
        /// Start a run for each.
        All = "all" | "each",
    }
}

impl DeletePolicy {
    /// How the other item is removed; none if it stays.
    pub fn removal(self) -> Option<Removal> {
        match self {
            DeletePolicy::Ignore => None,
            DeletePolicy::Close => Some(Removal::Close),
            DeletePolicy::Archive => Some(Removal::Archive),
            DeletePolicy::Delete => Some(Removal::Delete),
        }
    }
}
