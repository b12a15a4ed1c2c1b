//! File systems of the tests' own, in mounts that nobody else sees.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A mount, until it is dropped.
pub struct Mount(PathBuf);

impl Mount {
    /// A small file system at `place`.
    pub fn tmpfs(place: &Path, size: &str) -> Self {
        run(&["mount", "-t", "tmpfs", "-o", &format!("size={size}"), "none"], place);
        Self(place.to_owned())
    }

    /// An ext4 in the file `image` at `place`, if this is the machine's root: a root of a user
    /// namespace may not mount one.
    pub fn ext4(image: &Path, place: &Path) -> Option<Self> {
        let map = std::fs::read_to_string("/proc/self/uid_map").expect("a map of users");
        if !map.split_whitespace().eq(["0", "0", "4294967295"]) || !Path::new("/dev/loop-control").exists() {
            return None;
        }
        File::create(image).and_then(|file| file.set_len(128 * 1024 * 1024)).expect("a file");
        run(&["mkfs.ext4", "-q", "-F"], image);
        run(&["mount", "-o", "loop", &image.display().to_string()], place);
        Some(Self(place.to_owned()))
    }

    /// Lets every write wait, until the guard is dropped.
    pub fn freeze(&self) -> Frozen<'_> {
        run(&["fsfreeze", "--freeze"], &self.0);
        Frozen(self)
    }

    /// The same folder at `place`, to be read alone by whoever goes there from now on.
    pub fn read_only(place: &Path) -> Self {
        let text = place.display().to_string();
        run(&["mount", "--bind", &text], place);
        let mount = Self(place.to_owned());
        mount.remount("bind,ro");
        mount
    }

    /// Changes a file system that nobody writes to.
    pub fn remount(&self, options: &str) {
        run(&["mount", "-o", &format!("remount,{options}")], &self.0);
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Files that are open keep it for as long.
        run(&["umount", "--lazy"], &self.0);
    }
}

/// A frozen file system, as long as this lives.
pub struct Frozen<'a>(&'a Mount);

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        run(&["fsfreeze", "--unfreeze"], &self.0.0);
    }
}

fn run(words: &[&str], place: &Path) {
    let output = Command::new(words[0]).args(&words[1..]).arg(place).output().expect("it runs");
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A file that takes the room of its file system, and at most so many bytes.
pub fn ballast(place: PathBuf, most: usize) -> Ballast {
    let mut file = OpenOptions::new().append(true).create(true).open(&place).expect("a file");
    let block = vec![0; 4096];
    for _ in 0..most / block.len() {
        match file.write_all(&block) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::StorageFull => break,
            Err(error) => panic!("{error}"),
        }
    }
    Ballast { file, place }
}

/// What takes the room.
pub struct Ballast {
    file: File,
    place: PathBuf,
}

impl Ballast {
    pub fn release(self) {
        self.file.set_len(0).expect("it is cut");
        std::fs::remove_file(self.place).expect("it is removed");
    }
}
