//! Cases about methods and paths that the spec does not document.

use super::{Derivation, Expect, Shape};

const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];

impl Derivation<'_, '_> {
    /// The cases of an operation's path, with its first operation.
    pub(super) fn routes(&mut self, index: usize, base: &Shape) {
        let path = self.operations[index].path;
        let here = |other: &super::Operation| other.path == path;
        if self.operations.iter().position(here) != Some(index) {
            return;
        }
        let about = format!("/paths/{}", crate::pointer::escape(path));
        let allow: Vec<String> =
            self.operations.iter().filter(|other| here(other)).map(|other| other.method.clone()).collect();
        for method in METHODS.into_iter().filter(|method| !allow.iter().any(|other| other == method)) {
            // Templates overlap: another one may have this method.
            let target = base.request("").target;
            let other =
                self.operations.iter().any(|other| other.method == method && matches(other.path, &target));
            if !other {
                let mut shape = Shape { method: method.to_owned(), ..base.clone() };
                if matches!(method, "GET" | "HEAD" | "OPTIONS" | "TRACE") {
                    shape.body.clear();
                    shape.media_type = None;
                }
                let what = format!("the method is {method}");
                self.add(index, what, &about, shape, Expect::NoSuchMethod(allow.clone()));
            }
        }
        let target = base.request("").target;
        let target = target.split('?').next().unwrap_or_default();
        let capitals: String = path.split('{').next().unwrap_or_default().to_uppercase();
        let beside = [
            ("there is a slash behind the path", format!("{target}/")),
            ("there is another segment behind the path", format!("{target}/no-such-thing")),
            ("the path has a slash twice", format!("/{target}")),
            (
                "the path is in capitals",
                format!("{capitals}{}", target.get(capitals.len()..).unwrap_or_default()),
            ),
            ("the path is none of the spec's", "/no-such-path/at-all".to_owned()),
        ];
        for (what, path) in beside {
            if self.operations.iter().any(|operation| matches(operation.path, &path)) {
                continue;
            }
            let shape = Shape { path, query: Vec::new(), ..base.clone() };
            self.add(index, what, &about, shape, Expect::NoSuchPath);
        }
    }
}

/// Whether a path template matches a path.
fn matches(template: &str, path: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    let (template, path): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template
            .iter()
            .zip(&path)
            .all(|(template, path)| if template.contains('{') { !path.is_empty() } else { template == path })
}
