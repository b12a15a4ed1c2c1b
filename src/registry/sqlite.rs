//! The registry in one `SQLite` file.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use sqlx::Sqlite;
use sqlx::migrate::Migrator;
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

/// A registry in a file.
pub struct SqliteRegistry {
    pool: SqlitePool,
    /// The file that whoever collects garbage has locked.
    collector: PathBuf,
}

sql::registry!(SqliteRegistry, Sqlite);

impl SqliteRegistry {
    /// The registry in the file at `path`, which is made if it is not there, and brought up to date.
    pub async fn open(path: &Path) -> Result<Self, RegistryError> {
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
            .connect_with(options)
            .await?;
        MIGRATIONS.run(&pool).await.map_err(RegistryError::of)?;
        Ok(Self { pool, collector: path.with_extension("gc-lock") })
    }

    async fn lend(&self) -> Result<Lent, RegistryError> {
        Ok(Lent(self.pool.acquire().await?))
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
            let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
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

/// A connection of the pool.
struct Lent(PoolConnection<Sqlite>);

impl Lent {
    fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.0
    }

    fn give_back(self) {
        drop(self);
    }
}
