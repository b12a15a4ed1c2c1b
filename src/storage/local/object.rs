//! Reading a stored file. What the kernel has in memory is read at once, on the thread that serves the request: to hand such a read to another
//! thread and back takes longer than the read. Only what would wait for the disk goes to a thread that may wait.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSliceMut, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::web::Bytes;
use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::io::{ReadWriteFlags, preadv2};

use super::disk::Disk;
use super::not_missing;
use crate::storage::{ByteStream, ReadableObject, StoreError, StoredObject};

/// How many bytes are read at a time. actix puts a block behind its headers, or its like, into a buffer that it keeps as long as that has no more
/// than 64 KiB; a larger one it makes anew for each block.
const BLOCK: usize = 56 * 1024;

/// Only what was put there counts: a link would lead elsewhere, and to open a pipe would wait for a writer.
const FLAGS: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

/// A stored file, open.
pub(super) struct LocalObject {
    file: Arc<File>,
    size: u64,
    disk: Arc<Disk>,
}

impl LocalObject {
    /// The file at `path`.
    pub(super) async fn open(path: PathBuf, disk: &Arc<Disk>) -> Result<Self, StoreError> {
        let (file, size) = match open_cached(&path) {
            Some(file) => sized(file)?,
            None => disk.run(move || open_file(&path).map_err(|error| missing_from(&path, error))).await?,
        };
        Ok(Self { file: Arc::new(file), size, disk: Arc::clone(disk) })
    }
}

/// The file, if the kernel knows the way there without asking the disk (`openat2`, Linux 5.12). Whatever else is the matter is told by
/// [`open_file`].
fn open_cached(path: &Path) -> Option<File> {
    openat2(CWD, path, FLAGS, Mode::empty(), ResolveFlags::CACHED).ok().map(File::from)
}

/// The file at `path` and its size.
pub(super) fn open_file(path: &Path) -> io::Result<(File, u64)> {
    sized(OpenOptions::new().read(true).custom_flags(FLAGS.bits().cast_signed()).open(path)?)
}

fn sized(file: File) -> io::Result<(File, u64)> {
    let metadata = file.metadata()?;
    if metadata.is_file() {
        Ok((file, metadata.len()))
    } else {
        Err(io::Error::other("what stands there is no file"))
    }
}

/// Nothing is missing from a folder that is not there itself: it may be on a disk that is away.
fn missing_from(path: &Path, error: io::Error) -> StoreError {
    if path.parent().is_some_and(Path::is_dir) { error.into() } else { not_missing(error) }
}

/// Fills `block` from `at` on, as far as the kernel has that in memory (`preadv2` with `RWF_NOWAIT`), and says how far. 0 if it has none of
/// it, or cannot say.
fn read_cached(file: &File, at: u64, block: &mut [u8]) -> usize {
    preadv2(file, &mut [IoSliceMut::new(block)], at, ReadWriteFlags::NOWAIT).unwrap_or(0)
}

#[async_trait]
impl StoredObject for LocalObject {
    fn size(&self) -> u64 {
        self.size
    }

    async fn prefix(&self, limit: usize) -> Result<Vec<u8>, StoreError> {
        let file = Arc::clone(&self.file);
        let reading = move || {
            let mut prefix = Vec::new();
            (&*file).take(limit as u64).read_to_end(&mut prefix)?;
            Ok(prefix)
        };
        self.disk.run(reading).await
    }
}

impl ReadableObject for LocalObject {
    fn stream(self: Box<Self>, offset: u64, length: u64) -> ByteStream {
        let (end, disk) = (offset + length, self.disk);
        let spare = Spare::default();
        stream::try_unfold((self.file, offset), move |(file, at)| {
            let (spare, disk) = (spare.clone(), Arc::clone(&disk));
            async move {
                if at >= end {
                    return Ok(None);
                }
                let wanted = usize::try_from(end - at).unwrap_or(BLOCK).min(BLOCK);
                let mut block = spare.take();
                block.resize(wanted, 0);
                let mut read = read_cached(&file, at, &mut block);
                if read == 0 {
                    let reader = Arc::clone(&file);
                    // A read from a disk that does not answer would hold the connection for ever.
                    block = disk.run(move || reader.read_exact_at(&mut block, at).map(|()| block)).await?;
                    read = wanted;
                }
                block.truncate(read);
                let next = at + read as u64;
                let bytes = if next == end {
                    Bytes::from(block)
                } else {
                    Bytes::from_owner(Block { bytes: block, spare })
                };
                Ok(Some((bytes, (file, next))))
            }
        })
        .boxed()
    }
}

/// The memory of the last block, for the next one: memory of that size goes back to the kernel each time, and comes back cleared.
#[derive(Clone, Default)]
struct Spare(Arc<Mutex<Vec<u8>>>);

impl Spare {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A block that is being sent.
struct Block {
    bytes: Vec<u8>,
    spare: Spare,
}

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        *self.spare.0.lock().unwrap_or_else(PoisonError::into_inner) = std::mem::take(&mut self.bytes);
    }
}
