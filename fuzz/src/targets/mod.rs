//! The fuzz targets. `fuzz_targets/` gives each of them random inputs; `tests/it/corpus.rs` gives them
//! the committed corpus.

pub mod check;
pub mod disposition;
pub mod file_name;
pub mod image_probe;
pub mod media_type;
pub mod path;
pub mod range;
pub mod spec;
pub mod token;

/// Name and entry point of a target. The name is also the folder of its inputs in `corpus/`.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const ALL: [Target; 9] = [
    ("check", check::run),
    ("disposition", disposition::run),
    ("file_name", file_name::run),
    ("image_probe", image_probe::run),
    ("media_type", media_type::run),
    ("path", path::run),
    ("range", range::run),
    ("spec", spec::run),
    ("token", token::run),
];
