//! `token`: access tokens are made, listed and revoked here, beside a running service or without one.

use std::io::{self, Write};
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::app::{self, RegistryTimeouts};
use crate::audit::{Action, CommandAudit};
use crate::config::{AuditSettings, DataSettings};
use crate::domain::{AccessToken, BaseScope};
use crate::registry::Registry;
use crate::token::access::AccessSecret;

/// The longest life of an access token: beyond any use, and within what dates can say.
const LONGEST_LIFE: Duration = Duration::from_hours(100 * 365 * 24);

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make an access token and print its secret, this once, alone on stdout
    Create(Create),
    /// List the access tokens, valid or not
    List(List),
    /// Revoke an access token; a running service knows it within 5 seconds
    Revoke(Revoke),
}

#[derive(Args, Debug)]
pub(super) struct Create {
    /// What to call it, to know it again
    #[arg(long, value_parser = printable)]
    name: String,

    /// How long it is valid, such as `90d`; for good if not given
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    expires: Option<Duration>,

    /// The bases that it may act in; in all if not given
    #[arg(long = "base", value_name = "ID", num_args = 1.., value_delimiter = ',', value_parser = printable)]
    bases: Vec<String>,

    #[command(flatten)]
    data: DataSettings,

    #[command(flatten)]
    audit: AuditSettings,
}

#[derive(Args, Debug)]
pub(super) struct List {
    #[command(flatten)]
    data: DataSettings,
}

#[derive(Args, Debug)]
pub(super) struct Revoke {
    /// Its id, as `token list` shows it
    id: String,

    #[command(flatten)]
    data: DataSettings,

    #[command(flatten)]
    audit: AuditSettings,
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    let now = SystemTime::now();
    match command {
        Command::Create(Create { name, expires, bases, data, audit: settings }) => {
            let expires_at = match expires {
                None => None,
                Some(life) => match now.checked_add(life) {
                    Some(end) if !life.is_zero() && life <= LONGEST_LIFE => Some(end),
                    _ => bail!(
                        "--expires must be more than nothing and at most 100 years; leave it out for good"
                    ),
                },
            };
            let audit = audit(&settings)?;
            let registry = app::open_registry(&data, RegistryTimeouts::COMMAND).await?;
            let (secret, token) =
                create(registry.as_ref(), &name, BaseScope::of(bases), expires_at, now, audit).await?;
            let mut stdout = io::stdout();
            if let Err(error) = writeln!(stdout, "{secret}").and_then(|()| stdout.flush()) {
                forget(registry.as_ref(), &token).await?;
                return Err(error).context("cannot write the secret to stdout, so the token was not made");
            }
            registry.close().await;
            writeln!(
                io::stderr(),
                "Made access token {} ({name}), {}, for the service on {}. Keep the secret; it is not shown again.",
                token.id,
                state(&token, now),
                data.place()
            )?;
        }
        Command::List(List { data }) => {
            let registry = super::existing_registry(&data).await?;
            let tokens = registry.access_tokens().await?;
            registry.close().await;
            list(&mut io::stdout().lock(), &tokens, now).context(super::STDOUT)?;
        }
        Command::Revoke(Revoke { id, data, audit: settings }) => {
            let mut audit = audit(&settings)?;
            let registry = super::existing_registry(&data).await?;
            let revoked = registry.revoke_access_token(&id, now).await?;
            registry.close().await;
            if !revoked {
                bail!(
                    "there is no access token {id} that could be revoked; `token list` shows what there is"
                );
            }
            audit
                .write(Action::RevokeAccessToken, &id)
                .context("the access token is revoked, but the audit log does not say so")?;
            writeln!(
                io::stderr(),
                "Revoked access token {id}. A running service knows it within 5 seconds."
            )?;
        }
    }
    Ok(())
}

/// The audit log of a command. It is opened before anything is done.
pub(super) fn audit(settings: &AuditSettings) -> anyhow::Result<CommandAudit> {
    CommandAudit::open(settings.audit_log.as_ref()).context("AUDIT_LOG cannot be written to")
}

/// Takes back a token whose secret nobody could be given.
pub(super) async fn forget(registry: &dyn Registry, token: &AccessToken) -> anyhow::Result<()> {
    registry.remove_access_token(&token.id).await?;
    Ok(())
}

/// Makes an access token. The secret is given once and not kept.
pub(super) async fn create(
    registry: &dyn Registry,
    name: &str,
    bases: BaseScope,
    expires_at: Option<SystemTime>,
    now: SystemTime,
    audit: CommandAudit,
) -> anyhow::Result<(String, AccessToken)> {
    let (text, token) = generate(name, bases, expires_at, now)?;
    registry.add_access_token(&token).await?;
    record(registry, &token, audit).await?;
    Ok((text, token))
}

/// Makes the first access token of a registry. Returns `None` if the registry has one: another
/// process that starts on it may have been faster.
pub(super) async fn create_first(
    registry: &dyn Registry,
    name: &str,
    now: SystemTime,
    audit: CommandAudit,
) -> anyhow::Result<Option<(String, AccessToken)>> {
    let (text, token) = generate(name, BaseScope::All, None, now)?;
    if !registry.add_first_access_token(&token).await? {
        return Ok(None);
    }
    record(registry, &token, audit).await?;
    Ok(Some((text, token)))
}

fn generate(
    name: &str,
    bases: BaseScope,
    expires_at: Option<SystemTime>,
    now: SystemTime,
) -> anyhow::Result<(String, AccessToken)> {
    let (text, secret) = AccessSecret::generate()?;
    let token = AccessToken {
        id: secret.id().to_owned(),
        name: name.to_owned(),
        digest: secret.digest(),
        bases,
        created_at: now,
        expires_at,
        revoked_at: None,
    };
    Ok((text, token))
}

/// Timeout for the audit log: nobody may be reading stderr.
const AUDIT_TIMEOUT: Duration = Duration::from_secs(3);

/// Writes the new token to the audit log, or takes it back.
async fn record(registry: &dyn Registry, token: &AccessToken, mut audit: CommandAudit) -> anyhow::Result<()> {
    let (id, (done, written)) = (token.id.clone(), oneshot::channel());
    let writing = thread::Builder::new().name("audit".to_owned()).spawn(move || {
        let _ = done.send(audit.write(Action::CreateAccessToken, &id));
    });
    let written = match writing {
        Err(error) => Err(error),
        Ok(_) => match timeout(AUDIT_TIMEOUT, written).await {
            Ok(written) => written.map_err(io::Error::other).flatten(),
            Err(late) => Err(late.into()),
        },
    };
    if let Err(error) = written {
        forget(registry, token).await?;
        return Err(error).context("the audit log cannot be written, so the token was not made");
    }
    Ok(())
}

fn list(out: &mut dyn Write, tokens: &[AccessToken], now: SystemTime) -> io::Result<()> {
    let header = ["ID", "NAME", "MADE", "STATE", "BASES"].map(str::to_owned);
    let rows: Vec<[String; 5]> = std::iter::once(header)
        .chain(tokens.iter().map(|token| {
            let bases = match &token.bases {
                BaseScope::All => "all".to_owned(),
                BaseScope::Only(bases) => bases.join(", "),
            };
            [token.id.clone(), token.name.clone(), date(token.created_at), state(token, now), bases]
        }))
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; 4] = std::array::from_fn(width);
    for [id, name, made, state, bases] in &rows {
        let [a, b, c, d] = widths;
        writeln!(out, "{id:a$}  {name:b$}  {made:c$}  {state:d$}  {bases}")?;
    }
    Ok(())
}

fn state(token: &AccessToken, now: SystemTime) -> String {
    match (token.revoked_at, token.expires_at) {
        (Some(at), _) => format!("revoked {}", date(at)),
        (None, Some(at)) if token.is_valid(now) => format!("valid until {}", date(at)),
        (None, Some(at)) => format!("expired {}", date(at)),
        (None, None) => "valid for good".to_owned(),
    }
}

fn date(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}

fn printable(text: &str) -> Result<String, &'static str> {
    if text.is_empty() || text.chars().any(char::is_control) {
        Err("must not be empty and have no control characters")
    } else {
        Ok(text.to_owned())
    }
}
