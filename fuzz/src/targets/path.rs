//! Addresses of several segments: only the one address of a file leads to it, in whatever encoding, and nothing leads out of the folder.
//!
//! In the input, `PUBLIC`, `PRIVATE` and `TOKEN` stand for what the server has made.

use std::path::{Component, Path};

use super::super::{ALPHABET, World};
use percent_encoding::percent_decode_str;
use teable_attachments::domain::Buckets;

const BEFORE: &str = "/api/attachments/read/";

thread_local! {
    static WORLD: World = World::start();
}

/// Runs the target on one input. Skips an input that is not UTF-8.
///
/// # Panics
/// If a property does not hold.
pub fn run(input: &[u8]) {
    let Ok(input) = std::str::from_utf8(input) else { return };
    WORLD.with(|world| {
        let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
        let filled = input
            .replace("PUBLIC", &name(&world.public.path))
            .replace("PRIVATE", &name(&world.private.path))
            .replace("TOKEN", &world.private.token);
        located(&filled);
        let target = format!("{BEFORE}{filled}");
        let Some(answer) = world.ask("GET", &target, Vec::new()) else { return };
        if answer.status != 200 {
            assert!([400, 403, 404].contains(&answer.status), "{target:?}: {answer:?}");
            return;
        }
        assert_eq!(answer.body, ALPHABET);
        // A fragment is no part of what is asked for.
        let asked = target.split('#').next().unwrap_or_default();
        let (path, query) = asked.split_once('?').unwrap_or((asked, ""));
        let decoded = percent_decode_str(path).decode_utf8().expect("UTF-8");
        if decoded == world.private.path.as_str() {
            assert!(percent_decode_str(query).decode_utf8_lossy().contains(&world.private.token));
        } else {
            assert_eq!(decoded, world.public.path.as_str());
        }
    });
}

/// Checks that a located key has one folder and one name, and the bucket of its upload type.
fn located(text: &str) {
    let buckets = Buckets { public: "public".to_owned(), private: "private".to_owned() };
    let mut segments = text.splitn(3, '/');
    let mut next =
        || percent_decode_str(segments.next().unwrap_or_default()).decode_utf8_lossy().into_owned();
    let (bucket, directory, name) = (next(), next(), next());
    let Some(key) = buckets.locate(&bucket, &directory, &name) else { return };
    assert_eq!(key.path(), format!("{directory}/{name}"));
    assert_eq!(buckets.of(key.upload_type), bucket);
    let path = key.path();
    let parts: Vec<Component> = Path::new(&path).components().collect();
    assert!(matches!(parts[..], [Component::Normal(_), Component::Normal(_)]), "{path:?}");
}
