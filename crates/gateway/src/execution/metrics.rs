//! Counters of deployed APIs, after the metrics that API Gateway sends to CloudWatch (guide, "Amazon API Gateway
//! dimensions and metrics"), in Prometheus's text form.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};

use super::trace::{CacheResult, GatewayTrace};

/// Label sets kept; calls of stages and methods beyond are counted together, without labels.
const BOUND: usize = 10_000;
/// Upper ends of the latency buckets, in milliseconds; 29,000 is an integration's longest time-out.
const BUCKETS: [u64; 13] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 5000, 10_000, 29_000];

/// Whose calls are counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Labels {
    pub api_id: String,
    pub api_name: String,
    pub stage: String,
    /// Method and resource, where the stage's method settings have `metricsEnabled`.
    pub method: Option<(String, String)>,
}

/// The counters of one stage or method.
#[derive(Default)]
pub(super) struct Series {
    count: AtomicU64,
    client_errors: AtomicU64,
    server_errors: AtomicU64,
    cache_hits: AtomicU64,
    cache_misses: AtomicU64,
    latency: Histogram,
    integration: Histogram,
}

#[derive(Default)]
struct Histogram {
    /// One more than [`BUCKETS`]: the last is for everything longer.
    buckets: [AtomicU64; BUCKETS.len() + 1],
    sum: AtomicU64,
}

impl Histogram {
    fn add(&self, ms: u64) {
        let at = BUCKETS.partition_point(|end| *end < ms);
        if let Some(bucket) = self.buckets.get(at) {
            bucket.fetch_add(1, Relaxed);
        }
        self.sum.fetch_add(ms, Relaxed);
    }
}

impl Series {
    /// Counts a call.
    pub fn add(&self, trace: &GatewayTrace) {
        let GatewayTrace { status, latency_ms, integration_latency_ms, cache, .. } = *trace;
        self.count.fetch_add(1, Relaxed);
        match cache {
            Some(CacheResult::Hit) => self.cache_hits.fetch_add(1, Relaxed),
            Some(CacheResult::Miss) => self.cache_misses.fetch_add(1, Relaxed),
            None => 0,
        };
        match status {
            400..=499 => self.client_errors.fetch_add(1, Relaxed),
            500..=599 => self.server_errors.fetch_add(1, Relaxed),
            _ => 0,
        };
        self.latency.add(latency_ms);
        if let Some(ms) = integration_latency_ms {
            self.integration.add(ms);
        }
    }
}

/// Every series. A stage looks its own up once, when it is compiled, so that counting takes no lock.
#[derive(Default)]
pub(super) struct Metrics {
    series: RwLock<BTreeMap<Labels, Arc<Series>>>,
    others: Arc<Series>,
}

impl Metrics {
    pub fn series(&self, labels: Labels) -> Arc<Series> {
        let mut series = self.series.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = series.get(&labels) {
            return found.clone();
        }
        if series.len() >= BOUND {
            return self.others.clone();
        }
        series.entry(labels).or_default().clone()
    }

    /// The page: stages and methods in families of their own, so that sums count no call twice.
    pub fn render(&self) -> String {
        let series = self.series.read().unwrap_or_else(PoisonError::into_inner);
        let of = |method: bool| {
            let wanted = series.iter().filter(move |(labels, _)| labels.method.is_some() == method);
            wanted.map(|(labels, one)| (shown(labels), &**one)).collect::<Vec<_>>()
        };
        let (mut stages, methods) = (of(false), of(true));
        if self.others.count.load(Relaxed) > 0 {
            stages.push(("api_id=\"others\"".to_owned(), &self.others));
        }
        let mut out = String::new();
        family(&mut out, "aws_apigateway", "calls of a stage", &stages);
        family(&mut out, "aws_apigateway_method", "calls of a method with detailed metrics", &methods);
        out
    }
}

fn shown(labels: &Labels) -> String {
    let mut out = String::new();
    let mut put = |name: &str, value: &str| {
        let comma = if out.is_empty() { "" } else { "," };
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        // Writing to a String cannot fail.
        let _ = write!(out, "{comma}{name}=\"{value}\"");
    };
    put("api_id", &labels.api_id);
    put("api_name", &labels.api_name);
    put("stage", &labels.stage);
    if let Some((method, resource)) = &labels.method {
        put("method", method);
        put("resource", resource);
    }
    out
}

/// A counter of a series, or a histogram.
type Of<T> = fn(&Series) -> &T;

fn family(out: &mut String, prefix: &str, what: &str, series: &[(String, &Series)]) {
    let counters: [(&str, &str, Of<AtomicU64>); 5] = [
        ("count_total", "Count", |s| &s.count),
        ("4xx_error_total", "4XXError", |s| &s.client_errors),
        ("5xx_error_total", "5XXError", |s| &s.server_errors),
        ("cache_hit_count_total", "CacheHitCount", |s| &s.cache_hits),
        ("cache_miss_count_total", "CacheMissCount", |s| &s.cache_misses),
    ];
    for (name, metric, of) in counters {
        let _ = writeln!(out, "# HELP {prefix}_{name} {metric}: {what}\n# TYPE {prefix}_{name} counter");
        for (labels, one) in series {
            let _ = writeln!(out, "{prefix}_{name}{{{labels}}} {}", of(one).load(Relaxed));
        }
    }
    let histograms: [(&str, &str, Of<Histogram>); 2] = [
        ("latency_milliseconds", "Latency", |s| &s.latency),
        ("integration_latency_milliseconds", "IntegrationLatency", |s| &s.integration),
    ];
    for (name, metric, of) in histograms {
        let _ = writeln!(out, "# HELP {prefix}_{name} {metric}: {what}\n# TYPE {prefix}_{name} histogram");
        for (labels, one) in series {
            let histogram = of(one);
            let mut total = 0;
            for (i, bucket) in histogram.buckets.iter().enumerate() {
                total += bucket.load(Relaxed);
                let end = BUCKETS.get(i).map_or_else(|| "+Inf".to_owned(), u64::to_string);
                let _ = writeln!(out, "{prefix}_{name}_bucket{{{labels},le=\"{end}\"}} {total}");
            }
            let _ = writeln!(out, "{prefix}_{name}_sum{{{labels}}} {}", histogram.sum.load(Relaxed));
            let _ = writeln!(out, "{prefix}_{name}_count{{{labels}}} {total}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(stage: &str, method: Option<(&str, &str)>) -> Labels {
        Labels {
            api_id: "abc".to_owned(),
            api_name: "a \"b\"\n".to_owned(),
            stage: stage.to_owned(),
            method: method.map(|(m, r)| (m.to_owned(), r.to_owned())),
        }
    }

    fn call(status: u16, latency_ms: u64, integration_latency_ms: Option<u64>) -> GatewayTrace {
        GatewayTrace { status, latency_ms, integration_latency_ms, ..GatewayTrace::default() }
    }

    #[test]
    fn a_page_has_every_metric_in_prometheus_form() {
        let metrics = Metrics::default();
        metrics
            .series(labels("prod", None))
            .add(&GatewayTrace { cache: Some(CacheResult::Miss), ..call(200, 7, Some(3)) });
        metrics.series(labels("prod", None)).add(&call(404, 40_000, None));
        metrics
            .series(labels("prod", Some(("GET", "/x"))))
            .add(&GatewayTrace { cache: Some(CacheResult::Hit), ..call(500, 1, Some(1)) });
        let page = metrics.render();
        for line in [
            r#"aws_apigateway_count_total{api_id="abc",api_name="a \"b\"\n",stage="prod"} 2"#,
            r#"aws_apigateway_4xx_error_total{api_id="abc",api_name="a \"b\"\n",stage="prod"} 1"#,
            r#"aws_apigateway_5xx_error_total{api_id="abc",api_name="a \"b\"\n",stage="prod"} 0"#,
            r#"aws_apigateway_latency_milliseconds_bucket{api_id="abc",api_name="a \"b\"\n",stage="prod",le="10"} 1"#,
            r#"aws_apigateway_latency_milliseconds_bucket{api_id="abc",api_name="a \"b\"\n",stage="prod",le="+Inf"} 2"#,
            r#"aws_apigateway_latency_milliseconds_sum{api_id="abc",api_name="a \"b\"\n",stage="prod"} 40007"#,
            r#"aws_apigateway_integration_latency_milliseconds_count{api_id="abc",api_name="a \"b\"\n",stage="prod"} 1"#,
            r#"aws_apigateway_cache_miss_count_total{api_id="abc",api_name="a \"b\"\n",stage="prod"} 1"#,
            r#"aws_apigateway_method_cache_hit_count_total{api_id="abc",api_name="a \"b\"\n",stage="prod",method="GET",resource="/x"} 1"#,
            r#"aws_apigateway_method_5xx_error_total{api_id="abc",api_name="a \"b\"\n",stage="prod",method="GET",resource="/x"} 1"#,
        ] {
            assert!(page.lines().any(|l| l == line), "{line}\n{page}");
        }
    }

    #[test]
    fn label_sets_are_bounded() {
        let metrics = Metrics::default();
        for i in 0..BOUND + 5 {
            metrics.series(labels(&i.to_string(), None)).add(&call(200, 1, None));
        }
        assert_eq!(metrics.series.read().unwrap().len(), BOUND);
        assert!(metrics.render().contains("aws_apigateway_count_total{api_id=\"others\"} 5"));
    }
}
