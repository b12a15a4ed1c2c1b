//! `serve`: starts the application and says what to try next.

use std::fs::{self, OpenOptions};
use std::future::poll_fn;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::task::Poll;
use std::thread;
use std::time::{Duration, SystemTime};

use actix_web::dev::ServerHandle;
use anyhow::Context;
use futures_util::future::{Either, select};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::{STDOUT, token};
use crate::api::MOUNT;
use crate::app::Application;
use crate::config::{AuditSettings, RegistryPlace, Settings};
use crate::domain::AccessToken;
use crate::registry::Registry;
use crate::service::PublicOrigin;
use crate::telemetry;

/// Timeout for closing the registry at the end.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Serves until a signal to stop, and then lets running requests finish.
pub(super) async fn run(settings: &Settings) -> anyhow::Result<()> {
    let telemetry = telemetry::install_all(&settings.log, &settings.observation.traces)?;
    outlive_file_limits().context("cannot listen for signals")?;
    let Application { listening, origin, registry, collector, metrics, audit } =
        Application::start(settings).await?;
    let signals = Signals::listen().context("cannot listen for signals")?;
    let secret = match settings.data.place() {
        RegistryPlace::Folder(_) => first_token(registry.as_ref(), &settings.observation.audit).await?,
        // Every node that starts would make one.
        RegistryPlace::Database(_) => None,
    };
    let server = actix_web::rt::spawn(listening.server);
    actix_web::rt::spawn(signals.stop(listening.handle));
    let files = settings.storage.place(&settings.data);
    let secret_text = secret.as_ref().map(|(secret, _)| secret.as_str());
    let welcome = Welcome {
        address: listening.address,
        metrics: metrics.as_ref().map(|metrics| metrics.address),
        origin: &origin,
        files: &files,
        secret: secret_text,
    };
    let mut text = Vec::new();
    welcome.write(&mut text)?;
    let failure = match &settings.welcome_file {
        None => STDOUT.to_owned(),
        Some(path) => format!("cannot write {}", path.display()),
    };
    let greeting = publish(text, settings.welcome_file.clone()).context(failure.clone())?;
    // Stdout may have no reader. The server runs meanwhile.
    let (greeted, ended) = match select(greeting, server).await {
        Either::Left((Ok(Ok(())), server)) => (true, server.await),
        Either::Left((failed, _)) => {
            forget(registry.as_ref(), secret.as_ref()).await;
            return failed.map_err(io::Error::other).flatten().context(failure);
        }
        Either::Right((ended, _)) => (false, ended),
    };
    if !greeted {
        forget(registry.as_ref(), secret.as_ref()).await;
    }
    ended.context("the server ended early")?.context("the server failed")?;
    drop(collector);
    drop(metrics);
    if let Some(audit) = audit {
        audit.flush().await;
    }
    // The registry's disk may not answer, and everything that was acknowledged is on it already.
    if timeout(CLOSE_TIMEOUT, registry.close()).await.is_err() {
        tracing::warn!("the registry could not be closed in time");
    }
    tracing::info!("stopped");
    telemetry.end();
    Ok(())
}

/// A write beyond `ulimit -f` is to fail, as one to a full disk does, and not to end the process: what is listened for does not.
fn outlive_file_limits() -> io::Result<()> {
    // The handler stays when the stream is dropped.
    signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw())).map(drop)
}

/// Writes the welcome to `file`, or to stdout, on a thread of its own: stdout may have no reader.
fn publish(text: Vec<u8>, file: Option<PathBuf>) -> io::Result<oneshot::Receiver<io::Result<()>>> {
    let (done, written) = oneshot::channel();
    thread::Builder::new().name("welcome".to_owned()).spawn(move || {
        let _ = done.send(if let Some(path) = file {
            replace_file(&path, &text)
        } else {
            let mut stdout = io::stdout().lock();
            stdout.write_all(&text).and_then(|()| stdout.flush())
        });
    })?;
    Ok(written)
}

/// Writes a new file that only its owner can read, and renames it to `path`. A link that stands
/// there is replaced and not followed.
fn replace_file(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".new");
    // An interrupted start may have left it.
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // O_EXCL follows no link, either.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    let replaced =
        file.write_all(text).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&unfinished, path));
    if replaced.is_err() {
        // The error of the replacement says more than one of the clean-up.
        let _ = fs::remove_file(&unfinished);
    }
    replaced
}

/// Takes back the first token: nobody has seen its secret, and the next start is to make another.
async fn forget(registry: &dyn Registry, first: Option<&(String, AccessToken)>) {
    let Some((_, token)) = first else { return };
    if let Err(error) = token::forget(registry, token).await {
        tracing::error!(%error, id = token.id, "a token whose secret nobody has seen could not be taken back");
    }
}

/// A token to begin with, if there has never been one.
async fn first_token(
    registry: &dyn Registry,
    audit: &AuditSettings,
) -> anyhow::Result<Option<(String, AccessToken)>> {
    if !registry.access_tokens().await?.is_empty() {
        return Ok(None);
    }
    token::create_first(registry, "first", SystemTime::now(), token::audit(audit)?).await
}

/// The signals to stop: SIGTERM, and SIGINT from a terminal.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        let Self { terminate, interrupt } = self;
        poll_fn(|context| match (terminate.poll_recv(context), interrupt.poll_recv(context)) {
            (Poll::Pending, Poll::Pending) => Poll::Pending,
            _ => Poll::Ready(()),
        })
        .await;
    }

    /// Lets running requests finish after the first signal, and does not after the second.
    async fn stop(mut self, handle: ServerHandle) {
        self.next().await;
        tracing::info!("stopping; running requests may finish, and another signal ends them");
        let gracefully = actix_web::rt::spawn(handle.stop(true));
        self.next().await;
        gracefully.abort();
        tracing::warn!("ending running requests");
        handle.stop(false).await;
    }
}

/// What whoever started the service wants to know first.
struct Welcome<'a> {
    address: SocketAddr,
    metrics: Option<SocketAddr>,
    origin: &'a PublicOrigin,
    files: &'a str,
    secret: Option<&'a str>,
}

impl Welcome<'_> {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let origin = self.origin.as_str();
        writeln!(out, "teable-attachments listens on {}", self.address)?;
        writeln!(out)?;
        writeln!(out, "  Docs      {origin}/docs/  {origin}/reference/")?;
        writeln!(out, "  Upload    {origin}/try/")?;
        writeln!(out, "  Contract  {origin}/openapi.yaml")?;
        writeln!(out, "  Files     {}", self.files)?;
        if let Some(address) = self.metrics {
            writeln!(out, "  Metrics   http://{address}/metrics")?;
        }
        if let Some(secret) = self.secret {
            writeln!(out, "  Token     {secret}")?;
            writeln!(
                out,
                "            It is shown this once. `teable-attachments token create --name NAME` makes others."
            )?;
        } else {
            writeln!(out, "  Token     `teable-attachments token create --name NAME` makes one")?;
        }
        writeln!(out)?;
        writeln!(out, "Ask for an upload signature:")?;
        writeln!(out)?;
        writeln!(out, "  curl -sS {origin}{MOUNT}/attachments/signature \\")?;
        writeln!(out, "    -H 'Authorization: Bearer {}' \\", self.secret.unwrap_or("YOUR_TOKEN"))?;
        writeln!(out, "    -H 'Content-Type: application/json' \\")?;
        writeln!(out, "    -d '{{\"contentType\":\"text/plain\",\"contentLength\":6,\"type\":1}}'")?;
        writeln!(out)?;
        writeln!(out, "The docs show the rest: send the bytes to `url`, then notify.")
    }
}
