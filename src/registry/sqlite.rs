//! The registry in one `SQLite` file.

use std::path::Path;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{Row, Sqlite};

use super::{Attachment, Dimensions, Registry, RegistryError};
use crate::domain::{AccessToken, BaseScope, FileName, MediaType, ObjectKey, ObjectName, Sha256, UploadType};

static MIGRATIONS: Migrator = sqlx::migrate!("src/registry/migrations");

/// How long a statement waits for another process, or a task for a connection, before it fails.
const PATIENCE: Duration = Duration::from_secs(5);

/// A registry in a file.
pub struct SqliteRegistry {
    pool: SqlitePool,
}

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
        MIGRATIONS.run(&pool).await.map_err(|error| RegistryError(error.into()))?;
        Ok(Self { pool })
    }

    /// Writes everything to the file and closes it.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

#[async_trait]
impl Registry for SqliteRegistry {
    async fn add_access_token(&self, token: &AccessToken) -> Result<(), RegistryError> {
        let bases: &[String] = match &token.bases {
            BaseScope::All => &[],
            BaseScope::Only(bases) => bases,
        };
        sqlx::query(
            "INSERT INTO access_tokens (id, name, digest, bases, created_at, expires_at, revoked_at) \
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&token.id)
        .bind(&token.name)
        .bind(&token.digest.as_bytes()[..])
        .bind(serde_json::to_string(bases).map_err(|error| RegistryError(error.into()))?)
        .bind(millis(token.created_at))
        .bind(token.expires_at.map(millis))
        .bind(token.revoked_at.map(millis))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    async fn access_token(&self, id: &str) -> Result<Option<AccessToken>, RegistryError> {
        let row = sqlx::query("SELECT * FROM access_tokens WHERE id = ?")
            .bind(id)
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(access_token).transpose()
    }

    async fn access_tokens(&self) -> Result<Vec<AccessToken>, RegistryError> {
        let rows =
            sqlx::query("SELECT * FROM access_tokens ORDER BY created_at, id").fetch_all(&self.pool).await?;
        rows.iter().map(access_token).collect()
    }

    async fn revoke_access_token(&self, id: &str, now: SystemTime) -> Result<bool, RegistryError> {
        let done = sqlx::query("UPDATE access_tokens SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL")
            .bind(millis(now))
            .bind(id)
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    async fn remove_access_token(&self, id: &str) -> Result<(), RegistryError> {
        sqlx::query("DELETE FROM access_tokens WHERE id = ?").bind(id).execute(&self.pool).await?;
        Ok(())
    }

    async fn add_attachment(&self, attachment: Attachment) -> Result<Attachment, RegistryError> {
        let size = i64::try_from(attachment.size).map_err(|error| RegistryError(error.into()))?;
        let done = sqlx::query::<Sqlite>(
            "INSERT INTO attachments (name, upload_type, token_digest, media_type, size, width, height, file_name, \
             base, label, created_by, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
             ON CONFLICT (name) DO NOTHING",
        )
        .bind(attachment.key.name.to_string())
        .bind(attachment.key.upload_type.number())
        .bind(&attachment.token_digest.as_bytes()[..])
        .bind(attachment.media_type.as_str())
        .bind(size)
        .bind(attachment.dimensions.map(|dimensions| dimensions.width))
        .bind(attachment.dimensions.map(|dimensions| dimensions.height))
        .bind(attachment.file_name.as_ref().map(FileName::as_str))
        .bind(&attachment.base)
        .bind(&attachment.label)
        .bind(&attachment.created_by)
        .bind(millis(attachment.created_at))
        .execute(&self.pool)
        .await?;
        if done.rows_affected() > 0 {
            return Ok(attachment);
        }
        let kept = self.attachment(attachment.key).await?;
        kept.ok_or_else(|| RegistryError("the row that was in the way is gone".into()))
    }

    async fn attachment_by_token(&self, token_digest: Sha256) -> Result<Option<Attachment>, RegistryError> {
        let row = sqlx::query("SELECT * FROM attachments WHERE token_digest = ?")
            .bind(&token_digest.as_bytes()[..])
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(attachment).transpose()
    }

    async fn attachment(&self, key: ObjectKey) -> Result<Option<Attachment>, RegistryError> {
        let row = sqlx::query("SELECT * FROM attachments WHERE name = ? AND upload_type = ?")
            .bind(key.name.to_string())
            .bind(key.upload_type.number())
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(attachment).transpose()
    }

    async fn check(&self) -> Result<(), RegistryError> {
        for probe in ["SELECT 1 FROM access_tokens LIMIT 1", "SELECT 1 FROM attachments LIMIT 1"] {
            sqlx::query(probe).fetch_optional(&self.pool).await?;
        }
        Ok(())
    }
}

fn access_token(row: &SqliteRow) -> Result<AccessToken, RegistryError> {
    let bases: String = row.try_get("bases")?;
    Ok(AccessToken {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        digest: digest(row, "digest")?,
        bases: BaseScope::of(serde_json::from_str(&bases).map_err(|error| RegistryError(error.into()))?),
        created_at: time(row.try_get("created_at")?),
        expires_at: row.try_get::<Option<i64>, _>("expires_at")?.map(time),
        revoked_at: row.try_get::<Option<i64>, _>("revoked_at")?.map(time),
    })
}

fn attachment(row: &SqliteRow) -> Result<Attachment, RegistryError> {
    let name: String = row.try_get("name")?;
    let upload_type: u8 = row.try_get("upload_type")?;
    let media_type: String = row.try_get("media_type")?;
    let size: i64 = row.try_get("size")?;
    let (width, height): (Option<u32>, Option<u32>) = (row.try_get("width")?, row.try_get("height")?);
    let file_name: Option<String> = row.try_get("file_name")?;
    Ok(Attachment {
        token_digest: digest(row, "token_digest")?,
        key: ObjectKey {
            upload_type: UploadType::try_from(upload_type).map_err(|error| RegistryError(error.into()))?,
            name: ObjectName::parse(&name).map_err(|error| RegistryError(error.into()))?,
        },
        media_type: MediaType::parse(&media_type).ok_or_else(|| damaged("media_type"))?,
        size: u64::try_from(size).map_err(|error| RegistryError(error.into()))?,
        dimensions: width.zip(height).map(|(width, height)| Dimensions { width, height }),
        file_name: file_name.as_deref().and_then(FileName::parse),
        base: row.try_get("base")?,
        label: row.try_get("label")?,
        created_by: row.try_get("created_by")?,
        created_at: time(row.try_get("created_at")?),
    })
}

fn digest(row: &SqliteRow, column: &'static str) -> Result<Sha256, RegistryError> {
    let bytes: Vec<u8> = row.try_get(column)?;
    <[u8; 32]>::try_from(bytes).map(Sha256::from).map_err(|_| damaged(column))
}

fn damaged(column: &'static str) -> RegistryError {
    RegistryError(format!("column {column} holds what was never written there").into())
}

fn millis(time: SystemTime) -> i64 {
    let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

fn time(millis: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(millis).unwrap_or_default())
}

impl From<sqlx::Error> for RegistryError {
    fn from(error: sqlx::Error) -> Self {
        Self(error.into())
    }
}
