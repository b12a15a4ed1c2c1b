//! The clean-up, on the node that did it.

use std::time::{Duration, SystemTime};

use prometheus::{Gauge, IntCounter, IntCounterVec, IntGauge};

use super::Maker;
use crate::service::collect::Tally;

/// What was cleaned up, and when.
pub struct Gc {
    done: IntCounter,
    interrupted: IntCounter,
    last_success: Gauge,
    last_duration: Gauge,
    objects: IntCounterVec,
    missing: IntGauge,
    foreign: IntGauge,
}

impl Gc {
    pub(super) fn new(new: &mut Maker) -> Self {
        let runs = new.counters(
            "attachments_gc_runs_total",
            "Clean-ups of this node, which were `done` or `interrupted` by a failure",
            &["outcome"],
        );
        let objects = new.counters(
            "attachments_gc_objects_total",
            "Objects that a clean-up of this node `listed`, and of those the `claimed` and the `abandoned`, and of those the `removed` \
             and the `failed`",
            &["fate"],
        );
        for fate in ["listed", "claimed", "abandoned", "removed", "failed"] {
            objects.with_label_values(&[fate]);
        }
        Self {
            done: runs.with_label_values(&["done"]),
            interrupted: runs.with_label_values(&["interrupted"]),
            last_success: new.float_gauge(
                "attachments_gc_last_success_timestamp_seconds",
                "When this node last finished a clean-up, since 1970; 0 if it has not since it was started",
            ),
            last_duration: new.float_gauge(
                "attachments_gc_last_duration_seconds",
                "How long the last clean-up of this node took",
            ),
            objects,
            missing: new.gauge(
                "attachments_gc_missing_files",
                "Files that the last clean-up of this node found without their bytes",
            ),
            foreign: new.gauge(
                "attachments_gc_foreign_objects",
                "Objects that the last clean-up of this node found and that no service made",
            ),
        }
    }

    /// A clean-up was finished at `now`.
    pub fn done(&self, tally: &Tally, took: Duration, now: SystemTime) {
        let Tally { listed, claimed, abandoned, removed, failed, missing, foreign } = *tally;
        let fates = [
            ("listed", listed),
            ("claimed", claimed),
            ("abandoned", abandoned),
            ("removed", removed),
            ("failed", failed),
        ];
        for (fate, count) in fates {
            self.objects.with_label_values(&[fate]).inc_by(count);
        }
        self.missing.set(i64::try_from(missing).unwrap_or(i64::MAX));
        self.foreign.set(i64::try_from(foreign).unwrap_or(i64::MAX));
        self.last_duration.set(took.as_secs_f64());
        let since_epoch = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.last_success.set(since_epoch.as_secs_f64());
        self.done.inc();
    }

    /// A clean-up could not be finished.
    pub fn interrupted(&self) {
        self.interrupted.inc();
    }
}
