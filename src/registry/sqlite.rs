//! The registry in one `SQLite` file.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::OFlags;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, Sqlite};

use super::queue::WriteQueue;
use super::{Added, Attachment, BaseQuota, BaseUsage, CollectorLock, Pin, Pinned, RegistryError};
use super::{migrations, sql};
use crate::domain::{AccessToken, FileName, ObjectKey, ObjectName, Sha256, UploadType};

pub(super) static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    migrations::migrator(&[
        (1, "first", include_str!("migrations/sqlite/0001_first.sql")),
        (2, "many nodes", include_str!("migrations/sqlite/0002_many_nodes.sql")),
        (3, "bases", include_str!("migrations/sqlite/0003_bases.sql")),
        (4, "base usage", include_str!("migrations/sqlite/0004_base_usage.sql")),
    ])
});

/// Timeout of waiting for a connection of the pool.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// Timeout of a copy's statements while another process keeps the registry locked.
const COPY_TIMEOUT: Duration = Duration::from_secs(30);

/// Timeout of waiting for another process that opens the same registry.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// The file cannot be used as a registry.
#[derive(Debug, thiserror::Error)]
pub enum UnusableFile {
    /// It is not what `SQLite` wrote, or no longer.
    #[error("the registry {} is damaged ({what}); restore it from a backup", path.display())]
    Damaged {
        /// Where it is.
        path: PathBuf,
        /// What `SQLite` says.
        what: String,
    },
    /// It cannot be read or written.
    #[error("cannot use the registry {}: {why}", path.display())]
    Failed {
        /// Where it is.
        path: PathBuf,
        /// What `SQLite` says.
        why: String,
    },
}

/// What the look for damage found.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Damage(String);

impl UnusableFile {
    fn of(path: &Path, error: &sqlx::Error) -> Self {
        let path = path.to_owned();
        let said = match error {
            sqlx::Error::Decode(error) if error.is::<Damage>() => {
                // It goes on with where it looked, in lines of their own.
                let what = error.to_string().lines().last().unwrap_or_default().to_owned();
                return Self::Damaged { path, what };
            }
            sqlx::Error::Database(error) => error,
            _ => return Self::Failed { path, why: crate::telemetry::causes(error) },
        };
        let code: i32 = said.code().and_then(|code| code.parse().ok()).unwrap_or_default();
        let what = said.message().to_owned();
        // The primary result code: SQLITE_CORRUPT, SQLITE_NOTADB.
        match code & 0xff {
            11 | 26 => Self::Damaged { path, what },
            _ => Self::Failed { path, why: what },
        }
    }
}

/// A registry in a file.
pub struct SqliteRegistry {
    pool: SqlitePool,
    writers: WriteQueue,
    /// The file that whoever collects garbage has locked.
    collector: PathBuf,
}

sql::registry!(SqliteRegistry, Sqlite);

impl SqliteRegistry {
    /// The registry in the file at `path`, which is made if it is not there, brought up to date, and looked through for damage: of
    /// what is met later some would be an error, and some would be taken for files that nobody notified.
    ///
    /// A write fails after `write_timeout`, and so does waiting for a turn to write while no other
    /// write finishes.
    pub async fn open(path: &Path, write_timeout: Duration) -> Result<Self, UnusableFile> {
        Self::open_whole(path, write_timeout).await.map_err(|error| UnusableFile::of(path, &error))
    }

    async fn open_whole(path: &Path, write_timeout: Duration) -> Result<Self, sqlx::Error> {
        let starting = start_lock(path).await?;
        create(path)?;
        let options = options(path, write_timeout)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // What was acknowledged survives a power cut, not only a crash of the process.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true);
        let pool = SqlitePoolOptions::new()
            .max_connections(8)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options.clone())
            .await?;
        // Where a folder is gone for a while, an empty registry in its place would be taken for this one.
        pool.set_connect_options(options.create_if_missing(false));
        MIGRATIONS.run(&pool).await.map_err(|error| match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error,
            other => other.into(),
        })?;
        drop(starting);
        // A second or so for each million of files.
        let found: String = sqlx::query_scalar(QUICK_CHECK).fetch_one(&pool).await?;
        whole(found)?;
        Ok(Self { pool, writers: WriteQueue::new(write_timeout), collector: path.with_extension("gc-lock") })
    }

    /// Writes a consistent copy of the registry at `source`, which a running service may use, to a
    /// new file at `target`.
    ///
    /// # Errors
    ///
    /// Fails if `target` exists, or if the copy cannot be written, synced and checked.
    pub async fn copy(source: &Path, target: &Path) -> Result<(), UnusableFile> {
        let copying = async {
            let mut connection = options(source, COPY_TIMEOUT).connect().await?;
            // SQLite writes into an empty file, and keeps its mode.
            drop(OpenOptions::new().write(true).create_new(true).mode(0o600).open(target)?);
            let into = target.to_str().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidFilename))?;
            sqlx::query("VACUUM INTO $1").bind(into).execute(&mut connection).await?;
            connection.close().await?;
            let mut copy = options(target, COPY_TIMEOUT).connect().await?;
            let found: String = sqlx::query_scalar(QUICK_CHECK).fetch_one(&mut copy).await?;
            copy.close().await?;
            whole(found)?;
            // No connection to the copy is left, so its locks do not matter.
            File::open(target)?.sync_all()?;
            Ok(())
        };
        copying.await.map_err(|error| UnusableFile::of(source, &error))
    }

    async fn lend(&self) -> Result<Lent, RegistryError> {
        Ok(Lent(Some(self.pool.acquire().await?)))
    }

    /// Adds no timeout: `SQLite` waits for nothing but a lock, and readers for none.
    async fn within_patience<T>(
        &self,
        asking: impl Future<Output = Result<T, RegistryError>>,
    ) -> Result<T, RegistryError> {
        asking.await
    }

    /// Runs a write in its turn. `SQLite` itself lets writers poll for its lock, so that under load
    /// some of them never get it.
    async fn write<T>(
        &self,
        _quota_of: Option<&str>,
        writing: impl Future<Output = Result<T, RegistryError>>,
    ) -> Result<T, RegistryError> {
        self.writers.run(writing).await
    }

    /// A statement checks and adds in one step, and no other one writes meanwhile.
    #[expect(clippy::unused_async, reason = "PostgreSQL waits here")]
    async fn lock_quota(_: &mut SqliteConnection, _: &str) -> Result<(), RegistryError> {
        Ok(())
    }

    #[expect(clippy::unused_async, reason = "PostgreSQL waits here")]
    async fn unlock_quota(_: &mut SqliteConnection) -> Result<(), RegistryError> {
        Ok(())
    }

    /// This machine's clock, which all processes that use the file share.
    #[expect(clippy::unused_async, reason = "PostgreSQL waits here")]
    async fn time(&self) -> Result<SystemTime, RegistryError> {
        Ok(SystemTime::now())
    }

    /// One statement, which is whole: no attachment can be added between its look and its insertion.
    async fn condemn_names(&self, list: String, now: i64) -> Result<Vec<String>, RegistryError> {
        const CONDEMN: &str = sql::condemn_statement!("json_each($1) AS listed");
        sql::change!(self, fetch_all, sqlx::query_scalar::<Sqlite, String>(CONDEMN).bind(list).bind(now))
    }

    /// The lock is the file's, so it ends with the process too.
    async fn try_collector(&self) -> Result<Option<CollectorLock>, RegistryError> {
        let path = self.collector.clone();
        let lock = move || -> std::io::Result<Option<File>> {
            let file = lock_file(&path)?;
            match file.try_lock() {
                Ok(()) => Ok(Some(file)),
                Err(TryLockError::WouldBlock) => Ok(None),
                Err(TryLockError::Error(error)) => Err(error),
            }
        };
        let file = tokio::task::spawn_blocking(lock).await.map_err(RegistryError::of)?;
        Ok(file.map_err(RegistryError::of)?.map(CollectorLock::of))
    }

    /// Writes everything to the file and closes it.
    async fn let_go(&self) {
        self.pool.close().await;
    }
}

/// Looks through the whole file for damage.
const QUICK_CHECK: &str = "PRAGMA quick_check(1)";

/// Judges the answer to [`QUICK_CHECK`].
fn whole(found: String) -> Result<(), sqlx::Error> {
    if found == "ok" { Ok(()) } else { Err(sqlx::Error::Decode(Box::new(Damage(found)))) }
}

fn options(path: &Path, busy_timeout: Duration) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(path).busy_timeout(busy_timeout)
}

/// Creates the file at `path`, if it does not exist, with the mode that SQLite gives to the files
/// beside it: nobody else reads who may do what.
///
/// The file must be closed before SQLite opens it, and never be opened again by this process:
/// closing any descriptor of a file drops all POSIX locks that the process has on it (fcntl(2)),
/// SQLite's among them. Another program then takes itself for the last user of the registry and
/// deletes its write-ahead log.
fn create(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(file) => {
            drop(file);
            // The name survives a power cut, as rows do.
            File::open(folder_of(path))?.sync_all()
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Opens a file that exists for its lock (flock(2)) alone. Whoever can open it can hold the lock. A
/// link is not followed: root may run a command on a folder of another user.
fn lock_file(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW.bits().cast_signed();
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(false).mode(0o600).custom_flags(flags).open(path)?;
    crate::modes::set_file(&file, path, 0o600)?;
    Ok(file)
}

/// Lets one process at a time create the registry at `path` and bring its tables up to date: sqlx
/// takes no lock for that in `SQLite`, and of two processes that change the journal mode at once
/// one fails. The lock is that of the folder, so that there is no file that could belong to another
/// user.
async fn start_lock(path: &Path) -> io::Result<File> {
    let folder = File::open(folder_of(path))?;
    let deadline = Instant::now() + START_TIMEOUT;
    loop {
        match folder.try_lock() {
            Ok(()) => return Ok(folder),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "another process keeps its folder locked",
                ));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// A connection of the pool. One that is not given back, for what was asked on it failed or never ended, is closed: it may have the file as
/// it was when its disk was away, or only to be read.
struct Lent(Option<PoolConnection<Sqlite>>);

impl Lent {
    // Both ways to part with it, below, end this value: there is always one here.
    fn connection(&mut self) -> &mut SqliteConnection {
        self.0.as_mut().expect("it is lent until it is given back")
    }

    fn give_back(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(mut connection) = self.0.take() {
            connection.close_on_drop();
        }
    }
}
