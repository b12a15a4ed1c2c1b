//! `gc`: what was uploaded and never notified is removed, or told.

use std::io::{self, IsTerminal, Write};
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::app;
use crate::config::{DataSettings, LogSettings, StorageSettings, collectable_age};
use crate::domain::ObjectKey;
use crate::service::collect::{Finding, Tally, Verdict, collect};
use crate::storage::Stage;
use crate::telemetry;

#[derive(Args, Debug)]
pub(super) struct Command {
    /// Remove nothing; list what would be removed
    #[arg(long)]
    dry_run: bool,

    /// How old an upload is that is removed: more than the 7 days for which an upload token may be good
    #[arg(long, default_value = "8d", value_name = "DURATION", value_parser = collectable_age)]
    older_than: Duration,

    /// Print the counts as one line of JSON, and nothing else on stdout
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    data: DataSettings,

    #[command(flatten)]
    storage: StorageSettings,

    #[command(flatten)]
    log: LogSettings,
}

pub(super) async fn run(command: &Command) -> anyhow::Result<()> {
    telemetry::install(&command.log)?;
    let registry = super::existing_registry(&command.data).await?;
    let store = app::beside_store(&command.storage, &command.data).await?;
    let Some(lock) = registry.collector().await? else {
        bail!("another process is cleaning up right now; try again later");
    };
    let verdict = if command.dry_run { Verdict::Report } else { Verdict::Remove };
    let buckets = command.storage.buckets()?;
    let progress = progress();
    // A line that nobody takes is told at the end; the work is done all the same.
    let unwritten = Mutex::new(None);
    let say = |line: String| {
        if !command.json
            && let Err(error) = progress.suspend(|| writeln!(io::stdout(), "{line}"))
            && let Ok(mut unwritten) = unwritten.lock()
        {
            unwritten.get_or_insert(error);
        }
    };
    let place = |key: ObjectKey, stage: Stage| {
        let staging = if stage == Stage::Staged { " (staged)" } else { "" };
        format!("{}/{}{staging}", buckets.of(key.upload_type), key.path())
    };
    let hear = |finding| match finding {
        Finding::Abandoned(section, name) if command.dry_run => {
            let key = ObjectKey { upload_type: section.upload_type, name };
            say(format!("abandoned  {}", place(key, section.stage)));
        }
        Finding::Abandoned(..) => {}
        Finding::Missing(key) => say(format!("missing    {}", place(key, Stage::Final))),
        Finding::Progress(tally) => progress.set_message(format!(
            "{} objects looked at, {} abandoned, {} removed",
            tally.listed, tally.abandoned, tally.removed
        )),
    };
    let now = registry.now().await?;
    let done =
        collect(store.as_ref(), registry.as_ref(), verdict, now - command.older_than, now, &hear).await;
    progress.finish_and_clear();
    drop(lock);
    registry.close().await;
    let tally = done?;
    if let Some(error) = unwritten.into_inner().ok().flatten() {
        return Err(error).context(super::STDOUT);
    }
    let last = if command.json { serde_json::to_string(&tally)? } else { summary(&tally, command) };
    writeln!(io::stdout(), "{last}").context(super::STDOUT)
}

fn progress() -> ProgressBar {
    let target =
        if io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style =
        ProgressStyle::with_template("{spinner} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
    let bar = ProgressBar::with_draw_target(None, target).with_style(style);
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

fn summary(tally: &Tally, command: &Command) -> String {
    let Tally { listed, claimed, abandoned, removed, failed, missing, foreign } = tally;
    let hours = command.older_than.as_secs() / 3600;
    let age =
        if hours.is_multiple_of(24) { format!("{} days", hours / 24) } else { format!("{hours} hours") };
    let fate = if command.dry_run { "not removed, for this is a dry run" } else { "removed" };
    let mut text =
        format!("Objects older than {age}: {listed}. In use: {claimed}. Never notified: {abandoned}, ");
    text += &if command.dry_run || removed == abandoned {
        format!("{fate}.")
    } else {
        format!("{removed} of them removed.")
    };
    if *failed > 0 {
        text += &format!(" Could not be removed: {failed}.");
    }
    if *missing > 0 {
        text += &format!(" Files that have lost their bytes: {missing}.");
    }
    if *foreign > 0 {
        text += &format!(" Not ours, and left alone: {foreign}.");
    }
    text
}
