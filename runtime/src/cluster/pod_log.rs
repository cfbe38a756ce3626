//! The logs of containers: as they are, and as they are written.

use http_body_util::BodyExt as _;
use kube::client::Body;

use super::exchange::{Exchange, uri};
use super::failure::{Failure, Subject};
use super::options::LogOptions;
use super::{Cluster, ResourceId};
use crate::error::Result;

/// The longest line that is waited for: what is longer comes in pieces.
const LONGEST: usize = 1 << 20;

/// A log that is read while it is written.
pub struct PodLog {
    body: Body,
    subject: Subject,
    /// The beginning of a line whose end has not come yet.
    rest: Vec<u8>,
}

impl PodLog {
    /// The next lines, as soon as there is one; none when the container has ended.
    ///
    /// # Errors
    /// What the connection says.
    pub async fn next(&mut self) -> Result<Option<Vec<String>>> {
        loop {
            let Some(frame) = self.body.frame().await else {
                let last = std::mem::take(&mut self.rest);
                return Ok((!last.is_empty()).then(|| vec![text(&last)]));
            };
            let frame = frame.map_err(|e| Failure::from_kube(e).into_error(&self.subject))?;
            let Ok(data) = frame.into_data() else { continue };
            self.rest.extend_from_slice(&data);
            let whole = match self.rest.iter().rposition(|byte| *byte == b'\n') {
                Some(end) => self.rest.drain(..=end).collect::<Vec<u8>>(),
                None if self.rest.len() >= LONGEST => std::mem::take(&mut self.rest),
                None => continue,
            };
            let whole = whole.strip_suffix(b"\n").unwrap_or(&whole);
            return Ok(Some(whole.split(|byte| *byte == b'\n').map(text).collect()));
        }
    }
}

fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned()
}

impl Cluster {
    /// Part of a pod's log.
    ///
    /// # Errors
    /// What the cluster or the connection says.
    pub async fn pod_log(&self, pod: &ResourceId, options: &LogOptions) -> Result<String> {
        let exchange = asking(pod, options, false);
        let bytes = self.exchange(&exchange).await.map_err(|f| f.into_error(&exchange.subject))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// A pod's log from there on, and what is added to it.
    ///
    /// # Errors
    /// What the cluster or the connection says.
    pub async fn follow_pod_log(&self, pod: &ResourceId, options: &LogOptions) -> Result<PodLog> {
        let exchange = asking(pod, options, true);
        let body = self.exchange_stream(&exchange).await.map_err(|f| f.into_error(&exchange.subject))?;
        Ok(PodLog { body, subject: exchange.subject, rest: Vec::new() })
    }
}

fn asking(pod: &ResourceId, options: &LogOptions, follow: bool) -> Exchange {
    let (tail, limit) = (options.tail_lines.map(|n| n.to_string()), options.limit_bytes.map(|n| n.to_string()));
    let since = options.since_seconds.map(|n| n.to_string());
    let mut query: Vec<(&str, &str)> = Vec::new();
    query.extend(options.container.as_deref().map(|c| ("container", c)));
    query.extend(follow.then_some(("follow", "true")));
    query.extend(options.previous.then_some(("previous", "true")));
    query.extend(options.timestamps.then_some(("timestamps", "true")));
    query.extend(since.as_deref().map(|n| ("sinceSeconds", n)));
    query.extend(tail.as_deref().map(|n| ("tailLines", n)));
    query.extend(limit.as_deref().map(|n| ("limitBytes", n)));
    let mut exchange = Exchange::get(uri(&format!("{}/log", pod.path()), &query), pod.subject("get"));
    exchange.accept = "*/*";
    exchange
}
