//! `openapi`: prints the document that a server would serve, without one.

use std::io::{self, Write};

use anyhow::Context;
use clap::{Args, ValueEnum};

use super::STDOUT;
use crate::document::{Documents, Version};
use crate::service::PublicOrigin;

#[derive(Args, Debug)]
pub(super) struct Command {
    /// How to write it
    #[arg(long, value_enum, default_value_t = Format::Yaml)]
    format: Format,

    /// The version of OpenAPI
    #[arg(long, value_enum, default_value_t = Version::V3_0)]
    version: Version,

    /// The server whose address stands in the code samples
    #[arg(long, env = "PUBLIC_ORIGIN", default_value = "http://127.0.0.1:3000", value_name = "ORIGIN")]
    public_origin: PublicOrigin,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// In 3.0 the contract as it was written, to the byte, which has no code samples
    Yaml,
    /// With code samples
    Json,
}

pub(super) fn run(command: &Command) -> anyhow::Result<()> {
    let documents = Documents::of(command.public_origin.as_str());
    let text = match command.format {
        Format::Yaml => documents.yaml(command.version),
        Format::Json => documents.json(command.version),
    };
    let mut stdout = io::stdout();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).context(STDOUT)
}
