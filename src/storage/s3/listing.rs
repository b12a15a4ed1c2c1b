//! What stands in a bucket (`ListObjectsV2`), in order, a page at a time.

use reqwest::Method;
use serde::Deserialize;

use super::request::{Call, Failure, Patience, Requester};
use super::{Cursor, Page, StoreError};
use crate::domain::ObjectName;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListBucketResult {
    #[serde(default)]
    is_truncated: bool,
    #[serde(default)]
    contents: Vec<Contents>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Contents {
    key: String,
}

/// A page of the names behind `prefix`.
pub(super) async fn page(
    requester: &Requester,
    bucket: &str,
    prefix: &str,
    from: Option<Cursor>,
    until: ObjectName,
) -> Result<Page, StoreError> {
    let mut call = Call::new(Method::GET, bucket, "").query("list-type", "2").query("prefix", prefix);
    if let Some(Cursor(key)) = from {
        call = call.query("start-after", key);
    }
    call.patience = Patience::LONG;
    let answer = requester.send(&call).await?.succeeded()?;
    let listed: ListBucketResult = quick_xml::de::from_reader(answer.body.as_slice())
        .map_err(|error| Failure::Foreign(format!("a listing that cannot be read: {error}")))?;
    let mut page = Page::default();
    let last = format!("{prefix}{until}");
    for Contents { key } in &listed.contents {
        // Keys come in the order of their bytes, so nothing that matters is behind.
        if *key > last {
            return Ok(page);
        }
        match key.strip_prefix(prefix).and_then(|name| ObjectName::parse(name).ok()) {
            Some(name) => page.names.push(name),
            None => page.foreign += 1,
        }
    }
    let last = listed.contents.into_iter().next_back().filter(|_| listed.is_truncated);
    page.next = last.map(|Contents { key }| Cursor(key));
    Ok(page)
}
