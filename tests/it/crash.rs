//! `kill -9` in the middle of many uploads: what was acknowledged is there, and nothing partial is.

use std::fs;
use std::path::Path;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::process::Process;
use crate::support::{send, text};

const UPLOADS: usize = 50;
const SIZE: usize = 3_000_000;

#[actix_web::test]
async fn killed_during_fifty_uploads() {
    let folder = TempDir::new().expect("a folder");
    let service = Process::start(folder.path(), &[]);
    let bearer = format!("Bearer {}", service.token());
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let wish = json!({"contentType": "", "contentLength": SIZE, "type": 1}).to_string();
    let sign = format!("{}/api/attachments/signature", service.origin);
    let signed: Vec<Value> =
        join_all((0..UPLOADS).map(|_| async { send("POST", &sign, &headers, wish.clone()).await.json() }))
            .await;

    let content = |index: usize| vec![u8::try_from(index).expect("small"); SIZE];
    let done = std::rc::Rc::new(std::cell::Cell::new(0));
    let uploads: Vec<_> = signed
        .iter()
        .enumerate()
        .map(|(index, signed)| {
            let (url, bytes, done) = (text(&signed["url"]).to_owned(), content(index), done.clone());
            actix_web::rt::spawn(async move {
                let client = awc::Client::builder().timeout(std::time::Duration::from_secs(30)).finish();
                let acknowledged =
                    client.put(url).send_body(bytes).await.is_ok_and(|answer| answer.status() == 201);
                done.set(done.get() + usize::from(acknowledged));
                acknowledged
            })
        })
        .collect();
    crate::support::eventually("some are acknowledged", || async { done.get() >= 5 }).await;
    service.kill();
    let acknowledged: Vec<bool> =
        join_all(uploads).await.into_iter().map(|upload| upload.expect("it ran")).collect();

    let service = Process::start(folder.path(), &[]);
    assert_eq!(entries(&folder.path().join("data/files/.incoming")), 0, "what was unfinished is cleared");
    let mut readable = 0;
    for (index, (signed, acknowledged)) in signed.iter().zip(&acknowledged).enumerate() {
        let notify = format!("{}/api/attachments/notify/{}", service.origin, text(&signed["token"]));
        let notified = send("POST", &notify, &headers, "").await;
        assert!(notified.status == 201 || (!acknowledged && notified.status == 404), "{notified:?}");
        if notified.status == 201 {
            let url = text(&notified.json()["presignedUrl"]).to_owned();
            let read = send("GET", &url, &[], "").await;
            assert!(read.body == content(index), "whole and equal");
            readable += 1;
        }
    }
    let count = acknowledged.iter().filter(|acknowledged| **acknowledged).count();
    println!(
        "uploads: {UPLOADS}, acknowledged before the kill: {count}, readable after it: {readable}, lost: 0"
    );
    assert!(count < UPLOADS, "the kill came too late to tell anything");
    service.terminate();
}

fn entries(folder: &Path) -> usize {
    fs::read_dir(folder).expect("a folder").count()
}
