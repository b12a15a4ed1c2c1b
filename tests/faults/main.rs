//! What befalls a machine, befalls the real binary here: it is killed, its disk is full, its folder can only be read, its registry is
//! damaged, its clock jumps, it runs out of files. After each, what was acknowledged is there and equal, and nothing partial is visible.
//!
//! `cargo test --test faults` runs all, and `cargo test --test faults -- clock` those whose name has the word. Each prints one line.

mod backup;
mod client;
mod clock;
mod content;
mod descriptors;
mod folder;
mod kill;
mod ledger;
mod load;
mod mount;
mod registry;
mod room;
mod service;
mod stalled;

use std::env;
use std::pin::Pin;
use std::process::{Command, ExitCode};
use std::time::Instant;

use load::Figures;

/// Says to a process that it has mounts of its own.
const INSIDE: &str = "FAULTS_INSIDE";

/// A fault, and what it comes to.
type Fault = (&'static str, fn() -> Pin<Box<dyn Future<Output = Figures>>>);

const FAULTS: [Fault; 14] = [
    ("SIGKILL", || Box::pin(kill::killed_again_and_again())),
    ("SIGKILL at the first start", || Box::pin(kill::killed_at_the_first_start())),
    ("full disk", || Box::pin(room::full_disk())),
    ("full disk under the registry", || Box::pin(room::full_registry())),
    ("file size limit", || Box::pin(room::limited_files())),
    ("log that takes nothing", || Box::pin(room::full_log())),
    ("read-only folder", || Box::pin(folder::read_only())),
    ("folder moved away", || Box::pin(folder::moved_away())),
    ("stopped process, second process", || Box::pin(folder::stopped_and_doubled())),
    ("disk that does not answer", || Box::pin(stalled::stalled_disk())),
    ("damaged registry", || Box::pin(registry::damaged_at_the_start())),
    ("registry damaged while it runs", || Box::pin(registry::damaged_while_running())),
    ("clock", || Box::pin(clock::jumps())),
    ("file descriptors", || Box::pin(descriptors::run_out())),
];

fn main() -> ExitCode {
    if env::var_os(INSIDE).is_none() {
        return with_own_mounts();
    }
    let wanted: Vec<String> = env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|word| name.contains(word.as_str()));
    let mut all_well = true;
    for (name, befall) in FAULTS.into_iter().filter(|(name, _)| is_wanted(name)) {
        let begun = Instant::now();
        let Figures { acknowledged, verified, lost, partial, note } =
            actix_web::rt::System::new().block_on(befall());
        println!(
            "faults: {name}: uploads acknowledged {acknowledged}, verified {verified}, lost {lost}, partial {partial}; {note} ({} s)",
            begun.elapsed().as_secs()
        );
        all_well &= acknowledged > 0 && (verified, lost, partial) == (acknowledged, 0, 0);
    }
    if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs this program again where its mounts are seen by nobody else and end with it.
fn with_own_mounts() -> ExitCode {
    let mut command = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        command.arg("--map-root-user");
    }
    let program = env::current_exe().expect("this program");
    let status = command.arg("--mount").arg(program).args(env::args_os().skip(1)).env(INSIDE, "1").status();
    if status.expect("unshare runs").success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
