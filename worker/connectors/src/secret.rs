//! Values that may be secret: from a variable, or from the file that the variable with `_FILE` at its end names.

use std::{
    ffi::OsString,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

/// A longer value, in bytes, is not a secret but a mistake.
pub const LARGEST: usize = 64 * 1024;

/// A value that is not shown, and the file that it was read from.
pub(crate) struct Secret {
    pub(crate) value: String,
    /// The name of the variable, and the path in it.
    pub(crate) file: Option<(String, PathBuf)>,
}

/// Reads the variable `NAME`, or the file that `NAME_FILE` names. An empty variable counts as unset. Errors never
/// contain the value.
pub(crate) fn of_variable(
    name: &str,
    get: impl Fn(&str) -> Option<OsString>,
) -> Result<Option<Secret>, String> {
    let by_file = format!("{name}_FILE");
    let set = |name: &str| get(name).filter(|value| !value.to_string_lossy().trim().is_empty());
    match (set(name), set(&by_file)) {
        (None, None) => Ok(None),
        (Some(value), None) => {
            let value = value.into_string().map_err(|_| format!("{name} is not UTF-8; set it to text"))?;
            Ok(Some(Secret { value, file: None }))
        }
        (None, Some(path)) => {
            let path = PathBuf::from(path);
            let value = read_file(&by_file, &path)?;
            Ok(Some(Secret { value, file: Some((by_file, path)) }))
        }
        (Some(_), Some(_)) => Err(both_set(name)),
    }
}

/// The value of the variable `NAME`, or of the file that `NAME_FILE` names; none if neither is set.
pub fn variable(name: &str, get: impl Fn(&str) -> Option<OsString>) -> Result<Option<String>, String> {
    Ok(of_variable(name, get)?.map(|secret| secret.value))
}

/// The error if both forms of a variable are set.
pub fn both_set(name: &str) -> String {
    format!("{name} and {name}_FILE are both set, and only one of them can be meant; unset the other")
}

/// The part of an error that names the file of a wrong value.
pub fn stands_in(variable: &str, path: &Path) -> String {
    format!("the value stands in {}, which {variable} names", path.display())
}

/// The content of the file that a variable names, without the final line end that editors and `echo` add. The error
/// never repeats any of it.
pub fn read_file(variable: &str, path: &Path) -> Result<String, String> {
    let refuse = |what: &str| format!("{variable} {}: {what}", path.display());
    let mut bytes = Vec::new();
    let limit = u64::try_from(LARGEST).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)).map_err(|error| {
        let text = error.to_string();
        let plain = text.split(" (os error").next().unwrap_or_default();
        refuse(&format!("{plain}; name a file that this user may read, or unset {variable}"))
    })?;
    if bytes.len() > LARGEST {
        return Err(refuse(
            "the file is larger than 64 KiB; name a file that holds the value and nothing else",
        ));
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| refuse("the file is not UTF-8 text; write the value into it as text"))?;
    let value = text.strip_suffix('\n').map_or(&*text, |line| line.strip_suffix('\r').unwrap_or(line));
    if value.trim().is_empty() {
        return Err(refuse(&format!("the file is empty; write the value into it, or unset {variable}")));
    }
    Ok(value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<String>, String> {
        let get =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        Ok(of_variable("TASKS_URL", get)?.map(|secret| secret.value))
    }

    #[test]
    fn a_value_is_in_a_variable_or_in_the_file_that_another_names() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "sqlite://b.db\r\n").unwrap();
        let path = file.path().to_str().unwrap();
        let value = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[("TASKS_URL", " "), ("TASKS_URL_FILE", "")]), Ok(None));
        assert_eq!(read(&[("TASKS_URL", "sqlite://a.db"), ("TASKS_URL_FILE", "")]), value("sqlite://a.db"));
        assert_eq!(read(&[("TASKS_URL", ""), ("TASKS_URL_FILE", path)]), value("sqlite://b.db"));
    }

    #[test]
    fn both_forms_and_an_unusable_file_are_refused_without_the_value() {
        let refused = read(&[("TASKS_URL", "hunter2"), ("TASKS_URL_FILE", "/nowhere")]).unwrap_err();
        assert!(refused.starts_with("TASKS_URL and TASKS_URL_FILE are both set"), "{refused}");
        assert!(!refused.contains("hunter2"), "{refused}");
        let refused = read(&[("TASKS_URL_FILE", "/nowhere")]).unwrap_err();
        assert!(refused.starts_with("TASKS_URL_FILE /nowhere: "), "{refused}");
    }
}
