//! The logs of containers.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::Stream;
use jiff::{SignedDuration, Timestamp};

use super::{LOGS, chosen, status};
use crate::Json;
use crate::error::ApiError;
use crate::object::{annotation, name, text, uid};
use crate::store::{ChangeKind, Key, Record, Scope, Watcher};
use crate::world::{Objects as _, World};

/// Which part of a log is asked for.
#[derive(Debug, Default)]
pub(crate) struct Wanted<'a> {
    pub(crate) container: &'a str,
    pub(crate) previous: bool,
    pub(crate) timestamps: bool,
    /// The last lines only.
    pub(crate) tail: Option<i64>,
    pub(crate) since_seconds: Option<i64>,
    pub(crate) since_time: Option<Timestamp>,
    pub(crate) limit_bytes: Option<i64>,
}

/// What a container of this pod has written, as far as it is said.
///
/// # Errors
/// 400, in the words of API server and kubelet.
pub(crate) fn log(pod: &Json, wanted: &Wanted<'_>, now: Timestamp) -> Result<String, ApiError> {
    let container = chosen(pod, wanted.container)?;
    if text(pod, "/spec/nodeName").unwrap_or_default().is_empty() {
        return Ok(String::new());
    }
    let run = run_of(pod, &container, wanted.previous)?;
    let since = match (wanted.since_time, wanted.since_seconds) {
        (Some(time), _) => Some(time),
        (None, Some(seconds)) => now.checked_sub(SignedDuration::from_secs(seconds)).ok(),
        (None, None) => None,
    };
    let mut lines: Vec<(Timestamp, &str)> = said(pod, &container).lines().map(|line| (run.began, line)).collect();
    lines.extend(run.ended.as_ref().map(|(at, how)| (*at, how.as_str())));
    lines.retain(|(at, _)| since.is_none_or(|since| *at >= since));
    if let Some(count) = wanted.tail.and_then(|count| usize::try_from(count).ok()) {
        lines.drain(..lines.len().saturating_sub(count));
    }
    let mut log: String = lines.into_iter().map(|(at, line)| written(at, line, wanted.timestamps)).collect();
    if let Some(most) = wanted.limit_bytes.and_then(|most| usize::try_from(most).ok()) {
        log.truncate(log.floor_char_boundary(most));
    }
    Ok(log)
}

fn written(at: Timestamp, line: &str, timestamps: bool) -> String {
    if timestamps { format!("{at:.9} {line}\n") } else { format!("{line}\n") }
}

/// A log and what is added to it (to the annotation) until the container ends or the pod is gone.
pub(crate) struct Follow {
    ready: VecDeque<Bytes>,
    /// Nothing when there is nothing more to come.
    watcher: Option<Watcher>,
    uid: String,
    container: String,
    /// When the run began that is followed.
    began: Timestamp,
    /// How many lines were there when it was looked at last.
    lines: usize,
    timestamps: bool,
    /// How many bytes may be told still.
    left: Option<usize>,
}

/// What a container of this pod has written, and what it writes from now on.
///
/// # Errors
/// As [`log`].
pub(crate) fn follow(world: &mut World, key: &Key, pod: &Json, wanted: &Wanted<'_>) -> Result<Follow, ApiError> {
    let log = log(pod, wanted, world.wall())?;
    let container = chosen(pod, wanted.container)?;
    let running = running_since(pod, &container).filter(|_| !wanted.previous);
    let limit = wanted.limit_bytes.and_then(|most| usize::try_from(most).ok());
    let scope = || Scope {
        resource: key.resource.clone(),
        namespace: Some(key.namespace.clone()),
        name: Some(key.name.clone()),
    };
    Ok(Follow {
        left: limit.map(|limit| limit.saturating_sub(log.len())),
        ready: (!log.is_empty()).then(|| log.into()).into_iter().collect(),
        watcher: running.map(|_| world.store.watch(scope())),
        uid: uid(pod).to_owned(),
        began: running.unwrap_or_default(),
        lines: said(pod, &container).lines().count(),
        container,
        timestamps: wanted.timestamps,
    })
}

fn running_since(pod: &Json, container: &str) -> Option<Timestamp> {
    text(status(pod, container)?, "/state/running/startedAt")?.parse().ok()
}

impl Follow {
    fn take(&mut self, record: &Record) {
        let pod = record.object.json();
        if record.change.kind == ChangeKind::Deleted || uid(&pod) != self.uid {
            self.watcher = None;
            return;
        }
        let mut more: String = said(&pod, &self.container)
            .lines()
            .skip(self.lines)
            .map(|line| written(self.began, line, self.timestamps))
            .collect();
        self.lines = said(&pod, &self.container).lines().count();
        if running_since(&pod, &self.container) != Some(self.began) {
            self.watcher = None;
            let status = status(&pod, &self.container);
            let runs = ["state", "lastState"].map(|which| status.map(|status| &status[which]["terminated"]));
            let mut runs = runs.into_iter().flatten().filter(|run| run.is_object()).map(Run::of);
            let ended = runs.find(|run| run.began == self.began).and_then(|run| run.ended);
            more.extend(ended.map(|(at, how)| written(at, &how, self.timestamps)));
        }
        if let Some(left) = &mut self.left {
            more.truncate(more.floor_char_boundary(*left));
            *left -= more.len();
            if *left == 0 {
                self.watcher = None;
            }
        }
        if !more.is_empty() {
            self.ready.push_back(more.into());
        }
    }
}

impl Stream for Follow {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            if let Some(part) = self.ready.pop_front() {
                return Poll::Ready(Some(part));
            }
            let Some(watcher) = &mut self.watcher else { return Poll::Ready(None) };
            match watcher.poll_recv(context) {
                Poll::Ready(Some(record)) => self.take(&record),
                Poll::Ready(None) => self.watcher = None,
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

fn said<'a>(pod: &'a Json, container: &str) -> &'a str {
    annotation(pod, &format!("{LOGS}.{container}")).or_else(|| annotation(pod, LOGS)).unwrap_or_default()
}

/// One run of a container: when it began, and when and how it ended.
struct Run {
    began: Timestamp,
    ended: Option<(Timestamp, String)>,
}

fn run_of(pod: &Json, container: &str, previous: bool) -> Result<Run, ApiError> {
    let what = format!("{container:?} in pod {:?}", name(pod));
    let refused = |said: String| Err(ApiError::bad_request(said));
    let Some(status) = status(pod, container) else {
        return refused(format!("container {what} is not available"));
    };
    let (state, last) = (&status["state"], &status["lastState"]["terminated"]);
    match (previous, &state["waiting"]["reason"]) {
        (true, _) if last.is_object() => Ok(Run::of(last)),
        (true, _) => refused(format!("previous terminated container {what} not found")),
        _ if state["running"].is_object() => Ok(Run::of(&state["running"])),
        _ if state["terminated"].is_object() => Ok(Run::of(&state["terminated"])),
        _ if last.is_object() => Ok(Run::of(last)),
        (false, reason) => {
            let reason = match reason.as_str() {
                Some("ErrImagePull") => "image can't be pulled",
                Some("ImagePullBackOff") => "trying and failing to pull image",
                Some(reason) => reason,
                None => return refused(format!("container {what} is waiting to start - no logs yet")),
            };
            refused(format!("container {what} is waiting to start: {reason}"))
        }
    }
}

impl Run {
    fn of(state: &Json) -> Self {
        let time = |key: &str| state[key].as_str().and_then(|time| time.parse().ok());
        let code = state["exitCode"].as_i64().filter(|code| *code != 0);
        let how = |code: i64| format!("(simulated) the container ended with exit code {code}");
        let ended = time("finishedAt").zip(code).map(|(at, code)| (at, how(code)));
        Self { began: time("startedAt").unwrap_or_default(), ended }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod() -> Json {
        json!({
            "metadata": {"name": "web", "annotations": {LOGS: "one\ntwo\nthree", "shadow.windlass.dev/logs.side": "other"}},
            "spec": {"nodeName": "n", "initContainers": [{"name": "first"}], "containers": [{"name": "main"}, {"name": "side"}]},
            "status": {"containerStatuses": [
                {"name": "main", "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {
                    "exitCode": 1, "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:01:00Z"}}},
                {"name": "side", "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}]}})
    }

    fn said(wanted: &Wanted<'_>) -> Result<String, String> {
        let now = "2026-01-01T00:01:30Z".parse().unwrap();
        log(&pod(), wanted, now).map_err(|error| error.message)
    }

    #[test]
    fn a_log_is_what_the_annotation_says_and_how_the_container_ended() {
        let main = || Wanted { container: "main", ..Wanted::default() };
        let end = "(simulated) the container ended with exit code 1\n";
        assert_eq!(said(&main()), Ok(format!("one\ntwo\nthree\n{end}")));
        assert_eq!(said(&Wanted { tail: Some(2), ..main() }), Ok(format!("three\n{end}")));
        assert_eq!(said(&Wanted { since_seconds: Some(60), ..main() }), Ok(end.to_owned()));
        assert_eq!(said(&Wanted { since_time: "2026-01-01T00:00:01Z".parse().ok(), ..main() }), Ok(end.to_owned()));
        assert_eq!(said(&Wanted { limit_bytes: Some(5), ..main() }), Ok("one\nt".to_owned()));
        let side = Wanted { container: "side", timestamps: true, ..Wanted::default() };
        assert_eq!(said(&side), Ok("2026-01-01T00:00:00.000000000Z other\n".to_owned()));
    }

    #[test]
    fn what_cannot_be_read_is_refused_in_the_words_of_the_real_one() {
        let of = |container| Wanted { container, ..Wanted::default() };
        let refused = |wanted: Wanted<'_>| said(&wanted).unwrap_err();
        assert_eq!(refused(of("")), "a container name must be specified for pod web, choose one of: [first main side]");
        assert_eq!(refused(of("none")), "container none is not valid for pod web");
        assert_eq!(refused(of("first")), "container \"first\" in pod \"web\" is not available");
        let before = refused(Wanted { previous: true, ..of("side") });
        assert_eq!(before, "previous terminated container \"side\" in pod \"web\" not found");
    }
}
