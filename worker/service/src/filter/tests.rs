use super::*;

const KEYS: [&str; 3] = ["sync", "age", "error"];

fn is(key: &str, values: &[&str]) -> Term {
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    Term { negated: false, key: Some(key.to_owned()).filter(|key| !key.is_empty()), test: Test::Is(values) }
}

fn not(term: Term) -> Term {
    Term { negated: true, ..term }
}

#[test]
fn every_form_is_read() {
    let expected = vec![
        is("", &["timeout"]),
        is("", &["two words"]),
        is("sync", &["a"]),
        is("sync", &["a", "b c", "d"]),
        not(is("sync", &["e"])),
        not(is("", &["word"])),
        Term { test: Test::Above("10m".to_owned()), ..is("age", &[]) },
        Term { test: Test::Below("2026-11-01".to_owned()), ..is("age", &[]) },
        Term { test: Test::Present, ..is("error", &[]) },
        not(Term { test: Test::Present, ..is("error", &[]) }),
        is("error", &["*"]),
        is("error", &["say \"no\" \\ yes"]),
        is("", &["http://x"]),
    ];
    let text = "timeout \"two words\" sync:a  sync:a,\"b c\",d -sync:e\t-word age:>10m age:<2026-11-01 error:* -error:* \
                error:\"*\" error:\"say \\\"no\\\" \\\\ yes\" \"http://x\"";
    assert_eq!(parse(text, &KEYS).unwrap(), expected);
    assert_eq!(parse("   ", &KEYS).unwrap(), []);
}

#[test]
fn a_wrong_filter_says_what_is_wrong() {
    for (text, told) in [
        ("snyc:a", "\"snyc\" is no key"),
        ("sync:", "a value is missing"),
        ("sync:a,", "a value is missing"),
        ("sync:>", "a value is missing"),
        ("-", "a value is missing"),
        ("\"open", "has no end"),
        ("\"a\"b", "a blank is missing"),
        ("sync:a\"b", "quotation mark inside"),
        ("a,b", "a blank is missing"),
    ] {
        let refused = parse(text, &KEYS).unwrap_err().to_string();
        assert!(refused.starts_with("filter: ") && refused.contains(told), "{text}: {refused}");
    }
    assert!(parse("snyc:a", &KEYS).unwrap_err().to_string().contains("sync"), "the near one is named");
    assert!(parse(&"a ".repeat(21), &KEYS).is_err() && parse(&"a ".repeat(20), &KEYS).is_ok());
    assert!(parse(&"a".repeat(2_049), &KEYS).is_err());
}

/// Every text is a filter or an error, and never a panic: all texts of up to six letters that mean something.
#[test]
fn no_text_breaks_the_parser() {
    let letters = ['a', ':', '"', '-', ',', '>', '*', '\\', ' ', 'é'];
    let mut texts = vec![String::new()];
    for _ in 0..5 {
        let longer: Vec<String> = texts
            .iter()
            .flat_map(|text| letters.iter().map(move |letter| format!("{text}{letter}")))
            .collect();
        for text in &longer {
            if let Ok(terms) = parse(text, &["a"]) {
                assert!(terms.len() <= MOST);
            }
        }
        texts = longer;
    }
}
