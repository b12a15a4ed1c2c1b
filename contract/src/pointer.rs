//! Where a node stands in a document: a path that costs nothing until somebody asks for its text.

use std::fmt;
use std::rc::Rc;

/// One step down a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token<'d> {
    /// Into a map.
    Key(&'d str),
    /// Into a list.
    Index(usize),
}

/// A node's place, as the chain of steps that leads to it. Cloning shares the chain.
#[derive(Clone, Debug, Default)]
pub(crate) struct At<'d>(Option<Rc<Step<'d>>>);

#[derive(Debug)]
struct Step<'d> {
    parent: At<'d>,
    token: Token<'d>,
}

impl<'d> At<'d> {
    /// The document itself.
    pub(crate) fn root() -> Self {
        Self(None)
    }

    /// The place of a map's value.
    pub(crate) fn key(&self, key: &'d str) -> Self {
        self.then(Token::Key(key))
    }

    /// The place of a list's item.
    pub(crate) fn index(&self, index: usize) -> Self {
        self.then(Token::Index(index))
    }

    /// The place one step down.
    pub(crate) fn then(&self, token: Token<'d>) -> Self {
        Self(Some(Rc::new(Step { parent: self.clone(), token })))
    }

    /// Where the node stands in: `None` for the document itself.
    pub(crate) fn parent(&self) -> Option<&Self> {
        self.0.as_ref().map(|step| &step.parent)
    }

    /// The last step: `None` for the document itself.
    pub(crate) fn last(&self) -> Option<Token<'d>> {
        self.0.as_ref().map(|step| step.token)
    }

    /// The JSON pointer (RFC 6901).
    pub(crate) fn pointer(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(step) = &self.0 else { return Ok(()) };
        step.parent.fmt(out)?;
        match step.token {
            Token::Key(key) => write!(out, "/{}", escape(key)),
            Token::Index(index) => write!(out, "/{index}"),
        }
    }
}

/// A key as a JSON pointer's reference token (RFC 6901, section 3).
pub(crate) fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// A reference token as the key that it names.
pub(crate) fn unescape(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}
