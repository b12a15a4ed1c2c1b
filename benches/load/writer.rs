//! What the disk gives at most: the same files, written and synced by as many threads, and nothing else.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Writes `count` files of `body`, and gives how many came a second.
#[expect(clippy::cast_precision_loss, reason = "a count of some seconds is small")]
pub fn run(folder: &Path, body: &[u8], count: usize, threads: usize) -> f64 {
    let next = AtomicUsize::new(0);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        break;
                    }
                    let mut file = File::create(folder.join(index.to_string())).expect("a file");
                    file.write_all(body).expect("it is written");
                    file.sync_data().expect("it is synced");
                }
            });
        }
    });
    count as f64 / begun.elapsed().as_secs_f64()
}
