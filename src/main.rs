//! Parses the command line and dispatches.

use std::process::ExitCode;

use clap::Parser;
use teable_attachments::cli::Cli;
use teable_attachments::telemetry;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match actix_web::rt::System::new().block_on(cli.run()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", telemetry::causes(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}
