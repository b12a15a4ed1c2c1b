//! Writing a file: beside the tree, and then into it.
//!
//! With [`Durability::Full`] the file is linked into the tree first and synced then, so that one commit of the file system's journal holds its
//! bytes and its name. Until that is done nobody finds it, and a start that comes between does what was left to do.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::web::Bytes;
use async_trait::async_trait;
use rustix::fs::{FsWord, fstatfs};
use sha2::Digest;
use tokio::runtime::Handle;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{Notify, oneshot};
use tokio::task::{JoinHandle, spawn_blocking};

use super::object::open_file;
use super::space::Reservation;
use super::{Durability, LocalStore, not_missing};
use crate::domain::{ObjectKey, Sha256};
use crate::storage::{Difference, Expected, StoreError, Upload};

/// How many bytes are written at a time. Each upload holds two of these, whatever its size.
const BLOCK: usize = 64 * 1024;

/// A file in `.incoming`, which goes when this is dropped: by then it is either linked into the tree or not wanted.
pub(super) struct Incoming {
    pub(super) path: PathBuf,
}

impl Incoming {
    pub(super) fn create(&self) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).mode(0o640).open(&self.path)
    }

    /// Removes it, on a thread that may wait for the disk.
    fn remove(mut self) {
        remove(&std::mem::take(&mut self.path));
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        let path = std::mem::take(&mut self.path);
        if path.as_os_str().is_empty() {
            return;
        }
        // An upload that is given up is dropped where requests are served, and the disk may take its time.
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(move || remove(&path))),
            Err(_) => remove(&path),
        }
    }
}

/// Removes what is not wanted any more in `.incoming`.
fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, "an unfinished file is left behind until the next start");
    }
}

/// How files come into the tree.
#[derive(Default)]
pub(super) struct Placing {
    sync: Sync,
    /// What is being linked and synced. This process alone serves the folder, so that nobody else has to know.
    under_way: Mutex<HashMap<ObjectKey, Linking>>,
}

/// How many link and sync one object, and whom to tell when none does any more.
#[derive(Default)]
struct Linking {
    count: usize,
    done: Arc<Notify>,
}

/// What makes a file durable.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Sync {
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
        self.under_way().entry(key).or_default().count += 1;
        UnderWay { placing: self, key }
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

    /// Links `file`, which stands at `incoming`, to `place` in `folder`, and syncs it.
    fn place(&self, key: ObjectKey, file: &File, incoming: &Path, place: &Place) -> Result<(), StoreError> {
        let _under_way = self.begin(key);
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
                // Whoever put them there may not have synced them yet.
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
struct Place {
    folder: PathBuf,
    file: PathBuf,
}

/// What one upload has on the disk. It travels to the blocking thread and back with each block.
struct Writer {
    file: Option<File>,
    incoming: Incoming,
    /// What its bytes hash to so far, and what they are to hash to, if that was signed.
    hash: Option<(sha2::Sha256, Sha256)>,
    reservation: Reservation,
    ahead: Ahead,
    /// The block that was written last, for the next bytes: one that is freed on another thread than it was made on costs more than its size.
    spare: Vec<u8>,
}

impl Writer {
    /// Writes a block that others follow.
    fn write(&mut self, block: &[u8]) -> Result<(), StoreError> {
        self.put(block)?;
        let Some(file) = &self.file else { return Ok(()) };
        Ok(self.ahead.wrote(file, block.len() as u64)?)
    }

    fn put(&mut self, block: &[u8]) -> Result<(), StoreError> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(self.incoming.create().map_err(not_missing)?),
        };
        file.write_all(block)?;
        self.reservation.spend(block.len() as u64);
        if let Some((hash, _)) = &mut self.hash {
            hash.update(block);
        }
        Ok(())
    }

    /// The file, when its last block is written too, if its bytes are what was signed. Whoever calls has waited for what was [`Ahead`].
    fn finish(&mut self, last: &[u8]) -> Result<File, StoreError> {
        self.put(last)?;
        self.judge()?;
        Ok(self.file.take().ok_or_else(|| io::Error::other("nothing was written"))?)
    }

    fn judge(&mut self) -> Result<(), StoreError> {
        let Some((hash, signed)) = self.hash.take() else { return Ok(()) };
        let sha256: [u8; 32] = hash.finalize().into();
        if Sha256::from(sha256) == signed { Ok(()) } else { Err(StoreError::Unexpected(Difference::Sha256)) }
    }
}

/// Syncs a long file while it comes. At its end its client would wait for all that the kernel had put off by then, which may be gigabytes.
///
/// No thread waits for such a sync: it runs on one of the same threads, and if all of them waited it would never have one.
struct Ahead {
    sync: Sync,
    unsynced: u64,
    running: Option<oneshot::Receiver<io::Result<()>>>,
}

impl Ahead {
    /// How many bytes come together before they are synced.
    const PIECE: u64 = 16 * 1024 * 1024;

    fn new(sync: Sync) -> Self {
        Self { sync, unsynced: 0, running: None }
    }

    /// So many bytes more of `file` are written. What fails may be earlier ones.
    fn wrote(&mut self, file: &File, bytes: u64) -> io::Result<()> {
        self.unsynced += bytes;
        if self.sync == Sync::Nothing || self.unsynced < Self::PIECE {
            return Ok(());
        }
        match self.running.as_mut().map(oneshot::Receiver::try_recv) {
            Some(Err(TryRecvError::Empty)) => return Ok(()),
            // The kernel tells of a failure once: whoever syncs the file next is told that all is well.
            Some(Ok(synced)) => synced?,
            Some(Err(TryRecvError::Closed)) => return Err(given_up()),
            None => {}
        }
        let (file, (done, running)) = (file.try_clone()?, oneshot::channel());
        drop(spawn_blocking(move || done.send(file.sync_data())));
        (self.unsynced, self.running) = (0, Some(running));
        Ok(())
    }

    /// Waits for what is under way.
    async fn end(&mut self) -> io::Result<()> {
        match self.running.take() {
            Some(running) => running.await.unwrap_or_else(|_| Err(given_up())),
            None => Ok(()),
        }
    }
}

fn given_up() -> io::Error {
    io::Error::other("a thread that wrote to the disk has ended")
}

/// A block is written while the next one comes in.
enum Step {
    Idle(Box<Writer>),
    Writing(JoinHandle<Result<Box<Writer>, StoreError>>),
    Failed,
}

/// An upload to a [`LocalStore`].
pub(super) struct LocalUpload {
    key: ObjectKey,
    place: Place,
    placing: Arc<Placing>,
    buffer: Vec<u8>,
    writer: Step,
}

impl LocalUpload {
    /// Of what is `expected`, by way of `incoming`, into room that is set aside.
    pub(super) fn new(
        store: &LocalStore,
        expected: &Expected<'_>,
        incoming: Incoming,
        reservation: Reservation,
    ) -> Self {
        let key = expected.key;
        let hash = expected.sha256.map(|signed| (sha2::Sha256::new(), signed));
        let ahead = Ahead::new(store.placing.sync);
        Self {
            key,
            place: Place { folder: store.folder(key.upload_type), file: store.path(key) },
            placing: Arc::clone(&store.placing),
            buffer: Vec::with_capacity(usize::try_from(expected.size).unwrap_or(BLOCK).min(BLOCK)),
            writer: Step::Idle(Box::new(Writer {
                file: None,
                incoming,
                hash,
                reservation,
                ahead,
                spare: Vec::new(),
            })),
        }
    }

    async fn writer(&mut self) -> Result<Box<Writer>, StoreError> {
        match std::mem::replace(&mut self.writer, Step::Failed) {
            Step::Idle(writer) => Ok(writer),
            Step::Writing(task) => task.await.map_err(io::Error::from)?,
            Step::Failed => Err(StoreError::Failed(io::Error::other("the upload has already failed"))),
        }
    }

    async fn flush(&mut self) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let mut block = std::mem::replace(&mut self.buffer, std::mem::take(&mut writer.spare));
        self.buffer.reserve_exact(BLOCK);
        self.writer = Step::Writing(spawn_blocking(move || {
            writer.write(&block)?;
            block.clear();
            writer.spare = block;
            Ok(writer)
        }));
        Ok(())
    }
}

#[async_trait]
impl Upload for LocalUpload {
    async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(BLOCK - self.buffer.len()));
            self.buffer.extend_from_slice(now);
            rest = later;
            if self.buffer.len() == BLOCK {
                self.flush().await?;
            }
        }
        Ok(())
    }

    async fn commit(mut self: Box<Self>) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        writer.ahead.end().await?;
        let Self { key, place, placing, buffer, .. } = *self;
        let (answer, answered) = oneshot::channel();
        drop(spawn_blocking(move || {
            let placed = writer
                .finish(&buffer)
                .and_then(|file| placing.place(key, &file, &writer.incoming.path, &place));
            match placed {
                // Nobody waits for the second name to go. Whoever gave up waiting does not mind.
                Ok(()) => {
                    let _ = answer.send(Ok(()));
                    writer.incoming.remove();
                }
                // What is refused leaves nothing.
                refused @ Err(_) => {
                    writer.incoming.remove();
                    let _ = answer.send(refused);
                }
            }
        }));
        answered.await.unwrap_or_else(|_| Err(given_up().into()))
    }
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

    use std::time::Duration;

    use super::*;
    use crate::domain::{Buckets, MediaType, ObjectName, UploadType};
    use crate::storage::ObjectStore;

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

    #[actix_web::test]
    async fn a_piece_is_synced_while_more_comes_and_waited_for_at_the_end() {
        let file = tempfile::tempfile().expect("a file");
        let mut ahead = Ahead::new(Sync::File);
        ahead.wrote(&file, Ahead::PIECE - 1).expect("it is written");
        assert!(ahead.running.is_none());
        ahead.wrote(&file, 1).expect("it is written");
        assert!(ahead.running.is_some() && ahead.unsynced == 0);
        ahead.end().await.expect("it is synced");
        let mut relaxed = Ahead::new(Sync::Nothing);
        relaxed.wrote(&file, Ahead::PIECE).expect("it is written");
        assert!(relaxed.running.is_none());
    }

    #[actix_web::test]
    async fn what_could_not_be_synced_ahead_fails_the_upload() {
        let file = tempfile::tempfile().expect("a file");
        let failed = || {
            let (done, running) = oneshot::channel::<io::Result<()>>();
            done.send(Err(io::ErrorKind::StorageFull.into())).expect("somebody listens");
            Ahead { running: Some(running), ..Ahead::new(Sync::File) }
        };
        let while_it_comes = failed().wrote(&file, Ahead::PIECE).expect_err("it failed");
        let at_its_end = failed().end().await.expect_err("it failed");
        assert_eq!([while_it_comes.kind(), at_its_end.kind()], [io::ErrorKind::StorageFull; 2]);
        let (done, running) = oneshot::channel();
        drop(done);
        let mut ended = Ahead { running: Some(running), ..Ahead::new(Sync::File) };
        ended.end().await.expect_err("nobody knows what became of it");
    }

    /// The last bytes of an upload started a sync, and waited on one thread that may wait for another: when each of them did, none was left.
    #[test]
    fn an_upload_ends_on_the_only_thread_that_may_wait() {
        let folder = tempfile::tempdir().expect("a folder");
        let media_type = MediaType::parse("image/png").expect("a media type");
        let key = ObjectKey { upload_type: UploadType::Table, name: ObjectName::fresh() };
        let expected = Expected { key, media_type: &media_type, size: 5, sha256: None };
        let buckets = Buckets { public: "public".to_owned(), private: "private".to_owned() };
        let work = async {
            let store = LocalStore::open(folder.path(), buckets, Durability::Full, 0).expect("a store");
            let incoming = Incoming { path: folder.path().join("incoming") };
            let reservation = store.space.reserve(5).await.expect("room");
            let mut upload = LocalUpload::new(&store, &expected, incoming, reservation);
            let Step::Idle(writer) = &mut upload.writer else { panic!("nothing was sent") };
            writer.ahead.unsynced = Ahead::PIECE - 1;
            upload.write(Bytes::from_static(b"12345")).await.expect("they are taken");
            Box::new(upload).commit().await.expect("it is stored");
            assert_eq!(store.find(key).await.expect("it is there").size(), 5);
        };
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().max_blocking_threads(1).build().expect("a runtime");
        let done = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(20), work).await });
        runtime.shutdown_background();
        done.expect("no thread waits for itself");
    }
}
