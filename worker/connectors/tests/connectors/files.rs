//! Behaviour of files only: bytes, encodings, half-written states, and the rename.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::PathBuf,
};

use rstest::rstest;
use serde_json::json;
use syncline_engine::{
    Value,
    ports::{ErrorKind, Place, ReadMode},
    value::Fields,
};
use tempfile::TempDir;

use crate::place::{
    call, create, delete, fetch, fields, ids, list, marker, not_sent, open, text, update, write, write_one,
};

struct Csv {
    folder: TempDir,
}

impl Csv {
    fn new(content: impl AsRef<[u8]>) -> Csv {
        let csv = Csv { folder: tempfile::tempdir().unwrap() };
        csv.put(content);
        csv
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("rows.csv")
    }

    fn put(&self, content: impl AsRef<[u8]>) {
        fs::write(self.path(), content).unwrap();
    }

    fn content(&self) -> String {
        fs::read_to_string(self.path()).unwrap()
    }

    async fn open(&self) -> Box<dyn Place> {
        open(&json!({ "path": self.path() })).await.unwrap()
    }

    /// The error of opening or of listing.
    async fn error(&self) -> syncline_engine::ports::ConnectorError {
        let connector = match open(&json!({ "path": self.path() })).await {
            Ok(connector) => connector,
            Err(error) => return error,
        };
        let mut listing = connector.list(ReadMode::Full, None, &call()).await.unwrap();
        loop {
            match listing.next_page(&call()).await {
                Ok(page) => assert!(page.is_some(), "the file was read without an error"),
                Err(error) => {
                    assert!(!listing.end().complete);
                    assert_eq!(listing.next_page(&call()).await, Ok(None));
                    return error;
                }
            }
        }
    }

    /// The names of all files in the folder.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

fn title(text: &str) -> Fields {
    fields([("title", Value::Text(text.to_owned()))])
}

#[tokio::test]
async fn untouched_rows_keep_their_bytes() {
    let csv = Csv::new(
        "\u{feff}id,\"title\",extra\r\n\r\n1,\"quoted\",\"x\"\"y\"\r\n\"2\", spaced ,\"two\r\nlines\"\r\n3,,\"\"",
    );
    let connector = csv.open().await;
    let results = write(
        &*connector,
        &[update("2", title("a, b"), Fields::new()), create(marker("m"), title("new")), delete("9")],
    )
    .await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(
        csv.content(),
        "\u{feff}id,\"title\",extra\r\n\r\n1,\"quoted\",\"x\"\"y\"\r\n\"2\",\"a, b\",\"two\r\nlines\"\r\n3,,\"\"\r\n\
         m,\"new\",\"\""
    );
    write_one(&*connector, delete("3")).await.unwrap();
    assert!(csv.content().ends_with("lines\"\r\nm,\"new\",\"\""));
    assert_eq!(csv.names(), ["rows.csv"]);
}

#[rstest]
#[case::header_only("id,title", "id,title\nm,new")]
#[case::newline("id,title\n", "id,title\nm,new\n")]
#[case::no_last_newline("id,title\n1,a", "id,title\n1,a\nm,new")]
#[case::crlf("id,title\r\n1,a\r\n", "id,title\r\n1,a\r\nm,new\r\n")]
#[case::returns_only("id,title\r1,a\r", "id,title\r1,a\rm,new\r")]
#[case::all_quoted(
    "\"id\",\"title\",\"x\"\n\"1\",\"a\",\"\"\n",
    "\"id\",\"title\",\"x\"\n\"1\",\"a\",\"\"\n\"m\",\"new\",\"\"\n"
)]
#[case::quoted_header("\"id\",\"title\"\n", "\"id\",\"title\"\n\"m\",\"new\"\n")]
#[case::quoted_text("\"id\",\"title\",n\n1,\"a\",\n", "\"id\",\"title\",n\n1,\"a\",\nm,\"new\",\n")]
#[case::blank_rows("id,title\r\n1,a\r\n,,\r\n\"\", \r\n", "id,title\r\n1,a\r\n,,\r\n\"\", \r\nm,new\r\n")]
#[case::excel("\u{feff}sep=;\r\nid;title\r\n", "\u{feff}sep=;\r\nid;title\r\nm;new\r\n")]
#[case::semicolons("title;id\n", "title;id\nnew;m\n")]
#[tokio::test]
async fn new_rows_follow_the_style_of_the_file(#[case] before: &str, #[case] after: &str) {
    let csv = Csv::new(before);
    let delimiter = if before.contains(';') { ";" } else { "," };
    let connector = open(&json!({ "path": csv.path(), "delimiter": delimiter })).await.unwrap();
    write_one(&*connector, create(marker("m"), title("new"))).await.unwrap();
    assert_eq!(csv.content(), after);
}

#[tokio::test]
async fn cells_are_text_or_nothing() {
    let csv = Csv::new("id,a,b,c\n1,,\" \",007\n");
    let item = fetch(&*csv.open().await, "1").await.unwrap();
    let expected = [("id", text("1")), ("a", Value::Null), ("b", text(" ")), ("c", text("007"))];
    assert_eq!(item.fields, fields(expected));
}

#[tokio::test]
async fn values_of_all_kinds_become_cells() {
    let csv = Csv::new("id,v\n");
    let connector = csv.open().await;
    let values = [
        (Value::Bool(true), "true"),
        (Value::Int(-7), "-7"),
        (Value::Float(0.5), "0.5"),
        (Value::Date("2025-01-31".parse().unwrap()), "2025-01-31"),
        (
            Value::DateTime(syncline_engine::value::Instant::parse("2025-01-31 10:20:30.5").unwrap()),
            "2025-01-31T10:20:30.500Z",
        ),
        (Value::List(vec![Value::Int(1), text("b")]), "[1,\"b\"]"),
        (Value::Object(fields([("a", Value::Null)])), "{\"a\":null}"),
    ];
    for (value, expected) in values {
        let item = write_one(&*connector, create(marker(expected), fields([("v", value)]))).await.unwrap();
        assert_eq!(item.fields["v"], text(expected));
    }
    assert_eq!(list(&*csv.open().await, ReadMode::Full).await.0.len(), 7);
}

#[rstest]
#[case::no_bytes("", "is empty")]
#[case::blank_lines("\n\n", "is empty")]
#[case::no_key(
    "number,title\n1,a\n",
    "line 1: there is no column \"id\", which `key` names; the columns are \"number\", \"title\""
)]
#[case::same_key("id,a,id\n", "line 1: the column \"id\", which `key` names, appears twice (columns 1, 3)")]
#[case::blank_in_a_name("id ,v\n1,a\n", "the columns are \"id \", \"v\"; did you mean \"id \"?")]
#[case::two_marks(
    "\u{feff}\u{feff}id,v\n",
    "the columns are \"\\u{feff}id\", \"v\"; the file begins with more than one byte order mark"
)]
#[case::no_break_space("id\u{a0},v\n", "the columns are \"id\\u{a0}\"")]
#[case::semicolons("id;v\n1;a\n", "the file seems to be separated by \";\": set delimiter: \";\"")]
#[case::tabs("id\tv\n1\ta\n", "set delimiter: \"\\t\"")]
#[case::wide("i\0d\0,\0v\0", "line 1: this is UTF-16LE text; save the file as UTF-8")]
#[case::zero_byte("id,title\n1,a\n2,\0\n", "line 3: there is a zero byte")]
#[case::lost_closing_quote(
    "id,title\n1,\"12 inch\n2,\"two\"\n",
    "line 3: text follows the closing quote of the cell that opens on line 2"
)]
#[case::lost_opening_quote(
    "id,title\n1,note\"\n",
    "line 2: a cell has a quote where its opening quote may be missing"
)]
#[case::backslash(
    "id,title\n1,\"a \\\"b\\\"\"\n",
    "line 2: text follows the closing quote of the cell; a backslash does not escape"
)]
#[case::few_cells("id,title\n1,a\n2\n", "line 3: the row has 1 cells, the header has 2")]
#[case::many_cells("id,title\n1,a,b\n", "line 2: the row has 3 cells, the header has 2")]
#[case::half_written("id,title\n1,a\n2,\"b", "line 3: the quote that opens a cell here is never closed")]
#[case::empty_key("id,title\n1,a\n,b\n", "line 3: the row has no \"id\"")]
#[case::same_id("id,title\n1,\"a\nb\"\n2,b\n\n1,c\n", "line 6: the id \"1\" is already used on line 2")]
#[case::latin("id,title\n1,a\n2,\u{1}\n", "line 3: this is not UTF-8 text")]
#[tokio::test]
async fn a_flaw_is_named_with_its_line(#[case] content: &str, #[case] expected: &str) {
    let bytes: Vec<u8> = content.bytes().map(|byte| if byte == 1 { 0xe9 } else { byte }).collect();
    let csv = Csv::new(&bytes);
    let error = csv.error().await;
    assert_eq!(error.kind, ErrorKind::Permanent);
    assert!(error.message.contains(expected), "{error}");
    assert!(error.message.contains("rows.csv"), "{error}");

    // Such a file is not written to either.
    csv.put("id,title\n");
    let connector = csv.open().await;
    csv.put(&bytes);
    let writes = [create(marker("m"), Fields::new()), delete("1")];
    assert_eq!(not_sent(&*connector, &writes, &call()).await.kind, ErrorKind::Permanent);
    assert_eq!(fs::read(csv.path()).unwrap(), bytes);
    assert_eq!(csv.names(), ["rows.csv"]);
}

#[tokio::test]
async fn what_is_no_file_is_refused() {
    let csv = Csv::new("id\n");
    fs::remove_file(csv.path()).unwrap();
    let missing = csv.error().await;
    assert_eq!(missing.kind, ErrorKind::Permanent);
    assert!(missing.message.contains("rows.csv: there is no such file"), "{missing}");
    fs::create_dir(csv.path()).unwrap();
    assert!(csv.error().await.message.contains("this is not a file"));
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_listed_is_not_complete() {
    let rows: String = (0..600).map(|number| format!("{number},a\n")).collect();
    let csv = Csv::new(format!("id,title\n{rows}"));
    let connector = csv.open().await;
    let mut listing = connector.list(ReadMode::Full, None, &call()).await.unwrap();
    assert_eq!(listing.next_page(&call()).await.unwrap().unwrap().len(), 500);
    csv.put("id,title\n1,b\n");
    while let Ok(Some(_)) = listing.next_page(&call()).await {}
    assert!(!listing.end().complete);
    assert_eq!(ids(&*connector, ReadMode::Full).await, ["1"]);
}

#[tokio::test]
async fn a_broken_row_in_a_file_being_written_may_pass() {
    let rows: String = (0..2000).map(|number| format!("{number},{},x\n", "a".repeat(200))).collect();
    let csv = Csv::new(format!("id,title,other\n{rows}"));
    let connector = csv.open().await;
    let mut listing = connector.list(ReadMode::Full, None, &call()).await.unwrap();
    listing.next_page(&call()).await.unwrap();
    // The file is truncated while it is read, so that it ends in the middle of a row.
    csv.put("id,title,other\n");
    let error = listing.next_page(&call()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Transient);
    assert!(error.message.contains("being written just now"), "{error}");
    assert!(!listing.end().complete);
}

#[tokio::test]
async fn the_index_is_renewed_when_the_file_changes() {
    let csv = Csv::new("id,title\n1,one\n2,two\n");
    let connector = csv.open().await;
    assert_eq!(ids(&*connector, ReadMode::Full).await, ["1", "2"]);
    assert_eq!(fetch(&*connector, "2").await.unwrap().fields["title"], text("two"));
    write_one(&*connector, update("1", title("a longer one"), Fields::new())).await.unwrap();
    assert_eq!(fetch(&*connector, "2").await.unwrap().fields["title"], text("two"));
    write_one(&*connector, delete("1")).await.unwrap();
    assert_eq!(fetch(&*connector, "1").await, None);
    csv.put("id,title\n0,zero\n3,three\n2,second\n");
    assert_eq!(fetch(&*connector, "2").await.unwrap().fields["title"], text("second"));
}

#[tokio::test]
async fn permissions_and_links_survive_a_write() {
    let csv = Csv::new("id,title\n1,one\n");
    fs::set_permissions(csv.path(), fs::Permissions::from_mode(0o640)).unwrap();
    let link = csv.folder.path().join("link.csv");
    symlink("rows.csv", &link).unwrap();
    let connector = open(&json!({ "path": link })).await.unwrap();
    write_one(&*connector, update("1", title("two"), Fields::new())).await.unwrap();
    assert_eq!(csv.content(), "id,title\n1,two\n");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::metadata(csv.path()).unwrap().permissions().mode() & 0o777, 0o640);
}

#[tokio::test]
async fn leftovers_of_killed_processes_are_removed() {
    let csv = Csv::new("id,title\n1,one\n");
    for name in [".rows.csv.syncline-1-abc.tmp", ".other.csv.syncline-1-abc.tmp"] {
        fs::write(csv.folder.path().join(name), "half").unwrap();
    }
    write_one(&*csv.open().await, delete("1")).await.unwrap();
    assert_eq!(csv.names(), [".other.csv.syncline-1-abc.tmp", "rows.csv"]);
}

#[tokio::test]
async fn a_lock_of_another_process_is_waited_for() {
    let csv = Csv::new("id,title\n1,one\n");
    let connector = csv.open().await;
    let held = fs::File::open(csv.path()).unwrap();
    held.lock().unwrap();
    let waiting = tokio::spawn(async move { write_one(&*connector, delete("1")).await });
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert!(!waiting.is_finished());
    // The other process replaces the file by a rename, as we do.
    fs::write(csv.folder.path().join("new"), "id,title\n1,one\n2,two\n").unwrap();
    fs::rename(csv.folder.path().join("new"), csv.path()).unwrap();
    drop(held);
    waiting.await.unwrap().unwrap();
    assert_eq!(csv.content(), "id,title\n2,two\n");
}

#[tokio::test]
async fn writers_at_the_same_time_lose_nothing() {
    let csv = Csv::new("id,title\n");
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8 {
        let connector = csv.open().await;
        writers.spawn(async move {
            for number in 0..5 {
                let id = format!("{writer}-{number}");
                write_one(&*connector, create(marker(&id), Fields::new())).await.unwrap();
            }
        });
    }
    writers.join_all().await;
    assert_eq!(ids(&*csv.open().await, ReadMode::Full).await.len(), 40);
    assert_eq!(csv.names(), ["rows.csv"]);
}

#[rstest]
#[case::all_quoted("\"id\",\"title\"\n\"1\",\"a\"\n", "\"id\",\"title\"\n\"1\",\"b\"\n")]
#[case::empty_in_a_quoted_column("id,title\n1,\n2,\"x\"\n", "id,title\n1,\"b\"\n2,\"x\"\n")]
#[case::quotes_of_need("id,title\n1,\"a,\"\n2,x\n", "id,title\n1,b\n2,x\n")]
#[case::inner_quote("id,title,n\r\n1,a,12\" pipe\r\n", "id,title,n\r\n1,b,12\" pipe\r\n")]
#[case::no_last_newline("id,title\n1,a", "id,title\n1,b")]
#[case::unnamed("id,title,,\n1,a,x,y\n", "id,title,,\n1,b,x,y\n")]
#[tokio::test]
async fn one_edit_changes_one_cell(#[case] before: &str, #[case] after: &str) {
    let csv = Csv::new(before);
    write_one(&*csv.open().await, update("1", title("b"), Fields::new())).await.unwrap();
    assert_eq!(csv.content(), after);
}

#[tokio::test]
async fn columns_of_one_name_are_a_list() {
    let csv = Csv::new("id,label,label,label\n1,x,,y\n2,,,\n");
    let connector = csv.open().await;
    let list = |texts: &[&str]| Value::List(texts.iter().map(|each| text(each)).collect());
    let labels = |value: Value| fields([("label", value)]);
    assert_eq!(fetch(&*connector, "1").await.unwrap().fields["label"], list(&["x", "y"]));
    assert_eq!(fetch(&*connector, "2").await.unwrap().fields["label"], Value::Null);
    let writes = [
        update("1", labels(list(&["x", "z"])), Fields::new()),
        update("2", labels(text("[\"a\",\"b\"]")), Fields::new()),
        create(marker("m"), labels(list(&["a", "b", "c", "d"]))),
    ];
    let results = write(&*connector, &writes).await;
    let refused = results[2].as_ref().unwrap_err().to_string();
    assert!(refused.contains("the columns \"label\" cannot take"), "{refused}");
    // So that the other fields of the row can be written without it.
    let why = connector.accepts("label", &list(&["a", "b", "c", "d"])).unwrap_err();
    assert!(refused.ends_with(&why), "{why}");
    assert_eq!(connector.accepts("label", &list(&["a", "b", "c"])), Ok(()));
    assert!(connector.accepts("id", &text("a\0b")).is_err());
    assert_eq!(csv.content(), "id,label,label,label\n1,x,,z\n2,a,b,\n");
}

#[tokio::test]
async fn only_mapped_columns_are_read() {
    let csv = Csv::new("id,a,b,b\n1,x,y,z\n");
    let (scope, mapped) = (json!({ "path": csv.path() }), ["a".to_owned()]);
    let opening =
        syncline_connectors::Opening { fields: &mapped, ..syncline_connectors::Opening::new(&scope) };
    let platform = syncline_connectors::platform("csv").unwrap();
    let connector = platform.open(&opening, &call()).await.unwrap();
    let item = fetch(&*connector, "1").await.unwrap();
    assert_eq!(item.fields, fields([("id", text("1")), ("a", text("x"))]));
}

#[tokio::test]
async fn a_page_ends_by_bytes_too() {
    let cell = "x".repeat(1 << 20);
    let rows: String = (0..12).map(|number| format!("{number},{cell}\n")).collect();
    let csv = Csv::new(format!("id,title\n{rows}"));
    let connector = csv.open().await;
    let mut listing = connector.list(ReadMode::Full, None, &call()).await.unwrap();
    let mut pages = Vec::new();
    while let Some(page) = listing.next_page(&call()).await.unwrap() {
        pages.push(page.len());
    }
    assert_eq!(pages, [4, 4, 4]);
}

#[tokio::test]
async fn what_could_not_be_read_again_is_not_written() {
    let csv = Csv::new("id,title\n1,a\n");
    let connector = csv.open().await;
    let writes =
        [update("1", title(&"x".repeat(17 << 20)), Fields::new()), update("1", title("a\0"), Fields::new())];
    let refused = write(&*connector, &writes).await;
    for (result, what) in refused.iter().zip(["a row can have 16 MiB", "zero byte"]) {
        let error = result.as_ref().unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
    assert_eq!(csv.content(), "id,title\n1,a\n");
}

#[tokio::test]
async fn a_file_in_the_hands_of_its_writer_is_read_again() {
    let csv = Csv::new("id,title\n1,a\n2,\"half");
    let path = csv.path();
    let writer = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(60));
        fs::write(path, "id,title\n1,a\n2,\"half a row\"\n").unwrap();
    });
    let connector = csv.open().await;
    assert_eq!(ids(&*connector, ReadMode::Full).await, ["1", "2"]);
    writer.join().unwrap();
    // Missing for a moment, as while an editor replaces it.
    let path = csv.path();
    fs::rename(&path, path.with_extension("new")).unwrap();
    let writer = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(60));
        fs::rename(path.with_extension("new"), path).unwrap();
    });
    assert_eq!(ids(&*connector, ReadMode::Full).await, ["1", "2"]);
    writer.join().unwrap();
    fs::remove_file(csv.path()).unwrap();
    let error =
        connector.list(ReadMode::Full, None, &call()).await.unwrap().next_page(&call()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Transient);
}
