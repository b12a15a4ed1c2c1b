//! Which operations a finding concerns.

use std::collections::{BTreeSet, HashMap};

use super::{Comparison, Found, renames};
use crate::finding::{Finding, Operation};
use crate::grammar::{METHODS, Object};
use crate::normal::{Entry, Node};
use crate::pointer::Token;

/// The operation that an entry is, if it is one. Its path is empty where the path item's place does not tell it: the
/// pairs do.
pub(super) fn operation_of(parent: &Node<'_>, entry: &Entry<'_>) -> Option<Operation> {
    if parent.object() != Some(Object::PathItem) || !METHODS.contains(&&*entry.name) {
        return None;
    }
    let path = match (parent.at.last(), parent.at.parent().and_then(crate::pointer::At::last)) {
        (Some(Token::Key(path)), Some(Token::Key("paths"))) => path.to_owned(),
        _ => String::new(),
    };
    Some(Operation { path, method: entry.name.to_uppercase() })
}

impl Comparison<'_> {
    /// All findings, each once, with the operations that lead to it.
    pub(super) fn into_findings(mut self) -> Vec<Finding> {
        let mut reached: HashMap<usize, BTreeSet<Operation>> = HashMap::new();
        if self.pairs.iter().any(|pair| !pair.found.is_empty()) {
            reached = self.reached();
        }
        let mut findings: Vec<Finding> = Vec::new();
        let mut places: HashMap<String, Vec<usize>> = HashMap::new();
        for index in 0..self.pairs.len() {
            for Found { mut finding, method } in std::mem::take(&mut self.pairs[index].found) {
                let mut operations: BTreeSet<Operation> = finding.operations.drain(..).collect();
                if let Some(method) = method {
                    let paths = self.paths.iter().filter(|(pair, _)| *pair == index);
                    operations.extend(
                        paths.map(|(_, path)| Operation { path: path.clone(), method: method.clone() }),
                    );
                }
                operations.extend(reached.get(&index).into_iter().flatten().cloned());
                let same_place = places.entry(finding.pointer.clone()).or_default();
                let twin = same_place.iter().copied().find(|&other| is_twin(&findings[other], &finding));
                if let Some(twin) = twin {
                    operations.extend(findings[twin].operations.drain(..));
                    findings[twin].operations = operations.into_iter().collect();
                } else {
                    finding.operations = operations.into_iter().collect();
                    same_place.push(findings.len());
                    findings.push(finding);
                }
            }
        }
        renames::hint(&mut findings);
        findings
    }

    /// The operations that lead to each pair.
    fn reached(&self) -> HashMap<usize, BTreeSet<Operation>> {
        let mut reached: HashMap<usize, BTreeSet<Operation>> = HashMap::new();
        for (path_item, path) in &self.paths {
            for (_, method, pair) in self.methods.iter().filter(|(parent, ..)| parent == path_item) {
                let operation = Operation { path: path.clone(), method: method.to_uppercase() };
                let mut seen = vec![false; self.pairs.len()];
                let mut open = vec![*pair];
                while let Some(pair) = open.pop() {
                    if std::mem::replace(&mut seen[pair], true) {
                        continue;
                    }
                    if !self.pairs[pair].found.is_empty() {
                        reached.entry(pair).or_default().insert(operation.clone());
                    }
                    open.extend(&self.pairs[pair].next);
                }
            }
        }
        reached
    }
}

/// Whether two findings say the same about one place.
fn is_twin(a: &Finding, b: &Finding) -> bool {
    a.kind == b.kind && a.spec == b.spec && a.implementation == b.implementation
}
