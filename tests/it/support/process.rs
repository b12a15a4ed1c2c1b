//! The real binary, as a process of its own.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};

use rustix::process::{Pid, Signal, kill_process};

use super::evidence;

/// A running service.
pub struct Process {
    pub child: Child,
    pub origin: String,
    /// What it said on stdout, up to the last line of the welcome.
    pub welcome: String,
    /// Reads the log while it is written: a full pipe would cost lines.
    log: Option<JoinHandle<String>>,
}

/// The binary, without the settings of whoever runs the tests.
pub fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_teable-attachments"));
    command.env_clear();
    command
}

/// Runs the binary in `folder` until it ends.
pub fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = binary();
    let output = command.current_dir(folder).args(arguments).output().expect("it runs");
    evidence::secrets_of(&command);
    evidence::secrets_in(&String::from_utf8_lossy(&output.stdout));
    evidence::log(&output.stderr);
    output
}

impl Process {
    /// Starts the service in `folder`, and waits until it listens.
    pub fn start(folder: &Path, arguments: &[&str]) -> Self {
        Self::start_at(0, folder, arguments)
    }

    /// As [`Self::start`], on this port.
    pub fn start_at(port: u16, folder: &Path, arguments: &[&str]) -> Self {
        Self::start_as(binary(), port, folder, arguments)
    }

    /// As [`Self::start_at`]; what it said, if it ends before it listens.
    pub fn try_start_at(port: u16, folder: &Path, arguments: &[&str]) -> Result<Self, String> {
        Self::try_start_as(binary(), port, folder, arguments)
    }

    /// As [`Self::start_at`], of a command that has an environment.
    pub fn start_as(command: Command, port: u16, folder: &Path, arguments: &[&str]) -> Self {
        let started = Self::try_start_as(command, port, folder, arguments);
        started.unwrap_or_else(|said| panic!("it ended after: {said}"))
    }

    /// As [`Self::start`]; nobody reads the log until [`Self::read_log`].
    pub fn start_unread(folder: &Path, arguments: &[&str]) -> Self {
        Self::start_unread_to(Stdio::piped(), folder, arguments)
    }

    /// As [`Self::start_unread`], with another stderr.
    pub fn start_unread_to(stderr: Stdio, folder: &Path, arguments: &[&str]) -> Self {
        let started = Self::spawn(binary(), 0, folder, arguments, stderr, |_| None);
        started.unwrap_or_else(|said| panic!("it ended after: {said}"))
    }

    /// Begins to read the log of a service that was started with [`Self::start_unread`]. Each chunk
    /// is sent as it comes.
    pub fn read_log(&mut self) -> Receiver<String> {
        let mut stderr = self.child.stderr.take().expect("nobody reads it yet");
        let (chunks, read) = mpsc::channel();
        self.log = Some(thread::spawn(move || {
            let (mut all, mut chunk) = (Vec::new(), vec![0; 64 * 1024]);
            loop {
                match stderr.read(&mut chunk).expect("a pipe") {
                    0 => break,
                    length => {
                        all.extend_from_slice(&chunk[..length]);
                        // The test may have seen what it waited for.
                        let _ = chunks.send(String::from_utf8_lossy(&chunk[..length]).into_owned());
                    }
                }
            }
            evidence::log(&all);
            String::from_utf8(all).expect("text")
        }));
        read
    }

    fn try_start_as(command: Command, port: u16, folder: &Path, arguments: &[&str]) -> Result<Self, String> {
        Self::spawn(command, port, folder, arguments, Stdio::piped(), |child| {
            let mut stderr = child.stderr.take().expect("stderr");
            Some(thread::spawn(move || {
                let mut text = String::new();
                stderr.read_to_string(&mut text).expect("text");
                evidence::log(text.as_bytes());
                text
            }))
        })
    }

    fn spawn(
        mut command: Command,
        port: u16,
        folder: &Path,
        arguments: &[&str],
        stderr: Stdio,
        read_log: impl FnOnce(&mut Child) -> Option<JoinHandle<String>>,
    ) -> Result<Self, String> {
        let mut child = command
            .current_dir(folder)
            .args(arguments)
            .args(["--port", &port.to_string()])
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .expect("the binary starts");
        evidence::secrets_of(&command);
        let log = read_log(&mut child);
        let mut lines = BufReader::new(child.stdout.as_mut().expect("stdout"));
        let mut welcome = String::new();
        while !welcome.contains("then notify.") {
            let read = lines.read_line(&mut welcome).expect("text");
            if read == 0 {
                child.wait().expect("it ends");
                let log = log.map_or_else(String::new, |log| log.join().expect("a log"));
                return Err(welcome + &log);
            }
        }
        evidence::secrets_in(&welcome);
        if let Ok(key) = std::fs::read_to_string(folder.join("data/signing-key")) {
            evidence::secret("key", &key);
        }
        let address =
            welcome.lines().next().and_then(|line| line.split("listens on ").nth(1)).expect("an address");
        let origin = format!("http://{address}");
        Ok(Self { child, origin, welcome, log })
    }

    /// The access token of the first start.
    pub fn token(&self) -> &str {
        let at = self.welcome.find("tat_").expect("a token");
        self.welcome[at..].split_whitespace().next().expect("a token")
    }

    /// The URL of the metrics, if they are served.
    pub fn metrics_url(&self) -> &str {
        let at = self.welcome.find("Metrics   ").expect("metrics are served");
        self.welcome[at..].split_whitespace().nth(1).expect("a URL")
    }

    pub fn signal(&self, signal: Signal) {
        let id = Pid::from_child(&self.child);
        kill_process(id, signal).expect("a signal");
    }

    pub fn kill(mut self) {
        self.child.kill().expect("SIGKILL");
    }

    /// Asks it to stop as an operator does, and gives what it wrote to the log.
    pub fn terminate(mut self) -> String {
        self.signal(Signal::TERM);
        let status = self.child.wait().expect("it ends");
        let log = self.log.take().expect("it is read once").join().expect("a log");
        assert!(status.success(), "{status}: {log}");
        log
    }
}

/// A test that fails leaves no service running.
impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended, and this may be a panic already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
