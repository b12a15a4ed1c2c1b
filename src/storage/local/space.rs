//! How much room a disk has for what is still to come: what is free, less what running uploads were signed for and what stays free always.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;

use super::disk::Slot;
use crate::storage::StoreError;

/// How long a measurement is good. What this process writes meanwhile is taken off it.
const GOOD_FOR: Duration = Duration::from_secs(1);

/// The room on the disk of a folder.
pub(super) struct Space {
    folder: Arc<Path>,
    floor: u64,
    account: Arc<Mutex<Account>>,
}

#[derive(Default)]
struct Account {
    measured: Option<(Instant, u64)>,
    /// What running uploads have still to write.
    promised: u64,
}

impl Space {
    /// The room on the disk of `folder`, of which `floor` bytes stay free; none, if that is 0.
    pub(super) fn new(folder: Arc<Path>, floor: u64) -> Self {
        Self { folder, floor, account: Arc::default() }
    }

    /// Sets `size` bytes aside, if they are there. A thread that measures holds `slot`.
    pub(super) async fn reserve(&self, size: u64, slot: Slot) -> Result<Reservation, StoreError> {
        let reservation = |left| Reservation { account: Arc::clone(&self.account), left };
        if self.floor == 0 {
            return Ok(reservation(0));
        }
        let known = lock(&self.account).measured;
        if known.is_none_or(|(at, _)| at.elapsed() >= GOOD_FOR) {
            let folder = Arc::clone(&self.folder);
            let measuring = move || {
                let free = free(&folder);
                drop(slot);
                free
            };
            let free = spawn_blocking(measuring).await.map_err(io::Error::from)??;
            lock(&self.account).measured = Some((Instant::now(), free));
        }
        let mut account = lock(&self.account);
        let free = account.measured.map_or(0, |(_, free)| free);
        let needed = account.promised.saturating_add(size).saturating_add(self.floor);
        if free < needed {
            let why = format!(
                "{free} bytes are free, {} are promised to running uploads, and {} stay free",
                account.promised, self.floor
            );
            return Err(StoreError::Full(io::Error::new(io::ErrorKind::StorageFull, why)));
        }
        account.promised += size;
        Ok(reservation(size))
    }
}

/// Room that is set aside for an upload, as long as this lives.
pub(super) struct Reservation {
    account: Arc<Mutex<Account>>,
    left: u64,
}

impl Reservation {
    /// So much of it is written.
    pub(super) fn spend(&mut self, written: u64) {
        let spent = written.min(self.left);
        if spent > 0 {
            self.left -= spent;
            let mut account = lock(&self.account);
            account.promised = account.promised.saturating_sub(spent);
            if let Some((_, free)) = &mut account.measured {
                *free = free.saturating_sub(spent);
            }
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.left > 0 {
            let mut account = lock(&self.account);
            account.promised = account.promised.saturating_sub(self.left);
        }
    }
}

fn lock(account: &Mutex<Account>) -> MutexGuard<'_, Account> {
    account.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The bytes that are free for this user.
fn free(folder: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(folder)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;

    use super::*;

    fn slot() -> Slot {
        let slot = Arc::new(Semaphore::new(1)).try_acquire_owned();
        Arc::new(slot.expect("a slot"))
    }

    /// A disk with so much room, of which 10 bytes stay free. It is measured no more.
    fn disk(free: u64) -> Space {
        let space = Space::new(Path::new("/").into(), 10);
        lock(&space.account).measured = Some((Instant::now() + Duration::from_hours(1), free));
        space
    }

    #[actix_web::test]
    async fn what_is_promised_is_not_promised_again() {
        let space = disk(100);
        let one = space.reserve(60, slot()).await.expect("room");
        assert!(matches!(space.reserve(31, slot()).await, Err(StoreError::Full(_))));
        let other = space.reserve(30, slot()).await.expect("room");
        drop(one);
        space.reserve(60, slot()).await.expect("room again");
        drop(other);
    }

    #[actix_web::test]
    async fn what_is_written_counts_once() {
        let space = disk(100);
        let mut one = space.reserve(60, slot()).await.expect("room");
        one.spend(50);
        assert!(matches!(space.reserve(31, slot()).await, Err(StoreError::Full(_))));
        drop(one);
        assert!(matches!(space.reserve(41, slot()).await, Err(StoreError::Full(_))), "what is written stays");
        space.reserve(40, slot()).await.expect("room");
    }

    #[actix_web::test]
    async fn a_real_disk_is_measured() {
        let space = Space::new(Path::new("/").into(), u64::MAX);
        assert!(matches!(space.reserve(0, slot()).await, Err(StoreError::Full(_))));
        Space::new(Path::new("/").into(), 0).reserve(u64::MAX, slot()).await.expect("no floor is no limit");
    }
}
