//! In which bases a caller may act.

/// The bases that an access token is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BaseScope {
    /// None: it may act in every base, and outside of any.
    All,
    /// These alone.
    Only(Vec<String>),
}

impl BaseScope {
    /// The scope that a list of base ids makes; an empty list binds to none.
    #[must_use]
    pub fn of(bases: Vec<String>) -> Self {
        if bases.is_empty() { Self::All } else { Self::Only(bases) }
    }

    /// Whether a file that belongs to `base`, or to no base, is within the scope.
    #[must_use]
    pub fn covers(&self, base: Option<&str>) -> bool {
        match self {
            Self::All => true,
            Self::Only(bases) => base.is_some_and(|base| bases.iter().any(|own| own == base)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_scope_covers_its_bases_and_nothing_else() {
        let scope = BaseScope::of(vec!["bse1".into(), "bse2".into()]);
        assert!(scope.covers(Some("bse2")));
        assert!(!scope.covers(Some("bse3")));
        assert!(!scope.covers(None));
        assert!(BaseScope::of(Vec::new()).covers(None));
    }
}
