//! Whether a report has colours.

use std::env;
use std::io::{IsTerminal, stderr};

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// As plain text.
    Plain,
    /// With ANSI colours.
    Coloured,
}

impl Style {
    /// What the environment asks for: no colours if `NO_COLOR` is set (<https://no-color.org>); colours if `CLICOLOR_FORCE` is set, if
    /// cargo was told to use them always, or if stderr is a terminal.
    #[must_use]
    pub fn from_env() -> Self {
        let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
        let forced =
            set("CLICOLOR_FORCE") || env::var("CARGO_TERM_COLOR").is_ok_and(|choice| choice == "always");
        let refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let never = env::var("CARGO_TERM_COLOR").is_ok_and(|choice| choice == "never");
        if !refused && (forced || (!never && stderr().is_terminal())) { Self::Coloured } else { Self::Plain }
    }
}
