//! Whether labels, taints and terms match, exactly as Kubernetes compares them.

use facts::cluster::{
    LabelSelector, Labels, Node, NodeSelectorTerm, Operator, Pod, Requirement, Taint, TaintEffect,
    Toleration, TolerationOperator,
};

/// Whether a selector selects an object with these labels. A missing selector selects nothing, an
/// empty one everything.
#[must_use]
pub fn selects(selector: Option<&LabelSelector>, labels: &Labels) -> bool {
    let Some(selector) = selector else { return false };
    selector.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value))
        && selector
            .match_expressions
            .iter()
            .all(|requirement| meets(requirement, labels.get(&requirement.key).map(String::as_str)))
}

/// Whether a label's value meets a requirement.
#[must_use]
pub fn meets(requirement: &Requirement, value: Option<&str>) -> bool {
    let listed = |value: &str| requirement.values.iter().any(|wanted| wanted == value);
    let compared = |above: bool| {
        let limit = requirement.values.first().and_then(|text| text.parse::<i64>().ok());
        match (value.and_then(|text| text.parse::<i64>().ok()), limit) {
            (Some(value), Some(limit)) => (above && value > limit) || (!above && value < limit),
            _ => false,
        }
    };
    match requirement.operator {
        Operator::In => value.is_some_and(listed),
        Operator::NotIn => !value.is_some_and(listed),
        Operator::Exists => value.is_some(),
        Operator::DoesNotExist => value.is_none(),
        Operator::Gt => compared(true),
        Operator::Lt => compared(false),
    }
}

/// Whether a node meets one of the alternatives. A term without requirements matches no node.
#[must_use]
pub fn node_meets_any(terms: &[NodeSelectorTerm], node: &Node) -> bool {
    terms.iter().any(|term| {
        let empty = term.match_expressions.is_empty() && term.match_fields.is_empty();
        !empty
            && term
                .match_expressions
                .iter()
                .all(|requirement| meets(requirement, node.label(&requirement.key)))
            && term.match_fields.iter().all(|requirement| {
                requirement.key == "metadata.name" && meets(requirement, Some(&node.name))
            })
    })
}

/// Whether a node meets the pod's node selector and required node affinity.
#[must_use]
pub fn node_rules_hold(pod: &Pod, node: &Node) -> bool {
    let selector = pod.node_selector.iter().all(|(key, value)| node.label(key) == Some(value));
    let required = pod.affinity.as_ref().and_then(|affinity| affinity.node.as_ref());
    let required = required.map_or(&[][..], |affinity| &affinity.required);
    selector && (required.is_empty() || node_meets_any(required, node))
}

/// The first taint of the node that keeps the pod away.
#[must_use]
pub fn repelling_taint<'n>(tolerations: &[Toleration], taints: &'n [Taint]) -> Option<&'n Taint> {
    taints.iter().find(|taint| {
        taint.effect != TaintEffect::PreferNoSchedule
            && !tolerations.iter().any(|toleration| tolerates(toleration, taint))
    })
}

/// Whether a toleration covers a taint.
#[must_use]
pub fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let effect = toleration.effect.is_none_or(|effect| effect == taint.effect);
    let exists = toleration.operator == TolerationOperator::Exists;
    let key = toleration.key == taint.key || (toleration.key.is_empty() && exists);
    effect && key && (exists || toleration.value == taint.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn selectors_compare_as_kubernetes_does() {
        let check = |selector: &str, pairs: &[(&str, &str)], expected: bool| {
            let selector: LabelSelector = serde_json::from_str(selector).unwrap();
            assert_eq!(selects(Some(&selector), &labels(pairs)), expected, "{selector:?}");
        };
        let web = [("app", "web"), ("tier", "3")];
        check("{}", &web, true);
        check("{}", &[], true);
        check(r#"{"match_labels":{"app":"web"}}"#, &web, true);
        check(r#"{"match_labels":{"app":"db"}}"#, &web, false);
        let expression = |operator: &str, values: &str| {
            format!(
                r#"{{"match_expressions":[{{"key":"tier","operator":"{operator}","values":[{values}]}}]}}"#
            )
        };
        check(&expression("In", r#""3","4""#), &web, true);
        check(&expression("NotIn", r#""3""#), &web, false);
        check(&expression("NotIn", r#""3""#), &[], true);
        check(&expression("Exists", ""), &web, true);
        check(&expression("DoesNotExist", ""), &web, false);
        check(&expression("Gt", r#""2""#), &web, true);
        check(&expression("Lt", r#""2""#), &web, false);
        check(&expression("Gt", r#""2""#), &[("tier", "x")], false);
        assert!(!selects(None, &labels(&web)));
    }

    #[test]
    fn tolerations_cover_taints_by_key_value_and_effect() {
        let taint: Taint =
            serde_json::from_str(r#"{"key":"gpu","value":"yes","effect":"NoSchedule"}"#).unwrap();
        let check = |toleration: &str, expected: bool| {
            let toleration: Toleration = serde_json::from_str(toleration).unwrap();
            let repelled =
                repelling_taint(std::slice::from_ref(&toleration), std::slice::from_ref(&taint));
            assert_eq!(repelled.is_none(), expected, "{toleration:?}");
        };
        check(r#"{"key":"gpu","value":"yes"}"#, true);
        check(r#"{"key":"gpu","value":"no"}"#, false);
        check(r#"{"key":"gpu","operator":"Exists"}"#, true);
        check(r#"{"operator":"Exists"}"#, true);
        check(r#"{"key":"gpu","operator":"Exists","effect":"NoExecute"}"#, false);
        check(r#"{"key":"other","operator":"Exists"}"#, false);
    }

    #[test]
    fn a_term_without_requirements_matches_no_node() {
        let node = Node { name: "a".to_owned(), ..Node::default() };
        assert!(!node_meets_any(&[NodeSelectorTerm::default()], &node));
        let by_name: NodeSelectorTerm = serde_json::from_str(
            r#"{"match_fields":[{"key":"metadata.name","operator":"In","values":["a"]}]}"#,
        )
        .unwrap();
        assert!(node_meets_any(&[by_name], &node));
    }
}
