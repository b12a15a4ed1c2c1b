//! Modes of files and folders: who else on the machine can list, read or lock them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use tempfile::TempDir;

use crate::support::process::Process;
use crate::support::{send, text};

/// The binary with this umask, by way of a shell.
fn with_umask(umask: &str) -> Command {
    let mut command = Command::new("sh");
    let script = format!("umask {umask}; exec \"$0\" \"$@\"");
    command.env_clear().args(["-c", &script, env!("CARGO_BIN_EXE_teable-attachments")]);
    command
}

fn mode(path: &Path) -> u32 {
    path.metadata().expect("it is there").permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
}

/// Every file and folder below `folder`, and itself.
fn all(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { found.extend(all(&path)) } else { found.push(path) }
    }
    found
}

/// A data folder, a folder of files elsewhere, and the arguments that name them.
struct Ground {
    folder: TempDir,
    files: PathBuf,
    arguments: Vec<String>,
}

impl Ground {
    fn new(access: &str) -> Self {
        let folder = TempDir::new().expect("a folder");
        let files = folder.path().join("srv/files");
        let arguments = ["--storage-local-access", access, "--storage-local-path"].map(str::to_owned);
        let arguments = arguments.into_iter().chain([files.display().to_string()]).collect();
        Self { folder, files, arguments }
    }

    fn arguments(&self) -> Vec<&str> {
        self.arguments.iter().map(String::as_str).collect()
    }

    fn start(&self, umask: &str) -> Process {
        Process::start_as(with_umask(umask), 0, self.folder.path(), &self.arguments())
    }

    /// Collects garbage with the command, which has a lock of its own.
    fn collect(&self, umask: &str) {
        let files = self.files.display().to_string();
        let mut command = with_umask(umask);
        command.current_dir(self.folder.path()).args(["gc", "--storage-local-path", &files]);
        let output = command.output().expect("it runs");
        assert!(output.status.success(), "{output:?}");
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

/// Signs, uploads and notifies a file.
async fn store(service: &Process) {
    let bearer = format!("Bearer {}", service.token());
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let wish = json!({"contentType": "", "contentLength": 5, "type": 1}).to_string();
    let signed = send("POST", &format!("{}/api/attachments/signature", service.origin), &headers, wish).await;
    let signed = signed.json();
    assert_eq!(send("PUT", text(&signed["url"]), &[], "bytes").await.status, 201);
    let notify = format!("{}/api/attachments/notify/{}", service.origin, text(&signed["token"]));
    assert_eq!(send("POST", &notify, &headers, "").await.status, 201);
}

/// Folders were 0755 and the lock was 0644, unless the umask was narrower: everybody could list
/// private names, and hold the lock without which the service does not start.
#[actix_web::test]
async fn nobody_else_reads_the_files_whatever_the_umask() {
    for umask in ["000", "022", "077"] {
        let ground = Ground::new("owner");
        let service = ground.start(umask);
        store(&service).await;
        service.terminate();
        ground.collect(umask);
        for path in all(&ground.files).into_iter().chain(all(&ground.data())) {
            let wanted = if path.is_dir() { 0o700 } else { 0o600 };
            assert_eq!(mode(&path), wanted, "umask {umask}: {:o} {}", mode(&path), path.display());
        }
        assert!(ground.data().join("registry.gc-lock").exists());
    }
}

#[actix_web::test]
async fn what_an_earlier_version_left_open_is_closed_at_the_start() {
    let ground = Ground::new("owner");
    let service = ground.start("022");
    store(&service).await;
    service.terminate();
    ground.collect("022");
    let folders = all(&ground.files).into_iter().filter(|path| path.is_dir());
    let folders: Vec<PathBuf> = folders.collect();
    let locks = [ground.files.join(".lock"), ground.data().join("registry.gc-lock")];
    for folder in &folders {
        set_mode(folder, 0o2755);
    }
    for lock in &locks {
        set_mode(lock, 0o644);
    }
    ground.start("022").terminate();
    ground.collect("022");
    for folder in &folders {
        assert_eq!(mode(folder), 0o2700, "{}", folder.display());
    }
    for lock in &locks {
        assert_eq!(mode(lock), 0o600, "{}", lock.display());
    }
}

#[actix_web::test]
async fn a_group_reads_the_files_if_the_operator_says_so() {
    for umask in ["000", "077"] {
        let ground = Ground::new("group");
        let service = ground.start(umask);
        store(&service).await;
        service.terminate();
        for path in all(&ground.files) {
            let wanted = match path.file_name().and_then(|name| name.to_str()) {
                _ if path.is_dir() => 0o750,
                Some(".lock") => 0o600,
                _ => 0o640,
            };
            assert_eq!(mode(&path), wanted, "umask {umask}: {:o} {}", mode(&path), path.display());
        }
        // And no longer, if not.
        let files = ground.files.display().to_string();
        let closed = ["--storage-local-path", &files];
        Process::start_as(with_umask(umask), 0, ground.folder.path(), &closed).terminate();
        for path in all(&ground.files).into_iter().filter(|path| path.is_dir()) {
            assert_eq!(mode(&path), 0o700, "{}", path.display());
        }
    }
}

/// Only root can make a folder of another user, and become one.
#[test]
fn a_folder_of_another_user_is_used_as_it_is() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let folder = TempDir::new().expect("a folder");
    set_mode(folder.path(), 0o777);
    let files = folder.path().join("files");
    fs::create_dir(&files).expect("a folder");
    set_mode(&files, 0o777);
    // Another user cannot read this program where it is built.
    let program = folder.path().join("program");
    fs::copy(env!("CARGO_BIN_EXE_teable-attachments"), &program).expect("copied");
    let mut command = Command::new("setpriv");
    command.env_clear().args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).arg(&program);
    let place = files.display().to_string();
    let service = Process::start_as(command, 0, folder.path(), &["--storage-local-path", &place]);
    let log = service.terminate();
    assert!(log.contains("belongs to another user"), "{log}");
    assert_eq!(mode(&files), 0o777);
    assert_eq!(mode(&files.join("private")), 0o700);
}
