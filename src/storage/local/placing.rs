//! How a file comes into the tree when all of it is there.
//!
//! With [`Durability::Full`] the file is linked into the tree first and synced then, so that one commit of the file system's journal holds its
//! bytes and its name. Until that is done nobody finds it, and a start that comes between does what was left to do.
//!
//! A power cut in that moment, or with [`Durability::Relaxed`] in the half minute after an upload,
//! can leave a short file under the final name. Such a file is removed: at the start where its
//! incoming name tells the signed size, and otherwise when it is notified or uploaded again.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{FsWord, fstatfs};
use tokio::sync::Notify;

use super::incoming::IncomingName;
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

    /// Syncs `file` before it gets its name, where the name could reach the disk before the bytes.
    fn before_link(self, file: &File) -> io::Result<()> {
        if self == Self::FileAndFolder { file.sync_all() } else { Ok(()) }
    }

    /// Syncs what [`Self::before_link`] did not.
    fn after_link(self, file: &File, folder: &Path) -> io::Result<()> {
        match self {
            Self::Nothing => Ok(()),
            Self::File => file.sync_all(),
            Self::FileAndFolder => File::open(folder)?.sync_all(),
        }
    }

    /// Syncs the names in `folder`.
    pub(super) fn folder(self, folder: &Path) -> io::Result<()> {
        if self == Self::Nothing { Ok(()) } else { File::open(folder)?.sync_all() }
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

    /// Removes what an earlier process left at `path` in `.incoming`. If it was linked by then it
    /// is in the tree: it is synced now if it is whole, and removed from the tree if not.
    pub(super) fn clear(&self, path: &Path, place: impl FnOnce(ObjectKey) -> Place) -> io::Result<()> {
        let found = fs::symlink_metadata(path)?;
        if found.nlink() > 1 {
            match path.file_name().and_then(OsStr::to_str).and_then(IncomingName::parse) {
                Some(name) if name.size != found.len() => {
                    self.remove_torn(&name, &found, &place(name.key))?;
                }
                _ => self.sync_linked(&File::open(path)?)?,
            }
        }
        fs::remove_file(path)
    }

    /// Syncs a file whose final name is not known.
    fn sync_linked(&self, file: &File) -> io::Result<()> {
        match self.sync {
            Sync::Nothing => Ok(()),
            Sync::File => file.sync_all(),
            Sync::FileAndFolder => Ok(rustix::fs::syncfs(file)?),
        }
    }

    /// Removes the final name of the file that was `found` under the incoming `name` with another
    /// size than the signed one.
    fn remove_torn(&self, name: &IncomingName, found: &Metadata, place: &Place) -> io::Result<()> {
        match fs::symlink_metadata(&place.file) {
            Ok(placed) if (placed.dev(), placed.ino()) == (found.dev(), found.ino()) => {}
            // Another file, which was published whole.
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        }
        fs::remove_file(&place.file)?;
        // Before the incoming name goes, which alone says what the file is.
        self.sync.folder(&place.folder)?;
        log_removal(name.key, name.size, found.len());
        Ok(())
    }

    /// Removes the file at `path` if its size is not `size`. What is published meanwhile stays.
    pub(super) fn discard_torn(&self, key: ObjectKey, size: u64, path: &Path) -> io::Result<()> {
        let under_way = self.begin(key);
        let _turn = under_way.turn.lock().unwrap_or_else(PoisonError::into_inner);
        match fs::symlink_metadata(path) {
            Ok(found) if found.is_file() && found.len() != size => {
                fs::remove_file(path)?;
                log_removal(key, size, found.len());
                Ok(())
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
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
        self.sync.before_link(file).map_err(not_missing)?;
        match fs::hard_link(incoming, &place.file) {
            Ok(()) => self.sync.after_link(file, &place.folder).map_err(|error| {
                // Nobody has seen it, and what is on the disk is not known.
                if let Err(error) = fs::remove_file(&place.file) {
                    tracing::warn!(%error, "what could not be synced stays until it is collected");
                }
                not_missing(error)
            }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let (stored, size) = open_file(&place.file).map_err(not_missing)?;
                if size != file.metadata().map_err(not_missing)?.len() {
                    return Err(StoreError::Torn);
                }
                if !same_bytes(incoming, &stored).map_err(not_missing)? {
                    return Err(StoreError::Taken);
                }
                // An earlier process may have put them there without syncing them: it may have been told to.
                self.sync
                    .before_link(&stored)
                    .and_then(|()| self.sync.after_link(&stored, &place.folder))
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

fn log_removal(key: ObjectKey, signed: u64, found: u64) {
    tracing::info!(path = key.path(), signed, found, "removed a file that a power cut left short");
}

/// Compares the file at `one` with the file `other` of the same size.
fn same_bytes(one: &Path, mut other: &File) -> io::Result<bool> {
    let (mut one, _) = open_file(one)?;
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
    use crate::domain::{MediaType, ObjectName, UploadType};
    use crate::storage::Expected;

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

    const MODES: [Sync; 3] = [Sync::Nothing, Sync::File, Sync::FileAndFolder];

    /// A folder with a place for one object, and a publisher that syncs as `sync` says.
    struct Ground {
        folder: tempfile::TempDir,
        key: ObjectKey,
        place: Place,
        placing: Placing,
    }

    impl Ground {
        fn new(sync: Sync) -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let key = ObjectKey { upload_type: UploadType::Table, name: ObjectName::fresh() };
            let tree = folder.path().join("table");
            fs::create_dir(&tree).expect("a folder");
            let place = Place { file: tree.join(key.name.to_string()), folder: tree };
            Self { folder, key, place, placing: Placing { sync, ..Placing::default() } }
        }

        /// Writes `content` to an incoming file that was signed with `size` bytes.
        fn incoming(&self, content: &[u8], size: u64) -> PathBuf {
            let media_type = MediaType::parse("image/png").expect("a media type");
            let expected = Expected { key: self.key, media_type: &media_type, size, sha256: None };
            let path = self.folder.path().join(IncomingName::fresh(&expected).to_string());
            fs::write(&path, content).expect("it is written");
            path
        }

        fn place(&self) -> Place {
            Place { folder: self.place.folder.clone(), file: self.place.file.clone() }
        }

        fn publish(&self, incoming: &Path) -> Result<(), StoreError> {
            let file = File::open(incoming).expect("a file");
            self.placing.place(self.key, &file, incoming, &self.place)
        }
    }

    #[test]
    fn a_start_removes_the_short_file_of_a_torn_publish_and_keeps_a_whole_one() {
        for sync in MODES {
            for (content, size, is_kept) in [
                (&b"byt"[..], 5, false),
                (b"", 5, false),
                (b"bytes and more", 5, false),
                (b"bytes", 5, true),
                (b"", 0, true),
            ] {
                let ground = Ground::new(sync);
                let incoming = ground.incoming(content, size);
                fs::hard_link(&incoming, &ground.place.file).expect("both names");
                ground.placing.clear(&incoming, |_| ground.place()).expect("cleared");
                assert!(!incoming.exists());
                assert_eq!(ground.place.file.exists(), is_kept, "{content:?} of {size}");
            }
        }
    }

    #[test]
    fn a_start_leaves_every_other_file_alone() {
        for sync in MODES {
            // The final name is missing.
            let ground = Ground::new(sync);
            let incoming = ground.incoming(b"byt", 5);
            ground.placing.clear(&incoming, |_| ground.place()).expect("cleared");
            assert!(!incoming.exists() && !ground.place.file.exists());

            // Another upload of the same object was published.
            let incoming = ground.incoming(b"byt", 5);
            fs::hard_link(&incoming, ground.folder.path().join("elsewhere")).expect("two names");
            fs::write(&ground.place.file, "bytes").expect("published");
            ground.placing.clear(&incoming, |_| ground.place()).expect("cleared");
            assert_eq!(fs::read(&ground.place.file).expect("it is there"), b"bytes");

            // An earlier version gave the incoming file a name that does not tell the signed size.
            let incoming = ground.folder.path().join("019a0b7c5d3e7f108a2b4c6d8e0f1a2b");
            fs::hard_link(&ground.place.file, &incoming).expect("both names");
            ground.placing.clear(&incoming, |_| ground.place()).expect("cleared");
            assert!(!incoming.exists() && ground.place.file.exists());
        }
    }

    #[test]
    fn a_torn_file_is_told_apart_and_replaced() {
        for sync in MODES {
            for torn in [&b"byt"[..], b"", b"bytes and more"] {
                let ground = Ground::new(sync);
                fs::write(&ground.place.file, torn).expect("torn");
                let incoming = ground.incoming(b"bytes", 5);
                assert!(matches!(ground.publish(&incoming), Err(StoreError::Torn)), "{torn:?}");
                assert_eq!(
                    fs::read(&ground.place.file).expect("it is there"),
                    torn,
                    "it is not replaced unasked"
                );
                ground.placing.discard_torn(ground.key, 5, &ground.place.file).expect("discarded");
                ground.publish(&incoming).expect("published");
                // Somebody who found the torn file comes later.
                ground.placing.discard_torn(ground.key, 5, &ground.place.file).expect("nothing to discard");
                assert_eq!(fs::read(&ground.place.file).expect("it is there"), b"bytes");
                ground.publish(&incoming).expect("the same bytes");
                fs::remove_file(&ground.place.file).expect("it was there");
                fs::write(&ground.place.file, "other").expect("of the same size");
                assert!(matches!(ground.publish(&incoming), Err(StoreError::Taken)));
            }
        }
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
