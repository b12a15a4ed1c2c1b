//! `backup`: copies the registry and the signing key of a data folder.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;

use crate::config::{DataSettings, RegistryPlace, StorageProvider, StorageSettings};
use crate::registry::sqlite::SqliteRegistry;

#[derive(Args, Debug)]
pub(super) struct Command {
    /// Folder for the copies, which is created; it must be empty if it exists
    #[arg(value_name = "FOLDER")]
    target: PathBuf,

    #[command(flatten)]
    data: DataSettings,

    #[command(flatten)]
    storage: StorageSettings,
}

pub(super) async fn run(command: &Command) -> anyhow::Result<()> {
    let Command { target, data, storage } = command;
    let source = match data.place() {
        RegistryPlace::Folder(_) => data.registry(),
        RegistryPlace::Database(database) => {
            bail!("the registry is in the database {database}; copy it with pg_dump")
        }
    };
    if !source.exists() {
        bail!("no service has been started on {}; --data-dir names another", data.path.display());
    }
    create_empty(target).with_context(|| format!("cannot use {}", target.display()))?;
    let registry = target.join("registry.sqlite");
    SqliteRegistry::copy(&source, &registry)
        .await
        .with_context(|| format!("cannot copy the registry to {}", target.display()))?;
    let has_key = copy_key(&data.signing_key(), &target.join("signing-key"))
        .with_context(|| format!("cannot copy {}", data.signing_key().display()))?;
    File::open(target)
        .and_then(|folder| folder.sync_all())
        .with_context(|| format!("cannot sync {}", target.display()))?;
    report(&mut io::stdout().lock(), command, has_key, storage).context(super::STDOUT)
}

/// Creates the folder, for this user alone.
fn create_empty(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    if fs::read_dir(folder)?.next().is_some() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "it is not empty"));
    }
    Ok(())
}

/// Copies the signing key. Returns false if there is none: `SIGNING_KEYS` may name the keys.
fn copy_key(source: &Path, target: &Path) -> io::Result<bool> {
    let key = match fs::read(source) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        read => read?,
    };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(target)?;
    file.write_all(&key)?;
    file.sync_all()?;
    Ok(true)
}

/// Says what was copied, and how to copy the rest.
fn report(
    out: &mut dyn Write,
    command: &Command,
    has_key: bool,
    storage: &StorageSettings,
) -> io::Result<()> {
    let target = command.target.display();
    if has_key {
        writeln!(out, "Copied the registry and the signing key to {target}.")?;
    } else {
        writeln!(out, "Copied the registry to {target}.")?;
        writeln!(out, "The data folder has no signing key. Keep a copy of SIGNING_KEYS.")?;
    }
    if storage.provider == StorageProvider::Local {
        let files = storage.files(&command.data);
        writeln!(out, "Now copy the files. The service may run meanwhile:")?;
        writeln!(out)?;
        writeln!(out, "  cp -a {} {target}/files", files.display())
    } else {
        writeln!(out, "Now copy both buckets. The service may run meanwhile.")
    }
}
