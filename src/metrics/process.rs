//! What the process takes of the computer, under the names that all Prometheus clients use. Elsewhere than on Linux they are not there.

#[cfg(target_os = "linux")]
pub(super) use linux::Process;

/// Nothing can be said.
#[cfg(not(target_os = "linux"))]
pub(super) struct Process;

#[cfg(not(target_os = "linux"))]
impl Process {
    pub(super) fn new(_: &mut super::Maker) -> Self {
        Self
    }

    pub(super) fn look(&self) {}
}

#[cfg(target_os = "linux")]
mod linux {
    use procfs::process::{LimitValue, Process as Proc};
    use procfs::{ProcResult, WithCurrentSystemInfo};
    use prometheus::{Counter, Gauge, IntGauge};

    use crate::metrics::Maker;

    /// What is said of the process, as it was at the last look.
    pub(in crate::metrics) struct Process {
        cpu: Counter,
        memory: IntGauge,
        files: IntGauge,
        most_files: IntGauge,
        threads: IntGauge,
        started: Gauge,
    }

    impl Process {
        pub(in crate::metrics) fn new(new: &mut Maker) -> Self {
            Self {
                cpu: new.float_counter("process_cpu_seconds_total", "Processor time of the process"),
                memory: new.gauge("process_resident_memory_bytes", "Memory of the process that is in RAM"),
                files: new.gauge("process_open_fds", "Open file descriptors, connections among them"),
                most_files: new.gauge("process_max_fds", "The most file descriptors that may be open"),
                threads: new.gauge("process_threads", "Threads of the process"),
                started: new.float_gauge("process_start_time_seconds", "When the process began, since 1970"),
            }
        }

        /// Looks again. What cannot be seen stays as it was.
        pub(in crate::metrics) fn look(&self) {
            if let Err(error) = self.try_look() {
                tracing::debug!(%error, "the process cannot see itself in /proc");
            }
        }

        #[expect(clippy::cast_precision_loss, reason = "ticks and seconds of centuries fit")]
        fn try_look(&self) -> ProcResult<()> {
            let process = Proc::myself()?;
            let stat = process.stat()?;
            let per_second = procfs::ticks_per_second() as f64;
            let spent = (stat.utime + stat.stime) as f64 / per_second;
            self.cpu.inc_by((spent - self.cpu.get()).max(0.0));
            self.memory.set(i64::try_from(stat.rss_bytes().get()).unwrap_or(i64::MAX));
            self.threads.set(stat.num_threads);
            self.files.set(i64::try_from(process.fd_count()?).unwrap_or(i64::MAX));
            self.most_files.set(match process.limits()?.max_open_files.soft_limit {
                LimitValue::Value(most) => i64::try_from(most).unwrap_or(i64::MAX),
                LimitValue::Unlimited => i64::MAX,
            });
            self.started.set(procfs::boot_time_secs()? as f64 + stat.starttime as f64 / per_second);
            Ok(())
        }
    }
}
