//! The environment variables of the process, behind a trait so that tests can supply others.

use std::ffi::{OsStr, OsString};

use crate::fault::Fault;

pub(crate) trait Environment {
    /// The value of a variable; none if it is not set.
    fn get(&self, name: &str) -> Option<OsString>;

    /// The value of a variable. An empty one, as compose files set it, counts as unset.
    fn set(&self, name: &str) -> Option<OsString> {
        self.get(name).filter(|value| !is_blank(value))
    }

    /// The value as text; an error if it is not UTF-8.
    fn text(&self, name: &str) -> Result<Option<String>, Fault> {
        let Some(value) = self.set(name) else { return Ok(None) };
        let text = value.into_string();
        text.map(Some).map_err(|_| Fault::usage(not_text(name)))
    }
}

/// The environment of this process. Only clap reads it otherwise, for the variables of flags.
pub(crate) struct Process;

impl Environment for Process {
    fn get(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name)
    }
}

/// True if a value is empty or consists of white space.
fn is_blank(value: &OsStr) -> bool {
    value.to_string_lossy().trim().is_empty()
}

/// The error for a variable that is not UTF-8, without the value, which cannot be printed.
pub(crate) fn not_text(name: &str) -> String {
    format!("{name} is not UTF-8 text; set it to text, or unset it")
}

#[cfg(test)]
pub(crate) struct Variables<'a>(pub(crate) &'a [(&'a str, &'a str)]);

#[cfg(test)]
impl Environment for Variables<'_> {
    fn get(&self, name: &str) -> Option<OsString> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_variable_counts_as_unset() {
        let environment = Variables(&[("A", "x "), ("B", ""), ("C", " \t")]);
        assert_eq!(environment.text("A").unwrap().as_deref(), Some("x "));
        for unset in ["B", "C", "D"] {
            assert_eq!(environment.text(unset).unwrap(), None, "{unset}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_variable_that_is_not_text_is_refused_by_name() {
        use std::os::unix::ffi::OsStringExt;
        struct Broken;
        impl Environment for Broken {
            fn get(&self, _: &str) -> Option<OsString> {
                Some(OsString::from_vec(vec![b'a', 0xff]))
            }
        }
        let fault = Broken.text("SYNC_PORT").unwrap_err();
        assert_eq!((fault.code, fault.message.starts_with("SYNC_PORT is not UTF-8")), (2, true));
    }
}
