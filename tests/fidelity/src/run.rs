//! Runs cases on two clusters at once.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::case::{Case, Step};
use crate::cluster::{Answer, Cluster, Sent};
use crate::compare::{Difference, differences};
use crate::mask::{Mask, Masked};
use crate::{Error, Json};

/// How often a request is repeated until its answer is the one waited for, and how long is waited before.
const TRIES: usize = 250;
const PAUSE: Duration = Duration::from_millis(20);

/// A request of a case, and what came of it.
#[derive(Debug)]
pub struct Exchange {
    /// The case.
    pub case: String,
    /// Which step of it, from 1.
    pub number: usize,
    /// What was sent, in one line.
    pub request: String,
    /// The resource, as in `apps/deployments/scale`.
    pub resource: String,
    /// The verb.
    pub verb: &'static str,
    /// What the real server answered, masked.
    pub real: Masked,
    /// How the shadow's answer differs from it.
    pub differences: Vec<Difference>,
    /// Whether the real server's code is the one that the case means.
    pub meant: bool,
}

/// One cluster in the course of one case.
struct Side<'a> {
    cluster: &'a Cluster,
    mask: Mask,
    names: BTreeMap<String, String>,
}

impl<'a> Side<'a> {
    fn new(cluster: &'a Cluster, namespace: &str) -> Self {
        let names = BTreeMap::from([("ns".to_owned(), namespace.to_owned())]);
        Self { cluster, mask: Mask::default(), names }
    }

    /// Makes the namespace of the case, with what controllers would have put there for pods.
    async fn prepare(&self, namespace: &str) -> Result<(), Error> {
        let post = |path: String, name: &str| Sent {
            method: "POST".into(),
            path,
            content_type: "application/json".into(),
            body: serde_json::json!({"metadata": {"name": name}}).to_string(),
            ..Sent::default()
        };
        self.cluster.send(&post("/api/v1/namespaces".into(), namespace)).await?;
        let accounts = format!("/api/v1/namespaces/{namespace}/serviceaccounts");
        self.cluster.send(&post(accounts, "default")).await.map(drop)
    }

    /// Puts in what names stand for, the longest first.
    fn fill(&self, text: &str) -> String {
        let mut names: Vec<_> = self.names.iter().collect();
        names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        names.into_iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("${name}"), value))
    }

    async fn take(&mut self, step: &Step) -> Result<Masked, Error> {
        let body = self.fill(&step.body_text());
        let sent = Sent {
            method: step.method().to_owned(),
            path: self.fill(step.path()),
            content_type: if body.is_empty() { String::new() } else { step.content_type().to_owned() },
            accept: step.accepted().to_owned(),
            agent: if step.agent.is_empty() { "fidelity/1".into() } else { step.agent.clone() },
            body,
            events: (step.verb() == "watch").then(|| step.events.unwrap_or(usize::MAX)),
        };
        self.mask.generates(&sent.body);
        let mut answer = self.cluster.send(&sent).await?;
        for _ in 0..TRIES {
            if step.until.iter().all(|(pointer, value)| answer.body.pointer(pointer) == Some(value)) {
                break;
            }
            tokio::time::sleep(PAUSE).await;
            answer = self.cluster.send(&sent).await?;
        }
        self.keep(step, &answer);
        if let Some(own) = self.names.get("ns") {
            leave_out_other_cases(&mut answer.body, own);
        }
        Ok(self.mask.answer(&answer))
    }

    fn keep(&mut self, step: &Step, answer: &Answer) {
        for (name, pointer) in &step.keep {
            let value = match answer.body.pointer(pointer) {
                Some(Json::String(text)) => text.clone(),
                Some(other) => other.to_string(),
                None => format!("no {pointer}"),
            };
            self.names.insert(name.clone(), value);
        }
    }
}

/// Leaves the API groups out of discovery that other cases have made, which run at the same time.
fn leave_out_other_cases(body: &mut Json, own: &str) {
    let is_list = matches!(body["kind"].as_str(), Some("APIGroupList" | "APIGroupDiscoveryList"));
    let is_other = |group: &Json| {
        let name = group["name"].as_str().or(group["metadata"]["name"].as_str()).unwrap_or_default();
        let case = name.strip_suffix(".example.com").filter(|case| case.starts_with("case-"));
        case.is_some_and(|case| case != own)
    };
    for groups in ["groups", "items"].iter().filter(|_| is_list) {
        if let Some(groups) = body.get_mut(groups).and_then(Json::as_array_mut) {
            groups.retain(|group| !is_other(group));
        }
    }
}

/// Runs a case on both; `number` gives it a namespace of its own.
///
/// # Errors
/// If the real server gives no answer. Where the shadow gives none, that is a difference.
pub async fn case(real: &Cluster, shadow: &Cluster, case: &Case, number: usize) -> Result<Vec<Exchange>, Error> {
    let namespace = format!("case-{number}");
    let (mut real, mut shadow) = (Side::new(real, &namespace), Side::new(shadow, &namespace));
    if case.has_namespace() {
        real.prepare(&namespace).await?;
        shadow.prepare(&namespace).await?;
    }
    let mut exchanges = Vec::new();
    for (place, step) in case.steps.iter().enumerate() {
        let (said, answered) = futures::join!(real.take(step), shadow.take(step));
        let said = said?;
        let differences = match answered {
            Ok(answered) => differences(&said, &answered),
            Err(error) => {
                vec![Difference {
                    at: "code".into(),
                    real: Some(said.code.into()),
                    shadow: Some(error.to_string().into()),
                }]
            }
        };
        exchanges.push(Exchange {
            case: case.name.clone(),
            number: place + 1,
            request: step.send.clone(),
            resource: resource(step.path()),
            verb: step.verb(),
            meant: step.expects(said.code),
            real: said,
            differences,
        });
    }
    Ok(exchanges)
}

/// The resource that a path is about, without names.
fn resource(path: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let (group, rest) = match parts.as_slice() {
        ["api", _, rest @ ..] => ("", rest),
        ["apis", group, _, rest @ ..] => (*group, rest),
        _ => return path.to_owned(),
    };
    let rest = match rest {
        ["namespaces", _, rest @ ..] if !rest.is_empty() && !matches!(rest, ["status" | "finalize"]) => rest,
        rest => rest,
    };
    let named: Vec<&str> = rest.iter().enumerate().filter(|(place, _)| *place != 1).map(|(_, part)| *part).collect();
    let named = named.join("/");
    if group.is_empty() { named } else { format!("{group}/{named}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::leave_out_other_cases;

    #[test]
    fn groups_of_other_cases_are_no_difference() {
        let mut body = json!({ "kind": "APIGroupList", "groups": [
            { "name": "apps" }, { "name": "case-1.example.com" }, { "name": "case-14.example.com" },
        ] });
        leave_out_other_cases(&mut body, "case-1");
        assert_eq!(body["groups"], json!([{ "name": "apps" }, { "name": "case-1.example.com" }]));
    }
}
