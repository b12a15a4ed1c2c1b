//! Backups of the registry by a foreign SQLite program, in a process of its own, while the service
//! runs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use actix_web::rt::task::JoinHandle;
use actix_web::rt::time::sleep;

use crate::load::{Ledger, Told};

/// Copies the registry with SQLite's online backup. It opens the registry for writing, as `sqlite3`
/// does, and so checkpoints and deletes the write-ahead log if it takes itself for the last user.
const PROGRAM: &str = "\
import sqlite3, sys
source = sqlite3.connect('file:' + sys.argv[1] + '?mode=rw', uri=True, timeout=30)
target = sqlite3.connect(sys.argv[2])
source.backup(target)
target.close()
source.close()
";

/// A running backup.
pub struct Backup {
    target: PathBuf,
    /// Names of the files whose notify was acknowledged before the backup began.
    before: Vec<String>,
    copying: JoinHandle<bool>,
}

impl Backup {
    /// Starts a backup of the registry in `data` to a new file in `folder`, `delay` from now.
    pub async fn start(data: &Path, folder: &Path, ledger: &Ledger, delay: Duration) -> Self {
        sleep(delay).await;
        let files = ledger.files(0);
        let before: Vec<String> = files
            .iter()
            .filter(|file| file.told() == Told::Notified)
            .filter_map(|file| file.place().rsplit('/').next().map(str::to_owned))
            .collect();
        let target = folder.join(format!("backup-{}-{}", files.len(), before.len()));
        let mut program = Command::new("python3");
        program.args(["-c", PROGRAM]).arg(data.join("registry.sqlite")).arg(&target);
        program.stderr(Stdio::piped());
        let copying = actix_web::rt::task::spawn_blocking(move || {
            let output = program.output().expect("python3 runs");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "the backup failed: {said}");
            true
        });
        Self { target, before, copying }
    }

    /// Waits for the end of the backup. Returns the number of files that it must have, and how many
    /// of them it does not have.
    pub async fn end(self) -> (usize, usize) {
        assert!(self.copying.await.expect("it ends"));
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&self.target);
        let mut copy = sqlx::ConnectOptions::connect(&options).await.expect("a copy");
        let names: Vec<String> =
            sqlx::query_scalar("SELECT name FROM attachments").fetch_all(&mut copy).await.expect("rows");
        sqlx::Connection::close(copy).await.expect("closed");
        let names: std::collections::HashSet<String> = names.into_iter().collect();
        let missing = self.before.iter().filter(|name| !names.contains(*name)).count();
        std::fs::remove_file(self.target).expect("it was there");
        (self.before.len(), missing)
    }
}
