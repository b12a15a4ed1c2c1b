//! What somebody would send who wants to read, change or run what is not theirs. What a mere mistake would send is in `refusals.rs` and
//! beside each operation. `docs/security.md` says which promise each of these holds.

mod bombs;
mod caches;
mod found;
mod headers;
mod origins;
mod smuggling;
mod tokens;
mod traversal;
mod wire;

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::{App, walk};

/// Says how many attacks of a kind were made, where the whole suite's output shows it.
fn print(what: &str, count: usize, outcome: &str) {
    println!("attacks: {what}: {count} {outcome}");
}

/// The service is as well as before.
async fn still_well(app: &App) {
    let answer = app.get("/readyz", &[]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// Everything below the folder of the service, and outside of what it writes on its own.
fn everything(app: &App) -> BTreeMap<String, Vec<u8>> {
    let mut found = Vec::new();
    walk(app.folder.path(), &mut found);
    let own = |path: &str| {
        Path::new(path).file_name().is_some_and(|name| name.to_string_lossy().starts_with("registry.sqlite"))
    };
    found.retain(|path| !own(path));
    found.into_iter().map(|path| (path.clone(), std::fs::read(&path).expect("a file"))).collect()
}
