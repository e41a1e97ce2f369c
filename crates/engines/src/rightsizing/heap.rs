//! Runtimes that take what they may have and give nothing back.
//!
//! A Java virtual machine grows its heap towards a share of the memory limit, whatever the program
//! needs: use that lies flat near the limit shows the limit and no need. Only what a snapshot tells
//! is looked at, the image's name and what people write into labels and annotations.

use super::history::{Group, Measured};

/// Words in names of images that say Java.
const IMAGES: &[&str] = &[
    "java",
    "openjdk",
    "jdk",
    "jre",
    "temurin",
    "corretto",
    "zulu",
    "graalvm",
    "tomcat",
    "jetty",
    "wildfly",
    "jboss",
    "keycloak",
    "kafka",
    "zookeeper",
    "cassandra",
    "elasticsearch",
    "opensearch",
    "logstash",
    "spark",
    "flink",
    "hadoop",
    "hbase",
    "solr",
    "activemq",
    "jenkins",
    "spring",
];
/// Words in labels and annotations that say Java.
const MARKS: &[&str] = &["java", "jvm", "xmx", "java_opts", "jdk_java_options"];
/// From this share of the limit on, use is near it.
const NEAR: f64 = 0.6;
/// Up to this spread of logarithms, use is flat.
const FLAT: f64 = 0.08;

/// Why memory use says nothing of the need; `None` where it does.
///
/// `sign` is what says that the container runs Java.
pub(super) fn managed(group: &Group<'_>, known: &Measured, sign: Option<&str>) -> Option<String> {
    let sign = sign?;
    let limit = group.container.limits.memory.or(group.container.requests.memory)?.0 as f64;
    let logs: Vec<f64> = known.peaks.iter().map(|peak| (peak.bytes.0.max(1) as f64).ln()).collect();
    let count = logs.len() as f64;
    let mean = logs.iter().sum::<f64>() / count.max(1.0);
    let squares: f64 = logs.iter().map(|log| (log - mean) * (log - mean)).sum();
    let spread = (squares / (count - 1.0).max(1.0)).sqrt();
    let share = mean.exp() / limit;
    (limit > 0.0 && !logs.is_empty() && share >= NEAR && spread <= FLAT).then(|| {
        format!(
            "{sign}, and its memory lies flat at {:.0} % of the limit: that is its heap's ceiling \
             and not its need; change the heap's size first",
            share * 100.0
        )
    })
}

/// What says that a container runs Java.
pub(super) fn sign_of_java(group: &Group<'_>) -> Option<String> {
    let image = group.container.image.as_str();
    let path = image.split('@').next().unwrap_or("").to_ascii_lowercase();
    let mut words = path.split(|one: char| !one.is_ascii_alphabetic());
    if words.any(|word| IMAGES.contains(&word)) {
        return Some(format!("image {image} runs Java"));
    }
    let pod = group.newest;
    let marks = pod.labels.iter().chain(pod.annotations.iter());
    marks
        .filter(|(key, _)| !key.starts_with("kubectl.kubernetes.io/"))
        .find(|(key, value)| says_java(key) || says_java(value))
        .map(|(key, value)| format!("`{key}: {value}` says that it runs Java"))
}

fn says_java(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let mut words = text.split(|one: char| !(one.is_ascii_alphabetic() || one == '_'));
    // The size follows the option without a gap.
    words.any(|word| MARKS.contains(&word) || word.starts_with("xmx"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use facts::cluster::{Container, Pod, ResourceList};

    #[test]
    fn java_is_told_by_names() {
        let check = |image: &str, annotation: (&str, &str), expected: bool| {
            let container = Container { image: image.to_owned(), ..Container::default() };
            let mut pod = Pod::default();
            pod.annotations.insert(annotation.0.to_owned(), annotation.1.to_owned());
            let group = Group {
                subject: 0,
                container: &container,
                newest: &pod,
                pods: Vec::new(),
                history: None,
                now: ResourceList::default(),
                was_killed: false,
            };
            assert_eq!(sign_of_java(&group).is_some(), expected, "{image} {annotation:?}");
        };
        check("docker.io/library/eclipse-temurin:21-jre", ("a", "b"), true);
        check("registry/team/javascript-shop:1", ("a", "b"), false);
        check("nginx:1", ("app.example/runtime", "java"), true);
        check("nginx:1", ("app.example/options", "-Xmx512m -server"), true);
        check("nginx:1", ("instrumentation.opentelemetry.io/inject-java", "true"), true);
        check("nginx:1", ("app.example/notes", "no javascript here"), false);
        check("nginx:1", ("kubectl.kubernetes.io/last-applied-configuration", "java"), false);
    }
}
