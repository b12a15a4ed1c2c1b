//! What an operator sees of the service beside its log.

use std::net::SocketAddr;

use clap::Args;

use crate::audit::AuditPlace;
use crate::telemetry::Traces;

/// What an operator sees of the service beside its log.
#[derive(Args, Clone, Debug)]
pub struct ObservationSettings {
    /// Address at which Prometheus finds `/metrics`, such as `127.0.0.1:9464`, and nothing else; no metrics if not given. Nobody is asked who
    /// they are there, so it is none that clients reach
    #[arg(long, env = "METRICS_ADDRESS", value_name = "ADDRESS")]
    pub metrics_address: Option<SocketAddr>,

    /// Where traces go
    #[command(flatten)]
    pub traces: TraceSettings,

    /// Who did what
    #[command(flatten)]
    pub audit: AuditSettings,
}

/// Where traces go.
#[derive(Args, Clone, Debug)]
pub struct TraceSettings {
    /// Collector to which traces are sent by OTLP over HTTP, such as `http://127.0.0.1:4318`; no traces if not given. The SDK's other variables, such
    /// as `OTEL_TRACES_SAMPLER` and `OTEL_EXPORTER_OTLP_HEADERS`, are honoured
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    pub otel_exporter_otlp_endpoint: Option<String>,

    /// What the service is called in traces
    #[arg(long, env = "OTEL_SERVICE_NAME", default_value = "teable-attachments", value_name = "NAME")]
    pub otel_service_name: String,
}

/// Who did what.
#[derive(Args, Clone, Debug)]
pub struct AuditSettings {
    /// File to whose end a line of JSON is written for everything that somebody with an access token did or was refused; `-` for stderr. No audit
    /// log if not given
    #[arg(long, env = "AUDIT_LOG", value_name = "FILE")]
    pub audit_log: Option<AuditPlace>,
}

impl TraceSettings {
    /// Whether requests are traced.
    #[must_use]
    pub fn wanted(&self) -> Traces {
        if self.otel_exporter_otlp_endpoint.is_some() { Traces::On } else { Traces::Off }
    }
}
