//! `syncline accounts key`: makes a key.

use std::{fs::OpenOptions, io::Write};

use serde_json::json;
use syncline_accounts::Key;

use crate::{
    cli::AccountsKeyArgs,
    fault::{Exit, Fault, said},
    output::Output,
};

/// Prints a new key, or writes it into a file. It is stored nowhere else.
pub(crate) fn run(args: &AccountsKeyArgs, output: &Output) -> Result<Exit, Fault> {
    let text = Key::generate().map_err(Fault::failed)?;
    let id = Key::parse(&text).map_err(Fault::failed)?.id();
    let Some(file) = &args.output else {
        output.data(&json!({ "id": id, "key": &*text }));
        output.verbatim(&*text);
        output.note(&format!(
            "this is the key {id}, shown once: keep it, and set it as SYNCLINE_SECRET_KEY for every process; without it the \
             encrypted secrets are lost"
        ));
        return Ok(Exit::Done);
    };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(file).and_then(|mut open| open.write_all(format!("{}\n", &*text).as_bytes()));
    written.map_err(|error| Fault::usage(format!("{}: {}", file.display(), said(&error))))?;
    output.data(&json!({ "id": id, "file": file }));
    output.line(format!(
        "wrote the key {id} into {}; set SYNCLINE_SECRET_KEY_FILE to its path for every process, and keep a copy: without it \
         the encrypted secrets are lost",
        file.display()
    ));
    Ok(Exit::Done)
}
