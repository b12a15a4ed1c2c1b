//! `serve`: starts the application and says what to try next.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::time::SystemTime;

use anyhow::Context;

use super::token;
use crate::api::MOUNT;
use crate::app::Application;
use crate::config::Settings;
use crate::domain::BaseScope;
use crate::registry::Registry;
use crate::service::PublicOrigin;
use crate::telemetry;

/// Serves until a signal to stop, and then lets running requests finish.
pub(super) async fn run(settings: &Settings) -> anyhow::Result<()> {
    telemetry::install(&settings.log)?;
    let Application { listening, origin, registry } = Application::start(settings).await?;
    let secret = first_token(registry.as_ref()).await?;
    let server = actix_web::rt::spawn(listening.server);
    // The server hears signals from its first turn on, and whoever reads the welcome may send one.
    tokio::task::yield_now().await;
    let welcome = Welcome { address: listening.address, origin: &origin, files: &settings.files(), secret };
    welcome.write(&mut io::stdout().lock()).context("cannot write to stdout")?;
    server.await.context("the server ended early")?.context("the server failed")?;
    registry.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// A token to begin with, if there has never been one.
async fn first_token(registry: &dyn Registry) -> anyhow::Result<Option<String>> {
    if !registry.access_tokens().await?.is_empty() {
        return Ok(None);
    }
    let (secret, _) = token::create(registry, "first", BaseScope::All, None, SystemTime::now()).await?;
    Ok(Some(secret))
}

/// What whoever started the service wants to know first.
struct Welcome<'a> {
    address: SocketAddr,
    origin: &'a PublicOrigin,
    files: &'a Path,
    secret: Option<String>,
}

impl Welcome<'_> {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let origin = self.origin.as_str();
        writeln!(out, "teable-attachments listens on {}", self.address)?;
        writeln!(out)?;
        writeln!(out, "  Docs      {origin}/docs/")?;
        writeln!(out, "  Contract  {origin}/openapi.yaml")?;
        writeln!(out, "  Files     {}", self.files.display())?;
        if let Some(secret) = &self.secret {
            writeln!(out, "  Token     {secret}")?;
            writeln!(
                out,
                "            It is shown this once. `teable-attachments token create` makes others."
            )?;
        } else {
            writeln!(out, "  Token     `teable-attachments token create --name NAME` makes one")?;
        }
        writeln!(out)?;
        writeln!(out, "Ask for an upload signature:")?;
        writeln!(out)?;
        writeln!(out, "  curl -sS {origin}{MOUNT}/attachments/signature \\")?;
        writeln!(
            out,
            "    -H 'Authorization: Bearer {}' \\",
            self.secret.as_deref().unwrap_or("YOUR_TOKEN")
        )?;
        writeln!(out, "    -H 'Content-Type: application/json' \\")?;
        writeln!(out, "    -d '{{\"contentType\":\"text/plain\",\"contentLength\":6,\"type\":1}}'")?;
        writeln!(out)?;
        writeln!(out, "The docs show the rest: send the bytes to `url`, then notify.")?;
        out.flush()
    }
}
