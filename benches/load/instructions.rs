//! How many instructions a request takes outside of the kernel, as callgrind counts them: the same on every machine of a kind.
//!
//! valgrind knows no SHA extensions, so that hashing counts for more here than it costs.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::client::{Request, Until, run};
use crate::servers::{Server, Under};

const REQUESTS: usize = 1000;

/// What [`Server`]s are started under.
pub const CALLGRIND: Under = Under(&["valgrind", "--quiet", "--tool=callgrind", "--instr-atstart=no"]);

/// Instructions for each of many `request`s to a server that runs under [`CALLGRIND`].
#[expect(clippy::cast_precision_loss, reason = "some hundred millions")]
pub async fn per_request(server: &Server, request: &Request) -> f64 {
    let requests = vec![request.clone(); REQUESTS];
    let few = Until::Passed(Duration::from_millis(500));
    run(server.address, &requests, 1, few).await;
    control(server, "--instr=on");
    run(server.address, &requests, 1, Until::Sent).await;
    control(server, "--instr=off");
    control(server, "--dump");
    let dump = server.folder.join(format!("callgrind.out.{}.1", server.pid()));
    let text = fs::read_to_string(dump).expect("a dump");
    let totals = text.lines().find_map(|line| line.strip_prefix("totals: ")).expect("totals");
    totals.trim().parse::<u64>().expect("a number") as f64 / REQUESTS as f64
}

fn control(server: &Server, what: &str) {
    let pid = server.pid().to_string();
    let done = Command::new("callgrind_control").args([what, &pid]).output().expect("valgrind is installed");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}
