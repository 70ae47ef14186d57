//! `syncline completions`, `man`, `schema`, `openapi` and `version`: information about the program itself.

use std::io::Write;

use crate::{
    cli::{self, CompletionsArgs, ManArgs},
    fault::{Exit, Fault},
    output::Output,
    schema,
};

/// Prints the completions of a shell.
pub(crate) fn completions(args: &CompletionsArgs) -> Result<Exit, Fault> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut cli::command(), "syncline", &mut script);
    print(&script)
}

/// Prints the manual page of the program, or writes a page for each command into a folder.
pub(crate) fn man(args: &ManArgs) -> Result<Exit, Fault> {
    let command = cli::command();
    if let Some(folder) = &args.dir {
        std::fs::create_dir_all(folder)
            .and_then(|()| clap_mangen::generate_to(command, folder))
            .map_err(|error| Fault::failed(format!("{}: {error}", folder.display())))?;
        return Ok(Exit::Done);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    print(&page)
}

/// Prints the JSON Schema of sync documents.
pub(crate) fn schema() -> Result<Exit, Fault> {
    print(format!("{:#}\n", schema::schema()).as_bytes())
}

/// Prints the OpenAPI document, as a server of this version has it at `/openapi.json`.
pub(crate) fn openapi() -> Result<Exit, Fault> {
    let document = syncline_api::openapi(env!("CARGO_PKG_VERSION"));
    let document = document.map_err(|error| Fault::failed(format!("the document: {error}")))?;
    print(format!("{document}\n").as_bytes())
}

/// Prints the version and what it was built for.
pub(crate) fn version(output: &Output) -> Exit {
    let (version, system) =
        (env!("CARGO_PKG_VERSION"), format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS));
    let migration = syncline_migration::Migrator::new().steps().last().map(|step| step.name().to_owned());
    output.line(format!("syncline {version} for {system}"));
    if let Some(migration) = &migration {
        output.line(format!("database schema: {migration}"));
    }
    output.data(&serde_json::json!({ "version": version, "system": system, "schema": migration }));
    Exit::Done
}

fn print(bytes: &[u8]) -> Result<Exit, Fault> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        // The reader has what it wanted (`| head`).
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(Exit::Done),
        written => written.map(|()| Exit::Done).map_err(Fault::from),
    }
}
