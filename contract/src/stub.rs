//! The handler of an operation that nobody has written yet: a module and the lines that mount it, made from the spec.
//!
//! What a stub must look like is the app's business: its extractors, its errors, the trait behind its handlers. The app
//! says so in an [`Idiom`]; this room knows Rust, serde, `validator`, utoipa and actix, and no app.

mod builder;
mod handler;
mod lines;
mod names;
mod own;
mod pattern;
mod types;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::finding::{Finding, Kind, Part};
use crate::report::Report;
use crate::sources::Sources;

/// How an app writes what each handler has. In all texts, `{type}` is the type in question.
#[derive(Clone, Copy, Debug)]
pub struct Piece {
    /// The handler's argument.
    pub argument: &'static str,
    /// The statement that makes a value of it, or nothing.
    pub statement: &'static str,
    /// That value, as the port's method is given it.
    pub passed: &'static str,
    /// The argument of the port's method.
    pub takes: &'static str,
    /// What all that must be imported for.
    pub imports: &'static [&'static str],
}

/// A place in the app where a line is added.
#[derive(Clone, Copy, Debug)]
pub struct Edit {
    /// The file.
    pub file: &'static str,
    /// On which side of the line.
    pub side: Beside,
    /// The line, without the white space around it. The first such line counts.
    pub line: &'static str,
    /// What is added. `{module}` is the stub's module, `{handler}` its function and the port's method, `{summary}` the
    /// operation's, `{takes}` the arguments of the port's method, each behind a comma, `{answer}` what that method gives,
    /// `{raised}` the entries of [`Idiom::raised`] for the statuses that the spec documents, `{body}` the stand-in's answer.
    pub text: &'static str,
}

/// Where something is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beside {
    /// Before the line.
    Above,
    /// After it.
    Below,
}

/// How an app is written, so that a stub is written the same way.
#[derive(Clone, Copy, Debug)]
pub struct Idiom {
    /// The file that the module becomes: `{module}` is its name.
    pub file: &'static str,
    /// The path of that module for the rest of the app, with `{module}`.
    pub outside: &'static str,
    /// The folder of the surface and the path of its root module, so that types that are there are found: `("src/api",
    /// "crate::api")`.
    pub root: (&'static str, &'static str),
    /// The port itself: its argument, and what the method is called on.
    pub port: Piece,
    /// The name of the one security scheme.
    pub scheme: &'static str,
    /// The caller, where credentials are asked for.
    pub caller: Piece,
    /// The parameters of the path.
    pub path: Piece,
    /// The parameters of the query.
    pub query: Piece,
    /// The JSON body.
    pub body: Piece,
    /// The function for `#[serde(deserialize_with)]` that takes what may be left out but not be `null`.
    pub present: &'static str,
    /// What that must be imported for.
    pub present_import: &'static str,
    /// The path of the module that has a type for each documented refusal, called as the component in the spec.
    pub answers: &'static str,
    /// What the stand-in raises so that a status is seen.
    pub raised: &'static [(&'static str, &'static str)],
    /// The stand-in's expression for the value that `{json}`, a string literal, holds: a `Result`.
    pub example: &'static str,
    /// The same for a value that nobody knows.
    pub unwritten: &'static str,
    /// The stand-in's expression for how often it was asked, a `usize`.
    pub turn: &'static str,
    /// Where the route is mounted, if no other operation has its path.
    pub mount: Edit,
    /// The file where it is mounted otherwise, and what is put in front of the other handler's name.
    pub mount_beside: (&'static str, &'static str),
    /// Where the other lines go.
    pub edits: &'static [Edit],
}

/// One operation, ready to be copied.
pub(crate) struct Stub {
    module: String,
    text: String,
    mount: Mount,
    /// The text for each of the idiom's edits.
    lines: Vec<String>,
    by_hand: Vec<String>,
    /// The types and components that it defines.
    types: Vec<String>,
    path: String,
    handler: String,
}

/// How a stub's route is mounted.
enum Mount {
    /// By this line.
    Line(String),
    /// Beside another handler: its name, and the text to put in front of it.
    Beside(String, String),
}

/// Writes a stub for each operation that the report misses, below `out`, and names them in its findings.
///
/// # Errors
/// If that cannot be written.
pub(crate) fn write(
    report: Report,
    document: &Value,
    sources: &[PathBuf],
    idiom: &Idiom,
    out: &Path,
) -> io::Result<Report> {
    let folder = out.join("stubs");
    let known: Vec<Sources> = sources.iter().map(|path| Sources::read(path)).collect();
    let has_answer = |name: &str| known.iter().any(|sources| sources.mentions(name));
    let mut written: Vec<Stub> = Vec::new();
    let mut helps: Vec<(Finding, PathBuf)> = Vec::new();
    let missing =
        report.findings().iter().filter(|finding| finding.kind == Kind::NotImplemented(Part::Operation));
    for finding in missing {
        let Some(operation) = finding.operations.first() else { continue };
        let there = |name: &str| known.iter().find_map(|sources| sources.path_of(name, idiom.root));
        let earlier = |name: &str| {
            let stub = written.iter().find(|stub| stub.types.iter().any(|own| own == name))?;
            Some(format!("{}::{}", idiom.outside.replace("{module}", &stub.module), names::pascal(name)))
        };
        let existing = |name: &str| {
            let there = there(name).map(|(path, derives)| (path, Some(derives)));
            there.or_else(|| earlier(name).map(|path| (path, None)))
        };
        let Some(mut stub) = handler::write(document, operation, idiom, &existing, &has_answer) else {
            continue;
        };
        let neighbours = document["paths"][&operation.path].as_object().into_iter().flatten();
        let mut ids = neighbours.filter_map(|(_, node)| node["operationId"].as_str());
        let there = ids.find_map(|id| known.iter().find_map(|sources| sources.handler_of(id)));
        let earlier =
            written.iter().find(|stub| stub.path == operation.path).map(|stub| stub.handler.clone());
        if let Some(other) = there.or(earlier) {
            let own =
                idiom.mount_beside.1.replace("{module}", &stub.module).replace("{handler}", &stub.handler);
            stub.mount = Mount::Beside(other, own);
        }
        fs::create_dir_all(&folder)?;
        let module = folder.join(format!("{}.rs", stub.module));
        fs::write(&module, &stub.text)?;
        let steps = folder.join(format!("{}.txt", stub.module));
        fs::write(&steps, steps_text(&stub, &module, idiom))?;
        helps.push((finding.clone(), steps));
        written.push(stub);
    }
    Ok(report.with_help(|finding| {
        let (_, steps) = helps.iter().find(|(known, _)| known == finding)?;
        Some(format!("write the handler; a stub of it, and what goes where, is in {}", steps.display()))
    }))
}

/// What to do with a stub, for a person, and regular enough for a script.
fn steps_text(stub: &Stub, module: &Path, idiom: &Idiom) -> String {
    let mut text = format!(
        "The stub of `{}`, for {}\n\nCopy {}\n  to {}\n",
        stub.handler,
        stub.path,
        module.display(),
        idiom.file.replace("{module}", &stub.module)
    );
    let mut edits: Vec<(&Edit, &str)> =
        idiom.edits.iter().zip(stub.lines.iter().map(String::as_str)).collect();
    match &stub.mount {
        Mount::Line(line) => edits.insert(0, (&idiom.mount, line)),
        Mount::Beside(other, own) => {
            text.push_str(&format!(
                "\nIn {}, in front of the handler `{other}`, add\n    {own}\n",
                idiom.mount_beside.0
            ));
        }
    }
    for (edit, lines) in edits {
        let side = if edit.side == Beside::Above { "above" } else { "below" };
        text.push_str(&format!("\nIn {}, {side} the line `{}`, add\n", edit.file, edit.line));
        for line in lines.lines() {
            text.push_str(format!("    {line}").trim_end());
            text.push('\n');
        }
    }
    text.push_str("\nThen run `cargo fmt`. It builds, and refuses what it is asked until the port's method is written.\n");
    if !stub.by_hand.is_empty() {
        text.push_str("\nThe spec asks for more than a stub can say. Write by hand:\n");
        for what in &stub.by_hand {
            text.push_str(&format!("  - {what}\n"));
        }
    }
    text
}
