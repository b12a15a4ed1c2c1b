//! The log, text on a terminal and JSON elsewhere; and traces.

mod service_log;
mod traces;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::error::Error;
use std::io::{self, IsTerminal};
use std::sync::OnceLock;
use std::time::SystemTime;
use std::{panic, thread};

use actix_web::http::Method;
use serde::Serialize;
use tracing::{Level, Subscriber};

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::{LogFormat, LogSettings, TraceSettings};

use service_log::LogGuard;
pub(crate) use service_log::lost_lines;
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
    /// The log cannot be read about.
    #[error(transparent)]
    Log(#[from] InvalidFilter),
    /// The traces cannot.
    #[error(transparent)]
    Traces(#[from] TraceError),
}

/// What is written and sent in the background, to be dropped before the process ends.
#[must_use]
pub struct Telemetry {
    exporting: Option<traces::Exporting>,
    _log: LogGuard,
}

impl Telemetry {
    /// Sends the last traces and flushes the log, for at most a few seconds. A log that nobody
    /// reads is given up after 1.5 seconds.
    pub fn end(self) {
        if let Some(exporting) = self.exporting {
            exporting.end();
        }
    }
}

/// Writes the log of this process to stderr from now on.
pub fn install(settings: &LogSettings) -> Result<(), InvalidFilter> {
    let filter = EnvFilter::try_new(&settings.log)?;
    tracing_subscriber::registry().with(log(settings, io::stderr).with_filter(filter)).init();
    Ok(())
}

/// Starts the log of a service: as [`install`], but no thread of the service ever waits for stderr,
/// and a panic is an event of the log. Also sends traces if they are wanted.
pub fn install_all(settings: &LogSettings, traces: &TraceSettings) -> Result<Telemetry, InvalidTelemetry> {
    let filter = EnvFilter::try_new(&settings.log).map_err(InvalidFilter)?;
    let (layer, exporting) = match &traces.otel_exporter_otlp_endpoint {
        None => (None, None),
        Some(endpoint) => {
            let (layer, exporting) = traces::layer(endpoint, traces)?;
            (Some(layer), Some(exporting))
        }
    };
    let (lines, guard) = service_log::start();
    let log = log(settings, lines).with_filter(filter);
    tracing_subscriber::registry().with(log).with(layer).init();
    log_panics();
    if format(settings).0 == LogFormat::Json {
        ask_for_answers();
    }
    Ok(Telemetry { exporting, _log: guard })
}

/// Logs panics. The default hook writes to stderr on the thread that panics, and would block there
/// if nobody reads it.
fn log_panics() {
    panic::set_hook(Box::new(|panic| {
        let thread = thread::current();
        let thread = thread.name().unwrap_or("unnamed");
        let message = panic.payload_as_str().unwrap_or("the panic has no message");
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        let backtrace = Backtrace::capture();
        if backtrace.status() == BacktraceStatus::Captured {
            tracing::error!(thread, location, %backtrace, "a thread panicked: {message}");
        } else {
            tracing::error!(thread, location, "a thread panicked: {message}");
        }
    }));
}

/// Formats events as `settings` say, and writes them to `writer`.
fn log<S, W>(settings: &LogSettings, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let (format, ansi) = format(settings);
    // It would tell stderr that stderr takes nothing, and panic: a log on a full disk would end every request.
    let log = tracing_subscriber::fmt::layer().with_writer(writer).log_internal_errors(false);
    match format {
        LogFormat::Text => log.with_ansi(ansi).boxed(),
        LogFormat::Json => {
            log.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed()
        }
    }
}

/// Where the log is JSON: whether it has the lines of answered requests. They are put together here then.
static ANSWERS_AS_JSON: OnceLock<bool> = OnceLock::new();

/// Asks the filter for that once, on a thread that says nothing else: who asks and then says nothing confuses the filters of layers.
fn ask_for_answers() {
    let asked = std::thread::spawn(|| tracing::enabled!(target: ANSWERED, Level::INFO));
    let _ = ANSWERS_AS_JSON.set(asked.join().unwrap_or(true));
}

/// Where its lines come from, for filters.
const ANSWERED: &str = "teable_attachments::http::request";

/// A request that was answered, as the log tells it.
pub struct Answered<'a> {
    /// Its id.
    pub request: &'a str,
    /// Its method.
    pub method: &'a Method,
    /// Where it went: a route of ours, never the address.
    pub route: &'a str,
    /// The status of the answer.
    pub status: u16,
    /// How long that took.
    pub milliseconds: u64,
}

impl Answered<'_> {
    /// Writes its line. Of all lines this one is written for each request; as JSON it is put together here, for a tenth of what it costs to
    /// have tracing do it.
    pub fn log(&self) {
        #[derive(Serialize)]
        struct Line<'a> {
            timestamp: &'a str,
            level: &'a str,
            message: &'a str,
            request: &'a str,
            method: &'a str,
            route: &'a str,
            status: u16,
            milliseconds: u64,
            target: &'a str,
        }

        let Self { request, method, route, status, milliseconds } = *self;
        let method = known(method);
        match ANSWERS_AS_JSON.get() {
            None => {
                tracing::info!(target: ANSWERED, request, method, route, status, milliseconds, "answered");
                return;
            }
            Some(false) => return,
            Some(true) => {}
        }
        let timestamp = humantime::format_rfc3339_micros(SystemTime::now()).to_string();
        let (level, message, target) = ("INFO", "answered", ANSWERED);
        let mut line = Vec::with_capacity(256);
        let told = Line {
            timestamp: &timestamp,
            level,
            message,
            request,
            method,
            route,
            status,
            milliseconds,
            target,
        };
        if serde_json::to_writer(&mut line, &told).is_ok() {
            line.push(b'\n');
            service_log::add(&line);
        }
    }
}

/// How the log is written, and whether in colours.
fn format(settings: &LogSettings) -> (LogFormat, bool) {
    let on_terminal = io::stderr().is_terminal();
    let format = settings.log_format.unwrap_or(if on_terminal { LogFormat::Text } else { LogFormat::Json });
    (format, on_terminal && std::env::var_os("NO_COLOR").is_none())
}

/// A method can be any word that a client makes up, and of any length.
pub(crate) fn known(method: &Method) -> &str {
    match *method {
        Method::GET
        | Method::HEAD
        | Method::POST
        | Method::PUT
        | Method::DELETE
        | Method::OPTIONS
        | Method::PATCH => method.as_str(),
        _ => "_OTHER",
    }
}
