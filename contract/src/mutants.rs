//! Does the check see everything? Every node of a spec is deleted, changed, renamed, doubled and given siblings, one
//! at a time, and the whole check must notice each time that the document has changed.
//!
//! What need not be noticed, because the document still says the same, is decided by an oracle of its own: a
//! short list of rules on where the edit was made. It shares no code with the check.
//!
//! This module is for tests, of this crate and of apps that use it: feature `mutants`.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use crate::compare;
use crate::conformance::{Credential, Effort, Options, Suite};
use crate::gate;
use crate::report::Report;
use crate::spec::{Source, Spec};

mod edit;
mod emit;
mod oracle;
mod place;
mod references;
mod rewrites;

pub use edit::{Action, Edit};
pub use rewrites::{Rewrite, rewrites};

/// What became of the mutants of one spec.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// How many mutants say something else than the spec.
    pub mutants: usize,
    /// How many of those the check found.
    pub found: usize,
    /// How many edits left a document that says the same.
    pub equivalent: usize,
    /// Those, by the rule of the oracle that says so.
    pub by_rule: BTreeMap<&'static str, usize>,
    /// Mutants that the check did not find: holes.
    pub survivors: Vec<String>,
    /// Equivalent documents that the check complained about.
    pub false_alarms: Vec<String>,
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mutants, found, false_alarms, .. } = self;
        write!(out, "mutants: {mutants}, found: {found}, false alarms: {}", false_alarms.len())
    }
}

impl Tally {
    /// Whether every mutant was found, and nothing else.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.found == self.mutants && self.false_alarms.is_empty()
    }

    fn add(&mut self, other: Self) {
        self.mutants += other.mutants;
        self.found += other.found;
        self.equivalent += other.equivalent;
        for (rule, count) in other.by_rule {
            *self.by_rule.entry(rule).or_default() += count;
        }
        self.survivors.extend(other.survivors);
        self.false_alarms.extend(other.false_alarms);
    }

    fn judge(&mut self, edit: &Edit, rule: Option<&'static str>, noticed: bool) {
        if let Some(rule) = rule {
            self.equivalent += 1;
            *self.by_rule.entry(rule).or_default() += 1;
        }
        match (rule, noticed) {
            (None, true) => {
                self.mutants += 1;
                self.found += 1;
            }
            (None, false) => {
                self.mutants += 1;
                self.survivors.push(edit.to_string());
            }
            (Some(_), false) => {}
            (Some(rule), true) => self.false_alarms.push(format!("{edit} (equivalent: {rule})")),
        }
    }
}

/// Makes all mutants of a spec and runs the check on each. The spec and the drawn document must agree.
///
/// # Errors
///
/// The report on the spec itself, if it does not pass.
pub fn run(text: &str, drawn: &Value) -> Result<Tally, Report> {
    let spec = Spec::read("the spec", text)?;
    crate::check(spec.clone(), drawn)?;
    let source = Source::without_text();
    // The quicker half first: a finding of either refuses the document.
    let is_noticed =
        |mutant: &Value| compare::differ(mutant, drawn, &source) || !gate::check(mutant, &source).is_empty();
    Ok(judge_all(oracle::Side::Spec, spec.document(), &is_noticed))
}

/// The same the other way: makes all mutants of the drawn document.
///
/// # Errors
///
/// The report on the spec itself, if it does not pass.
pub fn run_on_drawn(text: &str, drawn: &Value) -> Result<Tally, Report> {
    let spec = Spec::read("the spec", text)?;
    crate::check(spec.clone(), drawn)?;
    let source = Source::without_text();
    let is_noticed = |mutant: &Value| compare::differ(spec.document(), mutant, &source);
    Ok(judge_all(oracle::Side::Drawn, drawn, &is_noticed))
}

/// What deriving conformance cases from mutants came to: see [`derive`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Derived {
    /// How many mutants are specs, and had cases derived.
    pub mutants: usize,
    /// How many cases they have in all.
    pub cases: usize,
}

/// Makes all mutants of a spec, and derives the conformance cases of those that are specs. Nothing may panic. Of each mutant, the
/// first operation that the edit reaches has its own derived: a component is read alike in all of them.
///
/// # Errors
///
/// The report on the spec itself, if it does not pass.
///
/// # Panics
///
/// If a derivation does.
pub fn derive(text: &str) -> Result<Derived, Report> {
    let spec = Spec::read("the spec", text)?;
    let document = spec.document();
    let edits = edit::edits(document);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = edits.len().div_ceil(threads).max(1);
    let mut derived = Derived::default();
    std::thread::scope(|scope| {
        let work = |edits| scope.spawn(move || derive_each(document, edits));
        let workers: Vec<_> = edits.chunks(share).map(work).collect();
        for worker in workers {
            match worker.join() {
                Ok(share) => {
                    derived.mutants += share.mutants;
                    derived.cases += share.cases;
                }
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    Ok(derived)
}

fn derive_each(document: &Value, edits: &[Edit]) -> Derived {
    let mut derived = Derived::default();
    let mut mutant = document.clone();
    let credential = Credential { scheme: "none".to_owned(), secret: "secret".to_owned() };
    let effort = Effort { random_cases: 0, seed: 0 };
    let options = Options { credentials: vec![credential], effort, ..Options::default() };
    for edit in edits {
        let reached: Vec<_> = references::reaching(document, &edit.at).into_iter().take(1).collect();
        let Some(original) = edit.apply(&mut mutant) else { continue };
        if let Ok(spec) = Spec::admit(mutant.clone(), Source::without_text()) {
            let wanted = |path: &str, method: &str| {
                !document["paths"][path].is_object()
                    || reached.contains(&(path.to_owned(), method.to_owned()))
            };
            derived.mutants += 1;
            derived.cases += Suite::derive_for(&spec, options.clone(), &wanted).cases();
        }
        edit.undo(&mut mutant, original);
    }
    derived
}

fn judge_all(side: oracle::Side, document: &Value, is_noticed: &(dyn Fn(&Value) -> bool + Sync)) -> Tally {
    let edits = edit::edits(document);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = edits.len().div_ceil(threads).max(1);
    let mut tally = Tally::default();
    std::thread::scope(|scope| {
        let work = |edits| scope.spawn(move || judge(side, document, edits, is_noticed));
        let workers: Vec<_> = edits.chunks(share).map(work).collect();
        for worker in workers {
            match worker.join() {
                Ok(share) => tally.add(share),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    tally
}

fn judge(side: oracle::Side, document: &Value, edits: &[Edit], is_noticed: &dyn Fn(&Value) -> bool) -> Tally {
    let mut tally = Tally::default();
    let mut mutant = document.clone();
    for edit in edits {
        let Some(original) = edit.apply(&mut mutant) else { continue };
        let rule = oracle::equivalent(side, document, edit);
        tally.judge(edit, rule, is_noticed(&mutant));
        edit.undo(&mut mutant, original);
    }
    tally
}
