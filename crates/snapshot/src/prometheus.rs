//! Answers of Prometheus to questions about a range of time.
//!
//! `GET /api/v1/query_range` answers `{"status":"success","data":{"resultType":"matrix","result":[…]}}`
//! (<https://prometheus.io/docs/prometheus/latest/querying/api/#range-queries>). Two metrics of the
//! kubelet's cAdvisor are understood; results without a name are those of a function such as `rate`,
//! and only the input's name tells of what.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};

/// One result: a container's values over time.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) namespace: String,
    pub(crate) pod: String,
    pub(crate) container: String,
    /// What tells it from other series of the same container.
    pub(crate) labels: String,
    pub(crate) kind: SeriesKind,
    /// Instants in seconds since 1970, with values.
    pub(crate) values: Vec<(f64, f64)>,
}

/// What values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SeriesKind {
    /// Seconds of processors since the container began.
    CpuCounter,
    /// Processors in use.
    Cpu,
    /// Bytes in use.
    Memory,
}

/// Why a result is of no use.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// It is of no container: sums of pods, pauses.
    OfNoContainer,
    /// It could be, were it asked for otherwise.
    Advice(String),
}

#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow, default)]
    metric: std::collections::BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    #[serde(default)]
    values: Values,
    #[serde(default)]
    value: Option<IgnoredAny>,
}

/// Pairs of an instant and a number that is written as a text.
#[derive(Default)]
struct Values(Vec<(f64, f64)>);

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Values, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Values;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list of pairs of an instant and a number as a text")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Values, A::Error> {
                let mut values = Vec::new();
                while let Some((at, text)) = list.next_element::<(f64, Cow<'de, str>)>()? {
                    // `NaN` and `+Inf` are no measurements.
                    match text.parse::<f64>() {
                        Ok(value) if value.is_finite() && at.is_finite() => {
                            values.push((at, value))
                        }
                        _ => {}
                    }
                }
                Ok(Values(values))
            }
        }
        deserializer.deserialize_seq(Pairs)
    }
}

/// Reads one result; `input` is the name of the input that it stands in.
pub(crate) fn read(input: &str, text: &str) -> Result<Series, Unusable> {
    let raw: Raw<'_> =
        serde_json::from_str(text).map_err(|error| Unusable::Advice(error.to_string()))?;
    let label = |names: &[&str]| {
        names.iter().find_map(|name| raw.metric.get(*name)).map_or("", |value| value.as_ref())
    };
    let container = label(&["container", "container_name"]);
    let pod = label(&["pod", "pod_name"]);
    if matches!(container, "" | "POD") && raw.metric.contains_key("__name__") {
        return Err(Unusable::OfNoContainer);
    }
    let kind = kind_of(input, raw.metric.get("__name__").map(AsRef::as_ref))?;
    let namespace = label(&["namespace"]);
    if [namespace, pod, container].contains(&"") {
        return Err(Unusable::Advice(
            "lacks one of the labels namespace, pod and container: keep them, as in \
             `… by (namespace, pod, container)`"
                .to_owned(),
        ));
    }
    if raw.value.is_some() && raw.values.0.is_empty() {
        return Err(Unusable::Advice(
            "is of one instant, which tells nothing of days: ask `query_range`".to_owned(),
        ));
    }
    let labels: Vec<String> =
        raw.metric.iter().map(|(name, value)| format!("{name}={value}")).collect();
    Ok(Series {
        namespace: namespace.to_owned(),
        pod: pod.to_owned(),
        container: container.to_owned(),
        labels: labels.join(","),
        kind,
        values: raw.values.0,
    })
}

fn kind_of(input: &str, name: Option<&str>) -> Result<SeriesKind, Unusable> {
    match name {
        Some("container_memory_working_set_bytes") => Ok(SeriesKind::Memory),
        Some("container_cpu_usage_seconds_total") => Ok(SeriesKind::CpuCounter),
        Some(other) => Err(Unusable::Advice(format!(
            "is {other}: container_memory_working_set_bytes and container_cpu_usage_seconds_total \
             are understood"
        ))),
        None => {
            // Only the last part: folders are called anything.
            let file = input.rsplit(['/', '\\']).next().unwrap_or(input).to_ascii_lowercase();
            match (file.contains("cpu"), file.contains("memory")) {
                (true, false) => Ok(SeriesKind::Cpu),
                (false, true) => Ok(SeriesKind::Memory),
                _ => Err(Unusable::Advice(
                    "has no `__name__`, so the file's name has to contain either `cpu` (in cores) \
                     or `memory` (in bytes)"
                        .to_owned(),
                )),
            }
        }
    }
}

/// Processors in use between the readings of a counter, each at the later instant, with whether the
/// container began anew just before. After a fall the counter began at nothing.
pub(crate) fn rates(values: &[(f64, f64)]) -> impl Iterator<Item = (f64, f64, bool)> {
    values.windows(2).filter_map(|pair| {
        let ((before, from), (at, to)) = (pair[0], pair[1]);
        let seconds = at - before;
        let again = to < from;
        let used = if again { to } else { to - from };
        // Over a long silence an average hides everything.
        (seconds > 0.0 && seconds <= LONGEST_SILENCE).then(|| (at, used / seconds, again))
    })
}

/// Seconds between two readings beyond which nothing is said of the time between.
const LONGEST_SILENCE: f64 = 3_600.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_become_rates_across_falls_and_silences() {
        let readings = [
            (0.0, 100.0),
            (60.0, 130.0),
            (120.0, 6.0),
            (180.0, 36.0),
            (90_000.0, 40.0),
            (90_000.0, 41.0),
        ];
        let found: Vec<(f64, f64, bool)> = rates(&readings).collect();
        assert_eq!(found, [(60.0, 0.5, false), (120.0, 0.1, true), (180.0, 0.5, false)]);
    }

    #[test]
    fn what_a_result_is_of_is_told_by_its_name_or_the_files() {
        let with = |name: &str| {
            format!(
                r#"{{"metric":{{{name}"namespace":"shop","pod":"web-1","container":"app"}},"values":[[1.5,"2"],[2.5,"NaN"],[3,"4e3"]]}}"#
            )
        };
        let named = |metric: &str| with(&format!(r#""__name__":"{metric}","#));
        let check = |input: &str, text: &str, expected: Result<SeriesKind, &str>| match (
            read(input, text),
            expected,
        ) {
            (Ok(series), Ok(kind)) => {
                assert_eq!(series.kind, kind);
                assert_eq!(series.values, [(1.5, 2.0), (3.0, 4_000.0)]);
            }
            (Err(Unusable::Advice(text)), Err(part)) => assert!(text.contains(part), "{text}"),
            (found, _) => panic!("{found:?}"),
        };
        check("x.json", &named("container_memory_working_set_bytes"), Ok(SeriesKind::Memory));
        check("x.json", &named("container_cpu_usage_seconds_total"), Ok(SeriesKind::CpuCounter));
        check("x.json", &named("up"), Err("is up"));
        check("memory/our-CPU.json", &with(""), Ok(SeriesKind::Cpu));
        check("memory.json", &with(""), Ok(SeriesKind::Memory));
        check("cpu-and-memory.json", &with(""), Err("has no `__name__`"));
        check("x.json", &with(""), Err("has no `__name__`"));
        check(
            "cpu.json",
            r#"{"metric":{"namespace":"a","pod":"b"},"values":[]}"#,
            Err("lacks one"),
        );
        check(
            "cpu.json",
            r#"{"metric":{"namespace":"a","pod":"b","container":"c"},"value":[1,"2"]}"#,
            Err("of one instant"),
        );
        let pause = named("container_memory_working_set_bytes").replace("\"app\"", "\"POD\"");
        assert_eq!(read("x.json", &pause).unwrap_err(), Unusable::OfNoContainer);
    }
}
