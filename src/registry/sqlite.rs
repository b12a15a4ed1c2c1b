//! The registry in one `SQLite` file.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use sqlx::Sqlite;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};

use super::sql;
use super::{Added, Attachment, CollectorLock, RegistryError};
use crate::domain::{AccessToken, FileName, ObjectKey, ObjectName, Sha256, UploadType};

/// A node goes on with tables that a newer one has brought further: migrations only add, or the changelog says otherwise.
static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrations = sqlx::migrate!("src/registry/migrations/sqlite");
    migrations.set_ignore_missing(true);
    migrations
});

/// How long a statement waits for another process, or a task for a connection, before it fails.
const PATIENCE: Duration = Duration::from_secs(5);

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
    /// The file that whoever collects garbage has locked.
    collector: PathBuf,
}

sql::registry!(SqliteRegistry, Sqlite);

impl SqliteRegistry {
    /// The registry in the file at `path`, which is made if it is not there, brought up to date, and looked through for damage: of
    /// what is met later some would be an error, and some would be taken for files that nobody notified.
    pub async fn open(path: &Path) -> Result<Self, UnusableFile> {
        Self::open_whole(path).await.map_err(|error| UnusableFile::of(path, &error))
    }

    async fn open_whole(path: &Path) -> Result<Self, sqlx::Error> {
        // Nobody else reads who may do what. SQLite gives the files beside it the same rights.
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        if let Err(error) = made
            && error.kind() != io::ErrorKind::AlreadyExists
        {
            return Err(sqlx::Error::Io(error));
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // What was acknowledged survives a power cut, not only a crash of the process.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(PATIENCE);
        let pool = SqlitePoolOptions::new()
            .max_connections(8)
            .acquire_timeout(PATIENCE)
            .connect_with(options.clone())
            .await?;
        // Where a folder is gone for a while, an empty registry in its place would be taken for this one.
        pool.set_connect_options(options.create_if_missing(false));
        MIGRATIONS.run(&pool).await.map_err(|error| match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error,
            other => other.into(),
        })?;
        // A second or so for each million of files.
        let found: String = sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(&pool).await?;
        if found != "ok" {
            return Err(sqlx::Error::Decode(Box::new(Damage(found))));
        }
        Ok(Self { pool, collector: path.with_extension("gc-lock") })
    }

    async fn lend(&self) -> Result<Lent, RegistryError> {
        Ok(Lent(Some(self.pool.acquire().await?)))
    }

    /// What is asked of a file ends by itself: `SQLite` waits for nothing but a lock, and for that only [`PATIENCE`].
    async fn within_patience<T>(
        &self,
        asking: impl Future<Output = Result<T, RegistryError>>,
    ) -> Result<T, RegistryError> {
        asking.await
    }

    /// One statement, which is whole: no attachment can be added between its look and its insertion.
    async fn condemn_names(&self, list: String, now: i64) -> Result<Vec<String>, RegistryError> {
        const CONDEMN: &str = sql::condemn_statement!("json_each($1) AS listed");
        sql::ask!(self, fetch_all, sqlx::query_scalar::<Sqlite, String>(CONDEMN).bind(list).bind(now))
    }

    /// The lock is the file's, so it ends with the process too.
    async fn try_collector(&self) -> Result<Option<CollectorLock>, RegistryError> {
        let path = self.collector.clone();
        let lock = move || -> std::io::Result<Option<File>> {
            let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path)?;
            // Whoever can open the file can hold the lock.
            crate::modes::set_file(&file, &path, 0o600)?;
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
