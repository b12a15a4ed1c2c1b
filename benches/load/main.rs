//! Our server beside what bounds it: a bare actix-web handler, nginx, and the disk. `benches/load/run.sh` runs it and prints a table.
//!
//! What is compared runs in turns, round by round, so that the ratios hold on any machine, whatever else it does. See
//! `docs/performance.md`.

mod client;
mod instructions;
mod servers;
mod writer;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use client::{Request, Until, ask, run};
use instructions::CALLGRIND;
use servers::{Ours, PLAIN, Server, bare, be_bare, nginx};
use teable_attachments::domain::Sha256;

/// How long a round of small requests takes.
const ROUND: Duration = Duration::from_secs(1);

/// A file, how many of it are sent in a round, and over how many connections.
struct Size {
    name: &'static str,
    bytes: usize,
    files: usize,
    connections: usize,
    rounds: usize,
}

/// Smaller files are not removed between rounds: a disk that is told of thousands of free pieces is slower for minutes. Larger ones are, for
/// memory that was never used is slow on a virtual machine.
const LARGE: usize = 1_000_000;

const SIZES: [Size; 3] = [
    Size { name: "10 KB", bytes: 10_000, files: 4000, connections: 16, rounds: 7 },
    Size { name: "1 MB", bytes: 1_000_000, files: 200, connections: 8, rounds: 7 },
    Size { name: "100 MB", bytes: 100_000_000, files: 4, connections: 2, rounds: 5 },
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let wanted = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["bare", port, answer] => return be_bare(port, answer),
        [] => None,
        [name] => Some(name.to_owned()),
        _ => panic!("name one of: signature, instructions, upload, read, memory, start; or nothing for all"),
    };
    let is_wanted = |name: &str| wanted.as_deref().is_none_or(|wanted| wanted == name);
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("load");
    let _ = fs::remove_dir_all(&folder);
    println!("| what | ours | beside | ratio | goal | |\n| --- | ---: | ---: | ---: | --- | --- |");
    actix_web::rt::System::new().block_on(async {
        if is_wanted("signature") {
            signature(&folder).await;
        }
        if is_wanted("instructions") {
            instructions(&folder).await;
        }
        if is_wanted("upload") {
            upload(&folder).await;
        }
        if is_wanted("read") {
            read(&folder).await;
        }
        if is_wanted("memory") {
            memory(&folder).await;
        }
        if is_wanted("start") {
            start(&folder).await;
        }
    });
    let _ = fs::remove_dir_all(&folder);
}

/// Which side of a goal is good.
enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

fn row(what: &str, ours: &str, beside: &str, value: f64, goal: &Goal) {
    let (sign, bound, held) = match goal {
        Goal::AtLeast(bound) => ("≥", bound, value >= *bound),
        Goal::AtMost(bound) => ("≤", bound, value <= *bound),
    };
    let mark = if held { "held" } else { "MISSED" };
    println!("| {what} | {ours} | {beside} | {value:.2} | {sign} {bound:.2} | {mark} |");
}

fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The medians of both, and of their ratio in each round.
fn medians(rounds: &[(f64, f64)]) -> (f64, f64, f64) {
    (
        median(rounds.iter().map(|(ours, _)| *ours)),
        median(rounds.iter().map(|(_, beside)| *beside)),
        median(rounds.iter().map(|(ours, beside)| ours / beside)),
    )
}

async fn signature(folder: &Path) {
    let ours = Ours::start(&folder.join("signature"), &[]);
    let request = [ours.signature(123, "xxxxxxxx")];
    let answer = ask(ours.server.address, &request[0]).await;
    let bare = bare(PLAIN, &folder.join("bare"), &answer);
    let (mut rates, mut latencies) = (Vec::new(), Vec::new());
    for round in 0..12 {
        let mine = run(ours.server.address, &request, 64, Until::Passed(ROUND)).await;
        let other = run(bare.address, &request, 64, Until::Passed(ROUND)).await;
        // The first fills caches.
        if round > 0 {
            rates.push((mine.per_second(), other.per_second()));
            latencies.push((mine.p99(), other.p99()));
        }
    }
    let (mine, other, ratio) = medians(&rates);
    let (what, [mine, other]) =
        ("signature, 64 connections", [mine, other].map(|rate| format!("{rate:.0}/s")));
    row(what, &mine, &format!("bare actix-web {other}"), ratio, &Goal::AtLeast(0.80));
    let (mine, other, ratio) = medians(&latencies);
    let beside = format!("bare actix-web {other:.1} ms");
    row("signature, 99th percentile", &format!("{mine:.1} ms"), &beside, ratio, &Goal::AtMost(1.5));
}

async fn instructions(folder: &Path) {
    let ours = Ours::start_under(CALLGRIND, &folder.join("counted"), &[]);
    let request = ours.signature(123, "xxxxxxxx");
    let answer = ask(ours.server.address, &request).await;
    let bare = bare(CALLGRIND, &folder.join("counted-bare"), &answer);
    let mine = instructions::per_request(&ours.server, &request).await;
    let other = instructions::per_request(&bare, &request).await;
    println!("| signature, instructions | {mine:.0} | bare actix-web {other:.0} | {:.2} | | |", mine / other);
}

fn content(size: usize) -> &'static [u8] {
    // xorshift: nothing that a file system could shorten.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let bytes = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    let mut bytes: Vec<u8> = bytes.take(size.div_ceil(8)).flatten().collect();
    bytes.truncate(size);
    bytes.leak()
}

/// Files a second.
async fn files(address: std::net::SocketAddr, requests: &[Request], size: &Size) -> f64 {
    rustix::fs::sync();
    run(address, requests, size.connections, Until::Sent).await.per_second()
}

async fn signed(ours: &Ours, body: &'static [u8], count: usize) -> Vec<Request> {
    let hash = Sha256::of(body).to_string();
    let mut requests = Vec::with_capacity(count);
    for _ in 0..count {
        requests.push(ours.upload(body, &hash).await.0);
    }
    requests
}

async fn upload(folder: &Path) {
    let relaxed = Ours::start(&folder.join("relaxed"), &["--storage-local-durability", "relaxed"]);
    let durable = Ours::start(&folder.join("durable"), &[]);
    let nginx = nginx(&folder.join("nginx-put"));
    let plain = folder.join("plain");
    fs::create_dir_all(&plain).expect("a folder");
    for size in &SIZES {
        let body = content(size.bytes);
        let (mut beside_nginx, mut beside_disk) = (Vec::new(), Vec::new());
        for round in 0..=size.rounds {
            let requests = signed(&relaxed, body, size.files).await;
            let mine = files(relaxed.server.address, &requests, size).await;
            let name = |index| format!("{}-{round}-{index}", size.bytes);
            let paths = (0..size.files).map(|index| Request::put(&format!("/{}", name(index)), body));
            let requests: Vec<Request> = paths.collect();
            let other = files(nginx.address, &requests, size).await;
            let requests = signed(&durable, body, size.files).await;
            let synced = files(durable.server.address, &requests, size).await;
            let paths: Vec<PathBuf> = (0..size.files).map(|index| plain.join(name(index))).collect();
            rustix::fs::sync();
            let written = writer::run(&paths, body, size.connections);
            if round > 0 {
                beside_nginx.push((mine, other));
                beside_disk.push((synced, written));
            }
            if size.bytes >= LARGE {
                let files = [relaxed.files(), durable.files(), nginx.folder.join("files"), plain.clone()];
                for folder in &files {
                    fs::remove_dir_all(folder).and_then(|()| fs::create_dir(folder)).expect("a folder");
                }
            }
        }
        let name = format!("{} upload", size.name);
        compare(&format!("{name}, relaxed"), size, &beside_nginx, "nginx", 0.8);
        compare(&format!("{name}, durable"), size, &beside_disk, "write and `fdatasync`", 0.9);
    }
}

async fn read(folder: &Path) {
    let ours = Ours::start(&folder.join("read"), &[]);
    let nginx = nginx(&folder.join("nginx-get"));
    for (size, goal) in SIZES.iter().zip([0.9, 0.9, 1.0]) {
        let body = content(size.bytes);
        let (count, hash) = (size.files.min(64), Sha256::of(body).to_string());
        let (mut mine, mut other) = (Vec::new(), Vec::new());
        for index in 0..count {
            mine.push(ours.stored(body, &hash).await);
            fs::write(nginx.folder.join(format!("files/{}-{index}", size.bytes)), body).expect("a file");
            other.push(Request::get(&format!("/{}-{index}", size.bytes)));
        }
        rustix::fs::sync();
        let mut rounds = Vec::new();
        let connections = size.connections * if size.bytes < 100_000 { 4 } else { 1 };
        for round in 0..12 {
            let mine = run(ours.server.address, &mine, connections, Until::Passed(ROUND)).await;
            let other = run(nginx.address, &other, connections, Until::Passed(ROUND)).await;
            if round > 0 {
                rounds.push((mine.per_second(), other.per_second()));
            }
        }
        compare(&format!("{} read", size.name), size, &rounds, "nginx", goal);
    }
}

#[expect(clippy::cast_precision_loss, reason = "the sizes are powers of ten")]
fn compare(what: &str, size: &Size, rounds: &[(f64, f64)], beside: &str, goal: f64) {
    let (ours, other, ratio) = medians(rounds);
    let rate = |files: f64| {
        if size.bytes < 100_000 {
            format!("{files:.0}/s")
        } else {
            format!("{:.0} MB/s", files * size.bytes as f64 / 1e6)
        }
    };
    row(what, &rate(ours), &format!("{beside} {}", rate(other)), ratio, &Goal::AtLeast(goal));
}

async fn memory(folder: &Path) {
    const UPLOADS: usize = 200;
    let ours = Ours::start(&folder.join("memory"), &[]);
    let settled = |server: &Server| server.memory("VmRSS:");
    let idle = settled(&ours.server);
    row("memory, idle (MiB)", &format!("{idle:.1}"), "", idle, &Goal::AtMost(20.0));
    let requests = signed(&ours, content(50_000_000), UPLOADS).await;
    run(ours.server.address, &requests, UPLOADS, Until::Sent).await;
    let peak = ours.server.memory("VmHWM:");
    let what = "memory, 200 parallel uploads of 50 MB (MiB)";
    row(what, &format!("{peak:.1}"), "", peak, &Goal::AtMost(120.0));
}

async fn start(folder: &Path) {
    let mut times = Vec::new();
    for round in 0..9 {
        let begun = Instant::now();
        let ours = Ours::start(&folder.join(format!("start-{round}")), &[]);
        ask(ours.server.address, &ours.signature(1, "xxxxxxxx")).await;
        times.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    let time = median(times);
    row("cold start to the first signature (ms)", &format!("{time:.0}"), "", time, &Goal::AtMost(100.0));
}
