//! What both databases share: the statements, their rows, and [`Registry`](super::Registry) over them.
//!
//! A database brings its own way to lend a connection and to be patient with it (`lend`,
//! `within_patience`), to write (`write`), and what it does in its own way (`lock_quota`,
//! `unlock_quota`, `condemn_names`, `time`, `try_collector`, `let_go`).

use std::time::{Duration, SystemTime};

use sqlx::{FromRow, Row};

use super::{Attachment, BaseQuota, BaseUsage, Dimensions, ExceededQuota, RegistryError};
use crate::domain::{AccessToken, BaseScope, FileName, MediaType, ObjectKey, ObjectName, Sha256, UploadType};

// Columns are named, never `*`: a statement that PostgreSQL has prepared fails when a newer node adds a column to its answer.

pub(super) const ADD_ACCESS_TOKEN: &str = "\
    INSERT INTO access_tokens (id, name, digest, bases, created_at, expires_at, revoked_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7)";

/// One statement, so that of two nodes that start at once only one adds its token.
pub(super) const ADD_FIRST_ACCESS_TOKEN: &str = "\
    INSERT INTO access_tokens (id, name, digest, bases, created_at, expires_at, revoked_at) \
    SELECT $1, $2, $3, $4, $5, $6, $7 WHERE NOT EXISTS (SELECT 1 FROM access_tokens)";

pub(super) const ACCESS_TOKEN: &str = "\
    SELECT id, name, digest, bases, created_at, expires_at, revoked_at FROM access_tokens WHERE id = $1";

pub(super) const ACCESS_TOKENS: &str = "\
    SELECT id, name, digest, bases, created_at, expires_at, revoked_at FROM access_tokens ORDER BY created_at, id";

pub(super) const REVOKE_ACCESS_TOKEN: &str =
    "UPDATE access_tokens SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";

pub(super) const REMOVE_ACCESS_TOKEN: &str = "DELETE FROM access_tokens WHERE id = $1";

/// Adds an attachment in one statement, so that nothing can be condemned between its look and its
/// insertion. Any conflict is let be, not that of the name alone: PostgreSQL finds two equal rows
/// that come at once by whichever of their unique columns it looks at first. `$13` and `$14` are
/// the base's quota, which the reservation of a pinned upload has met before.
pub(super) const ADD_ATTACHMENT: &str = "\
    INSERT INTO attachments (name, upload_type, token_digest, media_type, size, width, height, file_name, base, label, \
    created_by, created_at) SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12 \
    WHERE NOT EXISTS (SELECT 1 FROM condemned WHERE condemned.name = $1) \
    AND (EXISTS (SELECT 1 FROM settled WHERE settled.name = $1 AND settled.base IS NOT NULL) \
    OR ((CAST($13 AS BIGINT) IS NULL \
    OR $5 + (SELECT COALESCE(SUM(bytes), 0) FROM base_usage WHERE base_usage.base = $9) <= $13) \
    AND (CAST($14 AS BIGINT) IS NULL \
    OR (SELECT COALESCE(SUM(files), 0) FROM base_usage WHERE base_usage.base = $9) < $14))) ON CONFLICT DO NOTHING";

/// Adds up the few rows of a base. PostgreSQL adds up to a type of its own.
pub(super) const BASE_USAGE: &str = "\
    SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) AS bytes, CAST(COALESCE(SUM(files), 0) AS BIGINT) AS files \
    FROM base_usage WHERE base = $1";

pub(super) const ATTACHMENT_BY_TOKEN: &str = "\
    SELECT name, upload_type, token_digest, media_type, size, width, height, file_name, base, label, created_by, created_at \
    FROM attachments WHERE token_digest = $1";

pub(super) const ATTACHMENT: &str = "\
    SELECT name, upload_type, token_digest, media_type, size, width, height, file_name, base, label, created_by, created_at \
    FROM attachments WHERE name = $1 AND upload_type = $2";

pub(super) const IS_CONDEMNED: &str = "SELECT condemned_at FROM condemned WHERE name = $1";

/// Condemns the names in a JSON array, `$1`, that `$list` makes a table `listed` with a column `value`.
macro_rules! condemn_statement {
    ($list:literal) => {
        concat!(
            "INSERT INTO condemned (name, condemned_at) SELECT DISTINCT listed.value, $2 FROM ",
            $list,
            " WHERE NOT EXISTS (SELECT 1 FROM attachments WHERE attachments.name = listed.value)",
            " ON CONFLICT (name) DO UPDATE SET condemned_at = excluded.condemned_at RETURNING name",
        )
    };
}
pub(super) use condemn_statement;

// A limited number at a time, so that each ends soon.

pub(super) const FORGET_CONDEMNED: &str =
    "DELETE FROM condemned WHERE name IN (SELECT name FROM condemned WHERE condemned_at < $1 LIMIT 1000)";

/// Reads a pin, and whether its room in the base is reserved or used already.
pub(super) const PINNED: &str = "\
    SELECT version, settled.base IS NOT NULL \
    OR EXISTS (SELECT 1 FROM attachments WHERE attachments.name = $1) AS has_room \
    FROM settled WHERE name = $1 AND NOT EXISTS (SELECT 1 FROM condemned WHERE condemned.name = $1)";

/// Pins a version in one statement, so that of two callers at once only the first does, and
/// reserves the room of an earlier pin that has none: an older version made it, or its tombstone is
/// gone. A file that is registered already reserves nothing. `$5` and `$6` are the base's quota.
pub(super) const PIN: &str = "\
    INSERT INTO settled (name, version, base, size) \
    SELECT $1, $2, CASE WHEN EXISTS (SELECT 1 FROM attachments WHERE attachments.name = $1) \
    THEN NULL ELSE CAST($3 AS TEXT) END, $4 \
    WHERE NOT EXISTS (SELECT 1 FROM condemned WHERE condemned.name = $1) \
    AND (EXISTS (SELECT 1 FROM attachments WHERE attachments.name = $1) \
    OR ((CAST($5 AS BIGINT) IS NULL \
    OR $4 + (SELECT COALESCE(SUM(bytes), 0) FROM base_usage WHERE base_usage.base = $3) <= $5) \
    AND (CAST($6 AS BIGINT) IS NULL \
    OR (SELECT COALESCE(SUM(files), 0) FROM base_usage WHERE base_usage.base = $3) < $6))) \
    ON CONFLICT (name) DO UPDATE SET base = excluded.base, size = excluded.size WHERE settled.base IS NULL";

/// Releases what a pin reserved that met the tombstone of its name.
pub(super) const RELEASE: &str = "UPDATE settled SET base = NULL WHERE name = $1 AND base IS NOT NULL";

pub(super) const FORGET_SETTLED: &str =
    "DELETE FROM settled WHERE name IN (SELECT name FROM settled WHERE name <= $1 LIMIT 1000)";

pub(super) const IDENTITY: &str = "\
    INSERT INTO deployment (id, collected_at, the_only) VALUES ($1, 0, 1) \
    ON CONFLICT (the_only) DO UPDATE SET id = deployment.id RETURNING id";

pub(super) const BEGIN_COLLECTION: &str =
    "UPDATE deployment SET collected_at = $2 WHERE collected_at < $1 OR collected_at > $2";

pub(super) const NAMES: &str =
    "SELECT name FROM attachments WHERE upload_type = $1 AND name > $2 AND name <= $3 ORDER BY name LIMIT $4";

/// Looks into every table.
pub(super) const CHECK: &str = "\
    SELECT EXISTS (SELECT 1 FROM access_tokens), EXISTS (SELECT 1 FROM attachments), EXISTS (SELECT 1 FROM condemned), \
    EXISTS (SELECT 1 FROM settled), EXISTS (SELECT 1 FROM deployment), EXISTS (SELECT 1 FROM base_usage)";

/// Declares a row and reads its columns by name, from either database. sqlx's own derive would
/// compile both drivers a second time, for the compiler.
macro_rules! row {
    ($(#[$doc:meta])* pub(super) struct $Row:ident { $($column:ident: $kind:ty,)* }) => {
        $(#[$doc])*
        pub(super) struct $Row {
            $($column: $kind,)*
        }

        row!(@from sqlx::sqlite::SqliteRow, $Row { $($column)* });
        row!(@from sqlx::postgres::PgRow, $Row { $($column)* });
    };
    (@from $source:ty, $Row:ident { $($column:ident)* }) => {
        impl FromRow<'_, $source> for $Row {
            fn from_row(row: &$source) -> Result<Self, sqlx::Error> {
                Ok(Self { $($column: row.try_get(stringify!($column))?,)* })
            }
        }
    };
}

row! {
    /// A row of `access_tokens`.
    pub(super) struct AccessTokenRow {
        id: String,
        name: String,
        digest: Vec<u8>,
        bases: String,
        created_at: i64,
        expires_at: Option<i64>,
        revoked_at: Option<i64>,
    }
}

impl TryFrom<AccessTokenRow> for AccessToken {
    type Error = RegistryError;

    fn try_from(row: AccessTokenRow) -> Result<Self, RegistryError> {
        Ok(Self {
            id: row.id,
            name: row.name,
            digest: digest(row.digest, "digest")?,
            bases: BaseScope::of(serde_json::from_str(&row.bases).map_err(RegistryError::of)?),
            created_at: time(row.created_at),
            expires_at: row.expires_at.map(time),
            revoked_at: row.revoked_at.map(time),
        })
    }
}

row! {
    /// A row of `attachments`.
    pub(super) struct AttachmentRow {
        name: String,
        upload_type: i64,
        token_digest: Vec<u8>,
        media_type: String,
        size: i64,
        width: Option<i64>,
        height: Option<i64>,
        file_name: Option<String>,
        base: Option<String>,
        label: Option<String>,
        created_by: String,
        created_at: i64,
    }
}

impl TryFrom<AttachmentRow> for Attachment {
    type Error = RegistryError;

    fn try_from(row: AttachmentRow) -> Result<Self, RegistryError> {
        let upload_type = u8::try_from(row.upload_type).map_err(RegistryError::of)?;
        let pixels = |number: Option<i64>| number.map(u32::try_from).transpose().map_err(RegistryError::of);
        Ok(Self {
            token_digest: digest(row.token_digest, "token_digest")?,
            key: ObjectKey {
                upload_type: UploadType::try_from(upload_type).map_err(RegistryError::of)?,
                name: name(&row.name)?,
            },
            media_type: MediaType::parse(&row.media_type).ok_or_else(|| damaged("media_type"))?,
            size: u64::try_from(row.size).map_err(RegistryError::of)?,
            dimensions: pixels(row.width)?
                .zip(pixels(row.height)?)
                .map(|(width, height)| Dimensions { width, height }),
            file_name: row.file_name.as_deref().and_then(FileName::parse),
            base: row.base,
            label: row.label,
            created_by: row.created_by,
            created_at: time(row.created_at),
        })
    }
}

row! {
    /// A row of `base_usage`.
    pub(super) struct BaseUsageRow {
        bytes: i64,
        files: i64,
    }
}

impl TryFrom<BaseUsageRow> for BaseUsage {
    type Error = RegistryError;

    fn try_from(row: BaseUsageRow) -> Result<Self, RegistryError> {
        let number = |column: i64| u64::try_from(column).map_err(RegistryError::of);
        Ok(Self { bytes: number(row.bytes)?, files: number(row.files)? })
    }
}

/// The limits of a quota as a statement takes them: bytes, files.
pub(super) fn limits(quota: BaseQuota) -> [Option<i64>; 2] {
    [quota.bytes, quota.files].map(|limit| limit.map(|limit| i64::try_from(limit).unwrap_or(i64::MAX)))
}

/// The limit that a refused file of `size` bytes exceeds.
pub(super) fn exceeded(
    quota: BaseQuota,
    usage: BaseUsage,
    size: u64,
) -> Result<ExceededQuota, RegistryError> {
    match quota.check(usage, size) {
        Err(exceeded) => Ok(exceeded),
        // Room became free after the refusal.
        Ok(()) => Err(RegistryError::of("the quota was exceeded for a moment only")),
    }
}

/// The bases of a token as its row has them.
pub(super) fn bases(scope: &BaseScope) -> Result<String, RegistryError> {
    let bases: &[String] = match scope {
        BaseScope::All => &[],
        BaseScope::Only(bases) => bases,
    };
    serde_json::to_string(bases).map_err(RegistryError::of)
}

/// Names as a JSON array, which both databases take as one value.
pub(super) fn list(names: &[ObjectName]) -> Result<String, RegistryError> {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    serde_json::to_string(&names).map_err(RegistryError::of)
}

/// The names in a column.
pub(super) fn names(column: &[String]) -> Result<Vec<ObjectName>, RegistryError> {
    column.iter().map(|text| name(text)).collect()
}

fn name(text: &str) -> Result<ObjectName, RegistryError> {
    ObjectName::parse(text).map_err(RegistryError::of)
}

fn digest(bytes: Vec<u8>, column: &'static str) -> Result<Sha256, RegistryError> {
    <[u8; 32]>::try_from(bytes).map(Sha256::from).map_err(|_| damaged(column))
}

fn damaged(column: &'static str) -> RegistryError {
    RegistryError::of(format!("column {column} holds what was never written there"))
}

pub(super) fn millis(time: SystemTime) -> i64 {
    let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

pub(super) fn time(millis: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(millis).unwrap_or_default())
}

impl From<sqlx::Error> for RegistryError {
    fn from(error: sqlx::Error) -> Self {
        Self::of(error)
    }
}

/// Changes one thing in a database.
macro_rules! change {
    ($registry:ident, $how:ident, $query:expr) => {{
        let query = $query;
        let writing = async {
            let mut lent = $registry.lend().await?;
            let answer = query.$how(lent.connection()).await?;
            lent.give_back();
            Ok(answer)
        };
        $registry.write(None, writing).await
    }};
}
pub(super) use change;

/// Asks one thing of a database on a connection that it lends.
macro_rules! ask {
    ($registry:ident, $how:ident, $query:expr) => {{
        let query = $query;
        let asking = async {
            let mut lent = $registry.lend().await?;
            let answer = query.$how(lent.connection()).await?;
            lent.give_back();
            Ok(answer)
        };
        $registry.within_patience(asking).await
    }};
}
pub(super) use ask;

/// Binds the columns of an access token, in the order of `ADD_ACCESS_TOKEN`.
macro_rules! bind_access_token {
    ($query:ident, $token:ident) => {
        $query
            .bind(&$token.id)
            .bind(&$token.name)
            .bind(&$token.digest.as_bytes()[..])
            .bind(sql::bases(&$token.bases)?)
            .bind(sql::millis($token.created_at))
            .bind($token.expires_at.map(sql::millis))
            .bind($token.revoked_at.map(sql::millis))
    };
}
pub(super) use bind_access_token;

/// Implements [`Registry`](super::Registry) for `$Own`, whose statements go to a `$Database` of sqlx. A macro and no generic code: the
/// bounds that sqlx would ask for are longer than this.
macro_rules! registry {
    ($Own:ty, $Database:ty) => {
        impl $Own {
            async fn usage(
                connection: &mut <$Database as sqlx::Database>::Connection,
                base: &str,
            ) -> Result<BaseUsage, RegistryError> {
                let query = sqlx::query_as::<$Database, sql::BaseUsageRow>(sql::BASE_USAGE).bind(base);
                query.fetch_one(connection).await?.try_into()
            }

            /// Adds an attachment. Returns `None` if it was added, and otherwise why it was not.
            async fn insert_attachment(
                connection: &mut <$Database as sqlx::Database>::Connection,
                attachment: &Attachment,
                quota: BaseQuota,
            ) -> Result<Option<Added>, RegistryError> {
                let quota_of = attachment.base.as_deref().filter(|_| quota.is_limited());
                let [most_bytes, most_files] = quota_of.map_or([None, None], |_| sql::limits(quota));
                let (name, upload_type) =
                    (attachment.key.name.to_string(), i64::from(attachment.key.upload_type.number()));
                if let Some(base) = quota_of {
                    Self::lock_quota(connection, base).await?;
                }
                let done = sqlx::query::<$Database>(sql::ADD_ATTACHMENT)
                    .bind(&name)
                    .bind(upload_type)
                    .bind(&attachment.token_digest.as_bytes()[..])
                    .bind(attachment.media_type.as_str())
                    .bind(i64::try_from(attachment.size).map_err(RegistryError::of)?)
                    .bind(attachment.dimensions.map(|dimensions| i64::from(dimensions.width)))
                    .bind(attachment.dimensions.map(|dimensions| i64::from(dimensions.height)))
                    .bind(attachment.file_name.as_ref().map(FileName::as_str))
                    .bind(&attachment.base)
                    .bind(&attachment.label)
                    .bind(&attachment.created_by)
                    .bind(sql::millis(attachment.created_at))
                    .bind(most_bytes)
                    .bind(most_files)
                    .execute(&mut *connection)
                    .await?;
                if quota_of.is_some() {
                    Self::unlock_quota(connection).await?;
                }
                if done.rows_affected() > 0 {
                    return Ok(None);
                }
                let kept = sqlx::query_as::<$Database, sql::AttachmentRow>(sql::ATTACHMENT)
                    .bind(&name)
                    .bind(upload_type)
                    .fetch_optional(&mut *connection)
                    .await?;
                if let Some(kept) = kept {
                    return Ok(Some(Added::Kept(kept.try_into()?)));
                }
                if Self::is_condemned(connection, &name).await? {
                    return Ok(Some(Added::Condemned));
                }
                let base =
                    quota_of.ok_or_else(|| RegistryError::of("the row that was in the way is gone"))?;
                let usage = Self::usage(connection, base).await?;
                Ok(Some(Added::OverQuota(sql::exceeded(quota, usage, attachment.size)?)))
            }

            async fn insert_pin(
                connection: &mut <$Database as sqlx::Database>::Connection,
                pin: Pin<'_>,
                quota: BaseQuota,
            ) -> Result<Pinned, RegistryError> {
                let Pin { name, version, size, base } = pin;
                let quota_of = base.filter(|_| quota.is_limited());
                let [most_bytes, most_files] = quota_of.map_or([None, None], |_| sql::limits(quota));
                let name = name.to_string();
                if let Some(base) = quota_of {
                    Self::lock_quota(connection, base).await?;
                }
                sqlx::query::<$Database>(sql::PIN)
                    .bind(&name)
                    .bind(version)
                    .bind(base)
                    .bind(i64::try_from(size).map_err(RegistryError::of)?)
                    .bind(most_bytes)
                    .bind(most_files)
                    .execute(&mut *connection)
                    .await?;
                if quota_of.is_some() {
                    Self::unlock_quota(connection).await?;
                }
                if Self::is_condemned(connection, &name).await? {
                    // Over PostgreSQL the two may miss each other.
                    sqlx::query::<$Database>(sql::RELEASE).bind(&name).execute(connection).await?;
                    return Ok(Pinned::Tombstoned);
                }
                // Another caller may have been faster.
                let pinned = sqlx::query_as::<$Database, (String, bool)>(sql::PINNED)
                    .bind(&name)
                    .fetch_optional(&mut *connection)
                    .await?;
                match (pinned, quota_of) {
                    (Some((version, has_room)), _) if has_room || base.is_none() => {
                        Ok(Pinned::Version(version))
                    }
                    (_, Some(base)) => {
                        let usage = Self::usage(connection, base).await?;
                        Ok(Pinned::OverQuota(sql::exceeded(quota, usage, size)?))
                    }
                    (_, None) => Err(RegistryError::of("the pin is gone")),
                }
            }

            async fn is_condemned(
                connection: &mut <$Database as sqlx::Database>::Connection,
                name: &str,
            ) -> Result<bool, RegistryError> {
                let query = sqlx::query_scalar::<$Database, i64>(sql::IS_CONDEMNED).bind(name);
                Ok(query.fetch_optional(connection).await?.is_some())
            }
        }

        #[async_trait::async_trait]
        impl crate::registry::Registry for $Own {
            async fn add_access_token(&self, token: &AccessToken) -> Result<(), RegistryError> {
                let query = sqlx::query::<$Database>(sql::ADD_ACCESS_TOKEN);
                sql::change!(self, execute, sql::bind_access_token!(query, token))?;
                Ok(())
            }

            async fn add_first_access_token(&self, token: &AccessToken) -> Result<bool, RegistryError> {
                let query = sqlx::query::<$Database>(sql::ADD_FIRST_ACCESS_TOKEN);
                let done = sql::change!(self, execute, sql::bind_access_token!(query, token))?;
                Ok(done.rows_affected() > 0)
            }

            async fn access_token(&self, id: &str) -> Result<Option<AccessToken>, RegistryError> {
                let query = sqlx::query_as::<$Database, sql::AccessTokenRow>(sql::ACCESS_TOKEN).bind(id);
                sql::ask!(self, fetch_optional, query)?.map(AccessToken::try_from).transpose()
            }

            async fn access_tokens(&self) -> Result<Vec<AccessToken>, RegistryError> {
                let query = sqlx::query_as::<$Database, sql::AccessTokenRow>(sql::ACCESS_TOKENS);
                sql::ask!(self, fetch_all, query)?.into_iter().map(AccessToken::try_from).collect()
            }

            async fn revoke_access_token(&self, id: &str, now: SystemTime) -> Result<bool, RegistryError> {
                let query =
                    sqlx::query::<$Database>(sql::REVOKE_ACCESS_TOKEN).bind(id).bind(sql::millis(now));
                Ok(sql::change!(self, execute, query)?.rows_affected() > 0)
            }

            async fn remove_access_token(&self, id: &str) -> Result<(), RegistryError> {
                let query = sqlx::query::<$Database>(sql::REMOVE_ACCESS_TOKEN).bind(id);
                sql::change!(self, execute, query)?;
                Ok(())
            }

            async fn add_attachment_within(
                &self,
                attachment: Attachment,
                quota: BaseQuota,
            ) -> Result<Added, RegistryError> {
                let quota_of = attachment.base.as_deref().filter(|_| quota.is_limited());
                let adding = async {
                    let mut lent = self.lend().await?;
                    let refused = Self::insert_attachment(lent.connection(), &attachment, quota).await?;
                    lent.give_back();
                    Ok(refused)
                };
                let refused = self.write(quota_of, adding).await?;
                Ok(refused.unwrap_or(Added::Kept(attachment)))
            }

            async fn base_usage(&self, base: &str) -> Result<BaseUsage, RegistryError> {
                let asking = async {
                    let mut lent = self.lend().await?;
                    let usage = Self::usage(lent.connection(), base).await?;
                    lent.give_back();
                    Ok(usage)
                };
                self.within_patience(asking).await
            }

            async fn attachment_by_token(
                &self,
                token_digest: Sha256,
            ) -> Result<Option<Attachment>, RegistryError> {
                let query = sqlx::query_as::<$Database, sql::AttachmentRow>(sql::ATTACHMENT_BY_TOKEN)
                    .bind(&token_digest.as_bytes()[..]);
                sql::ask!(self, fetch_optional, query)?.map(Attachment::try_from).transpose()
            }

            async fn attachment(&self, key: ObjectKey) -> Result<Option<Attachment>, RegistryError> {
                let query = sqlx::query_as::<$Database, sql::AttachmentRow>(sql::ATTACHMENT)
                    .bind(key.name.to_string())
                    .bind(i64::from(key.upload_type.number()));
                sql::ask!(self, fetch_optional, query)?.map(Attachment::try_from).transpose()
            }

            async fn condemn(
                &self,
                names: &[ObjectName],
                now: SystemTime,
            ) -> Result<Vec<ObjectName>, RegistryError> {
                sql::names(&self.condemn_names(sql::list(names)?, sql::millis(now)).await?)
            }

            async fn forget_condemned(&self, before: SystemTime) -> Result<u64, RegistryError> {
                let query = sqlx::query::<$Database>(sql::FORGET_CONDEMNED).bind(sql::millis(before));
                Ok(sql::change!(self, execute, query)?.rows_affected())
            }

            async fn pin(&self, pin: Pin<'_>, quota: BaseQuota) -> Result<Pinned, RegistryError> {
                let name = pin.name.to_string();
                let pinned = sqlx::query_as::<$Database, (String, bool)>(sql::PINNED).bind(&name);
                if let Some((version, has_room)) = sql::ask!(self, fetch_optional, pinned)?
                    && (has_room || pin.base.is_none())
                {
                    return Ok(Pinned::Version(version));
                }
                let pinning = async {
                    let mut lent = self.lend().await?;
                    let answer = Self::insert_pin(lent.connection(), pin, quota).await?;
                    lent.give_back();
                    Ok(answer)
                };
                self.write(pin.base.filter(|_| quota.is_limited()), pinning).await
            }

            async fn forget_settled(&self, until: ObjectName) -> Result<u64, RegistryError> {
                let query = sqlx::query::<$Database>(sql::FORGET_SETTLED).bind(until.to_string());
                Ok(sql::change!(self, execute, query)?.rows_affected())
            }

            async fn names(
                &self,
                upload_type: UploadType,
                after: Option<ObjectName>,
                until: ObjectName,
                limit: u32,
            ) -> Result<Vec<ObjectName>, RegistryError> {
                // Every name is after the empty text.
                let after = after.map(|name| name.to_string()).unwrap_or_default();
                let query = sqlx::query_scalar::<$Database, String>(sql::NAMES)
                    .bind(i64::from(upload_type.number()))
                    .bind(after)
                    .bind(until.to_string())
                    .bind(i64::from(limit));
                sql::names(&sql::ask!(self, fetch_all, query)?)
            }

            async fn identity(&self, fresh: &str) -> Result<String, RegistryError> {
                let query = sqlx::query_scalar::<$Database, String>(sql::IDENTITY).bind(fresh);
                sql::change!(self, fetch_one, query)
            }

            async fn now(&self) -> Result<SystemTime, RegistryError> {
                self.time().await
            }

            async fn begin_collection(
                &self,
                before: SystemTime,
                now: SystemTime,
            ) -> Result<bool, RegistryError> {
                let query = sqlx::query::<$Database>(sql::BEGIN_COLLECTION)
                    .bind(sql::millis(before))
                    .bind(sql::millis(now));
                Ok(sql::change!(self, execute, query)?.rows_affected() > 0)
            }

            async fn collector(&self) -> Result<Option<CollectorLock>, RegistryError> {
                self.try_collector().await
            }

            async fn check(&self) -> Result<(), RegistryError> {
                sql::ask!(self, execute, sqlx::query::<$Database>(sql::CHECK))?;
                Ok(())
            }

            async fn close(&self) {
                self.let_go().await;
            }
        }
    };
}
pub(super) use registry;
