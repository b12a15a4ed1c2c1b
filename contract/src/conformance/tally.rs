//! How much was tried.

use std::collections::BTreeMap;
use std::fmt;

use crate::finding::Operation;

/// How many cases each operation has answered, and with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    counts: Vec<Count>,
}

/// The cases of one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// The operation.
    pub operation: Operation,
    /// How many requests were sent for it.
    pub cases: usize,
    /// How often each status came back.
    pub statuses: BTreeMap<u16, usize>,
}

impl Tally {
    pub(super) fn new(counts: Vec<Count>) -> Self {
        Self { counts }
    }

    /// The operations, in the order of the spec.
    #[must_use]
    pub fn operations(&self) -> &[Count] {
        &self.counts
    }

    /// How many requests were sent.
    #[must_use]
    pub fn cases(&self) -> usize {
        self.counts.iter().map(|count| count.cases).sum()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.counts.iter().map(|count| count.operation.to_string()).collect();
        let width = names.iter().map(String::len).max().unwrap_or(0);
        for (name, count) in names.iter().zip(&self.counts) {
            let statuses: Vec<String> =
                count.statuses.iter().map(|(status, times)| format!("{status} × {times}")).collect();
            writeln!(out, "{name:width$}  {:>5} cases: {}", count.cases, statuses.join(", "))?;
        }
        write!(out, "{:width$}  {:>5} cases", "in all", self.cases())
    }
}
