//! Lists whose order counts, and lists that are sets.

use serde_json::Value;

use super::{Comparison, Draft, is_schema, wording};
use crate::data;
use crate::finding::{Kind, Side};
use crate::normal::Node;
use crate::spec::Point;

impl<'d> Comparison<'d> {
    /// Item by item, where the items can be told apart or are equally many.
    pub(super) fn list(
        &mut self,
        from: usize,
        spec: &Node<'d>,
        ours: Vec<Node<'d>>,
        drawn: &Node<'d>,
        theirs: Vec<Node<'d>>,
    ) {
        if let (Some(our_names), Some(their_names)) = (names(&ours), names(&theirs)) {
            self.by_name(
                from,
                spec,
                drawn,
                &Named { items: ours, names: our_names },
                &Named { items: theirs, names: their_names },
            );
        } else if ours.len() == theirs.len() && !is_rearranged(&ours, &theirs) {
            for (ours, theirs) in ours.into_iter().zip(theirs) {
                self.nodes(from, &ours, &theirs);
            }
        } else if ours.len() == theirs.len() {
            self.reordered(from, spec, drawn);
        } else {
            self.differ(from, spec, drawn);
        }
    }

    /// Servers have a URL and tags a name: a missing one does not shift the others.
    fn by_name(
        &mut self,
        from: usize,
        spec: &Node<'d>,
        drawn: &Node<'d>,
        ours: &Named<'d>,
        theirs: &Named<'d>,
    ) {
        for (item, name) in ours.items.iter().zip(&ours.names) {
            match theirs.names.iter().position(|other| other == name) {
                Some(index) => {
                    self.nodes(from, item, &theirs.items[index]);
                }
                None => self.item_not_implemented(from, item, name, drawn),
            }
        }
        for (item, name) in theirs.items.iter().zip(&theirs.names) {
            if !ours.names.contains(name) {
                self.item_not_documented(from, spec, item, name);
            }
        }
        let shared = |names: &[&'d str], others: &[&'d str]| -> Vec<&'d str> {
            names.iter().filter(|name| others.contains(name)).copied().collect()
        };
        if shared(&ours.names, &theirs.names) != shared(&theirs.names, &ours.names) {
            self.reordered(from, spec, drawn);
        }
    }

    /// What one set has and the other has not.
    pub(super) fn set(
        &mut self,
        from: usize,
        spec: &Node<'d>,
        ours: &[Node<'d>],
        drawn: &Node<'d>,
        theirs: &[Node<'d>],
    ) {
        let (missing, extra) = difference(ours, theirs);
        if let ([ours], [theirs]) = (missing.as_slice(), extra.as_slice()) {
            self.differ(from, ours, theirs);
            return;
        }
        for item in missing {
            let name = plain(item.value);
            self.item_not_implemented(from, item, &name, drawn);
        }
        for item in extra {
            let name = plain(item.value);
            self.item_not_documented(from, spec, item, &name);
        }
    }

    fn item_not_implemented(&mut self, from: usize, item: &Node<'d>, name: &str, drawn: &Node<'d>) {
        let part = item.parts.own;
        let draft = Draft {
            kind: Kind::NotImplemented(part),
            pointer: item.at.pointer(),
            point: Point::Entry,
            spec: Side::Value(item.value.clone()),
            implementation: Side::Absent,
            drawn: drawn.at.pointer(),
            words: wording::not_implemented(part, name, self.owner_of_item(item).as_deref(), None),
        };
        self.push(from, draft);
    }

    fn item_not_documented(&mut self, from: usize, spec: &Node<'d>, item: &Node<'d>, name: &str) {
        let part = item.parts.own;
        let draft = Draft {
            kind: Kind::NotDocumented(part),
            // RFC 6901, section 4: the element after the last.
            pointer: format!("{}/-", spec.at.pointer()),
            point: Point::Entry,
            spec: Side::Absent,
            implementation: Side::Value(item.value.clone()),
            drawn: item.at.pointer(),
            words: wording::not_documented(part, name, self.owner_of(spec).as_deref(), None),
        };
        self.push(from, draft);
    }

    /// A list's item belongs to what the list belongs to.
    fn owner_of_item(&self, item: &Node<'d>) -> Option<String> {
        wording::owner(self.root, item.at.parent()?.parent()?)
    }

    fn reordered(&mut self, from: usize, spec: &Node<'d>, drawn: &Node<'d>) {
        let part = spec.parts.inner;
        let draft = Draft {
            kind: Kind::Reordered(part),
            pointer: spec.at.pointer(),
            point: Point::Entry,
            spec: Side::Value(spec.value.clone()),
            implementation: Side::Value(drawn.value.clone()),
            drawn: drawn.at.pointer(),
            words: wording::reordered(part),
        };
        self.push(from, draft);
    }
}

/// Items, and what each is known by.
struct Named<'d> {
    items: Vec<Node<'d>>,
    names: Vec<&'d str>,
}

/// What the items of a list are known by, if they are servers or tags and each is known by something else.
fn names<'d>(items: &[Node<'d>]) -> Option<Vec<&'d str>> {
    use crate::grammar::Object;
    let mut names: Vec<&str> = Vec::with_capacity(items.len());
    for item in items {
        let key = match item.object() {
            Some(Object::Server) => "url",
            Some(Object::Tag) => "name",
            _ => return None,
        };
        let name = item.value.get(key)?.as_str()?;
        if names.contains(&name) {
            return None;
        }
        names.push(name);
    }
    Some(names)
}

/// Whether both lists hold the same items as they are written, in another order.
fn is_rearranged(ours: &[Node<'_>], theirs: &[Node<'_>]) -> bool {
    if ours.iter().any(|item| is_schema(item.shape)) {
        return false;
    }
    let in_order = ours.iter().zip(theirs).all(|(a, b)| data::same(a.value, b.value));
    let (extra, missing) = difference(ours, theirs);
    !in_order && extra.is_empty() && missing.is_empty()
}

/// The items that only the first list has, and those that only the second one has.
fn difference<'a, 'd>(
    ours: &'a [Node<'d>],
    theirs: &'a [Node<'d>],
) -> (Vec<&'a Node<'d>>, Vec<&'a Node<'d>>) {
    let mut extra: Vec<&Node<'d>> = theirs.iter().collect();
    let mut missing = Vec::new();
    for item in ours {
        match extra.iter().position(|other| data::same(item.value, other.value)) {
            Some(index) => {
                extra.remove(index);
            }
            None => missing.push(item),
        }
    }
    (missing, extra)
}

/// A value as a sentence names it.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
