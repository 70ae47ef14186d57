//! Who asks, and what they may do.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};
use syncline_engine::nearest::alternatives;
use uuid::Uuid;

/// A permission of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// See syncs, runs, conflicts and numbers, without the values of fields.
    Read,
    /// See the values of fields, too.
    DataRead,
    /// Start runs.
    Enqueue,
    /// Pause, resume, cancel, replay and resolve.
    Operate,
    /// Change syncs, accounts and tokens, and discard. It includes all others.
    Admin,
}

impl Scope {
    pub const ALL: [Scope; 5] = [Scope::Read, Scope::DataRead, Scope::Enqueue, Scope::Operate, Scope::Admin];

    /// The name in commands, in the API and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::DataRead => "data:read",
            Scope::Enqueue => "enqueue",
            Scope::Operate => "operate",
            Scope::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Scope::ALL.into_iter().find(|scope| scope.as_str() == name);
        found.ok_or_else(|| {
            let known = Scope::ALL.iter().map(|scope| scope.as_str());
            format!("{name:?} is no scope; {}", alternatives(name, known, "the scopes are:"))
        })
    }
}

/// Several permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes(u8);

impl Scopes {
    /// Every permission.
    pub fn all() -> Scopes {
        Scope::ALL.into_iter().collect()
    }

    /// True if the scope is among them, or is included in one of them.
    pub fn include(self, scope: Scope) -> bool {
        self.has(scope) || self.has(Scope::Admin)
    }

    /// The scopes by name, without those that are only included.
    pub fn names(self) -> Vec<&'static str> {
        Scope::ALL.into_iter().filter(|scope| self.has(*scope)).map(Scope::as_str).collect()
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn has(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8) != 0
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Scopes(scopes.into_iter().fold(0, |all, scope| all | 1 << scope as u8))
    }
}

/// Who asks for something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// A person as `user@host`, or the name of a token.
    pub actor: String,
    /// `command line`, or the address of the client.
    pub from: String,
    /// The id of the request or of the command; log lines have it, too.
    pub request_id: String,
    pub scopes: Scopes,
    /// The only project they see; none: all.
    pub project: Option<i64>,
    /// The id of their token.
    pub token: Option<i64>,
}

impl Caller {
    /// A person at the command line, who could change the database without Syncline.
    pub fn person(name: impl Into<String>) -> Caller {
        Caller {
            actor: name.into(),
            from: "command line".to_owned(),
            request_id: Uuid::now_v7().to_string(),
            scopes: Scopes::all(),
            project: None,
            token: None,
        }
    }

    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.include(scope)
    }

    /// True if they see what is in a project.
    pub fn sees(&self, project: i64) -> bool {
        self.project.is_none_or(|own| own == project)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_its_own_and_admin_is_all() {
        let scopes: Scopes = [Scope::Operate, Scope::Read].into_iter().collect();
        assert!(scopes.include(Scope::Read) && scopes.include(Scope::Operate));
        assert!(!scopes.include(Scope::Enqueue) && !scopes.include(Scope::DataRead));
        assert_eq!(scopes.names(), ["read", "operate"]);
        let admin: Scopes = [Scope::Admin].into_iter().collect();
        assert!(Scope::ALL.into_iter().all(|scope| admin.include(scope)));
        assert_eq!(admin.names(), ["admin"]);
        assert!(Scopes::default().is_empty() && !Scopes::default().include(Scope::Read));
    }

    #[test]
    fn a_mistyped_scope_is_told_what_there_is() {
        assert_eq!("data:read".parse(), Ok(Scope::DataRead));
        let told = "enqeue".parse::<Scope>().unwrap_err();
        assert!(told.contains("enqueue"), "{told}");
    }
}
