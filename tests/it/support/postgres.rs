//! A PostgreSQL server of the tests' own, from Debian's binaries: in a temporary folder, on this machine alone, gone with the process that
//! started it.

use std::io::Write as _;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{evidence, free_port};

const PASSWORD: &str = "a-password-of-the-tests";

/// What waits until the test's process lets go of its end of a pipe, however it ends, and then ends the server in this folder: the
/// postmaster is stopped first, so that it starts no others while its children are killed.
const WATCHDOG: &str = r#"
cat >/dev/null
pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null) && kill -STOP "$pid" &&
  kill -KILL $(cat "/proc/$pid/task/$pid/children") "$pid"
# What was killed may write for a moment.
rm -rf "$1" || { sleep 1; rm -rf "$1"; }
"#;

/// A server.
pub struct Cluster {
    folder: PathBuf,
    port: u16,
    watchdog: Child,
    databases: AtomicU32,
}

/// A fresh database on the server that the tests of this process share.
pub fn database() -> String {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    SHARED.get_or_init(Cluster::start).database()
}

impl Cluster {
    pub fn start() -> Self {
        let folder = TempDir::new().expect("a folder").keep();
        let watchdog = Command::new("sh")
            .args(["-c", WATCHDOG, "watchdog"])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // What ends the test's process group does not end what cleans up after it.
            .process_group(0)
            .spawn()
            .expect("a shell");
        if rustix::process::getuid().is_root() {
            succeed(Command::new("chown").arg("postgres:").arg(&folder));
        }
        let cluster = Self { port: free_port(), folder, watchdog, databases: AtomicU32::default() };
        let how = ["-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-locale", "--no-sync"];
        succeed(command("initdb").arg("-D").arg(cluster.data()).args(how));
        cluster.begin();
        cluster
    }

    /// Starts the server, again if it was stopped, and waits until it answers.
    pub fn begin(&self) {
        let folder = self.folder.display();
        let options = format!(
            "-F -p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c shared_buffers=16MB",
            self.port
        );
        self.control(&["start", "-w", "-o", &options]);
    }

    /// Ends the server as a crash does.
    pub fn crash(&self) {
        self.control(&["stop", "-w", "-m", "immediate"]);
    }

    /// Stops every process of the server where it is: it keeps its connections and answers none.
    pub fn stall(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets the server go on after [`Self::stall`].
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// The address of a fresh database.
    pub fn database(&self) -> String {
        let name = format!("registry{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let port = self.port.to_string();
        succeed(command("createdb").args(["-h", "127.0.0.1", "-p", &port, "-U", "postgres", &name]));
        // The server trusts everybody here; the password is one that must not be logged.
        evidence::secret("database", PASSWORD);
        format!("postgres://postgres:{PASSWORD}@127.0.0.1:{port}/{name}")
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn control(&self, arguments: &[&str]) {
        let log = self.folder.join("log");
        succeed(command("pg_ctl").arg("-D").arg(self.data()).arg("-l").arg(log).args(arguments));
    }

    fn signal(&self, signal: Signal) {
        let file = std::fs::read_to_string(self.data().join("postmaster.pid")).expect("a running server");
        let postmaster = file.lines().next().expect("an id");
        let children = std::fs::read_to_string(format!("/proc/{postmaster}/task/{postmaster}/children"));
        // The postmaster first: it starts no others then.
        for id in [postmaster].into_iter().chain(children.expect("its children").split_whitespace()) {
            let id = id.parse().ok().and_then(Pid::from_raw).expect("an id");
            kill_process(id, signal).expect("a signal");
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        let _ = self.watchdog.wait();
    }
}

/// A program of PostgreSQL, which is not on the path of Debian and does not run as root.
fn command(program: &str) -> Command {
    let program = binaries().join(program);
    let mut command = if rustix::process::getuid().is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    // Somebody else's folder may be one that the server's user cannot enter.
    command.current_dir("/");
    command
}

/// The newest version that is installed.
fn binaries() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let version = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    versions
        .map(|entry| entry.path())
        .filter(|path| path.join("bin/postgres").exists())
        .max_by_key(|path| version(path))
        .expect("PostgreSQL in /usr/lib/postgresql: `apt-get install postgresql` brings it")
        .join("bin")
}

#[track_caller]
fn succeed(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().expect("it runs");
    if !output.status.success() {
        std::io::stderr().write_all(&[output.stdout, output.stderr].concat()).expect("written");
        panic!("{command:?}: {}", output.status);
    }
}
