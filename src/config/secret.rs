//! Values that may be secret: from a flag, from a variable, or from a file named by a variable.

use std::path::PathBuf;

use syncline_connectors::secret;

use super::reader::{Origin, Reader};
use crate::fault::Fault;

/// A value that is not shown, and its origin.
pub(crate) struct Secret {
    pub(super) value: String,
    pub(super) origin: Origin,
}

impl Secret {
    /// Adds the file of the value to an error.
    pub(super) fn explained(&self, mut fault: Fault) -> Fault {
        if let Origin::File { variable, path } = &self.origin {
            fault.message.push_str(&format!("; {}", secret::stands_in(variable, path)));
        }
        fault
    }
}

impl Reader<'_> {
    /// Reads a secret with a flag, which overrides the variables.
    pub(super) fn secret_flag(
        &self,
        id: &str,
        variable: &'static str,
        given: Option<&str>,
    ) -> Result<Option<Secret>, Fault> {
        if self.origin(id, variable) != Origin::Flag {
            return self.secret(variable);
        }
        let given = given.filter(|given| !given.trim().is_empty());
        Ok(given.map(|given| Secret { value: given.to_owned(), origin: Origin::Flag }))
    }

    /// Reads a secret from the variable `NAME`, or from the file in the variable `NAME_FILE`.
    pub(super) fn secret(&self, variable: &'static str) -> Result<Option<Secret>, Fault> {
        let by_file = format!("{variable}_FILE");
        match (self.environment.text(variable)?, self.environment.set(&by_file)) {
            (None, None) => Ok(None),
            (Some(value), None) => Ok(Some(Secret { value, origin: Origin::Variable(variable.to_owned()) })),
            (None, Some(path)) => {
                let path = PathBuf::from(path);
                let value = secret::read_file(&by_file, &path).map_err(Fault::usage)?;
                Ok(Some(Secret { value, origin: Origin::File { variable: by_file, path } }))
            }
            (Some(_), Some(_)) => Err(Fault::usage(secret::both_set(variable))),
        }
    }

    /// The origin of a secret with a flag, without reading the secret; none if it is not given.
    pub(super) fn secret_origin(&self, id: &str, variable: &'static str) -> Option<Origin> {
        let by_file = format!("{variable}_FILE");
        let file = self.environment.set(&by_file);
        match self.origin(id, variable) {
            Origin::Flag => Some(Origin::Flag),
            _ if self.environment.set(variable).is_some() => Some(Origin::Variable(variable.to_owned())),
            _ => file.map(|path| Origin::File { variable: by_file, path: path.into() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use syncline_connectors::secret::LARGEST;

    use super::{
        super::{environment::Variables, reader::matches},
        *,
    };

    fn password(variables: &[(&str, &str)]) -> Result<Option<Secret>, Fault> {
        Reader::new(&matches(&["stats"]), &Variables(variables)).secret("DB_PASSWORD")
    }

    /// The value of a file with this content, or the error.
    fn of_file(content: &[u8]) -> Result<String, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        let path = file.path().to_str().unwrap();
        let read = password(&[("DB_PASSWORD", ""), ("DB_PASSWORD_FILE", path)]);
        match read {
            Ok(secret) => Ok(secret.unwrap().value),
            Err(fault) => {
                assert_eq!(fault.code, 2);
                assert!(
                    fault.message.starts_with(&format!("DB_PASSWORD_FILE {path}: ")),
                    "{}",
                    fault.message
                );
                Err(fault.message)
            }
        }
    }

    #[test]
    fn one_line_end_is_taken_off_a_file() {
        for (content, value) in
            [("a", "a"), ("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), (" a \n", " a "), ("a\r", "a\r")]
        {
            assert_eq!(of_file(content.as_bytes()), Ok(value.to_owned()), "{content:?}");
        }
        let longest = "x".repeat(LARGEST);
        assert_eq!(of_file(longest.as_bytes()), Ok(longest));
    }

    #[test]
    fn a_file_without_a_usable_value_is_refused_without_its_content() {
        let large = format!("hunter2{}", "x".repeat(LARGEST));
        for (content, told) in [
            (&b""[..], "is empty"),
            (b"\n", "is empty"),
            (b"hunter2\xff", "not UTF-8"),
            (large.as_bytes(), "larger than 64 KiB"),
        ] {
            let refused = of_file(content).unwrap_err();
            assert!(refused.contains(told) && !refused.contains("hunter2"), "{refused}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_refused_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().join("none"), folder.path().to_owned()] {
            let fault = password(&[("DB_PASSWORD_FILE", path.to_str().unwrap())]).err().unwrap();
            assert!(fault.message.contains("unset DB_PASSWORD_FILE"), "{}", fault.message);
            assert!(!fault.message.contains("os error"), "{}", fault.message);
        }
    }

    #[test]
    fn a_flag_goes_before_a_variable_and_a_file_and_those_exclude_each_other() {
        let both = Variables(&[("REDIS_URL", "redis://a"), ("REDIS_URL_FILE", "/none")]);
        let given = ["--redis-url", "redis://b", "stats"];
        let by_flag =
            Reader::new(&matches(&given), &both).secret_flag("redis_url", "REDIS_URL", Some("redis://b"));
        let by_flag = by_flag.unwrap().unwrap();
        assert_eq!((&*by_flag.value, by_flag.origin), ("redis://b", Origin::Flag));
        let fault = Reader::new(&matches(&["stats"]), &both).secret("REDIS_URL").err().unwrap();
        assert!(fault.message.contains("REDIS_URL and REDIS_URL_FILE are both set"), "{}", fault.message);
        let one = password(&[("DB_PASSWORD", "x"), ("DB_PASSWORD_FILE", "")]).unwrap().unwrap();
        assert_eq!((&*one.value, one.origin), ("x", Origin::Variable("DB_PASSWORD".to_owned())));
        assert!(password(&[("DB_PASSWORD_FILE", " ")]).unwrap().is_none());
    }
}
