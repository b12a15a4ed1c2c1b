//! What a `build.rs` does with the check: reads the spec, asks, tells cargo and the developer, and ends the build.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::exit;

use serde_json::Value;

use crate::report::{Report, Style};
use crate::sources::Sources;
use crate::spec::Spec;
use crate::stub::{self, Idiom};
use crate::{Checked, check};

/// The whole report as text, in `OUT_DIR`.
const TEXT: &str = "contract-report.txt";
/// The whole report as data, in `OUT_DIR`; see [`Report::json`].
const DATA: &str = "contract-report.json";

/// The check, as a build script runs it. Each of its steps ends the build with a report where the app departs from its spec.
#[derive(Clone, Debug)]
pub struct BuildScript {
    spec: PathBuf,
    sources: Vec<PathBuf>,
    idiom: Option<Idiom>,
    out: PathBuf,
}

impl BuildScript {
    /// For the spec in this file, in the script of a package that cargo builds. Tells cargo to run the script again when the file
    /// changes.
    #[must_use]
    pub fn of(spec: impl Into<PathBuf>) -> Self {
        let out = std::env::var_os("OUT_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
        let script = Self { spec: spec.into(), sources: Vec::new(), idiom: None, out };
        println!("cargo::rerun-if-changed={}", script.spec.display());
        script
    }

    /// With the Rust file or folder that holds the app's surface: reports name the items in it, and cargo runs the script again when
    /// it changes.
    #[must_use]
    pub fn sources(mut self, path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        println!("cargo::rerun-if-changed={}", path.display());
        self.sources.push(path);
        self
    }

    /// With stubs for operations that no handler serves, written as the app is.
    #[must_use]
    pub fn stubs(mut self, idiom: Idiom) -> Self {
        self.idiom = Some(idiom);
        self
    }

    /// Holds the document that was drawn from the mounted routes to the spec, as [`check`] does.
    #[must_use]
    pub fn compare(&self, drawn: &Value) -> Checked {
        let name = self.spec.display().to_string();
        let text = match fs::read_to_string(&self.spec) {
            Ok(text) => text,
            Err(error) => {
                println!("cargo::error=cannot read {name}: {error}");
                exit(1)
            }
        };
        let document = |spec: &Spec| spec.document().clone();
        match Spec::read(&name, &text) {
            Err(report) => self.refuse(report, &Value::Null),
            Ok(spec) => {
                let document = document(&spec);
                check(spec, drawn).unwrap_or_else(|report| self.refuse(report, &document))
            }
        }
    }

    /// Runs the app that `start` starts, on actix's runtime, and holds its answers to the spec, as
    /// [`Suite::run`](crate::conformance::Suite::run) does.
    #[cfg(feature = "actix")]
    pub fn conform<A, F>(&self, checked: &Checked, options: crate::conformance::Options, start: F)
    where
        A: crate::conformance::App,
        F: Future<Output = A>,
    {
        let suite = crate::conformance::Suite::derive(checked.spec(), options);
        let ran = actix_web::rt::System::new().block_on(async { suite.run(&start.await).await });
        if let Err(report) = ran {
            self.refuse(report, checked.document())
        }
    }

    /// Writes the checked document to `OUT_DIR`, as `openapi.yaml`, to the letter, and `openapi.json`, and takes away the reports of
    /// an earlier build.
    ///
    /// # Errors
    /// If that cannot be written.
    pub fn write(&self, checked: &Checked) -> io::Result<()> {
        fs::write(self.out.join("openapi.yaml"), checked.yaml())?;
        fs::write(self.out.join("openapi.json"), checked.json())?;
        for stale in [TEXT, DATA] {
            match fs::remove_file(self.out.join(stale)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    fn refuse(&self, mut report: Report, document: &Value) -> ! {
        if let Some(idiom) = &self.idiom {
            let written = stub::write(report.clone(), document, &self.sources, idiom, &self.out);
            match written {
                Ok(with_stubs) => report = with_stubs,
                Err(error) => println!("cargo::error=cannot write a stub: {error}"),
            }
        }
        let report = self
            .sources
            .iter()
            .fold(report, |report, path| report.with_sources(&Sources::read(path), document));
        // A report that cannot be written is still refused.
        let told = tell(&report, &self.out, Style::from_env(), &mut io::stdout(), &mut io::stderr());
        if let Err(error) = told {
            println!("cargo::error=cannot write the report: {error}");
        }
        exit(1)
    }
}

/// Writes the report for the developer, its headlines for cargo, and both files.
fn tell(
    report: &Report,
    out: &Path,
    style: Style,
    cargo: &mut impl Write,
    developer: &mut impl Write,
) -> io::Result<()> {
    developer.write_all(report.text(style).as_bytes())?;
    for finding in report.findings() {
        writeln!(cargo, "cargo::error={}: {}", finding.location, finding.sentence.replace('\n', " "))?;
    }
    let path = out.join(TEXT);
    fs::write(&path, report.text(Style::Plain))?;
    fs::write(out.join(DATA), format!("{:#}\n", report.json()))?;
    writeln!(cargo, "cargo::error=the whole report: {}", path.display())
}
