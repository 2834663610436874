//! What the server counts, in the text format of Prometheus.
//!
//! Labels have bounded variety: an endpoint is named by its route, never by the path of a request.
//! [format](https://prometheus.io/docs/instrumenting/exposition_formats/)

use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use http::StatusCode;
use parking_lot::RwLock;

use super::process;

/// Everything that is counted. Clones share it.
#[derive(Clone, Default)]
pub struct Metrics {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    requests: RwLock<BTreeMap<&'static str, Arc<Endpoint>>>,
    values: RwLock<Vec<Value>>,
    in_flight: AtomicU64,
}

/// What is counted of one endpoint.
#[derive(Default)]
struct Endpoint {
    /// By the first digit of the status, 1 to 5.
    by_status: [AtomicU64; 5],
    seconds: Histogram,
}

/// A number that only grows.
#[derive(Clone, Default)]
pub struct Counter(Arc<AtomicU64>);

impl Counter {
    /// Counts one.
    pub fn increment(&self) {
        self.add(1);
    }

    /// Counts so many.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }
}

/// How often something took how long.
#[derive(Default)]
pub struct Histogram {
    buckets: [AtomicU64; BUCKETS.len()],
    count: AtomicU64,
    microseconds: AtomicU64,
}

/// Upper ends of a histogram's buckets, in microseconds.
const BUCKETS: [u64; 9] = [
    100, 500, 2_000, 10_000, 50_000, 200_000, 1_000_000, 5_000_000, 30_000_000,
];

impl Histogram {
    /// Counts one that took so long.
    pub fn record(&self, took: Duration) {
        let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.count.fetch_add(1, Ordering::Relaxed);
        self.microseconds.fetch_add(microseconds, Ordering::Relaxed);
        if let Some(bucket) = BUCKETS.iter().position(|end| microseconds <= *end) {
            self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        }
    }

    fn write(&self, out: &mut String, name: &str, label: &str) {
        let mut up_to = 0;
        for (bucket, end) in self.buckets.iter().zip(BUCKETS) {
            up_to += bucket.load(Ordering::Relaxed);
            line(
                out,
                &format!("{name}_bucket{{{label},le=\"{}\"}}", end as f64 / 1e6),
                up_to,
            );
        }
        let count = self.count.load(Ordering::Relaxed);
        line(out, &format!("{name}_bucket{{{label},le=\"+Inf\"}}"), count);
        line(out, &format!("{name}_count{{{label}}}"), count);
        let seconds = self.microseconds.load(Ordering::Relaxed) as f64 / 1e6;
        line(out, &format!("{name}_sum{{{label}}}"), seconds);
    }
}

struct Value {
    name: &'static str,
    help: &'static str,
    kind: &'static str,
    read: Box<dyn Fn() -> f64 + Send + Sync>,
}

/// A request that is under way.
pub struct InFlight(Arc<Inner>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Metrics {
    /// A counter under a name of its own, which ends in `_total`.
    pub fn counter(&self, name: &'static str, help: &'static str) -> Counter {
        let counter = Counter::default();
        let counted = counter.clone();
        let read = Box::new(move || counted.0.load(Ordering::Relaxed) as f64);
        self.inner.values.write().push(Value {
            name,
            help,
            kind: "counter",
            read,
        });
        counter
    }

    /// A number that goes up and down, looked up when somebody asks for it.
    pub fn gauge(
        &self,
        name: &'static str,
        help: &'static str,
        read: impl Fn() -> f64 + Send + Sync + 'static,
    ) {
        self.inner.values.write().push(Value {
            name,
            help,
            kind: "gauge",
            read: Box::new(read),
        });
    }

    /// Counts a request as under way until what is returned is dropped, however the request ends.
    pub fn begin(&self) -> InFlight {
        self.inner.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(Arc::clone(&self.inner))
    }

    /// How many requests are under way.
    pub fn in_flight(&self) -> u64 {
        self.inner.in_flight.load(Ordering::Relaxed)
    }

    /// Counts a request that was answered.
    pub fn request(&self, path: &'static str, status: StatusCode, took: Duration) {
        let known = self.inner.requests.read().get(path).cloned();
        let endpoint = known
            .unwrap_or_else(|| Arc::clone(self.inner.requests.write().entry(path).or_default()));
        let class = usize::from(status.as_u16() / 100).clamp(1, 5) - 1;
        endpoint.by_status[class].fetch_add(1, Ordering::Relaxed);
        endpoint.seconds.record(took);
    }

    /// Everything as text.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        for value in self.inner.values.read().iter() {
            header(&mut out, value.name, value.kind, value.help);
            line(&mut out, value.name, (value.read)());
        }
        let help = "Requests under way, long polls among them.";
        header(&mut out, "fialka_requests_in_flight", "gauge", help);
        line(&mut out, "fialka_requests_in_flight", self.in_flight());
        self.write_requests(&mut out);
        process::write(&mut out);
        out
    }

    fn write_requests(&self, out: &mut String) {
        let requests = self.inner.requests.read();
        header(
            out,
            "fialka_requests_total",
            "counter",
            "Requests answered, by endpoint and kind of status.",
        );
        for (path, endpoint) in requests.iter() {
            for (class, count) in endpoint.by_status.iter().enumerate() {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    let name = format!(
                        "fialka_requests_total{{path=\"{path}\",status=\"{}xx\"}}",
                        class + 1
                    );
                    line(out, &name, count);
                }
            }
        }
        header(
            out,
            "fialka_request_seconds",
            "histogram",
            "Time until a request was answered, by endpoint.",
        );
        for (path, endpoint) in requests.iter() {
            endpoint
                .seconds
                .write(out, "fialka_request_seconds", &format!("path=\"{path}\""));
        }
    }
}

pub(super) fn header(out: &mut String, name: &str, kind: &str, help: &str) {
    line(out, &format!("# HELP {name}"), help);
    line(out, &format!("# TYPE {name}"), kind);
}

pub(super) fn line(out: &mut String, name: &str, value: impl std::fmt::Display) {
    writeln!(out, "{name} {value}").expect("writing to a text cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_endpoint() {
        let metrics = Metrics::default();
        metrics.request("/sync", StatusCode::OK, Duration::from_millis(1));
        metrics.request("/sync", StatusCode::OK, Duration::from_secs(60));
        metrics.request("/sync", StatusCode::UNAUTHORIZED, Duration::from_micros(20));
        let text = metrics.to_text();
        for expected in [
            "fialka_requests_total{path=\"/sync\",status=\"2xx\"} 2\n",
            "fialka_requests_total{path=\"/sync\",status=\"4xx\"} 1\n",
            "fialka_request_seconds_bucket{path=\"/sync\",le=\"0.0001\"} 1\n",
            "fialka_request_seconds_bucket{path=\"/sync\",le=\"0.002\"} 2\n",
            "fialka_request_seconds_bucket{path=\"/sync\",le=\"30\"} 2\n",
            "fialka_request_seconds_bucket{path=\"/sync\",le=\"+Inf\"} 3\n",
            "fialka_request_seconds_count{path=\"/sync\"} 3\n",
        ] {
            assert!(text.contains(expected), "{expected} is not in\n{text}");
        }
    }

    #[test]
    fn other_domains_have_counters_and_gauges() {
        let metrics = Metrics::default();
        metrics.counter("fialka_logins_total", "Sign-ins.").add(3);
        metrics.gauge("fialka_connections", "Open connections.", || 7.0);
        let text = metrics.to_text();
        assert!(text.contains("# TYPE fialka_logins_total counter\nfialka_logins_total 3\n"));
        assert!(text.contains("# TYPE fialka_connections gauge\nfialka_connections 7\n"));
    }

    #[test]
    fn the_memory_of_this_process_is_known() {
        assert!(
            Metrics::default()
                .to_text()
                .contains("process_resident_memory_bytes ")
        );
    }
}
