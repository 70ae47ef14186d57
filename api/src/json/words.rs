//! The errors of reading a body, in the API's words.

use syncline_engine::nearest::nearest;

use crate::problem::FieldError;

/// The error that a path and a message of serde tell.
pub(crate) fn finding(path: &str, message: &str) -> FieldError {
    let message = message.split(" at line ").next().unwrap_or(message);
    let quoted = |start: &str| message.strip_prefix(start)?.split('`').next();
    // The path ends at an unknown key, and before a missing one.
    if let Some(key) = quoted("unknown field `") {
        let known: Vec<&str> = message.split('`').skip(3).step_by(2).collect();
        let hint = nearest(key, known.iter().copied()).map(|near| format!("did you mean {near:?}?"));
        let parent = path.strip_suffix(key).unwrap_or(path);
        let detail = format!("unknown key; there are: {}", known.join(", "));
        return FieldError {
            hint,
            ..FieldError::at(&pointer(&format!("{parent}.{key}")), "unknown-key", detail)
        };
    }
    if let Some(key) = quoted("missing field `") {
        return FieldError::at(&pointer(&format!("{path}.{key}")), "missing-key", "is missing");
    }
    if let Some(value) = quoted("unknown variant `") {
        let known: Vec<&str> = message.split('`').skip(3).step_by(2).collect();
        let hint = nearest(value, known.iter().copied()).map(|near| format!("did you mean {near:?}?"));
        let detail = format!("must be one of {}, and is {value:?}", known.join(", "));
        return FieldError { hint, ..FieldError::at(&pointer(path), "invalid-value", detail) };
    }
    for (start, code) in [("invalid type: ", "wrong-type"), ("invalid value: ", "invalid-value")] {
        if let Some((found, expected)) =
            message.strip_prefix(start).and_then(|rest| rest.rsplit_once(", expected "))
        {
            let detail = format!("must be {}, and is {}", wanted(expected), given(found));
            return FieldError::at(&pointer(path), code, detail);
        }
    }
    // The words of the parsers of times, which name no form.
    let of_times = [
        "input contains invalid characters",
        "input is out of range",
        "input is not enough for unique date and time",
        "no possible date and time matching input",
        "premature end of input",
        "trailing input",
    ];
    if of_times.contains(&message) {
        return FieldError::at(
            &pointer(path),
            "invalid-value",
            "must be a time such as 2026-11-30T12:00:00Z",
        );
    }
    FieldError::at(&pointer(path), "invalid-value", message)
}

/// What was expected.
fn wanted(expected: &str) -> &str {
    match expected {
        "a string" | "a borrowed string" | "a text" | "str" => "a text",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" => "an object",
        "a formatted UUID string" | "a UUID string" => "a UUID",
        "an RFC 3339 formatted date and time string" => "a time such as 2026-11-30T12:00:00Z",
        other if other.starts_with("struct ") => "an object",
        other => other,
    }
}

/// What was found.
fn given(found: &str) -> String {
    for (start, word) in [
        ("string ", "the text "),
        ("integer ", "the number "),
        ("floating point ", "the number "),
        ("boolean ", ""),
    ] {
        if let Some(value) = found.strip_prefix(start) {
            return format!("{word}{}", value.trim_matches('`'));
        }
    }
    match found {
        "sequence" => "a list".to_owned(),
        "map" => "an object".to_owned(),
        "null" | "unit value" => "null".to_owned(),
        other => other.to_owned(),
    }
}

/// The JSON Pointer of a path such as `items.ids[0]`.
pub(crate) fn pointer(path: &str) -> String {
    let mut pointer = String::new();
    for part in path.split('.').filter(|part| !part.is_empty()) {
        let mut places = part.split('[');
        if let Some(key) = places.next().filter(|key| !key.is_empty()) {
            pointer.push('/');
            pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
        }
        for place in places {
            pointer.push('/');
            pointer.push_str(place.trim_end_matches(']'));
        }
    }
    pointer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_a_pointer() {
        for (path, expected) in [
            (".", ""),
            ("sync", "/sync"),
            ("items.ids[0]", "/items/ids/0"),
            ("a/b", "/a~1b"),
            ("jobs[3].sync", "/jobs/3/sync"),
        ] {
            assert_eq!(pointer(path), expected, "{path}");
        }
    }
}
