//! The real binary, as a process of its own that is not let outlive its test.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use rustix::process::{Pid, Signal, kill_process};

/// What every start is given beside its data folder.
const ARGUMENTS: [&str; 4] = ["--port", "0", "--log-format", "json"];

/// How a service is started on a data folder.
#[derive(Clone)]
pub struct Start {
    data: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    log: Log,
}

/// Where a service writes its log.
#[derive(Clone, Copy)]
enum Log {
    Read,
    Full,
}

/// A running service.
pub struct Service {
    child: Child,
    pub origin: String,
    /// What it said on stdout, up to the last line of the welcome.
    pub welcome: String,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

/// A service that did not start.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub stderr: String,
}

impl Start {
    pub fn on(data: &Path) -> Self {
        Self { data: data.to_owned(), arguments: Vec::new(), environment: Vec::new(), log: Log::Read }
    }

    /// With more arguments.
    pub fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(ToString::to_string));
        self
    }

    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a log that takes nothing.
    pub fn unlogged(mut self) -> Self {
        self.log = Log::Full;
        self
    }

    pub fn spawn(&self) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_teable-attachments"));
        command
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .arg("--data-dir")
            .arg(&self.data)
            .args(ARGUMENTS)
            .args(&self.arguments)
            .stdout(Stdio::piped());
        match self.log {
            Log::Read => command.stderr(Stdio::piped()),
            Log::Full => {
                command.stderr(fs::File::options().write(true).open("/dev/full").expect("it is there"))
            }
        };
        command.spawn().expect("the binary starts")
    }

    /// Starts it, and waits until it listens or has ended.
    pub fn attempt(&self) -> Result<Service, Ended> {
        let mut child = self.spawn();
        let log = Arc::new(Mutex::new(String::new()));
        let reader = child.stderr.take().map(|stderr| {
            let log = Arc::clone(&log);
            thread::spawn(move || {
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
                    *log += &line;
                    log.push('\n');
                }
            })
        });
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout"));
        let mut service = Service { child, origin: String::new(), welcome: String::new(), log, reader };
        while !service.welcome.contains("then notify.") {
            if stdout.read_line(&mut service.welcome).expect("text") == 0 {
                let status = service.child.wait().expect("it ends");
                return Err(Ended { status, stderr: service.whole_log() });
            }
        }
        // Whatever else it says has somewhere to go.
        thread::spawn(move || stdout.read_to_end(&mut Vec::new()));
        let address = service.welcome.lines().next().and_then(|line| line.split("listens on ").nth(1));
        service.origin = format!("http://{}", address.expect("an address"));
        Ok(service)
    }

    pub fn start(&self) -> Service {
        self.attempt().unwrap_or_else(|ended| panic!("it does not start: {ended:?}"))
    }

    /// Why it does not start, which it must say in one sentence.
    pub fn refusal(&self) -> String {
        let ended = self.attempt().err().expect("it does not start");
        ended.sentence()
    }
}

impl Ended {
    pub fn sentence(&self) -> String {
        let Self { status, stderr } = self;
        assert_eq!(status.code(), Some(1), "{stderr}");
        let lines: Vec<&str> = stderr.lines().collect();
        let [line] = lines[..] else { panic!("more or less than one sentence: {stderr:?}") };
        let sentence = line.strip_prefix("error: ").unwrap_or_else(|| panic!("no error: {line}"));
        assert!(sentence.matches(": ").count() <= 2, "too long a chain: {sentence}");
        sentence.to_owned()
    }
}

impl Service {
    /// The access token of the first start.
    pub fn token(&self) -> String {
        let at = self.welcome.find("tat_").expect("a token");
        self.welcome[at..].split_whitespace().next().expect("a token").to_owned()
    }

    pub fn id(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.id(), signal).expect("a signal");
    }

    /// What it has written to the log until now.
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All that it wrote to the log, in which nothing may have panicked. To be asked when it has ended.
    fn whole_log(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("a log");
        }
        let log = self.log();
        assert!(!log.contains("panicked"), "{log}");
        log
    }

    pub fn kill(mut self) -> String {
        self.child.kill().expect("SIGKILL");
        self.child.wait().expect("it ends");
        self.whole_log()
    }

    /// Asks it to stop as an operator does, and gives what it wrote to the log.
    pub fn terminate(mut self) -> String {
        self.signal(Signal::TERM);
        let status = self.child.wait().expect("it ends");
        let log = self.whole_log();
        assert!(status.success(), "{status}: {log}");
        log
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It has ended already unless a test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
