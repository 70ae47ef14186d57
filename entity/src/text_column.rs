//! The common parts of the enums in `types.rs`.

use std::fmt;

/// A word that is not a value of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownValue {
    /// The name of the column type.
    pub expected: &'static str,
    /// The given word.
    pub given: String,
}

impl fmt::Display for UnknownValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no {}", self.given, self.expected)
    }
}

impl std::error::Error for UnknownValue {}

/// Defines each value once, for the database, for serde and for `Display`; words after `|` are aliases on input.
macro_rules! text_column {
    ($(#[$outer:meta])* $name:ident {
        $($(#[$inner:meta])* $variant:ident = $value:tt $(| $alias:tt)*,)+
    }) => {
        $(#[$outer])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
        )]
        #[sea_orm(rs_type = "String", db_type = "Text")]
        pub enum $name {
            $(
                $(#[$inner])*
                #[sea_orm(string_value = $value)]
                #[serde(rename = $value $(, alias = $alias)*)]
                $variant,
            )+
        }

        impl $name {
            /// Returns the value as stored in the database.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $value,)+
                }
            }
        }

        shown_and_parsed!($name { $($variant = $value $(| $alias)*,)+ });
    };
}

/// `Display` through `as_str`, and `FromStr` for the values and their aliases.
macro_rules! shown_and_parsed {
    ($name:ident { $($variant:ident = $value:tt $(| $alias:tt)*,)+ }) => {
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = UnknownValue;

            fn from_str(word: &str) -> Result<Self, UnknownValue> {
                match word {
                    $($value $(| $alias)* => Ok(Self::$variant),)+
                    _ => Err(UnknownValue { expected: stringify!($name), given: word.to_owned() }),
                }
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use sea_orm::{ActiveEnum, Iterable};

    use crate::types::*;

    #[test]
    fn aliases_are_read_and_never_written() {
        assert_eq!("synced".parse(), Ok(SyncStatus::Completed));
        assert_eq!("push".parse(), Ok(Direction::SourceToTarget));
        assert_eq!("default".parse(), Ok(Priority::Normal));
        assert_eq!(serde_json::from_str::<SyncStatus>("\"error\"").unwrap(), SyncStatus::Failed);
        assert_eq!(serde_json::to_string(&SyncStatus::Failed).unwrap(), "\"failed\"");
        assert_eq!(SyncDirection::from(Direction::TargetToSource).to_string(), "remote_to_local");
    }

    #[test]
    fn an_unknown_word_is_named() {
        let error = "sideways".parse::<Side>().unwrap_err();
        assert_eq!(error.to_string(), "\"sideways\" is no Side");
    }

    #[test]
    fn the_database_holds_the_printed_name() {
        for status in SyncStatus::iter() {
            assert_eq!(status.to_value(), status.as_str());
        }
    }
}
