//! A publish that a power cut tore: the client uploads and notifies as if nothing had been sent.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use crate::support::App;

/// Larger than one page, so that a part of it can be on the disk.
const SIZE: usize = 100_000;

/// An uploaded file that is not notified, as the test finds it on the disk.
struct Uploaded {
    token: String,
    file: PathBuf,
    incoming: PathBuf,
}

fn content() -> Vec<u8> {
    (0..SIZE).map(|index| u8::try_from(index % 251).expect("small")).collect()
}

/// Truncates `file`, as the file system does after a power cut.
fn truncate(file: &Path, length: u64) {
    OpenOptions::new().write(true).open(file).expect("a file").set_len(length).expect("truncated");
}

impl Uploaded {
    async fn of(app: &App) -> Self {
        let token = app.upload("application/octet-stream", 1, &content()).await;
        let file = PathBuf::from(app.files().pop().expect("a file"));
        let incoming = app.folder.path().join("data/files/.incoming");
        Self { token, file, incoming }
    }

    /// Gives the file a second name as this version names incoming files.
    fn link_as_this_version(&self) -> PathBuf {
        let name = self.file.file_name().and_then(|name| name.to_str()).expect("a name");
        let path = self.incoming.join(format!("table.{name}.{SIZE}.019a0b7c5d3e7f108a2b4c6d8e0f1a2b"));
        fs::hard_link(&self.file, &path).expect("linked");
        path
    }

    /// Gives the file a second name that says nothing, as earlier versions did.
    fn link_as_an_earlier_version(&self) -> PathBuf {
        let path = self.incoming.join("019a0b7c5d3e7f108a2b4c6d8e0f1a2b");
        fs::hard_link(&self.file, &path).expect("linked");
        path
    }
}

async fn upload_again(app: &App, uploaded: &Uploaded) {
    let path = format!("/api/attachments/upload/{}", uploaded.token);
    let stored = app.send("PUT", &path, &[], content()).await;
    assert_eq!(stored.status, 201, "{stored:?}");
}

async fn notify_and_read(app: &App, uploaded: &Uploaded) {
    let notified = app.notify(&uploaded.token, "").await;
    assert_eq!(notified.status, 201, "{notified:?}");
    let read = app.get(crate::support::text(&notified.json()["presignedUrl"]), &[]).await;
    assert!(read.status == 200 && read.body == content(), "whole and equal");
}

/// A change to the files of a stopped service.
type Tear = fn(&Uploaded);

/// The states of the disk that a power cut during a publish can leave, and whether a start removes
/// the file.
const TORN: [(&str, bool, Tear); 7] = [
    ("both names, short", true, |uploaded| {
        uploaded.link_as_this_version();
        truncate(&uploaded.file, 4096);
    }),
    ("both names, empty", true, |uploaded| {
        uploaded.link_as_this_version();
        truncate(&uploaded.file, 0);
    }),
    ("the incoming name alone", true, |uploaded| {
        uploaded.link_as_this_version();
        fs::remove_file(&uploaded.file).expect("removed");
    }),
    ("neither name", true, |uploaded| fs::remove_file(&uploaded.file).expect("removed")),
    ("the final name alone, short", false, |uploaded| truncate(&uploaded.file, 4096)),
    ("the final name alone, empty", false, |uploaded| truncate(&uploaded.file, 0)),
    // As the issue reproduced it.
    ("both names of an earlier version, short", false, |uploaded| {
        truncate(&uploaded.file, 4096);
        uploaded.link_as_an_earlier_version();
    }),
];

/// Notify answered 503 and a second upload of the same bytes 409, for as long as the file was
/// there.
#[actix_web::test]
async fn an_upload_that_a_power_cut_tore_can_be_sent_again() {
    for durability in ["full", "relaxed"] {
        for (what, removed_at_start, tear) in TORN {
            let what = format!("{durability}, {what}");
            let app = App::start_with(&["--storage-local-durability", durability]).await;
            let uploaded = Uploaded::of(&app).await;
            let app = app.restart_after(|| tear(&uploaded)).await;
            assert_eq!(uploaded.file.exists(), !removed_at_start, "{what}");
            assert_eq!(fs::read_dir(&uploaded.incoming).expect("a folder").count(), 0, "{what}");
            app.notify(&uploaded.token, "").await.problem(404, "not_found");
            assert!(!uploaded.file.exists(), "{what}");
            upload_again(&app, &uploaded).await;
            notify_and_read(&app, &uploaded).await;
        }
    }
}

/// The client that sends its bytes again before it notifies does not notice.
#[actix_web::test]
async fn a_second_upload_replaces_what_a_power_cut_tore() {
    for durability in ["full", "relaxed"] {
        for (_, _, tear) in TORN {
            let app = App::start_with(&["--storage-local-durability", durability]).await;
            let uploaded = Uploaded::of(&app).await;
            let app = app.restart_after(|| tear(&uploaded)).await;
            upload_again(&app, &uploaded).await;
            notify_and_read(&app, &uploaded).await;
        }
    }
}

/// A crash after the file was synced and before its second name went: nothing is lost.
#[actix_web::test]
async fn a_whole_file_with_both_names_is_kept() {
    for durability in ["full", "relaxed"] {
        for link in [Uploaded::link_as_this_version, Uploaded::link_as_an_earlier_version] {
            let app = App::start_with(&["--storage-local-durability", durability]).await;
            let uploaded = Uploaded::of(&app).await;
            let app = app.restart_after(|| drop(link(&uploaded))).await;
            assert_eq!(fs::read_dir(&uploaded.incoming).expect("a folder").count(), 0);
            notify_and_read(&app, &uploaded).await;
        }
    }
}

/// A notified file never changes: a damaged one is for the operator to restore.
#[actix_web::test]
async fn a_notified_file_that_was_truncated_is_not_replaced() {
    let app = App::start().await;
    let uploaded = Uploaded::of(&app).await;
    notify_and_read(&app, &uploaded).await;
    let app = app.restart_after(|| truncate(&uploaded.file, 4096)).await;
    let path = format!("/api/attachments/upload/{}", uploaded.token);
    app.send("PUT", &path, &[], content()).await.problem(409, "conflict");
    app.notify(&uploaded.token, "").await.problem(503, "service_unavailable");
    app.send("PUT", &path, &[], content()).await.problem(409, "conflict");
    assert_eq!(fs::metadata(&uploaded.file).expect("a file").len(), 4096);
}
