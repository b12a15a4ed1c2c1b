//! Cleaning up: what was uploaded and never notified goes, long after its token has expired. What was notified whose bytes are gone is
//! told, and nothing is done about it.
//!
//! A name is condemned in the registry before its object is removed, and what is condemned cannot be notified any more. So of a notify and
//! a collection that meet, one wins and the other sees it. What this service did not make is never touched.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use futures_util::{StreamExt, stream};
use serde::Serialize;
use uuid::Uuid;

use crate::domain::{ObjectKey, ObjectName, UploadType, Visibility};
use crate::registry::{Registry, RegistryError};
use crate::storage::{ObjectStore, Section, Stage, StoreError};

/// How many rows are asked for at once, and how many names are condemned at once.
const BATCH: usize = 1000;

/// How many objects are removed at once.
const AT_ONCE: usize = 16;

/// How long a name stays condemned: longer than any notify that has found its object takes.
const CONDEMNED_FOR: Duration = Duration::from_hours(24);

/// What is to be done with what nobody notified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// To remove it.
    Remove,
    /// To tell of it.
    Report,
}

/// What was found and done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// How many objects are old enough to be judged.
    pub listed: u64,
    /// How many of them were notified.
    pub claimed: u64,
    /// How many of them nobody notified, or stayed on the staging section after they were.
    pub abandoned: u64,
    /// How many of those are removed.
    pub removed: u64,
    /// How many of those could not be removed.
    pub failed: u64,
    /// How many files were notified whose bytes are gone.
    pub missing: u64,
    /// How many things stand there that this service did not make.
    pub foreign: u64,
}

/// What was just found.
#[derive(Clone, Copy, Debug)]
pub enum Finding {
    /// An object that nobody notified.
    Abandoned(Section, ObjectName),
    /// A file that was notified, whose bytes are gone.
    Missing(ObjectKey),
    /// A part of the store is done, and this is what all of it came to until now.
    Progress(Tally),
}

/// The work could not be finished. What was done is done, and the next time goes on.
#[derive(Debug, thiserror::Error)]
pub enum Interrupted {
    /// The store failed.
    #[error("the store could not be cleaned up")]
    Store(#[from] StoreError),
    /// The registry failed.
    #[error("the registry could not say what is to be cleaned up")]
    Registry(#[from] RegistryError),
    /// They do not belong together.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
}

/// Cleans up what was signed for before `before`, and tells `hear` what it finds.
///
/// The caller has the right to: [`Registry::collector`].
pub async fn collect(
    store: &dyn ObjectStore,
    registry: &dyn Registry,
    verdict: Verdict,
    before: SystemTime,
    now: SystemTime,
    hear: &(dyn Fn(Finding) + Sync),
) -> Result<Tally, Interrupted> {
    check_ownership(store, registry).await?;
    let mut work = Work { store, registry, verdict, now, hear, tally: Tally::default() };
    let until = ObjectName::bound(before);
    if verdict == Verdict::Remove {
        while registry.forget_condemned(now - CONDEMNED_FOR).await? > 0 {}
        while registry.forget_settled(until).await? > 0 {}
    }
    for section in store.sections() {
        work.section(section, until).await?;
    }
    Ok(work.tally)
}

/// A store and a registry do not belong together.
#[derive(Debug, thiserror::Error)]
pub enum Mismatch {
    /// The store is another registry's.
    #[error(
        "the files belong to another registry than this one; give them another folder or other buckets, or this service its registry"
    )]
    OwnedByAnother,
    /// There are files and no registry that knows them.
    #[error(
        "there are files that no registry owns, and this one, {id}, knows none of them; give it the registry that belongs to them, or \
         write its id into their owner's file"
    )]
    UnknownFiles {
        /// The registry's id.
        id: String,
    },
    /// Nobody has taken the store yet.
    #[error("no service has been started on these files with this registry")]
    Nobodys,
    /// The store failed.
    #[error("the store does not say whose it is, or does not take it")]
    Store(#[from] StoreError),
    /// The registry failed.
    #[error("the registry does not say which it is")]
    Registry(#[from] RegistryError),
}

/// Sees to it that `store` is `registry`'s: what a registry does not know is removed one day, so another's files must not meet it. A store that
/// is nobody's is taken if it is empty, or if files that the registry knows stand there.
pub async fn belong_together(store: &dyn ObjectStore, registry: &dyn Registry) -> Result<(), Mismatch> {
    match check_ownership(store, registry).await {
        Err(Mismatch::Nobodys) => {}
        checked => return checked,
    }
    let id = identity(registry).await?;
    for visibility in [Visibility::Public, Visibility::Private] {
        if !is_empty(store, visibility).await? && !is_known(store, registry, visibility).await? {
            return Err(Mismatch::UnknownFiles { id });
        }
    }
    store.set_owner(&id).await?;
    // Another may have done so at the same moment.
    check_ownership(store, registry).await
}

/// Whether `store` is `registry`'s. Changes nothing in the store.
pub async fn check_ownership(store: &dyn ObjectStore, registry: &dyn Registry) -> Result<(), Mismatch> {
    match store.owner().await? {
        None => Err(Mismatch::Nobodys),
        Some(owner) if owner == identity(registry).await? => Ok(()),
        Some(_) => Err(Mismatch::OwnedByAnother),
    }
}

async fn identity(registry: &dyn Registry) -> Result<String, RegistryError> {
    registry.identity(&Uuid::now_v7().to_string()).await
}

/// After every name.
fn end_of_time() -> ObjectName {
    ObjectName::bound(SystemTime::UNIX_EPOCH + Duration::from_hours(10_000 * 365 * 24))
}

async fn is_empty(store: &dyn ObjectStore, visibility: Visibility) -> Result<bool, StoreError> {
    for section in store.sections() {
        if section.upload_type.visibility() == visibility
            && !store.list(section, None, end_of_time()).await?.names.is_empty()
        {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether any of the first files that the registry has of each type stands in the store.
async fn is_known(
    store: &dyn ObjectStore,
    registry: &dyn Registry,
    visibility: Visibility,
) -> Result<bool, Mismatch> {
    for upload_type in UploadType::ALL.into_iter().filter(|kind| kind.visibility() == visibility) {
        for name in registry.names(upload_type, None, end_of_time(), 10).await? {
            match store.find(ObjectKey { upload_type, name }).await {
                Ok(_) => return Ok(true),
                Err(StoreError::NotFound) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(false)
}

struct Work<'a> {
    store: &'a dyn ObjectStore,
    registry: &'a dyn Registry,
    verdict: Verdict,
    now: SystemTime,
    hear: &'a (dyn Fn(Finding) + Sync),
    tally: Tally,
}

impl Work<'_> {
    async fn section(&mut self, section: Section, until: ObjectName) -> Result<(), Interrupted> {
        let (mut from, mut after) = (None, None);
        loop {
            let page = self.store.list(section, from, until).await?;
            self.tally.listed += page.names.len() as u64;
            self.tally.foreign += page.foreign;
            // Rows are compared as far as the listing went. Beyond it an object may stand that is not listed yet.
            let upto = match &page.next {
                None => Some(until),
                Some(_) => page.names.last().copied(),
            };
            if let Some(upto) = upto {
                match section.stage {
                    Stage::Final => self.compare(section, &page.names, after, upto).await?,
                    // What was notified was copied before; what stands here still is of no use to anybody.
                    Stage::Staged => self.dispose(section, &page.names).await?,
                }
                after = Some(upto);
            }
            (self.hear)(Finding::Progress(self.tally));
            from = page.next;
            if from.is_none() {
                return Ok(());
            }
        }
    }

    /// Compares what is listed with the rows of the same names: after `after`, up to and with `upto`.
    async fn compare(
        &mut self,
        section: Section,
        listed: &[ObjectName],
        mut after: Option<ObjectName>,
        upto: ObjectName,
    ) -> Result<(), Interrupted> {
        let mut unclaimed: BTreeSet<ObjectName> = listed.iter().copied().collect();
        loop {
            let limit = u32::try_from(BATCH).unwrap_or(u32::MAX);
            let rows = self.registry.names(section.upload_type, after, upto, limit).await?;
            for name in &rows {
                if unclaimed.remove(name) {
                    self.tally.claimed += 1;
                } else {
                    self.look_for(ObjectKey { upload_type: section.upload_type, name: *name }).await;
                }
            }
            after = rows.last().copied();
            if rows.len() < BATCH {
                break;
            }
        }
        let abandoned: Vec<ObjectName> = unclaimed.into_iter().collect();
        self.dispose(section, &abandoned).await
    }

    /// Looks for a file that was not listed: it may have been put there after the listing.
    async fn look_for(&mut self, key: ObjectKey) {
        if matches!(self.store.find(key).await, Err(StoreError::NotFound)) {
            self.tally.missing += 1;
            (self.hear)(Finding::Missing(key));
        }
    }

    /// Removes what nobody notified, or tells of it.
    async fn dispose(&mut self, section: Section, names: &[ObjectName]) -> Result<(), Interrupted> {
        for batch in names.chunks(BATCH) {
            let doomed = match (self.verdict, section.stage) {
                (Verdict::Report, _) => batch.to_vec(),
                (Verdict::Remove, Stage::Final) => self.registry.condemn(batch, self.now).await?,
                (Verdict::Remove, Stage::Staged) => {
                    // Condemned or notified: neither is copied from here any more.
                    self.registry.condemn(batch, self.now).await?;
                    batch.to_vec()
                }
            };
            self.tally.claimed += (batch.len() - doomed.len()) as u64;
            self.tally.abandoned += doomed.len() as u64;
            for name in &doomed {
                (self.hear)(Finding::Abandoned(section, *name));
            }
            if self.verdict == Verdict::Report {
                continue;
            }
            let store = self.store;
            let mut removals = stream::iter(doomed.into_iter().map(|name| store.remove(section, name)))
                .buffer_unordered(AT_ONCE);
            while let Some(removal) = removals.next().await {
                match removal {
                    Ok(()) => self.tally.removed += 1,
                    // One that is locked there must not keep all others.
                    Err(error) => {
                        self.tally.failed += 1;
                        tracing::warn!(
                            cause = crate::telemetry::causes(&error),
                            "an object cannot be removed"
                        );
                    }
                }
            }
        }
        Ok(())
    }
}
