//! Services and ingresses.

use facts::cluster::{Ingress, Labels, Service};
use serde::Deserialize;

use super::meta::Meta;
use crate::lenient;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ServiceObject {
    #[serde(deserialize_with = "lenient::or_default")]
    metadata: Meta,
    #[serde(deserialize_with = "lenient::or_default")]
    spec: ServiceSpec,
    #[serde(deserialize_with = "lenient::or_default")]
    status: EntryStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ServiceSpec {
    r#type: Option<String>,
    #[serde(deserialize_with = "lenient::or_default")]
    selector: Labels,
    traffic_distribution: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct EntryStatus {
    #[serde(deserialize_with = "lenient::or_default")]
    load_balancer: Balancer,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Balancer {
    #[serde(deserialize_with = "lenient::or_default")]
    ingress: Vec<Entry>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Entry {
    hostname: Option<String>,
    ip: Option<String>,
}

impl EntryStatus {
    fn names(self) -> Vec<String> {
        let entries = self.load_balancer.ingress.into_iter();
        entries.filter_map(|entry| entry.hostname.or(entry.ip)).collect()
    }
}

impl ServiceObject {
    pub(crate) fn into_fact(mut self) -> Service {
        Service {
            annotations: self.metadata.annotations(),
            name: self.metadata.name,
            namespace: self.metadata.namespace,
            uid: self.metadata.uid,
            kind: self.spec.r#type.unwrap_or_else(|| "ClusterIP".to_owned()),
            selector: self.spec.selector,
            traffic_distribution: self.spec.traffic_distribution,
            load_balancers: self.status.names(),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct IngressObject {
    #[serde(deserialize_with = "lenient::or_default")]
    metadata: Meta,
    #[serde(deserialize_with = "lenient::or_default")]
    spec: IngressSpec,
    #[serde(deserialize_with = "lenient::or_default")]
    status: EntryStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct IngressSpec {
    ingress_class_name: Option<String>,
    default_backend: Option<Backend>,
    #[serde(deserialize_with = "lenient::or_default")]
    rules: Vec<Rule>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Rule {
    #[serde(deserialize_with = "lenient::or_default")]
    http: Http,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Http {
    #[serde(deserialize_with = "lenient::or_default")]
    paths: Vec<Path>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Path {
    #[serde(deserialize_with = "lenient::or_default")]
    backend: Backend,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Backend {
    #[serde(deserialize_with = "lenient::or_default")]
    service: BackendService,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct BackendService {
    name: String,
}

impl IngressObject {
    pub(crate) fn into_fact(mut self) -> Ingress {
        let paths = self.spec.rules.into_iter().flat_map(|rule| rule.http.paths);
        let backends = paths.map(|path| path.backend).chain(self.spec.default_backend);
        let mut services: Vec<String> =
            backends.map(|backend| backend.service.name).filter(|name| !name.is_empty()).collect();
        services.sort_unstable();
        services.dedup();
        Ingress {
            annotations: self.metadata.annotations(),
            name: self.metadata.name,
            namespace: self.metadata.namespace,
            class: self.spec.ingress_class_name,
            services,
            load_balancers: self.status.names(),
        }
    }
}
