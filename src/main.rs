//! Parses the command line and dispatches.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use teable_attachments::cli::Cli;
use teable_attachments::telemetry;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match actix_web::rt::System::new().block_on(cli.run()) {
        Ok(code) => code,
        Err(error) => {
            // Where nobody takes the sentence the exit code still says it; `eprintln!` would panic.
            let _ = writeln!(io::stderr(), "error: {}", telemetry::causes(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}
