//! Objects as files: `{root}/{bucket}/{directory}/{name}`, and `{root}/.incoming/` for what is still coming.
//!
//! A file is written beside the tree and then linked into it, which fails where a file already stands. So a crash
//! of the process at any point leaves either the whole file or none, and what it leaves in
//! `.incoming` is cleared at the next start. A power cut can leave a short file: see the module `placing`.

mod access;
mod ahead;
mod disk;
mod incoming;
mod object;
mod placing;
mod space;
mod upload;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use clap::ValueEnum;
use rustix::fs::OFlags;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::{
    Cursor, Expected, ObjectStore, Page, ReadableObject, Relay, Section, Stage, StoreError, StoredObject,
    Transfer, Upload,
};
use crate::domain::{Buckets, ObjectKey, ObjectName, UploadType};
use crate::modes;

use disk::Disk;
use incoming::IncomingName;
use object::LocalObject;
use placing::{Place, Placing};
use space::Space;
use upload::{Incoming, LocalUpload};

pub use access::Access;
pub use disk::DISK_TIMEOUT;

/// The folder, in the root, of what is still coming. A bucket's name does not begin with a dot.
const INCOMING: &str = ".incoming";

/// The file, in the root, that the process which serves it has locked.
const LOCK: &str = ".lock";

const LOCK_MODE: u32 = 0o600;

/// The file, in the root, with the id of the registry that knows its objects.
const OWNER: &str = ".owner";

/// When an upload counts as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Durability {
    /// When it is on the disk: it survives a power failure
    Full,
    /// When the operating system has it: it survives an end of the service, but a power failure may cost the last half minute
    Relaxed,
}

/// The time that a listing may take besides the timeout: a folder of millions of files is read in
/// one piece.
const LISTING: Duration = Duration::from_mins(10);

/// Settings of a local store.
#[derive(Clone, Copy, Debug)]
pub struct LocalOptions {
    /// When an upload counts as stored.
    pub durability: Durability,
    /// The users of the machine who may read the files.
    pub access: Access,
    /// The bytes of the disk that stay free.
    pub min_free: u64,
    /// The most uploads at once.
    pub max_uploads: usize,
    /// The timeout of each call to the disk: [`DISK_TIMEOUT`].
    pub disk_timeout: Duration,
}

/// A store in a folder of a local file system.
#[derive(Clone)]
pub struct LocalStore {
    root: Arc<Path>,
    buckets: Arc<Buckets>,
    placing: Arc<Placing>,
    space: Arc<Space>,
    disk: Arc<Disk>,
    uploads: Arc<Semaphore>,
    access: Access,
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
    /// The store in `root`, with every folder that it needs, and without what earlier uploads left
    /// unfinished.
    pub fn open(root: &Path, buckets: Buckets, options: &LocalOptions) -> Result<Self, UnusableFolder> {
        let unusable = |path: &Path| {
            let path = path.to_owned();
            move |source| UnusableFolder::Failed { path, source }
        };
        let incoming = root.join(INCOMING);
        let mode = options.access.folder_mode();
        // The folders of an earlier version may be open to others.
        for folder in [root, &incoming] {
            modes::create_folder(folder, mode).map_err(unusable(folder))?;
        }
        let lock = lock(&root.join(LOCK))?;
        let placing = Placing::new(&incoming, options.durability).map_err(unusable(&incoming))?;
        let store = Self { _lock: Some(Arc::new(lock)), ..Self::at(root, buckets, placing, options) };
        for entry in fs::read_dir(&incoming).map_err(unusable(&incoming))? {
            let path = entry.map_err(unusable(&incoming))?.path();
            store.placing.clear(&path, |key| store.place(key)).map_err(unusable(&path))?;
        }
        for upload_type in UploadType::ALL {
            let bucket = store.root.join(store.buckets.of(upload_type));
            for (parent, folder) in [(root, &bucket), (&bucket, &store.folder(upload_type))] {
                if modes::create_folder(folder, mode).map_err(unusable(folder))? {
                    store.placing.sync.folder(parent).map_err(unusable(parent))?;
                }
            }
        }
        Ok(store)
    }

    /// The store in `root` beside the process that serves it: to look and to remove, and not to add.
    #[must_use]
    pub fn beside(root: &Path, buckets: Buckets) -> Self {
        let options = LocalOptions {
            durability: Durability::Relaxed,
            access: Access::Owner,
            min_free: 0,
            max_uploads: 0,
            disk_timeout: DISK_TIMEOUT,
        };
        Self::at(root, buckets, Placing::default(), &options)
    }

    fn at(root: &Path, buckets: Buckets, placing: Placing, options: &LocalOptions) -> Self {
        let root: Arc<Path> = root.into();
        Self {
            buckets: Arc::new(buckets),
            placing: Arc::new(placing),
            space: Arc::new(Space::new(Arc::clone(&root), options.min_free)),
            disk: Arc::new(Disk::new(options.disk_timeout)),
            uploads: Arc::new(Semaphore::new(options.max_uploads)),
            access: options.access,
            root,
            _lock: None,
        }
    }

    fn folder(&self, upload_type: UploadType) -> PathBuf {
        self.root.join(self.buckets.of(upload_type)).join(upload_type.directory())
    }

    fn path(&self, key: ObjectKey) -> PathBuf {
        self.folder(key.upload_type).join(key.name.to_string())
    }

    fn place(&self, key: ObjectKey) -> Place {
        Place { folder: self.folder(key.upload_type), file: self.path(key) }
    }
}

/// Takes the folder for this process, whose start clears what it takes for left over.
fn lock(path: &Path) -> Result<File, UnusableFolder> {
    let failed = |source| UnusableFolder::Failed { path: path.to_owned(), source };
    let flags = OFlags::NOFOLLOW.bits().cast_signed();
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(LOCK_MODE).custom_flags(flags);
    let file = options.open(path).map_err(failed)?;
    // Whoever can open the file can hold the lock, and keep the service from starting.
    modes::set_file(&file, path, LOCK_MODE).map_err(failed)?;
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
    async fn begin(&self, expected: &Expected<'_>) -> Result<Box<dyn Upload>, StoreError> {
        let slot = Arc::clone(&self.uploads).try_acquire_owned().map_err(|_| StoreError::Busy)?;
        let slot = Arc::new(slot);
        let reserving = self.space.reserve(expected.size, Arc::clone(&slot));
        let reservation = self.disk.within(Duration::ZERO, reserving).await?;
        let name = IncomingName::fresh(expected).to_string();
        let incoming = Incoming::new(self.root.join(INCOMING).join(name), self.access, Some(slot));
        Ok(Box::new(LocalUpload::new(self, expected, incoming, reservation)))
    }

    async fn discard_torn(&self, expected: &Expected<'_>) -> Result<(), StoreError> {
        let (placing, place) = (Arc::clone(&self.placing), self.path(expected.key));
        let (key, size) = (expected.key, expected.size);
        self.disk.run(move || placing.discard_torn(key, size, &place).map_err(not_missing)).await
    }

    async fn open(&self, key: ObjectKey) -> Result<Box<dyn ReadableObject>, StoreError> {
        Ok(Box::new(LocalObject::open(self.path(key), &self.disk).await?))
    }
}

#[async_trait]
impl ObjectStore for LocalStore {
    async fn find(&self, key: ObjectKey) -> Result<Box<dyn StoredObject>, StoreError> {
        self.placing.settled(key).await;
        Ok(Box::new(LocalObject::open(self.path(key), &self.disk).await?))
    }

    async fn owner(&self) -> Result<Option<String>, StoreError> {
        let path = self.root.join(OWNER);
        self.disk
            .run(move || match fs::read_to_string(path) {
                Ok(id) => Ok(Some(id.trim().to_owned())),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error.into()),
            })
            .await
    }

    async fn set_owner(&self, id: &str) -> Result<(), StoreError> {
        let (path, unfinished) = (self.root.join(OWNER), self.root.join(INCOMING).join(OWNER));
        let (text, root, placing) = (format!("{id}\n"), Arc::clone(&self.root), Arc::clone(&self.placing));
        let access = self.access;
        self.disk
            .run(move || {
                let write = || {
                    // A file that an interrupted start has left may be open to others.
                    match fs::remove_file(&unfinished) {
                        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                        _ => {}
                    }
                    let mut file = create(&unfinished, access)?;
                    file.write_all(text.as_bytes())?;
                    file.sync_all()?;
                    fs::rename(&unfinished, &path)?;
                    // Files that nobody owns would keep the next start from taking the store.
                    placing.sync.folder(&root)
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
        self.disk
            .run_longer(LISTING, move || {
                let mut page = Page::default();
                for entry in fs::read_dir(folder).map_err(not_missing)? {
                    match entry?.file_name().to_str().and_then(|name| ObjectName::parse(name).ok()) {
                        Some(name) if name <= until => page.names.push(name),
                        Some(_) => {}
                        None => page.foreign += 1,
                    }
                }
                // A folder has no order of its own, so all of it is one page: 16 bytes for each
                // file.
                page.names.sort_unstable();
                Ok(page)
            })
            .await
    }

    async fn remove(&self, section: Section, name: ObjectName) -> Result<(), StoreError> {
        let path = self.path(ObjectKey { upload_type: section.upload_type, name });
        self.disk
            .run(move || match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
                _ => Ok(()),
            })
            .await
    }

    async fn check(&self) -> Result<(), StoreError> {
        let folders: Vec<_> =
            UploadType::ALL.into_iter().map(|upload_type| self.folder(upload_type)).collect();
        let probe = format!("probe-{}", Uuid::now_v7().simple());
        let mut probe = Incoming::new(self.root.join(INCOMING).join(probe), self.access, None);
        self.disk
            .run(move || {
                for folder in folders {
                    fs::metadata(folder).map_err(not_missing)?;
                }
                probe.create().and_then(|mut file| file.write_all(b"probe")).map_err(not_missing)
            })
            .await
    }
}

/// Creates the file at `path`, which is new.
fn create(path: &Path, access: Access) -> io::Result<File> {
    let mode = access.file_mode();
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    // The umask narrows a mode and never widens it.
    if access == Access::Group {
        modes::set_file(&file, path, mode)?;
    }
    Ok(file)
}

fn given_up() -> io::Error {
    io::Error::other("a thread that wrote to the disk has ended")
}

/// To a writer, a missing folder is a failure of the store and not a missing object.
fn not_missing(error: io::Error) -> StoreError {
    match StoreError::from(error) {
        StoreError::NotFound => StoreError::Failed(io::ErrorKind::NotFound.into()),
        other => other,
    }
}
