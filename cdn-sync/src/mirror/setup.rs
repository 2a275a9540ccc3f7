//! Opens everything that a mirror works with: the one composition root of the program.

use std::sync::Arc;

use ochre_model::{Clock, SystemClock};
use ochre_store::{Catalog, CatalogSnapshot, ComponentStore, OpenError, ProbeError, StoreSettings};

use super::{
    Mirror, MirrorMetrics, MirrorParts, MirrorSettings, Purge, TargetKind, TargetSettings,
    purge::PurgeError,
};
use crate::{Feed, RefreshError, Watch};

/// The targets, and what goes on beside them.
#[derive(Debug)]
pub struct Setup {
    /// Follows the source, once it is run.
    pub watch: Watch,
    /// One for each target, by name.
    pub mirrors: Vec<Arc<Mirror>>,
    /// Tells of changed keys, once it is run.
    pub purge: Option<Arc<Purge>>,
    /// Where everything is counted.
    pub metrics: Arc<MirrorMetrics>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// A mirror cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A store cannot be opened.
    #[error("`{place}` cannot be opened")]
    Open {
        /// Section of the settings.
        place: String,
        /// Why.
        #[source]
        source: Box<OpenError>,
    },
    /// There is no such target.
    #[error("there is no target `{0}` in the settings")]
    NoTarget(String),
    /// A replica lies where conditional writes are not kept apart.
    #[error("target `{target}` cannot be a replica")]
    Unsafe {
        /// Name of the target.
        target: String,
        /// What its self-test found.
        #[source]
        source: Box<ProbeError>,
    },
    /// The webhook cannot be called.
    #[error("purge webhook cannot be used")]
    Purge(#[from] PurgeError),
    /// Metric families clash.
    #[error("metrics cannot be registered")]
    Metrics(#[from] prometheus::Error),
    /// The catalog of the source cannot be trusted now.
    #[error("source cannot be read")]
    Source(#[source] RefreshError),
}

// === impl Setup ===

impl Setup {
    /// Opens the source and the targets; of these only `only`, if it is given. Nothing is read or
    /// written yet.
    ///
    /// # Errors
    ///
    /// [`SetupError`].
    pub fn open(settings: &MirrorSettings, only: Option<&str>) -> Result<Self, SetupError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let metrics = Arc::new(MirrorMetrics::new()?);
        let open = |place: &str, storage| {
            let opened = ComponentStore::open(storage, Arc::clone(&clock), None);
            opened.map_err(|source| SetupError::Open {
                place: place.to_owned(),
                source: Box::new(source),
            })
        };
        // A mirror only reads its source: nothing is repaired, adopted or listed there.
        let reading = StoreSettings {
            read_only: true,
            ..settings.source.clone()
        };
        let source = open("source", &reading)?;
        let purge = Purge::new(&settings.purge, Arc::clone(&clock), Arc::clone(&metrics))?;
        let wanted = |(name, _): &(&String, &TargetSettings)| only.is_none_or(|only| only == *name);
        let mut mirrors = Vec::new();
        for (name, target) in settings.targets.iter().filter(wanted) {
            let parts = MirrorParts {
                name: name.clone(),
                source: source.clone(),
                target: open(&format!("targets.{name}.storage"), &target.storage)?,
                purge: purge.clone(),
                metrics: Arc::clone(&metrics),
            };
            mirrors.push(Arc::new(Mirror::new(parts, target, &settings.mirror)));
        }
        if let Some(only) = only.filter(|_| mirrors.is_empty()) {
            return Err(SetupError::NoTarget(only.to_owned()));
        }
        let watch = Watch::new(
            source,
            Arc::new(Catalog::default()),
            Feed::new(),
            &settings.sync,
        );
        Ok(Self {
            watch,
            mirrors,
            purge,
            metrics,
            clock,
        })
    }

    /// Tests whether replicas keep conditional writes apart. CDN targets need none.
    ///
    /// # Errors
    ///
    /// [`SetupError::Unsafe`] when one does not. A store that does not answer now is no error.
    pub async fn probe(&self) -> Result<(), SetupError> {
        for mirror in &self.mirrors {
            if mirror.kind != TargetKind::Replica {
                continue;
            }
            match mirror.target.probe().await {
                Ok(()) | Err(ProbeError::Unavailable(_) | ProbeError::Lock(_)) => {}
                Err(source) => {
                    return Err(SetupError::Unsafe {
                        target: mirror.name().to_owned(),
                        source: Box::new(source),
                    });
                }
            }
        }
        Ok(())
    }

    /// The catalog of the source, read now. [`Setup::watch`] must be running.
    ///
    /// # Errors
    ///
    /// [`SetupError::Source`].
    pub async fn catalog(&self) -> Result<Arc<CatalogSnapshot>, SetupError> {
        self.watch.refresh().await.map_err(SetupError::Source)?;
        Ok(self.watch.catalog().load_full())
    }
}
