//! What the whole suite leaves for `tests/secrets.sh`, which looks for the one in the other: every secret that a test used, and all that was
//! logged meanwhile.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::{LazyLock, Mutex, Once, PoisonError};

use regex::Regex;
use tracing_subscriber::EnvFilter;

/// What of a text is secret: of an access token what stands behind its id, of a signed token its signature, of a signed address the same.
static SECRETS: LazyLock<Regex> = LazyLock::new(|| {
    let access = r"tat_[0-9a-f]{12}_(?<access>[0-9a-f]{64})";
    let token = r"eyJ[\w-]+\.[\w-]+\.(?<token>[\w-]{43})";
    let address = r"X-Amz-Signature=(?<address>[0-9a-f]{64})";
    Regex::new(&format!("{access}|{token}|{address}")).expect("an expression")
});

/// A file that every test of every process adds to.
fn file(name: &str) -> File {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("evidence");
    std::fs::create_dir_all(&folder).expect("a folder");
    OpenOptions::new().create(true).append(true).open(folder.join(name)).expect("a file")
}

/// Remembers a secret of a kind. What is too short to be one would be found everywhere.
pub fn secret(kind: &str, value: &str) {
    static KNOWN: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);
    let line = format!("{kind}\t{}\n", value.trim());
    if value.trim().len() < 8 || !KNOWN.lock().unwrap_or_else(PoisonError::into_inner).insert(line.clone()) {
        return;
    }
    file("secrets").write_all(line.as_bytes()).expect("written");
}

/// Remembers the secrets in a text that a client was given.
pub fn secrets_in(text: &str) {
    for found in SECRETS.captures_iter(text) {
        for kind in ["access", "token", "address"] {
            if let Some(secret) = found.name(kind) {
                self::secret(kind, secret.as_str());
            }
        }
    }
}

/// Remembers the secrets among settings: flags and the values behind them, or names and values of the environment.
pub fn secrets_among(settings: &[String]) {
    for pair in settings.windows(2) {
        let name = pair[0].trim_start_matches('-').to_lowercase().replace('_', "-");
        let value = &pair[1];
        // A flag that stands alone has the next one behind it.
        if value.starts_with("--") {
            continue;
        }
        match name.as_str() {
            "signing-keys" => value.split(',').for_each(|key| secret("key", key)),
            "database-url" => {
                let login = value.split_once("://").and_then(|(_, rest)| rest.split_once('@'));
                if let Some((_, password)) = login.and_then(|(login, _)| login.split_once(':')) {
                    secret("database", password);
                }
            }
            _ if name.ends_with("secret-key")
                || name.ends_with("secret-access-key")
                || name.ends_with("session-token") =>
            {
                secret("store", value);
            }
            _ => {}
        }
    }
}

/// Remembers the secrets that a process is started with.
pub fn secrets_of(command: &Command) {
    let arguments: Vec<String> = command.get_args().map(|text| text.to_string_lossy().into_owned()).collect();
    secrets_among(&arguments);
    for (name, value) in command.get_envs() {
        let pair = [name, value.unwrap_or_default()].map(|text| text.to_string_lossy().into_owned());
        secrets_among(&pair);
    }
}

/// Keeps what a process logged.
pub fn log(text: &[u8]) {
    file("logs").write_all(text).expect("written");
}

/// Keeps what is logged in this process from now on: everything of ours, and of others what an operator sees.
pub fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let filter = EnvFilter::new("info,teable_attachments=trace");
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(file("logs")).init();
    });
}
