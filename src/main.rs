//! Parses the command line and dispatches.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use clap::Parser;
use teable_attachments::cli::Cli;
use teable_attachments::telemetry;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.run() {
        Ok(code) => code,
        Err(error) => {
            tell(format!("error: {}", telemetry::causes(error.as_ref())));
            ExitCode::FAILURE
        }
    }
}

/// Writes a sentence to stderr. If nobody reads it for a second, or if it cannot be written, only
/// the exit code says what happened; `eprintln!` would block or panic.
fn tell(sentence: String) {
    let (done, told) = mpsc::channel::<()>();
    let teller = thread::Builder::new().spawn(move || {
        let _ = writeln!(io::stderr(), "{sentence}");
        drop(done);
    });
    if teller.is_ok() {
        let _ = told.recv_timeout(Duration::from_secs(1));
    }
}
