//! Modes of files and folders that others on the machine are not to read. They are set explicitly:
//! the umask of a service is the operator's, and a folder of an earlier version may be open.

use std::fs::{DirBuilder, File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

/// The permissions of owner, group and others.
const PERMISSIONS: u32 = 0o777;

/// Creates the folder at `path` with this mode, and its missing parents with the same. Sets the
/// mode of a folder that is there. Returns whether it was missing.
pub fn create_folder(path: &Path, mode: u32) -> io::Result<bool> {
    let created = match DirBuilder::new().mode(mode).create(path) {
        Ok(()) => true,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => false,
        Err(error) if error.kind() == io::ErrorKind::NotFound => match path.parent() {
            Some(parent) if !parent.exists() => {
                create_folder(parent, mode)?;
                return create_folder(path, mode);
            }
            _ => return Err(error),
        },
        Err(error) => return Err(error),
    };
    set(path, &path.metadata()?, mode, |permissions| std::fs::set_permissions(path, permissions))?;
    Ok(created)
}

/// Sets the mode of an open file.
pub fn set_file(file: &File, path: &Path, mode: u32) -> io::Result<()> {
    set(path, &file.metadata()?, mode, |permissions| file.set_permissions(permissions))
}

/// Only the owner may set a mode. What belongs to another user is used as it is.
fn set(
    path: &Path,
    found: &Metadata,
    mode: u32,
    change: impl FnOnce(Permissions) -> io::Result<()>,
) -> io::Result<()> {
    let found = found.permissions().mode() & 0o7777;
    if found & PERMISSIONS == mode {
        return Ok(());
    }
    // An operator may have set the bit that gives new files the group of their folder.
    match change(Permissions::from_mode(found & !PERMISSIONS | mode)) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let (path, found) = (path.display(), format!("{found:o}"));
            tracing::warn!(%path, found, wanted = format!("{mode:o}"), "the mode stays: this belongs to another user");
            Ok(())
        }
        changed => changed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().expect("it is there").permissions().mode() & 0o7777
    }

    #[test]
    fn a_folder_gets_its_mode_whether_it_was_there_or_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a/b/c");
        assert!(create_folder(&path, 0o750).expect("created"));
        assert_eq!([mode(&folder.path().join("a")), mode(&path)], [0o750; 2]);
        assert!(!create_folder(&path, 0o700).expect("it is there"));
        assert_eq!([mode(&folder.path().join("a/b")), mode(&path)], [0o750, 0o700]);
        std::fs::write(folder.path().join("file"), "").expect("a file");
        create_folder(&folder.path().join("file"), 0o700).expect_err("it is no folder");
        create_folder(&folder.path().join("file/b"), 0o700).expect_err("it is no folder");
    }
}
