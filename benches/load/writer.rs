//! What the disk gives at most: the same files, written and synced by as many threads, and nothing else.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Writes a file of `body` at each of `paths`, and gives how many came a second.
#[expect(clippy::cast_precision_loss, reason = "a count of some seconds is small")]
pub fn run(paths: &[PathBuf], body: &[u8], threads: usize) -> f64 {
    let next = AtomicUsize::new(0);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let mut file = File::create(path).expect("a file");
                    file.write_all(body).expect("it is written");
                    file.sync_data().expect("it is synced");
                }
            });
        }
    });
    paths.len() as f64 / begun.elapsed().as_secs_f64()
}
