//! The user of the program, recorded with pauses and resolved conflicts.

use super::reader::{Origin, Reader};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PersonConfig {
    /// The name of the user. `USER`, else `LOGNAME`; default `cli`.
    pub(crate) user: String,
}

impl PersonConfig {
    /// Reads the user's name. Login sets it, so a value that is not UTF-8 is ignored.
    pub(super) fn read(reader: &mut Reader<'_>) -> PersonConfig {
        let found = ["USER", "LOGNAME"].into_iter().find_map(|name| {
            let user = reader.environment.set(name)?.into_string().ok()?;
            Some((user, Origin::Variable(name.to_owned())))
        });
        let (user, origin) = found.unwrap_or_else(|| ("cli".to_owned(), Origin::Default));
        reader.note("USER", &user, origin);
        PersonConfig { user }
    }

    /// The user and the host name.
    pub(crate) fn shown(&self) -> String {
        format!("{}@{}", self.user, syncline_worker::local::host())
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{environment::Variables, reader::matches},
        *,
    };

    #[test]
    fn a_user_has_a_name_in_any_case() {
        let user = |variables: &[(&str, &str)]| {
            PersonConfig::read(&mut Reader::new(&matches(&["stats"]), &Variables(variables))).user
        };
        assert_eq!(user(&[("USER", "ada"), ("LOGNAME", "bob")]), "ada");
        assert_eq!(user(&[("USER", ""), ("LOGNAME", "bob")]), "bob");
        assert_eq!(user(&[]), "cli");
    }
}
