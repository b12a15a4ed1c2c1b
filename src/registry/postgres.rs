//! The registry in a PostgreSQL database, which several nodes may share.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use sqlx::migrate::Migrator;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, Postgres};
use tokio::time::{Instant, sleep, timeout};

use super::queue::WriteQueue;
use super::{Added, Attachment, BaseQuota, BaseUsage, CollectorLock, Pin, Pinned, RegistryError};
use super::{migrations, sql};
use crate::domain::{AccessToken, FileName, ObjectKey, ObjectName, Sha256, UploadType};

pub(super) static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    migrations::migrator(&[
        (1, "first", include_str!("migrations/postgres/0001_first.sql")),
        (2, "bases", include_str!("migrations/postgres/0002_bases.sql")),
        (3, "base usage", include_str!("migrations/postgres/0003_base_usage.sql")),
    ])
});

/// How long anything that is asked of the database may take, with the wait for a connection.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long the wait for a connection alone may take.
const ACQUIRING: Duration = Duration::from_millis(1500);

/// How long connecting may take at the start, and how long the migrations may.
const CONNECTING: Duration = Duration::from_secs(5);
const MIGRATING: Duration = Duration::from_secs(30);

/// How long to wait before the start is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// The advisory lock of whoever collects garbage: an arbitrary number that nobody else should have.
const COLLECTOR: i64 = 0x7465_6162_6c65_6763;

/// First key of the advisory locks on quotas; the second one is a hash of the base. Locks with two
/// keys and locks with one, such as [`COLLECTOR`], are different locks.
const QUOTA: i32 = 0x7461_7471;

/// Number of queues for writes that check a quota.
const QUOTA_QUEUES: usize = 64;

/// Session settings of the connection that runs the migrations. A migration that waits for a long
/// reader, such as `pg_dump`, keeps everyone behind it waiting, so it soon gives up and is tried
/// again. Its statements see what was committed while it waited.
const MIGRATION_SESSION: [(&str, &str); 2] =
    [("default_transaction_isolation", "read committed"), ("lock_timeout", "1s")];

/// What each connection asks of the server, so that nothing of ours goes on there when we have given up or are gone.
const SESSION: [(&str, &str); 6] = [
    // What `condemn` relies on, whatever the database's own default is.
    ("default_transaction_isolation", "read committed"),
    ("statement_timeout", "2s"),
    // A node that stops between two statements must not keep the lock of `condemn`.
    ("idle_in_transaction_session_timeout", "5s"),
    // A node whose machine is gone says no farewell. These let go of its collector's lock within two minutes, not two hours.
    ("tcp_keepalives_idle", "60"),
    ("tcp_keepalives_interval", "10"),
    ("tcp_keepalives_count", "6"),
];

/// Where a database is and how to log in to it. Its password is shown nowhere.
#[derive(Clone)]
pub struct DatabaseUrl(Box<PgConnectOptions>);

/// The text is no address of a PostgreSQL database. It is not repeated: a password may be in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be the address of a PostgreSQL database, such as postgres://user:password@db.example.com:5432/attachments"
)]
pub struct InvalidDatabaseUrl;

impl FromStr for DatabaseUrl {
    type Err = InvalidDatabaseUrl;

    fn from_str(text: &str) -> Result<Self, InvalidDatabaseUrl> {
        // sqlx takes any scheme.
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err(InvalidDatabaseUrl);
        }
        let options = PgConnectOptions::from_str(text).map_err(|_| InvalidDatabaseUrl)?;
        Ok(Self(Box::new(options.application_name("teable-attachments"))))
    }
}

/// Host, port and database, for people.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(options) = self;
        match options.get_socket() {
            Some(socket) => write!(f, "{}", socket.display())?,
            None => write!(f, "{}:{}", options.get_host(), options.get_port())?,
        }
        write!(f, "/{}", options.get_database().unwrap_or(options.get_username()))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

/// A registry in a database.
pub struct PostgresRegistry {
    pool: PgPool,
    /// Bases share queues, by a hash that nobody can foresee.
    quotas: [WriteQueue; QUOTA_QUEUES],
    queue_of: RandomState,
}

sql::registry!(PostgresRegistry, Postgres);

impl PostgresRegistry {
    /// The registry in the database at `url`, whose tables are made if they are not there, and brought up to date. A database that
    /// cannot be used is tried again for as long as `patience`.
    pub async fn open(
        url: &DatabaseUrl,
        max_connections: NonZeroU32,
        patience: Duration,
    ) -> Result<Self, RegistryError> {
        let DatabaseUrl(options) = url;
        let deadline = Instant::now() + patience;
        while let Err(error) = bring_up_to_date(options).await {
            if Instant::now() + PAUSE > deadline {
                return Err(error);
            }
            let error = crate::telemetry::causes(&error);
            tracing::warn!(database = %url, error, "the database cannot be used; trying again");
            sleep(PAUSE).await;
        }
        let pool = PgPoolOptions::new()
            .max_connections(max_connections.get())
            .acquire_timeout(ACQUIRING)
            .idle_timeout(Duration::from_mins(10))
            .max_lifetime(Duration::from_mins(30))
            .connect_lazy_with((**options).clone().options(SESSION));
        let quotas = std::array::from_fn(|_| WriteQueue::new(PATIENCE));
        Ok(Self { pool, quotas, queue_of: RandomState::new() })
    }

    async fn lend(&self) -> Result<Lent, RegistryError> {
        Ok(Lent(Some(self.pool.acquire().await?)))
    }

    async fn within_patience<T>(
        &self,
        asking: impl Future<Output = Result<T, RegistryError>>,
    ) -> Result<T, RegistryError> {
        limited(PATIENCE, asking).await
    }

    /// Runs a write. Those that check the quota of a base wait for each other here, without a
    /// connection: the server would let them hold every connection of the pool while they wait.
    async fn write<T>(
        &self,
        quota_of: Option<&str>,
        writing: impl Future<Output = Result<T, RegistryError>>,
    ) -> Result<T, RegistryError> {
        match quota_of {
            Some(base) => {
                let [byte, ..] = self.queue_of.hash_one(base).to_le_bytes();
                let queue = usize::from(byte) % QUOTA_QUEUES;
                self.quotas[queue].run(writing).await
            }
            None => limited(PATIENCE, writing).await,
        }
    }

    /// Begins a transaction that holds the lock on the quota of `base`. Without it, two files that
    /// are added at once could each miss the other. The lock is taken before the statement that
    /// checks the quota, whose snapshot (read committed) then has all earlier files.
    async fn lock_quota(connection: &mut PgConnection, base: &str) -> Result<(), RegistryError> {
        sqlx::raw_sql("BEGIN").execute(&mut *connection).await?;
        let lock = sqlx::query("SELECT pg_advisory_xact_lock($1, hashtext($2))").bind(QUOTA).bind(base);
        lock.execute(connection).await?;
        Ok(())
    }

    async fn unlock_quota(connection: &mut PgConnection) -> Result<(), RegistryError> {
        sqlx::raw_sql("COMMIT").execute(connection).await?;
        Ok(())
    }

    /// The server's clock: those of the nodes may differ.
    async fn time(&self) -> Result<SystemTime, RegistryError> {
        const NOW: &str = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)";
        Ok(sql::time(sql::ask!(self, fetch_one, sqlx::query_scalar::<Postgres, i64>(NOW))?))
    }

    /// The lock waits for the insertions that run, and holds back new ones until the names are condemned. An insertion takes its own lock
    /// before its snapshot (in a transaction that is read committed), so one that was held back sees what was condemned; without the lock each could miss the other.
    async fn condemn_names(&self, list: String, now: i64) -> Result<Vec<String>, RegistryError> {
        // The server gives up the lock before we give up the whole, for insertions queue behind it; and after its own
        // `deadlock_timeout` of a second, when it stops an automatic vacuum that is in the way.
        const LOCK: &str =
            "SET LOCAL lock_timeout = '1500ms'; LOCK TABLE attachments IN SHARE ROW EXCLUSIVE MODE";
        const CONDEMN: &str = sql::condemn_statement!("json_array_elements_text($1::json) AS listed (value)");
        let condemning = async {
            let mut lent = self.lend().await?;
            let mut transaction = lent.connection().begin().await?;
            sqlx::raw_sql(LOCK).execute(&mut *transaction).await?;
            let condemn = sqlx::query_scalar::<Postgres, String>(CONDEMN).bind(list).bind(now);
            let condemned = condemn.fetch_all(&mut *transaction).await?;
            transaction.commit().await?;
            lent.give_back();
            Ok(condemned)
        };
        self.within_patience(condemning).await
    }

    /// The lock is the session's, so it ends with the connection: when the guard is dropped, or the process dies.
    async fn try_collector(&self) -> Result<Option<CollectorLock>, RegistryError> {
        let locking = async {
            let mut lent = self.lend().await?;
            let lock =
                sqlx::query_scalar::<Postgres, bool>("SELECT pg_try_advisory_lock($1)").bind(COLLECTOR);
            if lock.fetch_one(lent.connection()).await? {
                return Ok(lent.take_out().map(CollectorLock::of));
            }
            lent.give_back();
            Ok(None)
        };
        self.within_patience(locking).await
    }

    /// Takes leave of the server, if it listens.
    async fn let_go(&self) {
        let _ = timeout(PATIENCE, self.pool.close()).await;
    }
}

/// Connects once and runs the migrations. Nodes that do so at once wait a second for each other,
/// for sqlx takes an advisory lock, and then try again. A migration may take longer than any other
/// request, so this connection has no `statement_timeout`.
async fn bring_up_to_date(options: &PgConnectOptions) -> Result<(), RegistryError> {
    let options = options.clone().options(MIGRATION_SESSION);
    let connecting = async { Ok(options.connect().await?) };
    let mut connection = limited(CONNECTING, connecting).await?;
    let migrating = async { MIGRATIONS.run(&mut connection).await.map_err(RegistryError::of) };
    limited(MIGRATING, migrating).await?;
    // The server notices by itself if it does not hear this.
    let _ = timeout(PATIENCE, connection.close()).await;
    Ok(())
}

async fn limited<T>(
    limit: Duration,
    asking: impl Future<Output = Result<T, RegistryError>>,
) -> Result<T, RegistryError> {
    let late = |_| RegistryError::of(format!("the database gave no answer within {} s", limit.as_secs()));
    timeout(limit, asking).await.map_err(late)?
}

/// A connection of the pool. One that is not given back, for what was asked on it failed or never ended, is thrown away: the pool would
/// wait for it to answer.
struct Lent(Option<PoolConnection<Postgres>>);

impl Lent {
    // Both ways to part with it, below, end this value: there is always one here.
    fn connection(&mut self) -> &mut PgConnection {
        self.0.as_mut().expect("it is lent until it is given back")
    }

    fn give_back(mut self) {
        if let Some(mut connection) = self.0.take() {
            // The pool tries the connection first, and would try without end.
            tokio::spawn(async move { timeout(PATIENCE, connection.return_to_pool()).await });
        }
    }

    fn take_out(mut self) -> Option<PgConnection> {
        self.0.take().map(PoolConnection::detach)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        drop(self.0.take().map(PoolConnection::detach));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_postgresql_is_an_address() {
        for text in
            ["", "postgres", "mysql://a:secret@b/c", "sqlite:registry", "postgres:/a", "postgres://a:b:c/d"]
        {
            assert_eq!(text.parse::<DatabaseUrl>().err(), Some(InvalidDatabaseUrl), "{text}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        for text in [
            "postgres://me:secret@db.example:5433/files",
            "postgresql://me@db.example:5433/files?password=secret",
        ] {
            let url: DatabaseUrl = text.parse().expect("an address");
            assert_eq!(format!("{url} {url:?}"), "db.example:5433/files DatabaseUrl(db.example:5433/files)");
        }
    }
}
