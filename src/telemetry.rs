//! The log, text on a terminal and JSON elsewhere; and traces.

mod traces;

use std::error::Error;
use std::io::{self, IsTerminal};

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::{LogFormat, LogSettings, TraceSettings};

pub use traces::{TraceError, Traces};

/// The filter cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("LOG is no log filter; try `info`")]
pub struct InvalidFilter(#[from] tracing_subscriber::filter::ParseError);

/// What happened, and why, and why that. A cause that its effect has already told is not told again.
#[must_use]
pub fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let told = cause.to_string();
        if !text.contains(&told) {
            text = text + ": " + &told;
        }
        next = cause.source();
    }
    text
}

/// The log and the traces cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum InvalidTelemetry {
    /// The log cannot.
    #[error(transparent)]
    Log(#[from] InvalidFilter),
    /// The traces cannot.
    #[error(transparent)]
    Traces(#[from] TraceError),
}

/// What is sent somewhere else, to be ended before the process is.
#[must_use]
pub struct Telemetry(Option<traces::Exporting>);

impl Telemetry {
    /// Sends what is not sent yet, for at most a few seconds.
    pub fn end(self) {
        if let Some(exporting) = self.0 {
            exporting.end();
        }
    }
}

/// Writes the log of this process to stderr from now on.
pub fn install(settings: &LogSettings) -> Result<(), InvalidFilter> {
    let filter = EnvFilter::try_new(&settings.log)?;
    let (format, ansi) = format(settings);
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        // It would tell stderr that stderr takes nothing, and panic: a log on a full disk would end every request.
        .log_internal_errors(false);
    match format {
        LogFormat::Text => log.with_ansi(ansi).init(),
        LogFormat::Json => {
            log.json().flatten_event(true).with_current_span(true).with_span_list(false).init();
        }
    }
    Ok(())
}

/// As [`install`], and sends traces if they are wanted.
pub fn install_all(log: &LogSettings, traces: &TraceSettings) -> Result<Telemetry, InvalidTelemetry> {
    let Some(endpoint) = &traces.otel_exporter_otlp_endpoint else {
        install(log)?;
        return Ok(Telemetry(None));
    };
    let filter = EnvFilter::try_new(&log.log).map_err(InvalidFilter)?;
    let (traces, exporting) = traces::layer(endpoint, traces)?;
    let (format, ansi) = format(log);
    let log = tracing_subscriber::fmt::layer().with_writer(io::stderr).log_internal_errors(false);
    let log = match format {
        LogFormat::Text => log.with_ansi(ansi).boxed(),
        LogFormat::Json => {
            log.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed()
        }
    };
    tracing_subscriber::registry().with(log.with_filter(filter)).with(traces).init();
    Ok(Telemetry(Some(exporting)))
}

/// How the log is written, and whether in colours.
fn format(settings: &LogSettings) -> (LogFormat, bool) {
    let on_terminal = io::stderr().is_terminal();
    let format = settings.log_format.unwrap_or(if on_terminal { LogFormat::Text } else { LogFormat::Json });
    (format, on_terminal && std::env::var_os("NO_COLOR").is_none())
}
