//! Traces: the real binary sends them to a collector, which reads them as OpenTelemetry's protocol has them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::{App, HttpResponse, HttpServer, web};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::process::{Process, binary};
use crate::support::{free_port, send, text};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// What a collector was sent.
type Received = Arc<Mutex<Vec<ExportTraceServiceRequest>>>;

/// A collector at this address, for as long as the test runs.
fn collector() -> (String, Received) {
    let received = Received::default();
    let kept = received.clone();
    let server = HttpServer::new(move || {
        let kept = kept.clone();
        let take = move |body: web::Bytes| {
            let request = ExportTraceServiceRequest::decode(body).expect("OTLP");
            kept.lock().unwrap_or_else(PoisonError::into_inner).push(request);
            async { HttpResponse::Ok().content_type("application/x-protobuf").finish() }
        };
        App::new()
            .app_data(web::PayloadConfig::new(16 * 1024 * 1024))
            .route("/v1/traces", web::post().to(take))
    })
    .workers(1)
    .disable_signals()
    .bind("127.0.0.1:0")
    .expect("a port");
    let origin = format!("http://{}", server.addrs()[0]);
    actix_web::rt::spawn(server.run());
    (origin, received)
}

fn start(folder: &TempDir, endpoint: &str) -> Process {
    let mut command = binary();
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint).env("OTEL_SERVICE_NAME", "files");
    Process::start_as(command, 0, folder.path(), &[])
}

/// Signs, uploads, notifies and reads, as a client that traces. Gives every secret that was met.
async fn flow(service: &Process) -> Vec<String> {
    let bearer = format!("Bearer {}", service.token());
    let parent = format!("00-{TRACE}-{PARENT}-01");
    let headers =
        [("authorization", bearer.as_str()), ("content-type", "application/json"), ("traceparent", &parent)];
    let wish = json!({"contentType": "text/plain", "contentLength": 5, "type": 1}).to_string();
    let signed: Value =
        send("POST", &format!("{}/api/attachments/signature", service.origin), &headers, wish).await.json();
    let token = text(&signed["token"]).to_owned();
    assert_eq!(send("PUT", text(&signed["url"]), &[("traceparent", &parent)], "hello").await.status, 201);
    let notify = format!("{}/api/attachments/notify/{token}?filename=secret.txt", service.origin);
    let stored: Value = send("POST", &notify, &headers, "").await.json();
    let url = text(&stored["presignedUrl"]);
    assert_eq!(send("GET", url, &[], "").await.status, 200);
    send("GET", &format!("{}/nowhere/{token}", service.origin), &[], "").await;
    let made_up = "M".repeat(5000);
    send(&made_up, &format!("{}/api/attachments/signature", service.origin), &[], "").await;
    vec![service.token().to_owned(), token, url.rsplit_once("token=").expect("a token").1.to_owned()]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn attributes(span: &Span) -> HashMap<String, String> {
    let value = |value: Option<Any>| match value {
        Some(Any::StringValue(text)) => text,
        Some(Any::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    span.attributes
        .iter()
        .map(|own| (own.key.clone(), value(own.value.clone().and_then(|any| any.value))))
        .collect()
}

#[actix_web::test]
async fn a_flow_is_a_trace_without_a_token() {
    let folder = TempDir::new().expect("a folder");
    let (endpoint, received) = collector();
    let service = start(&folder, &endpoint);
    let secrets = flow(&service).await;
    // The last are sent when it stops.
    let log = actix_web::web::block(move || service.terminate()).await.expect("it stops");
    assert!(!log.contains("traces cannot"), "{log}");

    let received = std::mem::take(&mut *received.lock().unwrap_or_else(PoisonError::into_inner));
    let everything = format!("{received:?}");
    for secret in &secrets {
        assert!(!everything.contains(&secret[secret.len() - 20..]), "{secret} stands in {everything}");
    }
    assert!(everything.contains("\"service.name\"") && everything.contains("\"files\""), "{everything}");

    let spans: Vec<Span> = received
        .into_iter()
        .flat_map(|request| request.resource_spans)
        .flat_map(|resource| resource.scope_spans)
        .flat_map(|scope| scope.spans)
        .collect();
    let named = |name: &str| {
        let found: Vec<_> = spans.iter().filter(|span| span.name == name).collect();
        assert_eq!(found.len(), 1, "{name} in {:?}", spans.iter().map(|span| &span.name).collect::<Vec<_>>());
        found[0]
    };
    let signed = named("POST /api/attachments/signature");
    assert_eq!((hex(&signed.trace_id), hex(&signed.parent_span_id)), (TRACE.to_owned(), PARENT.to_owned()));
    assert_eq!(signed.kind, 2, "a server's");
    let said = attributes(signed);
    assert_eq!(said["http.request.method"], "POST");
    assert_eq!(said["http.route"], "/api/attachments/signature");
    assert_eq!(said["http.response.status_code"], "201");
    assert_eq!(said["attachments.operation"], "getSignature");
    let upload = named("PUT /api/attachments/upload/{token}");
    let commit = named("store commit");
    assert_eq!((&commit.trace_id, &commit.parent_span_id), (&upload.trace_id, &upload.span_id));
    let kept = named("registry add_attachment");
    assert_eq!(kept.parent_span_id, named("POST /api/attachments/notify/{token}").span_id);
    let read = named("GET /api/attachments/read/{bucket}/{dir}/{name}");
    assert_ne!(hex(&read.trace_id), TRACE, "its client did not trace");
    assert!(read.parent_span_id.is_empty());
    assert_eq!(attributes(named("GET"))["http.response.status_code"], "404");
    assert_eq!(attributes(named("_OTHER /api/attachments/signature"))["http.response.status_code"], "405");
    assert!(!everything.contains("MMMM"), "a client's own word in {everything}");
}

#[actix_web::test]
async fn a_collector_that_is_away_is_told_of_once_and_holds_nobody_up() {
    let folder = TempDir::new().expect("a folder");
    let mut command = binary();
    // A batch is sent every 50 milliseconds, so several fail.
    command
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://127.0.0.1:{}", free_port()))
        .env("OTEL_BSP_SCHEDULE_DELAY", "50");
    let service = Process::start_as(command, 0, folder.path(), &[]);
    flow(&service).await;
    flow(&service).await;
    let log = actix_web::web::block(move || service.terminate()).await.expect("it stops");
    assert_eq!(log.matches("traces cannot be sent").count(), 1, "{log}");
}

#[test]
fn an_address_that_is_none_stops_the_start() {
    let folder = TempDir::new().expect("a folder");
    let output = binary()
        .current_dir(folder.path())
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", "here")
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("OTEL_EXPORTER_OTLP_ENDPOINT"), "{output:?}");
}
