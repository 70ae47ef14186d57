//! Texts that stand for values: what people and their programs put into cells.

use crate::{draw::Draw, meaning::Sort};

const TEXTS: &[&str] = &[
    "fix the login",
    "a,b",
    "say \"hi\"",
    "12\" pipe",
    "line\nbreak",
    "two\r\nlines",
    "  padded ",
    "Zürich",
    "日本語",
    "😀 smile",
    "007",
    "1.50",
    "true",
    "=1+1",
    "null",
    "NULL",
    "it's",
    "back\\slash",
    "tab\tin",
    "semi;colon",
    "pipe|in",
    "-",
    "\u{a0}blank",
    "e\u{301}",
    "'",
    "\"",
    "{}",
    "[1]",
    "2026-03-01",
    "x",
    " ",
    "%",
    "\\N",
    "a\"\"b",
    ",",
];

/// Labels of the enumerated type, and of checks that stand for one.
pub(crate) const LABELS: [&str; 3] = ["open", "in progress", "done"];

/// What a value map calls them on the target.
pub(crate) const RENAMED: [&str; 3] = ["Open", "WIP", "gone, \"done\""];

/// A text of this sort. `plain`: as a program writes it; else as people do.
pub(crate) fn text(sort: Sort, draw: &mut Draw, plain: bool) -> String {
    match sort {
        Sort::Text => free(draw),
        // Rows that are there are picked where the rows are known.
        Sort::Parent => "T-99".to_owned(),
        Sort::Whole => whole(draw, plain),
        Sort::Decimal => decimal(draw, plain),
        Sort::Flag if plain => draw.pick(&["true", "false"]).to_owned(),
        Sort::Flag => draw.pick(&["true", "false", "yes", "no", "1", "0", "TRUE", "t", "f"]).to_owned(),
        Sort::Day => day(draw, plain),
        Sort::Moment => moment(draw, plain),
        Sort::Json => json(draw),
        Sort::List => list(draw, plain),
        Sort::Uuid => {
            let text = uuid(draw);
            if !plain && draw.chance(20) { text.to_ascii_uppercase() } else { text }
        }
        Sort::Label => {
            if draw.chance(8) {
                "nope".to_owned()
            } else {
                draw.pick(&LABELS).to_owned()
            }
        }
        Sort::Inet => format!("10.{}.{}.{}", draw.below(256), draw.below(256), draw.below(256)),
        Sort::Interval => {
            format!("{} days {:02}:{:02}:00", 2 + draw.below(9), 1 + draw.below(23), draw.below(60))
        }
        Sort::Clock => format!("{:02}:{:02}:{:02}", draw.below(24), draw.below(60), draw.below(60)),
    }
}

fn free(draw: &mut Draw) -> String {
    let text = draw.pick(TEXTS);
    match draw.below(12) {
        0 => "long ".repeat(8 + draw.below(40)),
        1..=4 => text.to_owned(),
        _ => format!("{text}{}", draw.below(1000)),
    }
}

fn whole(draw: &mut Draw, plain: bool) -> String {
    let number = match draw.below(12) {
        0 => 40_000 + draw.below(9_000) as i64,
        1 => 3_000_000_000 + draw.below(9_000) as i64,
        2 => 9_007_199_254_740_993 + draw.below(90) as i64,
        3 => -(draw.below(500) as i64),
        4 => draw.pick(&[i64::MAX, i64::MIN, 32_767, 0, 16_777_217]),
        _ => draw.below(900) as i64,
    };
    match draw.below(12) {
        0 if !plain && number >= 0 => format!("{number:05}"),
        1 if !plain && number >= 0 => format!("+{number}"),
        _ => number.to_string(),
    }
}

fn decimal(draw: &mut Draw, plain: bool) -> String {
    let (whole, part) = (draw.below(500), draw.below(1000));
    match draw.below(14) {
        0 => format!("{whole}.{part:03}5"),
        1 => format!("-{whole}.{part:03}"),
        2 => format!("{}12345678901234567.{part:03}", whole + 1),
        3 => format!("0.{part:03}000000000000000001"),
        4 if !plain => format!("{whole}e2"),
        5 if !plain => format!("{whole}.{}0", part % 10),
        6 => draw.pick(&["0.1", "0.2", "0.30", "1.10", "100", "1e3"]).to_owned(),
        _ => format!("{whole}.{}", part % 100),
    }
}

fn day(draw: &mut Draw, plain: bool) -> String {
    let (year, month, day) = (1990 + draw.below(60), 1 + draw.below(12), 1 + draw.below(28));
    if !plain && draw.chance(15) {
        format!("{year}-{month}-{day}")
    } else {
        format!("{year}-{month:02}-{day:02}")
    }
}

fn moment(draw: &mut Draw, plain: bool) -> String {
    let date = day(draw, true);
    let (hour, minute, second) = (draw.below(24), draw.below(60), draw.below(60));
    if plain {
        return format!("{date} {hour:02}:{minute:02}:{second:02}");
    }
    let separator = draw.pick(&["T", " "]);
    let seconds = match draw.below(6) {
        0 => String::new(),
        1 => format!(":{second:02}.{:03}", draw.below(1000)),
        2 => format!(":{second:02}.{:06}", draw.below(1_000_000)),
        _ => format!(":{second:02}"),
    };
    let zone = draw.pick(&["", "Z", "+02:00", "-0530", "+01"]);
    format!("{date}{separator}{hour:02}:{minute:02}{seconds}{zone}")
}

fn json(draw: &mut Draw) -> String {
    let (number, text) = (decimal(draw, true), draw.below(900));
    match draw.below(5) {
        0 => format!("[1, {number}, \"t{text}\"]"),
        1 => format!("{{\"b\": {{\"deep\": [{number}]}}, \"a\": \"t{text}\"}}"),
        2 => format!("{{ \"n\" : {number} , \"big\" : 12345678901234567890 }}"),
        _ => format!("{{\"name\":\"t{text}\",\"n\":{number},\"on\":true}}"),
    }
}

fn list(draw: &mut Draw, plain: bool) -> String {
    let items: Vec<String> = (0..1 + draw.below(3))
        .map(|_| format!("{}{}", draw.pick(&["a", "b c", "ü", "z"]), draw.below(90)))
        .collect();
    if plain || draw.chance(50) { serde_json::json!(items).to_string() } else { items.join(",") }
}

pub(crate) fn uuid(draw: &mut Draw) -> String {
    let part = |draw: &mut Draw, length: usize| {
        (0..length).map(|_| draw.pick(&['0', '1', '4', '7', '9', 'a', 'c', 'e', 'f'])).collect::<String>()
    };
    let lengths = [8, 4, 4, 4, 12];
    lengths.map(|length| part(draw, length)).join("-")
}
