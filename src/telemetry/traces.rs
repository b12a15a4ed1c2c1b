//! Traces, for a collector that speaks OpenTelemetry's protocol (OTLP) over HTTP.
//!
//! A span for each request that continues the client's trace, and below it one for each call to the registry and the store. Addresses and
//! queries are in none: tokens stand in them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::http::header::{HeaderMap, HeaderName};
use actix_web::http::{Method, StatusCode};
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{Status, TraceContextExt, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{ExporterBuildError, Protocol, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use tracing::level_filters::LevelFilter;
use tracing::{Level, Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::FilterExt;
use tracing_subscriber::registry::LookupSpan;

use super::known;
use crate::config::TraceSettings;
use crate::{telemetry, tls};

/// How long the collector may take for a batch, and for the last one when the service stops.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether requests are traced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traces {
    /// Each has a span.
    On,
    /// None has.
    Off,
}

/// Traces cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// There is no client for it.
    #[error("OTEL_EXPORTER_OTLP_ENDPOINT: no client can be made")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The address is none.
    #[error("OTEL_EXPORTER_OTLP_ENDPOINT is no address of a collector, such as http://127.0.0.1:4318")]
    Exporter(#[from] ExporterBuildError),
}

/// What sends the spans. To be ended before the process is.
pub(super) struct Exporting(SdkTracerProvider);

impl Exporting {
    /// Sends what is not sent yet.
    pub(super) fn end(self) {
        // A collector that is away was told of already.
        if let Err(error) = self.0.shutdown_with_timeout(PATIENCE) {
            tracing::debug!(%error, "the last traces were not sent");
        }
    }
}

/// A layer that sends spans to `endpoint`.
pub(super) fn layer<S>(
    endpoint: &str,
    settings: &TraceSettings,
) -> Result<(impl Layer<S> + use<S>, Exporting), TraceError>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_http_client(client()?)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
        .with_timeout(PATIENCE)
        .build()?;
    let resource = Resource::builder()
        .with_service_name(settings.otel_service_name.clone())
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    let provider = SdkTracerProvider::builder()
        .with_resource(resource)
        .with_batch_exporter(Patient { exporter, failing: AtomicBool::new(false) })
        .build();
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("teable-attachments"))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false);
    // Spans of ours, and what is logged of warnings and errors in them.
    let ours = tracing_subscriber::filter::filter_fn(|metadata| {
        metadata.target().starts_with("teable_attachments")
            && (metadata.is_span() || *metadata.level() <= Level::WARN)
    });
    Ok((layer.with_filter(ours.and(LevelFilter::DEBUG)), Exporting(provider)))
}

/// The SDK sends from a thread of its own, without a runtime. A client for that is made on another, for its own runtime may not be
/// made within ours.
fn client() -> Result<reqwest::blocking::Client, TraceError> {
    let make = || {
        reqwest::blocking::Client::builder()
            .tls_backend_preconfigured(tls::trusting_this_computer())
            .timeout(PATIENCE)
            .build()
    };
    match std::thread::spawn(make).join() {
        Ok(client) => client.map_err(|error| TraceError::Client(error.into())),
        Err(_) => Err(TraceError::Client("the thread that makes it broke off".into())),
    }
}

/// An exporter that tells of the first of several failures, and of their end. Spans that cannot be sent are dropped.
#[derive(Debug)]
struct Patient<E> {
    exporter: E,
    failing: AtomicBool,
}

impl<E: SpanExporter> SpanExporter for Patient<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let done = self.exporter.export(batch).await;
        let failed_before = self.failing.swap(done.is_err(), Ordering::Relaxed);
        match &done {
            Err(error) if !failed_before => {
                tracing::warn!(cause = telemetry::causes(error), "traces cannot be sent, and are dropped");
            }
            Ok(()) if failed_before => tracing::info!("traces are sent again"),
            _ => {}
        }
        done
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

/// The headers of a request, for the propagator.
struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

impl Traces {
    /// Makes `span`, which nobody has entered yet, continue the trace that `headers` name (W3C Trace Context).
    pub(crate) fn begin(self, span: &Span, headers: &HeaderMap) {
        if self == Self::On && headers.contains_key("traceparent") {
            let context =
                TraceContextPropagator::new().extract_with_context(&Context::new(), &Headers(headers));
            // It fails where there is nothing to continue.
            let _ = span.set_parent(context);
        }
    }

    /// Says in `span` what was asked and answered, in the words of OpenTelemetry's semantic conventions. `url.path` is left out.
    pub(crate) fn end(
        self,
        span: &Span,
        method: &Method,
        route: Option<&str>,
        operation: &str,
        status: StatusCode,
    ) {
        if self == Self::Off {
            return;
        }
        let context = span.context();
        let span = context.span();
        match route {
            Some(route) => {
                span.update_name(format!("{} {route}", known(method)));
                span.set_attribute(KeyValue::new("http.route", route.to_owned()));
            }
            None => span.update_name(known(method).to_owned()),
        }
        span.set_attribute(KeyValue::new("http.request.method", known(method).to_owned()));
        span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
        span.set_attribute(KeyValue::new("attachments.operation", operation.to_owned()));
        if status.is_server_error() {
            span.set_attribute(KeyValue::new("error.type", status.as_str().to_owned()));
            span.set_status(Status::error(""));
        }
    }
}
