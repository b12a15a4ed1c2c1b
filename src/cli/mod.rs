//! The command line: one file for each subcommand. A bare start serves.

mod backup;
mod gc;
mod openapi;
mod serve;
mod shell;
mod token;
mod upload;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use clap::{Parser, Subcommand};

use crate::app::{self, RegistryTimeouts};
use crate::config::{DataSettings, RegistryPlace, Settings};
use crate::registry::Registry;

/// What is said where nobody takes what was asked for.
const STDOUT: &str = "cannot write to stdout";

/// An attachment service that speaks Teable's attachments API.
#[derive(Debug, Parser)]
#[command(name = "teable-attachments", version, args_conflicts_with_subcommands = true)]
#[command(
    after_help = "Without a command it serves. Each setting is a flag and an environment variable; the flag wins."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    settings: Settings,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API and its docs
    Serve(Box<Settings>),
    /// Make, list and revoke access tokens
    #[command(subcommand)]
    Token(token::Command),
    /// Remove what was uploaded and never notified, beside running services or without them
    Gc(Box<gc::Command>),
    /// Copy the registry and the signing key of a data folder, beside a running service or without
    /// it
    Backup(Box<backup::Command>),
    /// Upload files to this service, or to any other that speaks Teable's attachments API
    Upload(upload::Command),
    /// Print the contract
    Openapi(openapi::Command),
    /// Print completions for a shell
    Completions(shell::Completions),
    /// Print a page of the manual, to be read with `man -l -`
    Man(shell::Manual),
}

impl Cli {
    /// Runs the command to its end.
    ///
    /// The runtime starts here and not in `main`: the compiler generates an async function in the
    /// crate that polls it, and the library is the crate that compiles in parallel.
    ///
    /// # Errors
    /// The reason why the command failed.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        actix_web::rt::System::new().block_on(self.dispatch())
    }

    async fn dispatch(self) -> anyhow::Result<ExitCode> {
        match self.command {
            None => serve::run(&self.settings).await,
            Some(Command::Serve(settings)) => serve::run(&settings).await,
            Some(Command::Token(command)) => token::run(command).await,
            Some(Command::Gc(command)) => gc::run(&command).await,
            Some(Command::Backup(command)) => backup::run(&command).await,
            Some(Command::Upload(command)) => return upload::run(command).await,
            Some(Command::Openapi(command)) => openapi::run(&command),
            Some(Command::Completions(command)) => shell::completions(&command),
            Some(Command::Man(command)) => shell::manual(&command),
        }
        .map(|()| ExitCode::SUCCESS)
    }
}

/// The registry in `data`. A look into a folder does not make one.
async fn existing_registry(data: &DataSettings) -> anyhow::Result<Arc<dyn Registry>> {
    match data.place() {
        RegistryPlace::Folder(folder) if !data.registry().exists() => {
            bail!("no service has been started on {}; --data-dir names another", folder.display())
        }
        RegistryPlace::Folder(_) | RegistryPlace::Database(_) => {}
    }
    Ok(app::open_registry(data, RegistryTimeouts::COMMAND).await?)
}
