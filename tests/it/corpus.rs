//! Replays the committed corpus of each fuzz target. libFuzzer runs the same targets in
//! `tests/run.sh --long`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[allow(dead_code, reason = "libFuzzer's programs use the rest")]
#[path = "../../fuzz/src/lib.rs"]
mod fuzz;

use fuzz::targets;

fn entries(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

#[test]
fn every_fuzz_target_passes_its_corpus() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    for (name, run) in targets::ALL {
        let inputs = entries(&root.join("corpus").join(name));
        assert!(!inputs.is_empty(), "the corpus of {name} is empty");
        for path in inputs {
            // The test prints the input if the target panics.
            eprintln!("{}", path.display());
            run(&fs::read(&path).expect("an input"));
        }
    }
}

#[test]
fn every_fuzz_target_is_built_and_has_a_corpus() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let names = |folder: &str| -> BTreeSet<String> {
        let stem = |path: &Path| path.file_stem().expect("a name").to_string_lossy().into_owned();
        entries(&root.join(folder)).iter().map(|path| stem(path)).collect()
    };
    let listed: BTreeSet<String> = targets::ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("fuzz_targets"), listed);
    assert_eq!(names("corpus"), listed);
}
