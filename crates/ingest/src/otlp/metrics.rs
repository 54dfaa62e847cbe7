//! As much of OTLP's metrics as it takes to count them: metrics are taken, counted and not recorded, because
//! what they sum up is what spans and logs say one by one.
//!
//! Source: opentelemetry-proto 1.x, `metrics/v1`.

use prost::Message;

/// A request to take metrics.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct MetricsRequest {
    #[prost(message, repeated, tag = "1")]
    pub resource_metrics: Vec<ResourceMetrics>,
}

/// The metrics of one resource.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ResourceMetrics {
    #[prost(message, repeated, tag = "2")]
    pub scope_metrics: Vec<ScopeMetrics>,
}

/// The metrics of one library.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ScopeMetrics {
    #[prost(message, repeated, tag = "2")]
    pub metrics: Vec<Metric>,
}

/// One metric; it is of one of these kinds.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Metric {
    #[prost(message, optional, tag = "5")]
    pub gauge: Option<Points>,
    #[prost(message, optional, tag = "7")]
    pub sum: Option<Points>,
    #[prost(message, optional, tag = "9")]
    pub histogram: Option<Points>,
    #[prost(message, optional, tag = "10")]
    pub exponential_histogram: Option<Points>,
    #[prost(message, optional, tag = "11")]
    pub summary: Option<Points>,
}

/// The data points of a metric.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Points {
    #[prost(message, repeated, tag = "1")]
    pub data_points: Vec<Point>,
}

/// A data point, of which nothing is read. It takes no memory, however many there are.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Point {}

impl MetricsRequest {
    /// How many data points there are.
    pub(crate) fn data_points(&self) -> u64 {
        let metrics =
            self.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics).flat_map(|scope| &scope.metrics);
        metrics.map(Metric::data_points).sum()
    }
}

impl Metric {
    fn data_points(&self) -> u64 {
        let kinds = [&self.gauge, &self.sum, &self.histogram, &self.exponential_histogram, &self.summary];
        kinds.into_iter().flatten().map(|points| points.data_points.len() as u64).sum()
    }
}
