//! `/metrics`: what an operator sees in it, that the guide lists it all, and that what is in `ops/` names nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::json;
use teable_attachments::metrics::{Build, Metrics};

use crate::support::{App, eventually, png, send, text};

/// The samples of a page of metrics: name and labels as they are written, and the value.
async fn samples(app: &App) -> BTreeMap<String, f64> {
    let address = app.metrics.as_ref().expect("metrics are wanted").address;
    let answer = send("GET", &format!("http://{address}/metrics"), &[], "").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4");
    let page = String::from_utf8(answer.body.to_vec()).expect("text");
    let line = |line: &str| {
        let (series, value) = line.rsplit_once(' ').expect("a sample");
        (series.to_owned(), value.parse().expect("a number"))
    };
    page.lines().filter(|line| !line.starts_with('#')).map(line).collect()
}

async fn start() -> App {
    App::start_with(&["--metrics-address", "127.0.0.1:0"]).await
}

#[actix_web::test]
async fn a_flow_is_counted_where_it_belongs() {
    let app = start().await;
    let picture = png(30, 20);
    let stored = app.store("image/png", 1, &picture).await;
    let read = app.get(text(&stored["presignedUrl"]), &[]).await;
    assert_eq!(read.body.len(), picture.len());
    app.send("HEAD", text(&stored["presignedUrl"]), &[], "").await;
    let refused = app.sign(&json!({"contentType": "", "contentLength": -1, "type": 1})).await;
    refused.problem(400, "validation_error");
    app.get("/nowhere", &[]).await.problem(404, "not_found");
    app.call("GET", "/api/attachments/signature").await.problem(405, "method_not_allowed");
    assert_eq!(app.get("/readyz", &[]).await.status, 200);

    let seen = samples(&app).await;
    #[expect(clippy::cast_precision_loss, reason = "a picture is small")]
    let size = picture.len() as f64;
    let expected = [
        ("attachments_requests_total{operation=\"getSignature\",status=\"201\"}", 1.0),
        ("attachments_requests_total{operation=\"getSignature\",status=\"400\"}", 1.0),
        ("attachments_requests_total{operation=\"uploadFile\",status=\"201\"}", 1.0),
        ("attachments_requests_total{operation=\"notifyUpload\",status=\"201\"}", 1.0),
        ("attachments_requests_total{operation=\"readFile\",status=\"200\"}", 1.0),
        ("attachments_requests_total{operation=\"headFile\",status=\"200\"}", 1.0),
        ("attachments_requests_total{operation=\"none\",status=\"404\"}", 1.0),
        ("attachments_requests_total{operation=\"none\",status=\"405\"}", 1.0),
        ("attachments_requests_total{operation=\"readyz\",status=\"200\"}", 1.0),
        ("attachments_refusals_total{code=\"validation_error\",operation=\"getSignature\"}", 1.0),
        ("attachments_refusals_total{code=\"method_not_allowed\",operation=\"none\"}", 1.0),
        ("attachments_request_duration_seconds_count{operation=\"getSignature\"}", 2.0),
        ("attachments_response_bytes_total{operation=\"readFile\"}", size),
        ("attachments_response_bytes_total{operation=\"headFile\"}", 0.0),
        ("attachments_upload_bytes_total", size),
        ("attachments_uploads_in_progress", 0.0),
        ("attachments_requests_in_progress", 0.0),
        ("attachments_access_token_cache_total{result=\"miss\"}", 1.0),
        ("attachments_access_token_cache_total{result=\"hit\"}", 2.0),
        ("attachments_registry_call_duration_seconds_count{operation=\"add_attachment\"}", 1.0),
        ("attachments_store_call_duration_seconds_count{operation=\"commit\"}", 1.0),
        ("attachments_store_call_duration_seconds_count{operation=\"open\"}", 2.0),
        ("attachments_store_errors_total{kind=\"failed\",operation=\"commit\"}", 0.0),
        ("attachments_build_info{registry=\"sqlite\",storage=\"local\",version=\"0.1.0\"}", 1.0),
    ];
    for (series, value) in expected {
        assert_eq!(seen.get(series), Some(&value), "{series} of {seen:#?}");
    }
    assert!(seen["process_resident_memory_bytes"] > 1e6 && seen["process_open_fds"] > 3.0, "{seen:#?}");
}

#[actix_web::test]
async fn no_metrics_stand_where_clients_come() {
    let app = App::start().await;
    assert!(app.metrics.is_none());
    assert_eq!(app.get("/metrics", &[]).await.status, 404);
    let own = start().await;
    assert_eq!(own.get("/metrics", &[]).await.status, 404);
}

#[actix_web::test]
async fn a_clean_up_and_a_broken_registry_are_seen() {
    let app = App::start_with(&["--metrics-address", "127.0.0.1:0", "--gc-interval", "50ms"]).await;
    eventually("a clean-up is counted", async || {
        samples(&app).await["attachments_gc_runs_total{outcome=\"done\"}"] >= 1.0
    })
    .await;
    assert!(samples(&app).await["attachments_gc_last_success_timestamp_seconds"] > 1.7e9);
    app.registry.close().await;
    app.sign(&json!({"contentType": "", "contentLength": 1, "type": 1}))
        .await
        .problem(503, "service_unavailable");
    let seen = samples(&app).await;
    let failed = "attachments_registry_errors_total{kind=\"failed\",operation=\"access_token\"}";
    assert_eq!(seen.get(failed), Some(&1.0));
    eventually("an interrupted clean-up is counted", async || {
        samples(&app).await["attachments_gc_runs_total{outcome=\"interrupted\"}"] >= 1.0
    })
    .await;
}

fn described() -> Metrics {
    Metrics::new(Build { storage: "local", registry: "sqlite" })
}

/// The table, as it should stand in the guide.
fn table() -> String {
    let mut table = String::from("| metric | kind | labels | meaning |\n| --- | --- | --- | --- |\n");
    for metric in described().described() {
        let labels: Vec<_> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let (name, kind, meaning) = (&metric.name, metric.kind, &metric.meaning);
        writeln!(table, "| `{name}` | {kind} | {} | {meaning} |", labels.join(", "))
            .expect("a string takes it");
    }
    table
}

#[test]
fn the_guide_lists_every_metric() {
    let guide = include_str!("../../docs/observability.md");
    let table = table();
    assert!(guide.contains(&table), "put this table into docs/observability.md:\n\n{table}");
}

/// What `text` calls a metric of ours.
fn named(text: &str) -> BTreeSet<String> {
    let names = regex::Regex::new(r"\b(attachments|process)_[a-z_]*[a-z]\b").expect("a pattern");
    names.find_iter(text).map(|name| name.as_str().to_owned()).collect()
}

#[test]
fn what_operators_are_given_names_what_there_is() {
    let known: BTreeSet<String> = described()
        .described()
        .iter()
        .flat_map(|metric| match metric.kind {
            "histogram" => ["_bucket", "_sum", "_count"].map(|end| format!("{}{end}", metric.name)).to_vec(),
            _ => vec![metric.name.clone()],
        })
        .collect();
    let files = [
        include_str!("../../ops/prometheus/alerts.yaml"),
        include_str!("../../ops/prometheus/alerts.test.yaml"),
        include_str!("../../ops/grafana/teable-attachments.json"),
    ];
    for file in files {
        let named = named(file);
        assert!(named.len() >= 5, "{named:?}");
        let unknown: Vec<_> = named.difference(&known).collect();
        assert!(unknown.is_empty(), "there are no metrics {unknown:?}");
    }
}
