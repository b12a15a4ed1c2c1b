//! Migrations, which are compiled into the program.

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// Makes a migrator of files: version, description and statements of each.
///
/// A node goes on with tables that a newer one has brought further: migrations only add, or the
/// changelog says otherwise. sqlx's own macro would compile both drivers a second time, for the
/// compiler.
pub(super) fn migrator(files: &[(i64, &'static str, &'static str)]) -> Migrator {
    let migration = |(version, description, sql): &(i64, &'static str, &'static str)| {
        Migration::new(*version, (*description).into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    let mut migrator = Migrator::with_migrations(files.iter().map(migration).collect());
    migrator.set_ignore_missing(true);
    migrator
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use sqlx::migrate::Migrator;

    use crate::registry::{postgres, sqlite};

    /// sqlx refuses a database whose migrations have other checksums than it was made with.
    #[actix_web::test]
    async fn lists_every_file_with_the_checksum_that_sqlx_computes() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/registry/migrations");
        for (folder, listed) in [("sqlite", &*sqlite::MIGRATIONS), ("postgres", &*postgres::MIGRATIONS)] {
            let found = Migrator::new(root.join(folder)).await.expect("migrations");
            let of = |migrator: &Migrator| -> Vec<_> {
                migrator
                    .iter()
                    .map(|one| (one.version, one.description.clone(), one.checksum.clone()))
                    .collect()
            };
            assert_eq!(of(listed), of(&found), "{folder}");
        }
    }
}
