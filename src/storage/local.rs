//! Objects as files: `{root}/{bucket}/{directory}/{name}`, and `{root}/.incoming/` for what is still coming.
//!
//! A file is written beside the tree, flushed, and then linked into it, which fails where a file already stands. So a crash
//! at any point leaves either the whole file or none, and what it leaves in `.incoming` is cleared at the next start.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use actix_web::web::Bytes;
use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use rustix::fs::OFlags;
use sha2::Digest;
use tokio::task::{JoinHandle, spawn_blocking};
use uuid::Uuid;

use super::{
    ByteStream, Cursor, ObjectStore, Page, ReadableObject, Relay, Section, Stage, StoreError, StoredObject,
    Transfer, Upload,
};
use crate::domain::{Buckets, ObjectKey, ObjectName, Sha256, UploadType};

/// How many bytes go to or come from the disk at a time. Each upload holds two of these, whatever its size.
const BLOCK: usize = 256 * 1024;

/// The folder, in the root, of what is still coming. A bucket's name does not begin with a dot.
const INCOMING: &str = ".incoming";

/// The file, in the root, that the process which serves it has locked.
const LOCK: &str = ".lock";

/// The file, in the root, with the id of the registry that knows its objects.
const OWNER: &str = ".owner";

/// A store in a folder of a local file system.
#[derive(Clone)]
pub struct LocalStore {
    root: Arc<Path>,
    buckets: Arc<Buckets>,
    // Held for its lock, which the kernel lets go of with the process.
    _lock: Option<Arc<File>>,
}

/// The folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UnusableFolder {
    /// Another process has it.
    #[error("another process already serves the files in {}", .0.display())]
    InUse(PathBuf),
    /// The operating system says no.
    #[error("cannot use {} to store files", path.display())]
    Failed {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl LocalStore {
    /// The store in `root`, with every folder that it needs, and without what earlier uploads left unfinished.
    pub fn open(root: &Path, buckets: Buckets) -> Result<Self, UnusableFolder> {
        let unusable = |path: &Path| {
            let path = path.to_owned();
            move |source| UnusableFolder::Failed { path, source }
        };
        let incoming = root.join(INCOMING);
        fs::create_dir_all(&incoming).map_err(unusable(&incoming))?;
        let lock = lock(&root.join(LOCK))?;
        let store = Self { root: root.into(), buckets: Arc::new(buckets), _lock: Some(Arc::new(lock)) };
        for entry in fs::read_dir(&incoming).map_err(unusable(&incoming))? {
            let path = entry.map_err(unusable(&incoming))?.path();
            fs::remove_file(&path).map_err(unusable(&path))?;
        }
        for upload_type in UploadType::ALL {
            let folder = store.folder(upload_type);
            fs::create_dir_all(&folder).map_err(unusable(&folder))?;
        }
        Ok(store)
    }

    /// The store in `root` beside the process that serves it: to look and to remove, and not to add.
    #[must_use]
    pub fn beside(root: &Path, buckets: Buckets) -> Self {
        Self { root: root.into(), buckets: Arc::new(buckets), _lock: None }
    }

    fn folder(&self, upload_type: UploadType) -> PathBuf {
        self.root.join(self.buckets.of(upload_type)).join(upload_type.directory())
    }

    fn path(&self, key: ObjectKey) -> PathBuf {
        self.folder(key.upload_type).join(key.name.to_string())
    }
}

/// Takes the folder for this process, whose start clears what it takes for left over.
fn lock(path: &Path) -> Result<File, UnusableFolder> {
    let failed = |source| UnusableFolder::Failed { path: path.to_owned(), source };
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => {
            Err(UnusableFolder::InUse(path.parent().unwrap_or(path).to_owned()))
        }
        Err(fs::TryLockError::Error(source)) => Err(failed(source)),
    }
}

#[async_trait]
impl Relay for LocalStore {
    async fn begin(&self, key: ObjectKey, size: u64) -> Result<Box<dyn Upload>, StoreError> {
        let incoming = Incoming { path: self.root.join(INCOMING).join(Uuid::now_v7().simple().to_string()) };
        let capacity = usize::try_from(size).unwrap_or(BLOCK).min(BLOCK);
        let store = self.clone();
        Ok(Box::new(LocalUpload {
            place: store.path(key),
            folder: store.folder(key.upload_type),
            buffer: Vec::with_capacity(capacity),
            writer: Step::Idle(Writer { file: None, incoming, hash: sha2::Sha256::new() }),
        }))
    }

    async fn open(&self, key: ObjectKey) -> Result<Box<dyn ReadableObject>, StoreError> {
        Ok(Box::new(self.object(key).await?))
    }
}

impl LocalStore {
    async fn object(&self, key: ObjectKey) -> Result<LocalObject, StoreError> {
        let path = self.path(key);
        let (file, size) = blocking(move || {
            // Only what was put there counts: a link would lead elsewhere, and to open a pipe would wait for a writer.
            let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
            let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
            let metadata = file.metadata()?;
            if !metadata.is_file() {
                return Err(StoreError::Failed(io::Error::other("what stands there is no file")));
            }
            Ok((file, metadata.len()))
        })
        .await?;
        Ok(LocalObject { file: Arc::new(file), size })
    }
}

#[async_trait]
impl ObjectStore for LocalStore {
    async fn find(&self, key: ObjectKey) -> Result<Box<dyn StoredObject>, StoreError> {
        Ok(Box::new(self.object(key).await?))
    }

    async fn owner(&self) -> Result<Option<String>, StoreError> {
        let path = self.root.join(OWNER);
        blocking(move || match fs::read_to_string(path) {
            Ok(id) => Ok(Some(id.trim().to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        })
        .await
    }

    async fn set_owner(&self, id: &str) -> Result<(), StoreError> {
        let (path, unfinished) = (self.root.join(OWNER), self.root.join(INCOMING).join(OWNER));
        let text = format!("{id}\n");
        blocking(move || {
            let write = || {
                let mut file = File::create(&unfinished)?;
                file.write_all(text.as_bytes())?;
                file.sync_all()?;
                fs::rename(&unfinished, &path)
            };
            write().map_err(not_missing)
        })
        .await
    }

    fn transfer(&self) -> Transfer<'_> {
        Transfer::Relayed(self)
    }

    fn sections(&self) -> Vec<Section> {
        // What is still coming goes by itself.
        UploadType::ALL.map(|upload_type| Section { upload_type, stage: Stage::Final }).to_vec()
    }

    async fn list(&self, section: Section, _: Option<Cursor>, until: ObjectName) -> Result<Page, StoreError> {
        let folder = self.folder(section.upload_type);
        blocking(move || {
            let mut page = Page::default();
            for entry in fs::read_dir(folder).map_err(not_missing)? {
                match entry?.file_name().to_str().and_then(|name| ObjectName::parse(name).ok()) {
                    Some(name) if name <= until => page.names.push(name),
                    Some(_) => {}
                    None => page.foreign += 1,
                }
            }
            // A folder has no order of its own, so all of it is one page: 16 bytes for each file.
            page.names.sort_unstable();
            Ok(page)
        })
        .await
    }

    async fn remove(&self, section: Section, name: ObjectName) -> Result<(), StoreError> {
        let path = self.path(ObjectKey { upload_type: section.upload_type, name });
        blocking(move || match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        })
        .await
    }

    async fn check(&self) -> Result<(), StoreError> {
        let folders: Vec<_> =
            UploadType::ALL.into_iter().map(|upload_type| self.folder(upload_type)).collect();
        let probe =
            Incoming { path: self.root.join(INCOMING).join(format!("probe-{}", Uuid::now_v7().simple())) };
        blocking(move || {
            for folder in folders {
                fs::metadata(folder).map_err(not_missing)?;
            }
            probe.create().and_then(|mut file| file.write_all(b"probe")).map_err(not_missing)
        })
        .await
    }
}

/// A file in `.incoming`, which goes when this is dropped: by then it is either linked into the tree or not wanted.
struct Incoming {
    path: PathBuf,
}

impl Incoming {
    fn create(&self) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).mode(0o640).open(&self.path)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "an unfinished file is left behind until the next start");
        }
    }
}

/// What one upload has on the disk. It travels to the blocking thread and back with each block.
struct Writer {
    file: Option<File>,
    incoming: Incoming,
    hash: sha2::Sha256,
}

impl Writer {
    fn write(&mut self, block: &[u8]) -> Result<(), StoreError> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(self.incoming.create().map_err(not_missing)?),
        };
        file.write_all(block)?;
        self.hash.update(block);
        Ok(())
    }
}

/// A block is written while the next one comes in.
enum Step {
    Idle(Writer),
    Writing(JoinHandle<Result<Writer, StoreError>>),
    Failed,
}

struct LocalUpload {
    place: PathBuf,
    folder: PathBuf,
    buffer: Vec<u8>,
    writer: Step,
}

impl LocalUpload {
    async fn writer(&mut self) -> Result<Writer, StoreError> {
        match std::mem::replace(&mut self.writer, Step::Failed) {
            Step::Idle(writer) => Ok(writer),
            Step::Writing(task) => task.await.map_err(io::Error::from)?,
            Step::Failed => Err(StoreError::Failed(io::Error::other("the upload has already failed"))),
        }
    }

    async fn flush(&mut self) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let block = std::mem::replace(&mut self.buffer, Vec::with_capacity(BLOCK));
        self.writer = Step::Writing(spawn_blocking(move || writer.write(&block).map(|()| writer)));
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

    async fn finish(&mut self) -> Result<Sha256, StoreError> {
        let mut writer = self.writer().await?;
        let block = std::mem::take(&mut self.buffer);
        let (writer, sha256) = blocking(move || {
            writer.write(&block)?;
            let sha256: [u8; 32] = writer.hash.clone().finalize().into();
            Ok((writer, Sha256::from(sha256)))
        })
        .await?;
        self.writer = Step::Idle(writer);
        Ok(sha256)
    }

    async fn commit(mut self: Box<Self>) -> Result<(), StoreError> {
        let writer = self.writer().await?;
        let Self { place, folder, .. } = *self;
        blocking(move || {
            let Writer { file, incoming, .. } = writer;
            let file = file.ok_or_else(|| io::Error::other("nothing was finished"))?;
            file.sync_all()?;
            match fs::hard_link(&incoming.path, &place) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    if !same_bytes(&incoming.path, &place).map_err(not_missing)? {
                        return Err(StoreError::Taken);
                    }
                }
                Err(error) => return Err(not_missing(error)),
            }
            // The link itself is on the disk only now.
            File::open(&folder).and_then(|folder| folder.sync_all()).map_err(not_missing)
        })
        .await
    }
}

/// To a writer, a missing folder is a failure of the store and not a missing object.
fn not_missing(error: io::Error) -> StoreError {
    match StoreError::from(error) {
        StoreError::NotFound => StoreError::Failed(io::ErrorKind::NotFound.into()),
        other => other,
    }
}

fn same_bytes(one: &Path, other: &Path) -> io::Result<bool> {
    let (mut one, mut other) = (File::open(one)?, File::open(other)?);
    if one.metadata()?.len() != other.metadata()?.len() {
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

struct LocalObject {
    file: Arc<File>,
    size: u64,
}

#[async_trait]
impl StoredObject for LocalObject {
    fn size(&self) -> u64 {
        self.size
    }

    async fn prefix(&self, limit: usize) -> Result<Vec<u8>, StoreError> {
        let file = Arc::clone(&self.file);
        blocking(move || {
            let mut prefix = Vec::new();
            (&*file).take(limit as u64).read_to_end(&mut prefix)?;
            Ok(prefix)
        })
        .await
    }
}

impl ReadableObject for LocalObject {
    fn stream(self: Box<Self>, offset: u64, length: u64) -> ByteStream {
        let end = offset + length;
        stream::try_unfold((self.file, offset), move |(file, at)| async move {
            if at >= end {
                return Ok(None);
            }
            let wanted = usize::try_from(end - at).unwrap_or(BLOCK).min(BLOCK);
            let reader = Arc::clone(&file);
            let block = spawn_blocking(move || {
                let mut block = vec![0; wanted];
                reader.read_exact_at(&mut block, at).map(|()| block)
            })
            .await??;
            Ok(Some((Bytes::from(block), (file, at + wanted as u64))))
        })
        .boxed()
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    spawn_blocking(work).await.map_err(io::Error::from)?
}
