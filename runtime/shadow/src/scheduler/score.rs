//! Which of the nodes that fit is the best: the default plugins' scores with their weights.

use super::affinity::Affinity;
use super::spread::Spread;
use crate::controllers::View;
use crate::controllers::fields::{int, items};
use crate::controllers::selector::{node_term, tolerates};
use crate::controllers::view::{Amounts, Node, Pod};

const MOST: i64 = 100;
/// What a pod is taken to use that asks for nothing: 100m of a core, 200 MiB.
const UNASKED: [(&str, i128); 2] = [("cpu", 100), ("memory", 200 * 1024 * 1024 * 1000)];

/// The scores of nodes, in their order.
pub(super) fn scores(pod: &Pod, nodes: &[&Node], spread: &Spread, affinity: &Affinity, view: &View) -> Vec<i64> {
    let mut sums = vec![0; nodes.len()];
    let mut add = |weight: i64, scores: Vec<i64>| {
        for (sum, score) in sums.iter_mut().zip(scores) {
            *sum += weight * score;
        }
    };
    let each = |score: &dyn Fn(&Node) -> i64| nodes.iter().map(|node| score(node)).collect::<Vec<i64>>();
    add(3, reversed(each(&|node| unwanted_taints(pod, node))));
    add(2, normal(each(&|node| preferred(pod, node))));
    add(1, each(&|node| least_used(pod, node)));
    add(1, each(&|node| balanced(pod, node)));
    add(2, spread_out(nodes, spread));
    add(2, stretched(each(&|node| affinity.weight(node))));
    debug_assert!(nodes.len() <= view.node_count());
    sums
}

/// The highest becomes 100.
fn normal(scores: Vec<i64>) -> Vec<i64> {
    let most = scores.iter().copied().max().unwrap_or(0);
    if most == 0 { scores } else { scores.into_iter().map(|score| score * MOST / most).collect() }
}

/// The highest becomes 0.
fn reversed(scores: Vec<i64>) -> Vec<i64> {
    let most = scores.iter().copied().max().unwrap_or(0);
    if most == 0 {
        return vec![MOST; scores.len()];
    }
    scores.into_iter().map(|score| MOST - score * MOST / most).collect()
}

/// The lowest becomes 0, the highest 100.
fn stretched(scores: Vec<i64>) -> Vec<i64> {
    let (least, most) = (scores.iter().copied().min().unwrap_or(0), scores.iter().copied().max().unwrap_or(0));
    let range = most - least;
    scores.into_iter().map(|score| if range == 0 { 0 } else { MOST * (score - least) / range }).collect()
}

fn unwanted_taints(pod: &Pod, node: &Node) -> i64 {
    let tolerations = items(&pod.spec["tolerations"]);
    let soft = node.taints.iter().filter(|taint| taint["effect"] == "PreferNoSchedule");
    let unwanted = soft.filter(|taint| !tolerations.iter().any(|toleration| tolerates(toleration, taint)));
    i64::try_from(unwanted.count()).unwrap_or(i64::MAX)
}

fn preferred(pod: &Pod, node: &Node) -> i64 {
    let list = &pod.spec["affinity"]["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"];
    let fitting = items(list).iter().filter(|term| node_term(&term["preference"], &node.name, &node.labels));
    fitting.map(|term| int(&term["weight"])).sum()
}

/// What would be asked of a resource: with the pod, and with something for those that ask for nothing.
fn asked(pod: &Pod, node: &Node, resource: &str, unasked: i128) -> i128 {
    let of = |amounts: &Amounts| amounts.get(resource).copied().unwrap_or(0);
    let own = match of(&pod.requests) {
        0 => unasked,
        asked => asked,
    };
    // Of the pods that are there it is only known what they ask for together.
    let there = of(&node.requested).max(i128::try_from(node.pods).unwrap_or(0) * unasked / 2);
    there + own
}

fn least_used(pod: &Pod, node: &Node) -> i64 {
    let free = UNASKED.map(|(resource, unasked)| {
        let there = node.allocatable.get(resource).copied().unwrap_or(0);
        let asked = asked(pod, node, resource, unasked);
        if there == 0 || asked > there { 0 } else { (there - asked) * i128::from(MOST) / there }
    });
    i64::try_from(free.iter().sum::<i128>() / 2).unwrap_or(0)
}

fn balanced(pod: &Pod, node: &Node) -> i64 {
    let [cpu, memory] = UNASKED.map(|(resource, _)| {
        let there = node.allocatable.get(resource).copied().unwrap_or(0).max(1) as f64;
        let own = pod.requests.get(resource).copied().unwrap_or(0);
        ((node.requested.get(resource).copied().unwrap_or(0) + own) as f64 / there).min(1.0)
    });
    ((1.0 - (cpu - memory).abs() / 2.0) * MOST as f64) as i64
}

fn spread_out(nodes: &[&Node], spread: &Spread) -> Vec<i64> {
    if spread.soft.is_empty() {
        return vec![0; nodes.len()];
    }
    let raw: Vec<Option<i64>> = nodes
        .iter()
        .map(|node| {
            let weights = spread.soft.iter().map(|c| node.labels.get(&c.key).map(|domain| c.weigh(domain)));
            weights.sum::<Option<f64>>().map(|sum| sum.round() as i64)
        })
        .collect();
    let known = raw.iter().flatten().copied();
    let (least, most) = (known.clone().min().unwrap_or(0), known.max().unwrap_or(0));
    raw.into_iter()
        .map(|score| match score {
            None => 0,
            Some(_) if most == 0 => MOST,
            Some(score) => MOST * (most + least - score) / most,
        })
        .collect()
}
