//! The time to convert a text of 100 KB, which is to be at most 5 ms a conversion.
//!
//! `cargo bench -p syncline-engine --bench richtext`

#![allow(clippy::print_stdout, reason = "its table is its purpose")]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use serde_json::{Value as Json, value::to_raw_value};
use syncline_engine::{
    richtext::{Dialect, adf_to_markdown, convert, markdown_to_adf, merge, same},
    side::Pair,
};

const ROUNDS: usize = 40;

const PART: &str = "## Steps to reproduce\n\n1. Open **the settings** and _wait_.\n2. Press `save`; see [the page](https://example.com/a_b).\n\n\
    - [ ] checked on Linux\n- [x] checked on macOS, where it works\n  since version 2.1\n\n\
    > [!WARNING]\n> This deletes what was there before.\n\n\
    The table below has the times that we have seen on three machines, each of them the median of ten runs.\nSee https://example.com/runs/42.\n\n\
    | machine | before | after |\n| --- | :-: | --: |\n| a | 12 ms | `9 ms` |\n| b | 20 ms | 11 ms |\n\n\
    ```rust\nfn main() {\n    println!(\"{}\", 2 * 3);\n}\n```\n\n<details>\n<summary>Log</summary>\n\n~~old~~ snake_case 2 * 3 #12 @name\n\n</details>\n\n";

fn main() -> Result<(), serde_json::Error> {
    let text = PART.repeat(100_000 / PART.len() + 1);
    let edited = text.replacen("the median", "the mean", 1);
    // As it stands in the body of a request.
    let json = |text: &str, present: Option<&Json>| to_raw_value(&markdown_to_adf(text, present).0);
    let sent = json(&text, None)?;
    let document: Json = serde_json::from_str(sent.get())?;
    let back = adf_to_markdown(&document).text;
    let small = back.replacen("the median", "the mean", 1);
    println!("{} bytes of Markdown, {} of JSON\n", text.len(), sent.get().len());
    println!("{:<34} {:>9} {:>9} {:>9}", "conversion", "best ms", "median ms", "worst ms");
    time("Markdown to ADF", || json(&text, None));
    time("Markdown to ADF, one block changed", || json(&small, Some(&document)));
    time("ADF to Markdown", || adf_to_markdown(&document));
    time("GitHub to Linear", || convert(&text, Dialect::GitHub, Dialect::Linear));
    time("equality of two texts", || same(&text, &edited, Dialect::GitHub));
    let other = text.replacen("checked on Linux", "checked on Windows", 1);
    let dialects = Pair::new(Dialect::GitHub, Dialect::GitHub);
    time("merge of two edits", || merge(Pair::new(&text, &text), Pair::new(&edited, &other), dialects));
    Ok(())
}

fn time<T>(what: &str, convert: impl Fn() -> T) {
    let mut taken: Vec<Duration> = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let result = black_box(convert());
        taken.push(begun.elapsed());
        drop(result);
    }
    taken.sort();
    let milliseconds = |at: usize| taken.get(at).map_or(0.0, |time| time.as_secs_f64() * 1_000.0);
    let [best, median, worst] = [0, ROUNDS / 2, ROUNDS - 1].map(milliseconds);
    println!("{what:<34} {best:>9.2} {median:>9.2} {worst:>9.2}");
}
