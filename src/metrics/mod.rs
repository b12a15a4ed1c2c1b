//! What an operator sees of the service in numbers: every metric, with its name, its unit and its meaning.
//!
//! Units are base units, counters end in `_total`, and labels take few values: operations of the contract, status codes, the problems' codes.
//! What a request counts costs it a few atomic operations and no lock: the series of each operation are looked up once.

mod gc;
mod registry;
mod requests;
mod store;
mod timed;

use prometheus::core::Collector;
use prometheus::{
    Encoder, Gauge, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    TextEncoder,
};

pub use gc::Gc;
pub use registry::MeasuredRegistry;
pub use requests::{Abandonable, Requests, Series};
pub use store::MeasuredStore;

use crate::telemetry::lost_lines;
use timed::Timed;

/// The media type of what [`Metrics::text`] gives.
pub const MEDIA_TYPE: &str = prometheus::TEXT_FORMAT;

/// Every metric of one application.
pub struct Metrics {
    registry: prometheus::Registry,
    described: Vec<Description>,
    /// Requests and what was answered.
    pub requests: Requests,
    uploads_in_progress: IntGauge,
    /// Bytes of uploads that came.
    pub upload_bytes: IntCounter,
    /// Access tokens that were known already.
    pub access_cache_hits: IntCounter,
    /// Access tokens for which the registry was asked.
    pub access_cache_misses: IntCounter,
    /// The clean-up.
    pub gc: Gc,
    /// Records of the audit log that were written.
    pub audit_written: IntCounter,
    /// Records of the audit log that were not.
    pub audit_lost: IntCounter,
    log_lost: IntCounter,
    registry_calls: Timed,
    store_calls: Timed,
}

/// What a metric is called and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Its name; a histogram's series have `_bucket`, `_sum` and `_count` behind it.
    pub name: String,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// The names of its labels.
    pub labels: Vec<&'static str>,
    /// What it says.
    pub meaning: String,
}

/// What this process is, for [`Metrics::new`].
#[derive(Clone, Copy, Debug)]
pub struct Build {
    /// Where the bytes are.
    pub storage: &'static str,
    /// Where the registry is.
    pub registry: &'static str,
}

impl Metrics {
    /// Metrics at zero.
    #[must_use]
    pub fn new(build: Build) -> Self {
        let mut new = Maker::default();
        let info = new.gauges(
            "attachments_build_info",
            "1, for what its labels say of the service",
            &["version", "storage", "registry"],
        );
        info.with_label_values(&[env!("CARGO_PKG_VERSION"), build.storage, build.registry]).set(1);
        let requests = Requests::new(&mut new);
        let uploads_in_progress = new.gauge(
            "attachments_uploads_in_progress",
            "Uploads through this service of which bytes are still coming",
        );
        let upload_bytes = new.counter(
            "attachments_upload_bytes_total",
            "Bytes of uploads that came through this service, of refused ones too",
        );
        let cache = new.counters(
            "attachments_access_token_cache_total",
            "Access tokens that were looked up: `hit` was known already, `miss` was asked of the registry",
            &["result"],
        );
        let registry_calls = Timed::registry(&mut new);
        let store_calls = Timed::store(&mut new);
        let gc = Gc::new(&mut new);
        let audit = new.counters(
            "attachments_audit_records_total",
            "Records of the audit log that were `written`, or `lost` because they could not be",
            &["result"],
        );
        let log_lost = new.counter(
            "attachments_log_lines_lost_total",
            "Lines of the log that were lost because nobody read it, or because it could not be written",
        );
        new.process();
        let Maker { registry, described } = new;
        Self {
            registry,
            described,
            requests,
            uploads_in_progress,
            upload_bytes,
            access_cache_hits: cache.with_label_values(&["hit"]),
            access_cache_misses: cache.with_label_values(&["miss"]),
            gc,
            audit_written: audit.with_label_values(&["written"]),
            audit_lost: audit.with_label_values(&["lost"]),
            log_lost,
            registry_calls,
            store_calls,
        }
    }

    /// Counts an upload as in progress, until what is given is dropped.
    #[must_use]
    pub fn upload(&self) -> InProgress {
        self.uploads_in_progress.inc();
        InProgress(self.uploads_in_progress.clone())
    }

    /// All of them as they are now, in Prometheus' text format.
    ///
    /// # Errors
    /// If two series are the same, which would be a defect.
    pub fn text(&self) -> Result<Vec<u8>, prometheus::Error> {
        self.log_lost.inc_by(lost_lines().saturating_sub(self.log_lost.get()));
        let mut text = Vec::with_capacity(64 * 1024);
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }

    /// What each is called and says, in the order in which they are made.
    #[must_use]
    pub fn described(&self) -> &[Description] {
        &self.described
    }
}

/// Something that is in progress for as long as this lives.
pub struct InProgress(IntGauge);

impl Drop for InProgress {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Makes metrics and keeps what is said of them. Their names are written in this room alone, so that a wrong one, or one name
/// twice, is a defect that every start shows.
#[derive(Default)]
struct Maker {
    registry: prometheus::Registry,
    described: Vec<Description>,
}

impl Maker {
    fn keep<C: Collector + Clone + 'static>(
        &mut self,
        kind: &'static str,
        (name, meaning, labels): (&'static str, &'static str, &[&'static str]),
        made: prometheus::Result<C>,
    ) -> C {
        // Literals of this room: the first start, and every test, would show a wrong one.
        let metric = made.expect("the name is one");
        self.registry.register(Box::new(metric.clone())).expect("no two have one name");
        self.described.push(Description {
            name: name.to_owned(),
            kind,
            labels: labels.to_vec(),
            meaning: meaning.to_owned(),
        });
        metric
    }

    /// Adds the standard `process_*` metrics, which exist on Linux only.
    #[cfg(target_os = "linux")]
    fn process(&mut self) {
        let collector = prometheus::process_collector::ProcessCollector::for_self();
        for description in collector.desc() {
            let name = description.fq_name.clone();
            let kind = if name.ends_with("_total") { "counter" } else { "gauge" };
            let meaning = description.help.trim_end_matches('.').to_owned();
            self.described.push(Description { name, kind, labels: Vec::new(), meaning });
        }
        self.registry.register(Box::new(collector)).expect("no two metrics have one name");
    }

    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::unused_self, reason = "the same call on every system")]
    fn process(&mut self) {}

    fn counter(&mut self, name: &'static str, meaning: &'static str) -> IntCounter {
        self.keep("counter", (name, meaning, &[]), IntCounter::new(name, meaning))
    }

    fn counters(
        &mut self,
        name: &'static str,
        meaning: &'static str,
        labels: &[&'static str],
    ) -> IntCounterVec {
        let made = IntCounterVec::new(Opts::new(name, meaning), labels);
        self.keep("counter", (name, meaning, labels), made)
    }

    fn gauge(&mut self, name: &'static str, meaning: &'static str) -> IntGauge {
        self.keep("gauge", (name, meaning, &[]), IntGauge::new(name, meaning))
    }

    fn float_gauge(&mut self, name: &'static str, meaning: &'static str) -> Gauge {
        self.keep("gauge", (name, meaning, &[]), Gauge::new(name, meaning))
    }

    fn gauges(&mut self, name: &'static str, meaning: &'static str, labels: &[&'static str]) -> IntGaugeVec {
        self.keep("gauge", (name, meaning, labels), IntGaugeVec::new(Opts::new(name, meaning), labels))
    }

    fn histograms(
        &mut self,
        name: &'static str,
        meaning: &'static str,
        labels: &[&'static str],
        buckets: &[f64],
    ) -> HistogramVec {
        let options = HistogramOpts::new(name, meaning).buckets(buckets.to_vec());
        self.keep("histogram", (name, meaning, labels), HistogramVec::new(options, labels))
    }
}
