//! The whole flow with the generated client: generated-client ORIGIN TOKEN FILE

#[allow(clippy::all, clippy::pedantic, dead_code, mismatched_lifetime_syntaxes, unused_imports)]
mod client {
    include!(concat!(env!("OUT_DIR"), "/client.rs"));
}

use std::error::Error as StdError;

use client::types::{NotifyUploadFilename, ProblemCode, SignatureRo};
use client::{Client, Error};
use futures::TryStreamExt;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};

type Result<T> = std::result::Result<T, Box<dyn StdError>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let [origin, token, file] = std::env::args().skip(1).collect::<Vec<_>>().try_into().map_err(|_| "ORIGIN TOKEN FILE")?;
    let bytes = std::fs::read(&file)?;
    let api = format!("{origin}/api");
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, HeaderValue::try_from(format!("Bearer {token}"))?);
    let http = reqwest::Client::builder().default_headers(headers).build()?;
    let client = Client::new_with_client(&api, http);

    let mut wish = SignatureRo {
        base_id: None,
        content_length: bytes.len() as f64,
        content_type: "image/png".parse()?,
        expires_in: Some(600.0),
        hash: None,
        type_: 1.try_into()?,
    };
    let signed = client.get_signature(&wish).await?.into_inner();
    assert_eq!(signed.upload_method, "PUT");
    println!("  signed");

    client.upload_file(&signed.token, bytes.clone()).await?;
    println!("  uploaded");

    let name: NotifyUploadFilename = "photo.png".parse()?;
    let stored = client.notify_upload(&signed.token, Some(&name)).await?.into_inner();
    assert!(stored.width.is_some() && stored.height.is_some());
    println!("  notified");

    let [_, _, _, _, bucket, dir, object] = stored.url.split('/').collect::<Vec<_>>().try_into().map_err(|_| "url")?;
    let read_token = stored.presigned_url.split("token=").nth(1).and_then(|rest| rest.split('&').next());
    let read = client.read_file(bucket, dir, object, None, read_token, None, None, None, None).await?;
    assert_eq!(collected(read.into_inner()).await?, bytes);
    let part = client.read_file(bucket, dir, object, None, read_token, None, None, None, Some("bytes=0-3")).await?;
    assert_eq!(collected(part.into_inner()).await?, bytes[..4]);
    let known = client.head_file(bucket, dir, object, None, read_token, None, None).await?;
    assert_eq!(known.headers()["content-length"], bytes.len().to_string());
    let opened = client.open_attachment(&stored.token, None).await?;
    assert_eq!(collected(opened.into_inner()).await?, bytes);
    println!("  read, in whole and in part");

    wish.content_length = -1.0;
    match client.get_signature(&wish).await {
        Err(Error::ErrorResponse(refusal)) => {
            assert_eq!(refusal.status(), 400);
            assert_eq!(refusal.code, ProblemCode::ValidationError);
            assert_eq!(refusal.errors[0].pointer, "/contentLength");
        }
        other => panic!("{other:?}"),
    }
    match Client::new(&api).notify_upload(&signed.token, None).await {
        Err(Error::ErrorResponse(refusal)) => assert_eq!(refusal.code, ProblemCode::Unauthorized),
        other => panic!("{other:?}"),
    }
    println!("  refused, with a problem of its own type");
    println!("rust client (progenitor): 5 steps passed");
    Ok(())
}

async fn collected(stream: progenitor_client::ByteStream) -> Result<Vec<u8>> {
    let chunks: Vec<_> = stream.into_inner().try_collect().await?;
    Ok(chunks.concat())
}
