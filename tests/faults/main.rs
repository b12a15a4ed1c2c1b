//! Runs the real program on a machine that fails: the program is killed, its disk is full or does not
//! answer, its folder is read-only, its registry is damaged, its clock jumps, it runs out of file
//! descriptors. After each fault, every acknowledged file is there and equal, and no partial file is
//! visible.
//!
//! `cargo test --test faults` runs all faults. `cargo test --test faults -- clock` runs those whose
//! name contains the word. Each fault prints one line.

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
use std::thread;
use std::time::Instant;

use load::Figures;

/// Says to a process that it has mounts of its own.
const INSIDE: &str = "FAULTS_INSIDE";

/// A fault: its name and its run.
type Fault = (&'static str, fn() -> Pin<Box<dyn Future<Output = Figures>>>);

/// This fault waits for the timeout of the disk, a minute. It runs beside the others.
const STALLED: Fault = ("disk that does not answer", || Box::pin(stalled::stalled_disk()));

const FAULTS: [Fault; 13] = [
    ("SIGKILL", || Box::pin(kill::killed_again_and_again())),
    ("SIGKILL at the first start", || Box::pin(kill::killed_at_the_first_start())),
    ("full disk", || Box::pin(room::full_disk())),
    ("full disk under the registry", || Box::pin(room::full_registry())),
    ("file size limit", || Box::pin(room::limited_files())),
    ("log that takes nothing", || Box::pin(room::full_log())),
    ("read-only folder", || Box::pin(folder::read_only())),
    ("folder moved away", || Box::pin(folder::moved_away())),
    ("stopped process, second process", || Box::pin(folder::stopped_and_doubled())),
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
    let stalled = is_wanted(STALLED.0).then(|| thread::spawn(|| run(STALLED)));
    let mut passed = true;
    for fault in FAULTS.into_iter().filter(|(name, _)| is_wanted(name)) {
        passed &= run(fault);
    }
    if let Some(stalled) = stalled {
        passed &= stalled.join().unwrap_or(false);
    }
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs a fault and prints its figures. Returns whether every acknowledged file survived.
fn run((name, fault): Fault) -> bool {
    let begun = Instant::now();
    let Figures { acknowledged, verified, lost, partial, note } =
        actix_web::rt::System::new().block_on(fault());
    println!(
        "faults: {name}: uploads acknowledged {acknowledged}, verified {verified}, lost {lost}, partial {partial}; {note} ({} s)",
        begun.elapsed().as_secs()
    );
    acknowledged > 0 && (verified, lost, partial) == (acknowledged, 0, 0)
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
