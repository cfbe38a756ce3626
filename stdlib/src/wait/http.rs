//! `wait::http`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};
use windlass_runtime::event::Level;
use windlass_runtime::options::{FromValue, Mismatch, SecretText};
use windlass_runtime::target::http::{Answer, Answered, Request};
use windlass_runtime::{Call, Error, Kind, Options, Result, Value, primitive};

use super::attempts::Attempts;

/// The options of `wait::http`.
#[derive(Debug, Clone, Options)]
pub struct HttpOptions {
    #[option(flatten)]
    attempts: Attempts,
    /// The status that is wanted: a code, a list of codes, or a class such as `"2xx"`.
    #[option(default = "\"2xx\"")]
    status: Statuses,
    /// A text that the body must hold.
    body: Option<String>,
    /// The method.
    #[option(default = "\"GET\"")]
    method: String,
    /// Headers. Their values may be secrets.
    headers: Option<BTreeMap<String, SecretText>>,
    /// A file with certificates in PEM that are trusted besides those that this machine trusts.
    ca: Option<String>,
    /// Take whatever certificate the server shows. Nothing secret can be sent then.
    #[option(default = "false")]
    insecure: bool,
}

/// Which status codes are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statuses(Vec<std::ops::RangeInclusive<u16>>);

impl Statuses {
    fn take(&self, status: u16) -> bool {
        self.0.iter().any(|range| range.contains(&status))
    }

    fn first(&self) -> u16 {
        self.0.first().map_or(200, |range| *range.start())
    }
}

impl FromValue for Statuses {
    fn expects() -> String {
        "a status code such as 200, a class such as \"2xx\", or a list of these".to_owned()
    }

    fn from_value(value: Value) -> Result<Self, Mismatch> {
        let refused = |what: String| {
            Mismatch::Refused(
                Error::usage(format!("{what} is no status of HTTP")).hint(format!("write {}", Self::expects())),
            )
        };
        match value {
            Value::Int(code) => match u16::try_from(code) {
                Ok(code) if (100..600).contains(&code) => Ok(Self(vec![code..=code])),
                _ => Err(refused(code.to_string())),
            },
            Value::Text(class) => {
                let first = class.strip_suffix("xx").and_then(|digit| digit.parse::<u16>().ok());
                match first.filter(|digit| (1..6).contains(digit)) {
                    Some(digit) => Ok(Self(vec![digit * 100..=digit * 100 + 99])),
                    None => Err(refused(format!("{class:?}"))),
                }
            }
            Value::List(all) if !all.is_empty() => {
                let all = all.into_iter().map(Self::from_value).collect::<Result<Vec<_>, _>>()?;
                Ok(Self(all.into_iter().flat_map(|statuses| statuses.0).collect()))
            }
            other => Err(Mismatch::sort(&other)),
        }
    }
}

/// Waits until a URL answers as it should, and returns the answer: `#{status, headers, body}`.
///
/// Redirections are not followed: want `"3xx"`, or name the place itself. Of the body, 1 MiB is read. Certificates are
/// checked; those of a deployment's own authority are given with `ca`, or for everything with `network.ca_bundle` of the
/// values, and `network.proxy` and `network.no_proxy` count too: only this machine itself is always reached without a proxy.
///
/// Names of Services are known only inside of a cluster: `cluster::port_forward` leads there. On a simulated cluster it is answered as it should
/// be as soon as a pod behind the name is ready (a Service's name, an Ingress' host, a node's port), and what is outside of
/// the cluster is taken to answer; the result has `assumed` with the reason then, and an empty body.
///
/// # Errors
/// `timeout` when the time is over, with what was answered last; `usage` for what is no URL; `malformed` for a `ca` without
/// certificates.
///
/// # Example
/// ```rhai
/// try {
///     let answer = wait::http("http://127.0.0.1:9/health", #{ status: [200, 204], body: "ok", timeout: "2s" });
///     log::info(answer.body);
/// } catch (e) { log::info(e.message); }
/// ```
#[primitive(module = "wait", effect = Wait)]
pub fn http(call: &Call<'_>, url: String, options: HttpOptions) -> Result<Json> {
    let mut request = Request::get(&url)?.method(&options.method)?;
    for (name, value) in options.headers.iter().flatten() {
        if options.insecure && matches!(value, SecretText::Template(_)) {
            return Err(Error::new(
                Kind::Secret,
                format!("the header {name} holds a secret, and with `insecure` anybody may get it"),
            )
            .hint("give the authority's certificate with `ca` instead"));
        }
        request = request.header(name, &value.resolve(call.session().secrets())?)?;
    }
    if let Some(path) = &options.ca {
        let located = call.locate(path)?;
        request = request.authorities(&located.read()?, path)?;
    }
    if options.insecure {
        call.log(Level::Warn, format!("{url}: its certificate is not checked, as `insecure` says"));
        request = request.unchecked();
    }
    let network = call.network()?;
    let request = call.compute({
        let network = network.clone();
        move || request.prepared(&*network)
    })?;
    let (request, wanted) = (Arc::new(request), Arc::new((options.status.clone(), options.body.clone())));
    let answered = options.attempts.until(call, &url, move || {
        let (request, network, wanted) = (request.clone(), network.clone(), wanted.clone());
        async move { judged(request.send(&*network).await?, &wanted.0, wanted.1.as_deref()) }
    })?;
    Ok(match answered {
        Answered::Really(answer) => {
            let headers: Map<String, Json> =
                answer.headers.into_iter().map(|(name, value)| (name, value.into())).collect();
            json!({ "status": answer.status, "headers": headers, "body": String::from_utf8_lossy(&answer.body) })
        }
        Answered::Assumed(why) => {
            json!({ "status": options.status.first(), "headers": {}, "body": "", "assumed": why })
        }
    })
}

fn judged(answered: Answered, status: &Statuses, body: Option<&str>) -> Result<Answered> {
    let Answered::Really(answer) = &answered else { return Ok(answered) };
    if !status.take(answer.status) {
        return Err(not_so(answer, &format!("it answers {}", answer.status)));
    }
    match body {
        Some(text) if !String::from_utf8_lossy(&answer.body).contains(text) => {
            Err(not_so(answer, &format!("it answers {} without {text:?} in its body", answer.status)))
        }
        _ => Ok(answered),
    }
}

fn not_so(answer: &Answer, why: &str) -> Error {
    let to = answer.headers.iter().find(|(name, _)| name == "location").map(|(_, place)| format!(" (to {place})"));
    Error::new(Kind::Unavailable, format!("{why}{}", to.unwrap_or_default()))
}

#[cfg(test)]
mod tests;
