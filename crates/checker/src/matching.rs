//! Comparing labels with what selectors ask of them.

use facts::cluster::{
    ClusterState, LabelSelector, Labels, Node, NodeSelectorTerm, Operator, Pod, PodAffinityTerm,
    Requirement, Taint, TaintEffect, TolerationOperator,
};

/// Whether a label with this value satisfies a requirement.
fn satisfied(requirement: &Requirement, value: Option<&str>) -> bool {
    let has = value.is_some_and(|value| requirement.values.iter().any(|one| one == value));
    let number = |text: &str| text.parse::<i64>().ok();
    let pair = value.and_then(number).zip(requirement.values.first().and_then(|one| number(one)));
    match requirement.operator {
        Operator::In => has,
        Operator::NotIn => !has,
        Operator::Exists => value.is_some(),
        Operator::DoesNotExist => value.is_none(),
        Operator::Gt => pair.is_some_and(|(value, limit)| value > limit),
        Operator::Lt => pair.is_some_and(|(value, limit)| value < limit),
    }
}

/// Whether labels are selected; no selector selects nothing.
pub(crate) fn selected(selector: Option<&LabelSelector>, labels: &Labels) -> bool {
    selector.is_some_and(|selector| {
        let exact = selector.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value));
        let value = |key: &str| labels.get(key).map(String::as_str);
        exact && selector.match_expressions.iter().all(|one| satisfied(one, value(&one.key)))
    })
}

/// Whether one of the alternatives holds for a node.
pub(crate) fn any_term(terms: &[NodeSelectorTerm], node: &Node) -> bool {
    terms.iter().any(|term| {
        let labels = term.match_expressions.iter().all(|one| satisfied(one, node.label(&one.key)));
        let fields = term
            .match_fields
            .iter()
            .all(|one| one.key == "metadata.name" && satisfied(one, Some(&node.name)));
        let says_something = !(term.match_expressions.is_empty() && term.match_fields.is_empty());
        says_something && labels && fields
    })
}

/// Whether the pod's selector and required node affinity let it onto a node.
pub(crate) fn node_suits(pod: &Pod, node: &Node) -> bool {
    if pod.node_selector.iter().any(|(key, value)| node.label(key) != Some(value)) {
        return false;
    }
    let Some(affinity) = pod.affinity.as_ref().and_then(|affinity| affinity.node.as_ref()) else {
        return true;
    };
    affinity.required.is_empty() || any_term(&affinity.required, node)
}

/// A taint that the pod does not tolerate.
pub(crate) fn untolerated<'n>(pod: &Pod, taints: &'n [Taint]) -> Option<&'n Taint> {
    let hard = taints.iter().filter(|taint| taint.effect != TaintEffect::PreferNoSchedule);
    hard.into_iter().find(|taint| {
        pod.tolerations.iter().all(|toleration| {
            let any_value = toleration.operator == TolerationOperator::Exists;
            let key = toleration.key == taint.key || (any_value && toleration.key.is_empty());
            let value = any_value || toleration.value == taint.value;
            let effect = toleration.effect.is_none_or(|effect| effect == taint.effect);
            !(key && value && effect)
        })
    })
}

/// Whether an affinity term that `owner` carries is about `other`.
pub(crate) fn term_is_about(
    state: &ClusterState,
    owner: &Pod,
    term: &PodAffinityTerm,
    other: &Pod,
) -> bool {
    let space = other.namespace();
    let spaces = match (&term.namespace_selector, term.namespaces.is_empty()) {
        (None, true) => space == owner.namespace(),
        (None, false) => term.namespaces.iter().any(|one| one == space),
        (Some(selector), _) => {
            let everywhere =
                selector.match_labels.is_empty() && selector.match_expressions.is_empty();
            let known = state.policies.as_ref().map_or(&[][..], |part| &part.items.namespaces);
            everywhere
                || term.namespaces.iter().any(|one| one == space)
                || known
                    .iter()
                    .any(|one| one.name == space && selected(Some(selector), &one.labels))
        }
    };
    let own = |key: &String| owner.labels.get(key);
    let theirs = |key: &String| other.labels.get(key);
    spaces
        && selected(term.selector.as_ref(), &other.labels)
        && term.match_label_keys.iter().all(|key| own(key).is_none() || own(key) == theirs(key))
        && term.mismatch_label_keys.iter().all(|key| own(key).is_none() || own(key) != theirs(key))
}
