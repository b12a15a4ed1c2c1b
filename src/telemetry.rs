//! The log: text on a terminal, JSON elsewhere.

use std::error::Error;
use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, LogSettings};

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

/// Writes the log of this process to stderr from now on.
pub fn install(settings: &LogSettings) -> Result<(), InvalidFilter> {
    let filter = EnvFilter::try_new(&settings.log)?;
    let on_terminal = io::stderr().is_terminal();
    let format = settings.log_format.unwrap_or(if on_terminal { LogFormat::Text } else { LogFormat::Json });
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        // It would tell stderr that stderr takes nothing, and panic: a log on a full disk would end every request.
        .log_internal_errors(false);
    match format {
        LogFormat::Text => log.with_ansi(on_terminal && std::env::var_os("NO_COLOR").is_none()).init(),
        LogFormat::Json => {
            log.json().flatten_event(true).with_current_span(true).with_span_list(false).init();
        }
    }
    Ok(())
}
