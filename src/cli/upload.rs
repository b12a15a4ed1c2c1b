//! `upload`: uploads files to this service, or to any other that implements the contract.

use std::fs::Metadata;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory};
use futures_util::{StreamExt, stream};
use indicatif::{DecimalBytes, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use super::STDOUT;
use crate::client::{ApiUrl, Client, Event, Retries, Stored, Unavailable, Upload, UploadError};
use crate::domain::UploadType;
use crate::telemetry;

/// Section on exit codes in `--help` and in the man page.
const EXIT_CODES: &str = "\
Exit codes:
  0  every file is stored
  1  a file cannot be read, or the server is no attachment service, or nobody takes what is printed
  2  the command line is wrong
  3  the server refused a file
  4  the server cannot be reached, or is not able to

If files end differently, it is the highest of theirs.";

#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Command {
    /// The files to upload
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// What the files are for, which decides where they stand and who may read them
    #[arg(long = "type", default_value = "table", value_name = "TYPE", value_parser = upload_type())]
    upload_type: UploadType,

    /// The base that the files are for, if the token acts in that base alone
    #[arg(long, value_name = "ID")]
    base: Option<String>,

    /// Where the service is: its address, or that of its API
    #[arg(long, env = "TEABLE_URL", default_value = "http://127.0.0.1:3000", value_name = "URL")]
    url: ApiUrl,

    /// The access token
    #[arg(long, env = "TEABLE_TOKEN", hide_env_values = true, value_name = "TOKEN", value_parser = sendable)]
    token: Option<String>,

    /// How many files to send at once
    #[arg(long, default_value_t = 4, value_name = "NUMBER", value_parser = clap::value_parser!(u8).range(1..=64))]
    parallel: u8,

    /// How often to try again what the server could not do, or what did not reach it
    #[arg(long, default_value_t = 3, value_name = "NUMBER", value_parser = clap::value_parser!(u8).range(0..=20))]
    retries: u8,

    /// Print a line of JSON for each file: `file`, and `stored` or `error` and, if the server told one, `problem`
    #[arg(long)]
    json: bool,
}

/// Parser of an upload type from the name of its directory.
fn upload_type() -> impl TypedValueParser<Value = UploadType> {
    PossibleValuesParser::new(UploadType::ALL.map(UploadType::directory))
        .map(|name| UploadType::of_directory(&name).unwrap_or(UploadType::Table))
}

/// Result of one upload.
type Outcome = Result<Stored, UploadError>;

pub(super) async fn run(command: Command) -> anyhow::Result<ExitCode> {
    let Command { files, upload_type, base, url, token, parallel, retries, json } = command;
    let Some(token) = token else {
        let sentence = "an access token is needed: give --token, or set TEABLE_TOKEN";
        super::Cli::command().error(ErrorKind::MissingRequiredArgument, sentence).exit();
    };
    let retries = Retries { limit: retries.into(), first_delay: Duration::from_millis(500) };
    let client = Client::new(url, token, retries);
    let progress = Progress::new();

    let upload_one = |path: &PathBuf| {
        let (client, progress, base, path) = (&client, &progress, base.as_deref(), path.clone());
        async move {
            let outcome = upload_file(client, progress, &path, upload_type, base).await;
            progress.finish(&path, &outcome);
            (path, outcome)
        }
    };
    // Each line is printed as soon as its file is done, so that an interruption loses none.
    let several = files.len() > 1;
    let mut outcomes = stream::iter(&files).map(upload_one).buffer_unordered(parallel.into());
    let mut code = 0;
    while let Some((path, outcome)) = outcomes.next().await {
        code = code.max(exit_code(&outcome));
        let line = if json { Some(as_json(&path, &outcome)) } else { as_text(&path, &outcome, several) };
        if let Some(line) = line {
            progress.print(&line).context(STDOUT)?;
        }
    }
    Ok(ExitCode::from(code))
}

async fn upload_file(
    client: &Client,
    progress: &Progress,
    path: &Path,
    upload_type: UploadType,
    base: Option<&str>,
) -> Outcome {
    let metadata = regular_file(path).map_err(UploadError::Unreadable)?;
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let media_type = mime_guess::from_path(path).first_or_octet_stream();
    let upload = Upload {
        path,
        name: &name,
        media_type: media_type.essence_str(),
        size: metadata.len(),
        upload_type,
        base,
    };
    let bar = progress.bar(&name, upload.size);
    let on_event = {
        let (bar, progress, file) = (bar.clone(), progress.clone(), shown(path));
        move |event| match event {
            Event::Started => bar.reset(),
            Event::Sent(bytes) => bar.inc(bytes),
            Event::Retrying { reason, delay } => {
                progress.message(&format!("{file}: {reason}; trying again in {} s", delay.as_secs_f64()));
            }
        }
    };
    let outcome = client.upload(&upload, on_event).await;
    bar.finish_and_clear();
    outcome
}

/// Returns the metadata of a regular file.
fn regular_file(path: &Path) -> io::Result<Metadata> {
    let metadata = std::fs::metadata(path)?;
    match () {
        () if metadata.is_file() => Ok(metadata),
        () if metadata.is_dir() => Err(io::Error::other("it is a folder")),
        () => Err(io::Error::other("it is no regular file")),
    }
}

fn exit_code(outcome: &Outcome) -> u8 {
    match outcome {
        Ok(_) => 0,
        Err(
            UploadError::Unreadable(_)
            | UploadError::Changed
            | UploadError::InvalidName
            | UploadError::NotAService { .. },
        ) => 1,
        Err(UploadError::Refused(_)) => 3,
        Err(UploadError::Unavailable(_)) => 4,
    }
}

/// Returns the read link. With several files, the path comes first, as in `grep`.
fn as_text(path: &Path, outcome: &Outcome, several: bool) -> Option<String> {
    let link = &outcome.as_ref().ok()?.presigned_url;
    Some(if several { format!("{}\t{link}", shown(path)) } else { link.clone() })
}

fn as_json(path: &Path, outcome: &Outcome) -> String {
    let file = path.to_string_lossy();
    let line = match outcome {
        Ok(stored) => json!({ "file": file, "stored": stored }),
        Err(error) => {
            let mut line = json!({ "file": file, "error": telemetry::causes(error) });
            if let UploadError::Refused(problem) | UploadError::Unavailable(Unavailable::Reported(problem)) =
                error
            {
                line["problem"] = json!(problem);
            }
            line
        }
    };
    line.to_string()
}

/// Returns a path with control characters escaped, so that it cannot control the terminal.
fn shown(path: &Path) -> String {
    let escaped = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    path.to_string_lossy().chars().map(escaped).collect()
}

/// Parser of an access token. The token must fit into a header (RFC 6750, section 2.1).
fn sendable(text: &str) -> Result<String, &'static str> {
    let fits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits {
        Ok(text.to_owned())
    } else {
        Err("an access token has no spaces and no characters beyond ASCII")
    }
}

/// Progress on stderr: on a terminal a bar for each running upload, and a line for each finished
/// one.
#[derive(Clone)]
struct Progress {
    bars: MultiProgress,
}

impl Progress {
    fn new() -> Self {
        let target = if io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        Self { bars: MultiProgress::with_draw_target(target) }
    }

    fn bar(&self, name: &str, size: u64) -> ProgressBar {
        let style = ProgressStyle::with_template(
            "{prefix:24!}  {wide_bar}  {decimal_bytes:>10} of {decimal_total_bytes:<10} {eta:>4}",
        )
        .unwrap_or_else(|_| ProgressStyle::default_bar());
        self.bars.add(ProgressBar::new(size).with_style(style).with_prefix(shown(Path::new(name))))
    }

    fn finish(&self, path: &Path, outcome: &Outcome) {
        let file = shown(path);
        let line = match outcome {
            Ok(Stored { size, width, height, .. }) => {
                let size = DecimalBytes(size.as_u64().unwrap_or_default());
                let pixels = width.as_ref().zip(height.as_ref());
                let pixels =
                    pixels.map_or_else(String::new, |(width, height)| format!(", {width} × {height} pixels"));
                format!("{file}: stored, {size}{pixels}")
            }
            Err(error) => format!("{file}: {}", telemetry::causes(error)),
        };
        self.message(&line);
    }

    /// Prints a line on stderr without breaking the bars.
    fn message(&self, line: &str) {
        self.bars.suspend(|| {
            // If stderr is closed, there is no place to report it.
            let _ = writeln!(io::stderr(), "{line}");
        });
    }

    /// Prints a line of output on stdout without breaking the bars.
    fn print(&self, line: &str) -> io::Result<()> {
        self.bars.suspend(|| writeln!(io::stdout(), "{line}"))
    }
}
