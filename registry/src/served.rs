//! Which components a node serves.

use std::{collections::BTreeSet, sync::Arc};

/// The component of the browser client, which every registry has.
const CLIENT: &str = "oc-client";

/// All components of the store, or those of `render.components`.
#[derive(Clone, Debug, Default)]
pub struct Served(Arc<BTreeSet<String>>);

// === impl Served ===

impl Served {
    /// Serves `names` alone; none means all.
    pub fn new(names: &BTreeSet<String>) -> Self {
        Self(Arc::new(names.clone()))
    }

    /// Whether a component is served; others are answered as if they were not published.
    pub fn includes(&self, name: &str) -> bool {
        self.0.is_empty() || self.0.contains(name) || name == CLIENT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_names_mean_all() {
        assert!(Served::default().includes("any"));
        let some = Served::new(&BTreeSet::from(["one".to_owned()]));
        assert!(some.includes("one") && some.includes("oc-client"));
        assert!(!some.includes("other") && !some.includes("One"));
    }
}
