//! How a file comes into the tree when all of it is there.
//!
//! With [`Durability::Full`] the file is linked into the tree first and synced then, so that one commit of the file system's journal holds its
//! bytes and its name. Until that is done nobody finds it, and a start that comes between does what was left to do.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{FsWord, fstatfs};
use tokio::sync::Notify;

use super::object::open_file;
use super::{Durability, not_missing};
use crate::domain::ObjectKey;
use crate::storage::StoreError;

/// How many bytes of two files are compared at a time.
const BLOCK: usize = 64 * 1024;

/// How files come into the tree.
#[derive(Default)]
pub(super) struct Placing {
    pub(super) sync: Sync,
    /// What is being linked and synced. This process alone serves the folder, so that nobody else has to know.
    under_way: Mutex<HashMap<ObjectKey, Linking>>,
}

/// How many link and sync one object, and whom to tell when none does any more.
#[derive(Default)]
struct Linking {
    count: usize,
    done: Arc<Notify>,
    /// Whose turn it is. What cannot be synced is removed, and nobody else is to have taken it for stored by then.
    turn: Arc<Mutex<()>>,
}

/// What makes a file durable.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Sync {
    #[default]
    Nothing,
    /// To sync it: its newest name is in the same transaction of the journal, or in an earlier one.
    File,
    /// To sync it and the folder.
    FileAndFolder,
}

impl Sync {
    fn of(folder: &Path, durability: Durability) -> io::Result<Self> {
        // statfs(2). Each of these syncs a file's names with it: they stand in the journal or log up to which it is written out.
        const EXT4: FsWord = 0xef53;
        const XFS: FsWord = 0x5846_5342;
        const BTRFS: FsWord = 0x9123_683e;
        Ok(match (durability, fstatfs(File::open(folder)?)?.f_type) {
            (Durability::Relaxed, _) => Self::Nothing,
            (Durability::Full, EXT4 | XFS | BTRFS) => Self::File,
            (Durability::Full, _) => Self::FileAndFolder,
        })
    }

    fn run(self, file: &File, folder: &Path) -> io::Result<()> {
        match self {
            Self::Nothing => Ok(()),
            Self::File => file.sync_all(),
            Self::FileAndFolder => {
                file.sync_all()?;
                File::open(folder)?.sync_all()
            }
        }
    }
}

impl Placing {
    /// For the file system on which `incoming` is.
    pub(super) fn new(incoming: &Path, durability: Durability) -> io::Result<Self> {
        Ok(Self { sync: Sync::of(incoming, durability)?, ..Self::default() })
    }

    /// Waits until nobody is linking or syncing an object: until then what stands there may be gone after a power failure.
    pub(super) async fn settled(&self, key: ObjectKey) {
        // While the table is held nobody is done, and whoever is done later tells this.
        let done = || self.under_way().get(&key).map(|linking| Arc::clone(&linking.done).notified_owned());
        while let Some(done) = done() {
            done.await;
        }
    }

    /// Never held while the disk is waited for: where requests are served it is asked, too.
    fn under_way(&self) -> MutexGuard<'_, HashMap<ObjectKey, Linking>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, key: ObjectKey) -> UnderWay<'_> {
        let mut under_way = self.under_way();
        let linking = under_way.entry(key).or_default();
        linking.count += 1;
        UnderWay { placing: self, key, turn: Arc::clone(&linking.turn) }
    }

    /// Removes what an earlier process left at `path` in `.incoming`. If it was linked by then it is in the tree, and is synced now.
    pub(super) fn clear(&self, path: &Path) -> io::Result<()> {
        if fs::symlink_metadata(path)?.nlink() > 1 {
            let file = File::open(path)?;
            match self.sync {
                Sync::Nothing => {}
                Sync::File => file.sync_all()?,
                // In which folder it is linked is not known here.
                Sync::FileAndFolder => rustix::fs::syncfs(file)?,
            }
        }
        fs::remove_file(path)
    }

    /// Links `file`, which stands at `incoming`, into its `place`, and syncs it.
    pub(super) fn place(
        &self,
        key: ObjectKey,
        file: &File,
        incoming: &Path,
        place: &Place,
    ) -> Result<(), StoreError> {
        let under_way = self.begin(key);
        // The service lets uploads of one name take turns. A commit that its caller gave up goes on here all the same.
        let _turn = under_way.turn.lock().unwrap_or_else(PoisonError::into_inner);
        match fs::hard_link(incoming, &place.file) {
            Ok(()) => self.sync.run(file, &place.folder).map_err(|error| {
                // Nobody has seen it, and what is on the disk is not known.
                if let Err(error) = fs::remove_file(&place.file) {
                    tracing::warn!(%error, "what could not be synced stays until it is collected");
                }
                not_missing(error)
            }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if !same_bytes(incoming, &place.file).map_err(not_missing)? {
                    return Err(StoreError::Taken);
                }
                // An earlier process may have put them there without syncing them: it may have been told to.
                open_file(&place.file)
                    .and_then(|(file, _)| self.sync.run(&file, &place.folder))
                    .map_err(not_missing)
            }
            Err(error) => Err(not_missing(error)),
        }
    }
}

/// An object is being linked and synced, as long as this lives.
struct UnderWay<'a> {
    placing: &'a Placing,
    key: ObjectKey,
    turn: Arc<Mutex<()>>,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if let Entry::Occupied(mut linking) = self.placing.under_way().entry(self.key) {
            linking.get_mut().count -= 1;
            if linking.get().count == 0 {
                linking.remove().done.notify_waiters();
            }
        }
    }
}

/// Where a file is to stand.
pub(super) struct Place {
    pub(super) folder: PathBuf,
    pub(super) file: PathBuf,
}

fn same_bytes(one: &Path, other: &Path) -> io::Result<bool> {
    let ((mut one, size), (mut other, other_size)) = (open_file(one)?, open_file(other)?);
    if size != other_size {
        return Ok(false);
    }
    let (mut left, mut right) = (vec![0; BLOCK], vec![0; BLOCK]);
    loop {
        let read = one.read(&mut left)?;
        if read == 0 {
            return Ok(true);
        }
        other.read_exact(&mut right[..read])?;
        if left[..read] != right[..read] {
            return Ok(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use futures_util::poll;

    use super::*;
    use crate::domain::{ObjectName, UploadType};

    #[actix_web::test]
    async fn what_is_under_way_is_waited_for_until_the_last_is_done() {
        let placing = Placing::default();
        let key = ObjectKey { upload_type: UploadType::Table, name: ObjectName::fresh() };
        let other = ObjectKey { name: ObjectName::fresh(), ..key };
        let (one, two) = (placing.begin(key), placing.begin(key));
        let mut settled = std::pin::pin!(placing.settled(key));
        assert_eq!(poll!(settled.as_mut()), Poll::Pending);
        assert_eq!(poll!(std::pin::pin!(placing.settled(other))), Poll::Ready(()));
        drop(one);
        assert_eq!(poll!(settled.as_mut()), Poll::Pending, "the other is under way");
        drop(two);
        assert_eq!(poll!(settled.as_mut()), Poll::Ready(()));
        assert!(placing.under_way().is_empty());
    }

    /// The same bytes were found to be there already, and synced, before the upload that could not sync them took them away.
    #[test]
    fn what_may_still_be_taken_away_is_no_stored_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name| folder.path().join(name);
        let place = Place { folder: folder.path().to_owned(), file: path("file") };
        fs::write(path("incoming"), "bytes").expect("it is written");
        fs::write(&place.file, "bytes").expect("it is written");
        let placing = Placing::default();
        let key = ObjectKey { upload_type: UploadType::Table, name: ObjectName::fresh() };
        let failing = placing.begin(key);
        let turn = failing.turn.lock().expect("a turn");
        std::thread::scope(|scope| {
            let file = File::open(path("incoming")).expect("a file");
            let (placing, place, incoming) = (&placing, &place, path("incoming"));
            let other = scope.spawn(move || placing.place(key, &file, &incoming, place));
            while placing.under_way()[&key].count < 2 && !other.is_finished() {
                std::thread::yield_now();
            }
            fs::remove_file(&place.file).expect("it was there");
            drop(turn);
            other.join().expect("it ends").expect("it is stored");
        });
        assert_eq!(fs::read(&place.file).expect("it is there"), b"bytes");
    }
}
