//! What the pieces of a request cost, without HTTP: `cargo bench --bench pieces`.

use std::hint::black_box;
use std::time::{Duration, SystemTime};

use actix_web::FromRequest;
use actix_web::rt::System;
use actix_web::test::TestRequest;
use clap::Parser;
use criterion::{Criterion, criterion_group, criterion_main};
use teable_attachments::api::attachments::signature::{
    RequestHeader, RequestHeaders, SignatureRo, SignatureVo,
};
use teable_attachments::api::json::Json;
use teable_attachments::config::Settings;
use teable_attachments::domain::{MediaType, ObjectKey, ObjectName, UploadType};
use teable_attachments::storage::s3::S3Store;
use teable_attachments::storage::{Direct, Expected};
use teable_attachments::token::access::AccessSecret;
use teable_attachments::token::{Keyring, ReadGrant, UploadGrant};

#[path = "../tests/it/support/evidence.rs"]
#[allow(dead_code, reason = "the tests use all of it")]
mod evidence;
#[path = "../tests/it/support/s3.rs"]
#[allow(dead_code, reason = "the tests use all of it")]
mod s3;
#[path = "../tests/it/support/store_faults.rs"]
#[allow(dead_code, reason = "the tests use all of it")]
mod store_faults;

fn walk(_: &std::path::Path, _: &mut Vec<String>) {}

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    settings: Settings,
}

fn grant() -> UploadGrant {
    UploadGrant {
        key: ObjectKey { upload_type: UploadType::Table, name: ObjectName::fresh() },
        media_type: MediaType::parse("image/png").expect("a type"),
        size: 123,
        sha256: None,
        label: Some("xxxxxxxx".to_owned()),
        base: None,
        issued_to: "0123456789ab".to_owned(),
        expires_at: SystemTime::now() + Duration::from_hours(1),
    }
}

fn tokens(criterion: &mut Criterion) {
    let keys = Keyring::parse(&Keyring::generate().expect("randomness")).expect("a key");
    let grant = grant();
    let upload = keys.sign_upload(&grant).expect("a token");
    criterion.bench_function("upload token, signed", |bench| bench.iter(|| keys.sign_upload(&grant)));
    criterion.bench_function("upload token, verified", |bench| {
        bench.iter(|| keys.verify_upload(&upload).expect("it is ours"));
    });
    let grant = ReadGrant { key: grant.key, expires_at: grant.expires_at };
    let read = keys.sign_read(&grant).expect("a token");
    criterion.bench_function("read token, signed", |bench| bench.iter(|| keys.sign_read(&grant)));
    criterion.bench_function("read token, verified", |bench| {
        bench.iter(|| keys.verify_read(&read).expect("it is ours"));
    });
    let (text, secret) = AccessSecret::generate().expect("randomness");
    let digest = secret.digest();
    criterion.bench_function("access token, parsed and compared", |bench| {
        bench.iter(|| AccessSecret::parse(black_box(&text)).expect("a token").matches(&digest));
    });
}

fn json(criterion: &mut Criterion) {
    let body =
        r#"{"contentType":"image/png","contentLength":123,"expiresIn":3600,"hash":"xxxxxxxx","type":1}"#;
    let system = System::new();
    criterion.bench_function("signature's JSON, read and validated", |bench| {
        bench.iter(|| {
            let request = TestRequest::post().insert_header(("content-type", "application/json"));
            let (request, mut payload) = request.set_payload(body).to_http_parts();
            let read = async {
                let json = Json::<SignatureRo>::from_request(&request, &mut payload).await.expect("a body");
                json.read().await.expect("it is valid")
            };
            system.block_on(read)
        });
    });
    let keys = Keyring::parse(&Keyring::generate().expect("randomness")).expect("a key");
    let token = keys.sign_upload(&grant()).expect("a token");
    let header = RequestHeader::Text("image/png".to_owned());
    let answer = SignatureVo {
        url: format!("http://127.0.0.1:3000/api/attachments/upload/{token}"),
        upload_method: "PUT".to_owned(),
        token,
        request_headers: RequestHeaders(
            [("Content-Type", header), ("Content-Length", RequestHeader::Number(123))].into(),
        ),
    };
    criterion.bench_function("signature's JSON, written", |bench| {
        bench.iter(|| serde_json::to_vec(black_box(&answer)).expect("it is JSON"));
    });
}

fn presigning(criterion: &mut Criterion) {
    let store = s3::Store::start(s3::Conditions::Kept);
    let arguments = std::iter::once("bench".to_owned()).chain(store.settings());
    let settings = Arguments::parse_from(arguments).settings.storage;
    let config = settings.object_store().expect("settings").expect("an object store");
    let buckets = settings.buckets().expect("buckets");
    let store = System::new().block_on(S3Store::open(config, buckets, Duration::ZERO)).expect("a store");
    let grant = grant();
    let expected = Expected { key: grant.key, media_type: &grant.media_type, size: 123, sha256: None };
    criterion.bench_function("address of an object store, signed", |bench| {
        bench.iter(|| store.upload_address(&expected, SystemTime::now(), grant.expires_at).expect("one"));
    });
}

criterion_group!(pieces, tokens, json, presigning);
criterion_main!(pieces);
