//! Writing a file: beside the tree, until all of it has come, and then into it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Bytes;
use async_trait::async_trait;
use sha2::Digest;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};

use super::ahead::Ahead;
use super::disk::{Disk, Slot};
use super::placing::{Place, Placing};
use super::space::Reservation;
use super::{Access, LocalStore, create, given_up, not_missing};
use crate::domain::{ObjectKey, Sha256};
use crate::storage::{Difference, Expected, StoreError, Upload};

/// How many bytes are written at a time. Each upload holds two of these, whatever its size.
const BLOCK: usize = 64 * 1024;

/// The slowest rate, in bytes a second, at which a healthy disk syncs a large file, or reads it to
/// compare it with another.
const MIN_DISK_RATE: u64 = 20_000_000;

/// A file in `.incoming`, which goes when this is dropped: by then it is either linked into the tree or not wanted.
pub(super) struct Incoming {
    path: PathBuf,
    access: Access,
    exists: bool,
    /// Slot of the upload whose file this is, held until the file is removed.
    slot: Option<Slot>,
}

impl Incoming {
    /// A file at `path` that is not created yet.
    pub(super) fn new(path: PathBuf, access: Access, slot: Option<Slot>) -> Self {
        Self { path, access, exists: false, slot }
    }

    pub(super) fn create(&mut self) -> io::Result<File> {
        let file = create(&self.path, self.access)?;
        self.exists = true;
        Ok(file)
    }

    /// Removes it, on a thread that may wait for the disk.
    fn remove(mut self) {
        if std::mem::take(&mut self.exists) {
            remove(&self.path);
        }
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if !self.exists {
            return;
        }
        let (path, slot) = (std::mem::take(&mut self.path), self.slot.take());
        // An upload that is given up is dropped where requests are served, and the disk may take its time.
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(move || {
                remove(&path);
                drop(slot);
            })),
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
        Ok(self.ahead.wrote(file, block.len() as u64, self.incoming.slot.as_ref())?)
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
    fn finish(&mut self, last: &[u8]) -> Result<&File, StoreError> {
        self.put(last)?;
        self.judge()?;
        Ok(self.file.as_ref().ok_or_else(|| io::Error::other("nothing was written"))?)
    }

    fn judge(&mut self) -> Result<(), StoreError> {
        let Some((hash, signed)) = self.hash.take() else { return Ok(()) };
        let sha256: [u8; 32] = hash.finalize().into();
        if Sha256::from(sha256) == signed { Ok(()) } else { Err(StoreError::Unexpected(Difference::Sha256)) }
    }
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
    place: Arc<Place>,
    placing: Arc<Placing>,
    disk: Arc<Disk>,
    /// The time that the commit may take besides the timeout.
    extra: Duration,
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
            place: Arc::new(store.place(key)),
            placing: Arc::clone(&store.placing),
            disk: Arc::clone(&store.disk),
            extra: Duration::from_secs(expected.size / MIN_DISK_RATE),
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
            // After the timeout the task goes on with the writer, and removes its file.
            Step::Writing(task) => {
                let writing = async { task.await.map_err(io::Error::from)? };
                self.disk.within(Duration::ZERO, writing).await
            }
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

    async fn commit(&mut self) -> Result<(), StoreError> {
        let disk = Arc::clone(&self.disk);
        disk.within(self.extra, self.publish()).await
    }
}

impl LocalUpload {
    /// Publishes the file. If the caller stops waiting, this goes on: the file that becomes visible
    /// then is whole and as signed.
    async fn publish(&mut self) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        writer.ahead.end().await?;
        let (key, last) = (self.key, std::mem::take(&mut self.buffer));
        let (place, placing) = (Arc::clone(&self.place), Arc::clone(&self.placing));
        let (answer, answered) = oneshot::channel();
        drop(spawn_blocking(move || {
            let path = writer.incoming.path.clone();
            let placed = writer.finish(&last).and_then(|file| placing.place(key, file, &path, &place));
            match placed {
                // Nobody waits for the second name to go. Whoever gave up waiting does not mind.
                Ok(()) => {
                    // The client may send the next one at once.
                    writer.incoming.slot = None;
                    let _ = answer.send(Ok(()));
                    writer.incoming.remove();
                }
                // The file that is in the way may be removed, and this one published then.
                Err(StoreError::Torn) => {
                    let _ = answer.send(Err((StoreError::Torn, Some(writer))));
                }
                // What is refused leaves nothing.
                Err(refused) => {
                    writer.incoming.remove();
                    let _ = answer.send(Err((refused, None)));
                }
            }
        }));
        let (error, writer) = match answered.await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(refused)) => refused,
            Err(_) => (given_up().into(), None),
        };
        if let Some(writer) = writer {
            self.writer = Step::Idle(writer);
        }
        Err(error)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use futures_util::StreamExt;
    use tempfile::TempDir;

    use super::*;
    use crate::domain::{Buckets, MediaType, ObjectName, UploadType};
    use crate::storage::local::{DISK_TIMEOUT, Durability, LocalOptions};
    use crate::storage::{ObjectStore, Relay};

    const PATIENCE: Duration = Duration::from_secs(20);

    fn key() -> ObjectKey {
        ObjectKey { upload_type: UploadType::Table, name: ObjectName::fresh() }
    }

    fn store(folder: &TempDir, options: LocalOptions) -> LocalStore {
        let buckets = Buckets { public: "public".to_owned(), private: "private".to_owned() };
        LocalStore::open(folder.path(), buckets, &options).expect("a store")
    }

    /// One upload at once, and a disk that is measured first.
    fn options(disk_timeout: Duration) -> LocalOptions {
        LocalOptions {
            durability: Durability::Full,
            access: Access::Owner,
            min_free: 1,
            max_uploads: 1,
            disk_timeout,
        }
    }

    /// Runs `work` where one thread may wait for the disk.
    fn with_one_thread(work: impl Future<Output = ()>) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().max_blocking_threads(1).build().expect("a runtime");
        let done = runtime.block_on(async { tokio::time::timeout(PATIENCE, work).await });
        runtime.shutdown_background();
        done.expect("it ends");
    }

    /// Occupies the thread, as a call to a disk that does not answer does, until the sender is
    /// dropped.
    fn stall() -> mpsc::Sender<()> {
        let (answer, answered) = mpsc::channel();
        drop(spawn_blocking(move || answered.recv()));
        answer
    }

    fn is_late<T>(result: Result<T, StoreError>) -> bool {
        matches!(result, Err(StoreError::Failed(error)) if error.kind() == io::ErrorKind::TimedOut)
    }

    /// The last bytes of an upload started a sync, and waited on one thread that may wait for another: when each of them did, none was left.
    #[test]
    fn an_upload_ends_on_the_only_thread_that_may_wait() {
        let folder = tempfile::tempdir().expect("a folder");
        let media_type = MediaType::parse("image/png").expect("a media type");
        let expected = Expected { key: key(), media_type: &media_type, size: 5, sha256: None };
        with_one_thread(async {
            let store = store(&folder, options(DISK_TIMEOUT));
            let slot = Arc::new(Arc::clone(&store.uploads).try_acquire_owned().expect("a slot"));
            let incoming = Incoming::new(folder.path().join("incoming"), Access::Owner, None);
            let reservation = store.space.reserve(5, slot).await.expect("room");
            let mut upload = LocalUpload::new(&store, &expected, incoming, reservation);
            let Step::Idle(writer) = &mut upload.writer else { panic!("nothing was sent") };
            writer.ahead.unsynced = Ahead::PIECE - 1;
            upload.write(Bytes::from_static(b"12345")).await.expect("they are taken");
            upload.commit().await.expect("it is stored");
            assert_eq!(store.find(expected.key).await.expect("it is there").size(), 5);
        });
    }

    /// The step of an upload that waits for the disk when it stops to answer.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Stalls {
        Begin,
        Write,
        Commit,
    }

    /// Such an upload held its slot, its keyed lock and its connection for as long as the disk did
    /// not answer.
    #[test]
    fn an_upload_is_given_up_after_the_timeout_and_keeps_its_slot() {
        for step in [Stalls::Begin, Stalls::Write, Stalls::Commit] {
            let folder = tempfile::tempdir().expect("a folder");
            let media_type = MediaType::parse("image/png").expect("a media type");
            let size = 3 * BLOCK as u64;
            let expected = Expected { key: key(), media_type: &media_type, size, sha256: None };
            with_one_thread(async {
                let store = store(&folder, options(Duration::from_millis(100)));
                let disk = if step == Stalls::Begin {
                    let disk = stall();
                    assert!(is_late(store.begin(&expected).await));
                    disk
                } else {
                    let mut upload = store.begin(&expected).await.expect("it begins");
                    let mut disk = (step == Stalls::Write).then(stall);
                    let blocks = upload.write(Bytes::from(vec![7; 3 * BLOCK])).await;
                    if step == Stalls::Write {
                        assert!(is_late(blocks));
                    } else {
                        blocks.expect("they are taken");
                        disk = Some(stall());
                        assert!(is_late(upload.commit().await));
                    }
                    disk.expect("it is stalled")
                };
                let other = Expected { key: key(), ..expected };
                let busy = store.begin(&other).await;
                assert!(matches!(busy, Err(StoreError::Busy)), "{step:?}: a thread still has its blocks");
                drop(disk);
                let mut upload = loop {
                    match store.begin(&other).await {
                        Ok(upload) => break upload,
                        Err(error) => assert!(matches!(error, StoreError::Busy), "{step:?}: {error}"),
                    }
                    tokio::task::yield_now().await;
                };
                upload.write(Bytes::from(vec![7; 3 * BLOCK])).await.expect("they are taken");
                upload.commit().await.expect("it is stored");
                // An upload that was given up is whole, or not there at all.
                match (step, store.find(expected.key).await) {
                    (_, Err(StoreError::NotFound)) => {}
                    (Stalls::Commit, Ok(object)) => assert_eq!(object.size(), size),
                    (_, found) => panic!("{step:?}: {:?}", found.map(|object| object.size())),
                }
            });
        }
    }

    /// A reader held its connection for as long as the disk did not answer.
    #[test]
    fn a_call_is_given_up_after_the_timeout() {
        let folder = tempfile::tempdir().expect("a folder");
        with_one_thread(async {
            let store = store(&folder, options(Duration::from_millis(100)));
            let stored = key();
            fs::write(store.path(stored), "bytes").expect("it is written");
            let object = store.open(stored).await.expect("it is there");
            // Bytes that are not in memory: the kernel has none of them.
            fs::write(store.path(stored), "").expect("it is truncated");
            let disk = stall();
            let late = object.stream(0, 5).next().await.expect("an end").expect_err("no bytes");
            assert_eq!(late.kind(), io::ErrorKind::TimedOut);
            assert!(is_late(store.find(key()).await.map(drop)));
            assert!(is_late(store.open(key()).await.map(drop)));
            assert!(is_late(store.check().await));
            assert!(is_late(store.owner().await));
            drop(disk);
        });
    }
}
