//! The registry by itself: what holds over either database.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use futures_util::future::{join, join_all};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::Connection;
use sqlx::migrate::Migrator;
use teable_attachments::domain::{
    AccessToken, BaseScope, FileName, MediaType, ObjectKey, ObjectName, Sha256, UploadType,
};
use teable_attachments::registry::postgres::PostgresRegistry;
use teable_attachments::registry::sqlite::SqliteRegistry;
use teable_attachments::registry::{
    Added, Attachment, BaseQuota, BaseUsage, Dimensions, ExceededQuota, Pin, Pinned, Registry,
};
use tempfile::TempDir;

use crate::support::postgres;

/// Where a registry is, to be opened by one or several.
enum Place {
    File(TempDir),
    Database(String),
}

impl Place {
    async fn open(&self) -> Arc<dyn Registry> {
        match self {
            Self::File(folder) => Arc::new(
                SqliteRegistry::open(&folder.path().join("registry.sqlite"), Duration::from_secs(3))
                    .await
                    .expect("a registry"),
            ),
            Self::Database(url) => Arc::new(database(url).await),
        }
    }
}

async fn database(url: &str) -> PostgresRegistry {
    let url = url.parse().expect("an address");
    let most = 10.try_into().expect("not zero");
    PostgresRegistry::open(&url, most, Duration::ZERO).await.expect("a registry")
}

/// Makes of each case a test over either database.
macro_rules! over_both {
    ($($case:ident,)+) => {
        mod over_sqlite {
            $(#[actix_web::test]
            async fn $case() {
                super::$case(super::Place::File(tempfile::TempDir::new().expect("a folder"))).await;
            })+
        }
        mod over_postgres {
            $(#[actix_web::test]
            async fn $case() {
                super::$case(super::Place::Database(crate::support::postgres::database())).await;
            })+
        }
    };
}

over_both! {
    an_access_token_is_kept_as_it_was,
    an_access_token_is_revoked_once,
    an_attachment_is_kept_as_it_was,
    an_attachment_is_added_once,
    a_base_is_added_up_and_has_its_quota,
    names_are_gone_through_in_order,
    what_is_condemned_cannot_be_kept_and_what_is_kept_not_condemned,
    of_an_addition_and_a_condemnation_at_once_one_wins,
    garbage_is_collected_by_one_at_a_time,
    what_is_kept_outlives_a_restart,
    a_closed_registry_cannot_answer,
    pins_the_first_of_several_versions,
    reserves_the_quota_of_a_pinned_upload,
    reserves_the_quota_of_a_pin_that_has_none,
    limits_the_number_of_files_of_a_base,
    keeps_a_quota_when_many_files_are_added_at_once,
    adds_one_first_access_token,
    a_time_in_the_future_holds_up_no_collection,
    adds_up_the_files_of_an_older_version,
    a_registry_knows_itself_and_when_it_was_cleaned_up,
    tables_that_a_newer_node_has_changed_are_good_enough,
}

/// A moment that a row can say: whole milliseconds.
fn moment(millis: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_000 + millis)
}

fn access_token(id: &str, created_at: SystemTime) -> AccessToken {
    AccessToken {
        id: id.to_owned(),
        name: "für \"alle\" 图".to_owned(),
        digest: Sha256::of(id.as_bytes()),
        bases: BaseScope::of(vec!["bseOne".into(), "bse\"Two".into()]),
        created_at,
        expires_at: Some(moment(99)),
        revoked_at: None,
    }
}

fn attachment(upload_type: UploadType) -> Attachment {
    let name = ObjectName::fresh();
    Attachment {
        token_digest: Sha256::of(name.to_string().as_bytes()),
        key: ObjectKey { upload_type, name },
        media_type: MediaType::parse("image/png").expect("a media type"),
        size: 5 << 32,
        dimensions: Some(Dimensions { width: 3, height: u32::MAX }),
        file_name: FileName::parse("Übung 图.png"),
        base: Some("bseOne".into()),
        label: None,
        created_by: "0123456789ab".into(),
        created_at: moment(1),
    }
}

async fn add(registry: &dyn Registry, attachment: &Attachment) -> Added {
    registry.add_attachment(attachment.clone()).await.expect("an answer")
}

async fn a_base_is_added_up_and_has_its_quota(place: Place) {
    let registry = place.open().await;
    let of = |base: Option<&str>, size| Attachment {
        base: base.map(str::to_owned),
        size,
        ..attachment(UploadType::Table)
    };
    let add = async |attachment: &Attachment, quota| {
        let quota = BaseQuota { bytes: quota, files: None };
        registry.add_attachment_within(attachment.clone(), quota).await.expect("an answer")
    };
    let (first, large) = (of(Some("bseOne"), 60), of(Some("bseOne"), 41));
    assert!(matches!(add(&first, Some(100)).await, Added::Kept(_)));
    assert!(matches!(add(&large, Some(100)).await, Added::OverQuota(ExceededQuota::Bytes(100))));
    assert!(registry.attachment(large.key).await.expect("an answer").is_none());
    assert!(matches!(add(&first, Some(1)).await, Added::Kept(_)), "it is kept already");
    assert!(matches!(add(&of(Some("bseTwo"), 100), Some(100)).await, Added::Kept(_)), "another base");
    assert!(matches!(add(&of(None, 5 << 32), Some(100)).await, Added::Kept(_)), "no base");
    assert!(matches!(add(&of(Some("bseOne"), 40), Some(100)).await, Added::Kept(_)), "to the last byte");
    assert!(matches!(add(&of(Some("bseOne"), 0), Some(100)).await, Added::Kept(_)));
    assert!(matches!(add(&large, Some(u64::MAX)).await, Added::Kept(_)));
    let stored = async |base| registry.base_usage(base).await.expect("an answer").bytes;
    assert_eq!((stored("bseOne").await, stored("bseTwo").await, stored("bse").await), (141, 100, 0));
}

async fn an_access_token_is_kept_as_it_was(place: Place) {
    let registry = place.open().await;
    let (one, other) = (access_token("b", moment(2)), access_token("a", moment(2)));
    let oldest = AccessToken { bases: BaseScope::All, expires_at: None, ..access_token("c", moment(1)) };
    for token in [&one, &other, &oldest] {
        registry.add_access_token(token).await.expect("kept");
        let found = registry.access_token(&token.id).await.expect("an answer");
        assert_eq!(format!("{found:?}"), format!("{:?}", Some(token)));
    }
    registry.add_access_token(&one).await.expect_err("there is one with this id");
    let ids = async || {
        let tokens = registry.access_tokens().await.expect("an answer");
        tokens.into_iter().map(|token| token.id).collect::<Vec<_>>()
    };
    assert_eq!(ids().await, ["c", "a", "b"], "the oldest first");
    registry.remove_access_token("a").await.expect("removed");
    assert_eq!(ids().await, ["c", "b"]);
    assert!(registry.access_token("a").await.expect("an answer").is_none());
}

async fn an_access_token_is_revoked_once(place: Place) {
    let registry = place.open().await;
    registry.add_access_token(&access_token("a", moment(1))).await.expect("kept");
    let revoke = async |id, at| registry.revoke_access_token(id, at).await.expect("an answer");
    assert!(!revoke("b", moment(2)).await, "there is none");
    assert!(revoke("a", moment(3)).await);
    assert!(!revoke("a", moment(4)).await, "it is revoked");
    let token = registry.access_token("a").await.expect("an answer").expect("a token");
    assert_eq!(token.revoked_at, Some(moment(3)));
}

async fn an_attachment_is_kept_as_it_was(place: Place) {
    let registry = place.open().await;
    let whole = attachment(UploadType::Table);
    let bare = Attachment {
        dimensions: None,
        file_name: None,
        base: None,
        label: Some("xxxxxxxx".into()),
        ..attachment(UploadType::Avatar)
    };
    for attachment in [whole, bare] {
        assert!(registry.attachment(attachment.key).await.expect("an answer").is_none());
        let Added::Kept(kept) = add(registry.as_ref(), &attachment).await else { panic!("condemned") };
        let by_key = registry.attachment(attachment.key).await.expect("an answer").expect("kept");
        let by_token = registry.attachment_by_token(attachment.token_digest).await.expect("an answer");
        for found in [kept, by_key, by_token.expect("kept")] {
            assert_eq!(format!("{found:?}"), format!("{attachment:?}"));
        }
        let elsewhere = ObjectKey { upload_type: UploadType::Form, ..attachment.key };
        assert!(registry.attachment(elsewhere).await.expect("an answer").is_none());
    }
}

async fn an_attachment_is_added_once(place: Place) {
    let registry = place.open().await;
    for _ in 0..20 {
        let attachment = attachment(UploadType::Table);
        let at_once = (0..6).map(|number| {
            let attachment = Attachment { label: Some(number.to_string()), ..attachment.clone() };
            let registry = &registry;
            async move { add(registry.as_ref(), &attachment).await }
        });
        let kept = registry.clone();
        let labels: BTreeSet<_> = join_all(at_once)
            .await
            .into_iter()
            .map(|added| match added {
                Added::Kept(attachment) => attachment.label,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(labels.len(), 1, "all are given the one that is kept");
        let found = kept.attachment(attachment.key).await.expect("an answer").expect("kept");
        assert!(labels.contains(&found.label));
    }
}

async fn names_are_gone_through_in_order(place: Place) {
    let registry = place.open().await;
    let mut made: Vec<_> = (0..7).map(|_| attachment(UploadType::Table)).collect();
    // Another node may have been a moment ahead.
    made.reverse();
    for attachment in &made {
        add(registry.as_ref(), attachment).await;
    }
    add(registry.as_ref(), &attachment(UploadType::Form)).await;
    let mut all: Vec<_> = made.iter().map(|attachment| attachment.key.name).collect();
    all.sort();
    let names = async |after, until, limit| {
        registry.names(UploadType::Table, after, until, limit).await.expect("an answer")
    };
    let end = ObjectName::fresh();
    assert_eq!(names(None, end, 100).await, all);
    assert_eq!(names(None, end, 3).await, all[..3]);
    assert_eq!(names(Some(all[2]), end, 3).await, all[3..6]);
    assert_eq!(names(Some(all[5]), end, 3).await, all[6..]);
    assert_eq!(names(Some(all[6]), end, 3).await, []);
    assert_eq!(names(None, all[4], 100).await, all[..=4], "up to and with the last");
    assert_eq!(registry.names(UploadType::Avatar, None, end, 100).await.expect("an answer"), []);
}

async fn what_is_condemned_cannot_be_kept_and_what_is_kept_not_condemned(place: Place) {
    let registry = place.open().await;
    let condemn = async |names: &[ObjectName], now| registry.condemn(names, now).await.expect("an answer");
    let forget = async |before| registry.forget_condemned(before).await.expect("an answer");
    let (kept, condemned) = (attachment(UploadType::Table), attachment(UploadType::Table));
    add(registry.as_ref(), &kept).await;
    let both = [kept.key.name, condemned.key.name, condemned.key.name];
    assert_eq!(condemn(&both, moment(1)).await, [condemned.key.name]);
    assert_eq!(condemn(&[], moment(1)).await, []);
    assert!(matches!(add(registry.as_ref(), &condemned).await, Added::Condemned));
    assert!(registry.attachment(condemned.key).await.expect("an answer").is_none());
    assert!(matches!(add(registry.as_ref(), &kept).await, Added::Kept(_)), "it was before");
    // What is condemned again is remembered from then on.
    assert_eq!(condemn(&both, moment(5)).await, [condemned.key.name]);
    assert_eq!(forget(moment(5)).await, 0);
    assert!(matches!(add(registry.as_ref(), &condemned).await, Added::Condemned));
    assert_eq!(forget(moment(6)).await, 1);
    assert!(matches!(add(registry.as_ref(), &condemned).await, Added::Kept(_)));
}

async fn of_an_addition_and_a_condemnation_at_once_one_wins(place: Place) {
    let (adding, condemning) = (place.open().await, place.open().await);
    let (mut kept, mut condemned) = (0, 0);
    for round in 0..60 {
        let attachments: Vec<_> = (0..6).map(|_| attachment(UploadType::Table)).collect();
        let names: Vec<_> = attachments.iter().map(|attachment| attachment.key.name).collect();
        let additions = join_all(attachments.iter().map(|attachment| add(adding.as_ref(), attachment)));
        let condemnation = async {
            // A little later in some rounds, so that either may be the first.
            for _ in 0..round % 20 {
                tokio::task::yield_now().await;
            }
            condemning.condemn(&names, moment(1)).await.expect("an answer")
        };
        let (additions, condemnation) = join(additions, condemnation).await;
        for (attachment, added) in attachments.iter().zip(additions) {
            let is_kept = matches!(added, Added::Kept(_));
            let is_condemned = condemnation.contains(&attachment.key.name);
            assert_ne!(is_kept, is_condemned, "kept or condemned, never both and never neither");
            let found = adding.attachment(attachment.key).await.expect("an answer");
            assert_eq!(found.is_some(), is_kept);
            kept += u32::from(is_kept);
            condemned += u32::from(is_condemned);
        }
    }
    println!("kept {kept}, condemned {condemned}");
}

async fn garbage_is_collected_by_one_at_a_time(place: Place) {
    let (one, other) = (place.open().await, place.open().await);
    let lock = one.collector().await.expect("an answer").expect("nobody has it");
    assert!(other.collector().await.expect("an answer").is_none());
    assert!(one.collector().await.expect("an answer").is_none(), "not twice, either");
    drop(lock);
    crate::support::eventually("the lock ends", || async {
        other.collector().await.expect("an answer").is_some()
    })
    .await;
}

async fn what_is_kept_outlives_a_restart(place: Place) {
    let registry = place.open().await;
    let (kept, condemned) = (attachment(UploadType::Table), attachment(UploadType::Table));
    add(registry.as_ref(), &kept).await;
    registry.condemn(&[condemned.key.name], moment(1)).await.expect("an answer");
    registry.close().await;
    let registry = place.open().await;
    assert!(registry.attachment(kept.key).await.expect("an answer").is_some());
    assert!(matches!(add(registry.as_ref(), &condemned).await, Added::Condemned));
}

async fn tables_that_a_newer_node_has_changed_are_good_enough(place: Place) {
    place.open().await.close().await;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                 VALUES (9999, 'of tomorrow', TRUE, '', 0)";
    match &place {
        Place::File(folder) => {
            let url = format!("sqlite://{}", folder.path().join("registry.sqlite").display());
            let mut connection = sqlx::SqliteConnection::connect(&url).await.expect("a connection");
            sqlx::query(newer).execute(&mut connection).await.expect("a row");
        }
        Place::Database(url) => {
            let mut connection = sqlx::PgConnection::connect(url).await.expect("a connection");
            sqlx::query(newer).execute(&mut connection).await.expect("a row");
        }
    }
    place.open().await.check().await.expect("it goes on");
}

async fn pins_the_first_of_several_versions(place: Place) {
    let registry = place.open().await;
    let pin = async |registry: &dyn Registry, name, version| {
        let pin = Pin { name, version, size: 1, base: None };
        match registry.pin(pin, BaseQuota::default()).await.expect("an answer") {
            Pinned::Version(version) => version,
            other => panic!("{other:?}"),
        }
    };
    let name = ObjectName::fresh();
    assert_eq!(pin(registry.as_ref(), name, "first").await, "first");
    assert_eq!(pin(registry.as_ref(), name, "other").await, "first");
    let (one, two) = (ObjectName::fresh(), place.open().await);
    let (left, right) = join(pin(registry.as_ref(), one, "left"), pin(two.as_ref(), one, "right")).await;
    assert_eq!(left, right, "both get the same");
    let later = ObjectName::bound(SystemTime::now() + Duration::from_secs(1));
    assert_eq!(registry.forget_settled(later).await.expect("an answer"), 2);
    assert_eq!(registry.forget_settled(later).await.expect("an answer"), 0);
    assert_eq!(pin(registry.as_ref(), name, "other").await, "other");
}

async fn reserves_the_quota_of_a_pinned_upload(place: Place) {
    let registry = place.open().await;
    let quota = BaseQuota { bytes: Some(100), files: None };
    let of = |size| Attachment { size, ..attachment(UploadType::Avatar) };
    let pin = async |attachment: &Attachment| {
        let base = attachment.base.as_deref();
        let pin = Pin { name: attachment.key.name, version: "v", size: attachment.size, base };
        registry.pin(pin, quota).await.expect("an answer")
    };
    let add = async |attachment: &Attachment| {
        registry.add_attachment_within(attachment.clone(), quota).await.expect("an answer")
    };
    let usage = async || {
        let BaseUsage { bytes, files } = registry.base_usage("bseOne").await.expect("an answer");
        (bytes, files)
    };
    let (first, second, third) = (of(60), of(60), of(30));
    assert_eq!(pin(&first).await, Pinned::Version("v".to_owned()));
    assert_eq!(usage().await, (60, 1));
    assert_eq!(pin(&first).await, Pinned::Version("v".to_owned()), "again");
    assert_eq!(usage().await, (60, 1), "it reserves once");
    assert_eq!(pin(&second).await, Pinned::OverQuota(ExceededQuota::Bytes(100)));
    assert!(matches!(add(&second).await, Added::OverQuota(_)), "the room is reserved");
    assert!(matches!(add(&first).await, Added::Kept(_)));
    assert_eq!(usage().await, (60, 1), "the attachment takes over what was reserved");
    assert_eq!(pin(&first).await, Pinned::Version("v".to_owned()), "a late notify");
    assert_eq!(usage().await, (60, 1));

    assert_eq!(pin(&third).await, Pinned::Version("v".to_owned()));
    assert_eq!(usage().await, (90, 2));
    registry.condemn(&[third.key.name], moment(1)).await.expect("an answer");
    assert_eq!(usage().await, (60, 1), "a tombstone releases the room");
    registry.condemn(&[third.key.name], moment(2)).await.expect("an answer");
    assert_eq!(usage().await, (60, 1), "once");
    assert_eq!(pin(&third).await, Pinned::Tombstoned);

    let abandoned = of(40);
    assert_eq!(pin(&abandoned).await, Pinned::Version("v".to_owned()));
    assert_eq!(usage().await, (100, 2));
    let later = ObjectName::bound(SystemTime::now() + Duration::from_secs(1));
    registry.forget_settled(later).await.expect("an answer");
    assert_eq!(usage().await, (60, 1), "so does garbage collection");
}

async fn reserves_the_quota_of_a_pin_that_has_none(place: Place) {
    let registry = place.open().await;
    let quota = BaseQuota { bytes: Some(100), files: None };
    let pin = async |name, size, quota| {
        let pin = Pin { name, version: "v", size, base: Some("bseOne") };
        registry.pin(pin, quota).await.expect("an answer")
    };
    let (small, large) = (ObjectName::fresh(), ObjectName::fresh());
    for name in [small, large] {
        // As an older version pinned it.
        let pin = Pin { name, version: "old", size: 0, base: None };
        let pinned = registry.pin(pin, quota).await.expect("an answer");
        assert_eq!(pinned, Pinned::Version("old".to_owned()));
    }
    assert_eq!(pin(small, 60, quota).await, Pinned::Version("old".to_owned()));
    assert_eq!(pin(large, 60, quota).await, Pinned::OverQuota(ExceededQuota::Bytes(100)));
    let usage = registry.base_usage("bseOne").await.expect("an answer");
    assert_eq!(usage, BaseUsage { bytes: 60, files: 1 });
    assert_eq!(pin(large, 60, BaseQuota::default()).await, Pinned::Version("old".to_owned()));
    let usage = registry.base_usage("bseOne").await.expect("an answer");
    assert_eq!(usage, BaseUsage { bytes: 120, files: 2 }, "it counts without a quota, too");
}

async fn limits_the_number_of_files_of_a_base(place: Place) {
    let registry = place.open().await;
    let quota = BaseQuota { bytes: None, files: Some(2) };
    let add = async |base: &str| {
        let attachment = Attachment { base: Some(base.to_owned()), size: 0, ..attachment(UploadType::Table) };
        registry.add_attachment_within(attachment, quota).await.expect("an answer")
    };
    let pin = async || {
        let pin = Pin { name: ObjectName::fresh(), version: "v", size: 0, base: Some("bseOne") };
        registry.pin(pin, quota).await.expect("an answer")
    };
    assert!(matches!(add("bseOne").await, Added::Kept(_)));
    assert_eq!(pin().await, Pinned::Version("v".to_owned()));
    assert!(matches!(add("bseOne").await, Added::OverQuota(ExceededQuota::Files(2))));
    assert_eq!(pin().await, Pinned::OverQuota(ExceededQuota::Files(2)));
    assert!(matches!(add("bseTwo").await, Added::Kept(_)), "each base has its own");
}

async fn keeps_a_quota_when_many_files_are_added_at_once(place: Place) {
    let nodes = [place.open().await, place.open().await];
    let quota = BaseQuota { bytes: Some(100), files: None };
    for round in 0..10 {
        let base = format!("bse{round}");
        let adding = (0..12).map(|number| {
            let attachment =
                Attachment { base: Some(base.clone()), size: 30, ..attachment(UploadType::Table) };
            nodes[number % 2].add_attachment_within(attachment, quota)
        });
        let added = join_all(adding).await;
        let kept = added.into_iter().filter(|added| matches!(added, Ok(Added::Kept(_)))).count();
        assert_eq!(kept, 3, "so many as fit");
        assert_eq!(nodes[0].base_usage(&base).await.expect("an answer"), BaseUsage { bytes: 90, files: 3 });
    }
}

async fn adds_one_first_access_token(place: Place) {
    let nodes = [place.open().await, place.open().await];
    let tokens: Vec<_> = (0..6).map(|number| access_token(&number.to_string(), moment(1))).collect();
    let adding =
        tokens.iter().enumerate().map(|(number, token)| nodes[number % 2].add_first_access_token(token));
    let added = join_all(adding).await.into_iter().filter(|added| *added.as_ref().expect("an answer"));
    assert_eq!(added.count(), 1);
    assert_eq!(nodes[0].access_tokens().await.expect("an answer").len(), 1);
}

async fn a_time_in_the_future_holds_up_no_collection(place: Place) {
    let registry = place.open().await;
    registry.identity("one").await.expect("an id");
    let (day, now) = (Duration::from_hours(24), registry.now().await.expect("a time"));
    let skew = SystemTime::now().duration_since(now).unwrap_or_else(|error| error.duration());
    assert!(skew < Duration::from_secs(5), "the database runs on this machine");
    assert!(registry.begin_collection(now - day, now + 10 * day).await.expect("an answer"));
    assert!(registry.begin_collection(now - day, now).await.expect("an answer"), "that clock was wrong");
    assert!(!registry.begin_collection(now - day, now).await.expect("an answer"));
}

async fn a_registry_knows_itself_and_when_it_was_cleaned_up(place: Place) {
    let registry = place.open().await;
    let id = registry.identity("one").await.expect("an id");
    assert_eq!(id, "one");
    assert_eq!(registry.identity("two").await.expect("an id"), "one");
    let (hour, now) = (Duration::from_hours(1), SystemTime::now());
    assert!(registry.begin_collection(now - hour, now).await.expect("an answer"));
    assert!(!registry.begin_collection(now - hour, now).await.expect("an answer"), "it was just done");
    assert!(registry.begin_collection(now + hour, now + 2 * hour).await.expect("an answer"));
}

/// The migrations in the folder of a database up to `version`, as an older release had them.
async fn older(folder: &str, version: i64) -> Migrator {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/registry/migrations");
    let all = Migrator::new(root.join(folder)).await.expect("migrations");
    Migrator::with_migrations(all.iter().filter(|migration| migration.version <= version).cloned().collect())
}

async fn adds_up_the_files_of_an_older_version(place: Place) {
    const ROWS: &str = "INSERT INTO attachments \
        (name, upload_type, token_digest, media_type, size, base, created_by, created_at) \
        VALUES ('a', 1, 'a', 'text/plain', 30, 'bseOne', '', 1), ('b', 1, 'b', 'text/plain', 4, 'bseOne', '', 1), \
        ('c', 1, 'c', 'text/plain', 5, 'bseTwo', '', 1), ('d', 1, 'd', 'text/plain', 6, NULL, '', 1)";
    const PIN: &str = "INSERT INTO settled (name, version) VALUES ('e', 'v')";
    match &place {
        Place::File(folder) => {
            let options = sqlx::sqlite::SqliteConnectOptions::new()
                .filename(folder.path().join("registry.sqlite"))
                .create_if_missing(true);
            let mut connection = sqlx::ConnectOptions::connect(&options).await.expect("a connection");
            older("sqlite", 3).await.run(&mut connection).await.expect("tables");
            let rows = ROWS.replace("'a', 'text", "x'61', 'text").replace("'b', 'text", "x'62', 'text");
            let rows = rows.replace("'c', 'text", "x'63', 'text").replace("'d', 'text", "x'64', 'text");
            for statement in [&rows, PIN] {
                let statement = sqlx::AssertSqlSafe(statement.to_owned());
                sqlx::raw_sql(statement).execute(&mut connection).await.expect("rows");
            }
            connection.close().await.expect("closed");
        }
        Place::Database(url) => {
            let mut connection = sqlx::PgConnection::connect(url).await.expect("a connection");
            older("postgres", 2).await.run(&mut connection).await.expect("tables");
            for statement in [ROWS, PIN] {
                sqlx::raw_sql(statement).execute(&mut connection).await.expect("rows");
            }
        }
    }
    let registry = place.open().await;
    let usage = async |base| registry.base_usage(base).await.expect("an answer");
    assert_eq!(usage("bseOne").await, BaseUsage { bytes: 34, files: 2 });
    assert_eq!(usage("bseTwo").await, BaseUsage { bytes: 5, files: 1 });
    let later = ObjectName::bound(SystemTime::now() + Duration::from_secs(1));
    registry.forget_settled(later).await.expect("a pin of the older version reserves nothing");
    assert_eq!(usage("bseOne").await, BaseUsage { bytes: 34, files: 2 });
}

async fn a_closed_registry_cannot_answer(place: Place) {
    let registry = place.open().await;
    registry.check().await.expect("ready");
    registry.close().await;
    registry.check().await.expect_err("closed");
}

/// Makes every commit that adds a file take 20 ms, with all its locks held, as on a slow disk.
const SLOW_COMMIT: &str = "\
    CREATE FUNCTION slowly() RETURNS TRIGGER LANGUAGE plpgsql AS \
    $$ BEGIN PERFORM pg_sleep(0.02); RETURN NULL; END $$; \
    CREATE CONSTRAINT TRIGGER slowly AFTER INSERT ON attachments \
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slowly()";

#[actix_web::test]
async fn a_crowded_base_keeps_no_other_one_waiting() {
    let url = postgres::database();
    let registry = database(&url).await;
    let mut connection = sqlx::PgConnection::connect(&url).await.expect("a connection");
    sqlx::raw_sql(SLOW_COMMIT).execute(&mut connection).await.expect("a trigger");
    for quota in [BaseQuota::default(), BaseQuota { bytes: Some(1 << 50), files: None }] {
        let of =
            |base: &str| Attachment { base: Some(base.to_owned()), size: 1, ..attachment(UploadType::Table) };
        let crowd = join_all((0..160).map(|_| registry.add_attachment_within(of("bseCrowd"), quota)));
        let others = join_all((0..5).map(|_| registry.add_attachment_within(of("bseOther"), quota)));
        let (crowd, others) = join(crowd, others).await;
        for added in crowd.into_iter().chain(others) {
            assert!(matches!(added.expect("an answer"), Added::Kept(_)), "{quota:?}");
        }
    }
    let usage = registry.base_usage("bseCrowd").await.expect("an answer");
    assert_eq!(usage, BaseUsage { bytes: 320, files: 320 });
}

#[actix_web::test]
async fn a_migration_that_waits_for_a_long_reader_is_given_up_and_tried_again() {
    let url = postgres::database();
    let mut reader = sqlx::PgConnection::connect(&url).await.expect("a connection");
    older("postgres", 2).await.run(&mut reader).await.expect("tables");
    let mut reading = reader.begin().await.expect("a transaction");
    sqlx::query("SELECT 1 FROM settled").execute(&mut *reading).await.expect("rows");
    let parsed = url.parse().expect("an address");
    let most = 10.try_into().expect("not zero");
    PostgresRegistry::open(&parsed, most, Duration::ZERO).await.err().expect("the reader is in the way");
    // The migration no longer waits, so readers get through.
    let mut other = sqlx::PgConnection::connect(&url).await.expect("a connection");
    let look = sqlx::query("SELECT 1 FROM settled").execute(&mut other);
    tokio::time::timeout(Duration::from_secs(10), look).await.expect("it does not wait").expect("rows");
    reading.rollback().await.expect("the end");
    database(&url).await.check().await.expect("ready");
}

/// What chance might not bring about: a condemnation meets an addition that has not ended.
#[actix_web::test]
async fn a_condemnation_waits_for_an_addition_that_runs() {
    let url = postgres::database();
    let registry = database(&url).await;
    let name = ObjectName::fresh();
    let mut connection = sqlx::PgConnection::connect(&url).await.expect("a connection");
    let mut addition = connection.begin().await.expect("a transaction");
    sqlx::query(
        "INSERT INTO attachments (name, upload_type, token_digest, media_type, size, created_by, created_at) \
         SELECT $1, 1, ''::bytea, 'text/plain', 1, '', 1 \
         WHERE NOT EXISTS (SELECT 1 FROM condemned WHERE condemned.name = $1)",
    )
    .bind(name.to_string())
    .execute(&mut *addition)
    .await
    .expect("inserted");
    let mut watcher = sqlx::PgConnection::connect(&url).await.expect("a connection");
    let commits_when_waited_for = async {
        let waiting = "SELECT 1 FROM pg_locks WHERE relation = 'attachments'::regclass AND NOT granted";
        while sqlx::query(waiting).fetch_optional(&mut watcher).await.expect("an answer").is_none() {
            tokio::task::yield_now().await;
        }
        addition.commit().await.expect("committed");
    };
    let names = [name];
    let condemning = registry.condemn(&names, moment(1));
    let (condemned, ()) =
        tokio::time::timeout(Duration::from_secs(10), join(condemning, commits_when_waited_for))
            .await
            .expect("the condemnation waits");
    assert_eq!(condemned.expect("an answer"), [], "it is kept");
}

/// An addition that does not end holds a condemnation up, and not for long.
#[actix_web::test]
async fn a_condemnation_gives_up_soon_and_lets_additions_through() {
    let url = postgres::database();
    let registry = database(&url).await;
    let mut connection = sqlx::PgConnection::connect(&url).await.expect("a connection");
    let mut addition = connection.begin().await.expect("a transaction");
    sqlx::query("LOCK TABLE attachments IN ROW EXCLUSIVE MODE")
        .execute(&mut *addition)
        .await
        .expect("locked");
    let begun = Instant::now();
    registry.condemn(&[ObjectName::fresh()], moment(1)).await.expect_err("it would wait");
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert!(matches!(add(&registry, &attachment(UploadType::Table)).await, Added::Kept(_)));
}

#[actix_web::test]
async fn four_nodes_open_an_empty_database_at_once() {
    let url = postgres::database();
    let nodes = join_all((0..4).map(|_| database(&url))).await;
    for node in &nodes {
        node.check().await.expect("ready");
    }
    let attachment = attachment(UploadType::Table);
    add(&nodes[0], &attachment).await;
    assert!(nodes[3].attachment(attachment.key).await.expect("an answer").is_some());
}

/// A network may lose a connection and tell nobody: here its end at the server stops in the middle of a statement.
#[actix_web::test]
async fn a_connection_that_answers_no_more_is_given_up_and_replaced() {
    let cluster = postgres::Cluster::start();
    let url = cluster.database();
    let address = url.parse().expect("an address");
    let only = 1.try_into().expect("not zero");
    let registry = PostgresRegistry::open(&address, only, Duration::ZERO).await.expect("a registry");
    let mut blocking = sqlx::PgConnection::connect(&url).await.expect("a connection");
    let mut blocker = blocking.begin().await.expect("a transaction");
    sqlx::query("LOCK TABLE attachments").execute(&mut *blocker).await.expect("locked");
    let begun = Instant::now();
    let stops_when_it_waits = async {
        let waiting = "SELECT pid FROM pg_locks WHERE relation = 'attachments'::regclass AND NOT granted";
        let session = loop {
            let found = sqlx::query_scalar::<_, i32>(waiting).fetch_optional(&mut *blocker).await;
            if let Some(session) = found.expect("an answer") {
                break Pid::from_raw(session).expect("an id");
            }
            tokio::task::yield_now().await;
        };
        kill_process(session, Signal::STOP).expect("a signal");
        blocker.rollback().await.expect("unlocked");
    };
    let asking = tokio::time::timeout(Duration::from_secs(10), registry.check());
    let (answer, ()) = join(asking, stops_when_it_waits).await;
    answer.expect("it is given up").expect_err("there is no answer");
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    registry.check().await.expect("another connection answers");
}

/// A service may start before its database.
#[actix_web::test]
async fn a_database_that_comes_late_is_waited_for() {
    let cluster = postgres::Cluster::start();
    let url = cluster.database();
    cluster.crash();
    let opening = async {
        let url = url.parse().expect("an address");
        PostgresRegistry::open(&url, 1.try_into().expect("not zero"), Duration::from_secs(30)).await
    };
    let begin = actix_web::rt::task::spawn_blocking(move || {
        cluster.begin();
        cluster
    });
    let (registry, cluster) = join(opening, begin).await;
    registry.expect("a registry").check().await.expect("ready");
    drop(cluster);
}

#[actix_web::test]
async fn the_databases_own_isolation_is_not_relied_on() {
    let url = postgres::database();
    let mut connection = sqlx::PgConnection::connect(&url).await.expect("a connection");
    let name: String =
        sqlx::query_scalar("SELECT current_database()").fetch_one(&mut connection).await.expect("a name");
    let change = format!("ALTER DATABASE \"{name}\" SET default_transaction_isolation = 'repeatable read'");
    sqlx::raw_sql(sqlx::AssertSqlSafe(change)).execute(&mut connection).await.expect("it is changed");
    of_an_addition_and_a_condemnation_at_once_one_wins(Place::Database(url)).await;
}
