//! The one watch loop: list, watch from there, reconnect, list again when history is gone.

use std::collections::VecDeque;
use std::time::Duration;

use futures::future::{Either, select};
use http_body_util::BodyExt as _;
use kube::client::Body;

use super::WatchEvent;
use crate::clock::{BoxFuture, Moment};
use crate::cluster::exchange::{Exchange, parse};
use crate::cluster::failure::Failure;
use crate::cluster::options::{ListOptions, Selector};
use crate::cluster::resource::Collection;
use crate::cluster::retry::Repeat;
use crate::cluster::{Cluster, Json};
use crate::error::Result;

/// The server ends each watch after this long, which costs one request and bounds how long a dead connection can pass
/// for a quiet one. It sends a bookmark before, so that the next watch starts from now.
const SERVER_TIMEOUT: &str = "90";
/// A connection that the server has not ended by then is dead.
const SILENCE: Duration = Duration::from_secs(100);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// An API server that is starting refuses rights and misses kinds for a moment: after a disconnection, such answers are
/// believed only if they last.
const GRACE: Duration = Duration::from_secs(30);
/// After so many failures from one version, it is the version that is distrusted.
const DISTRUST: u32 = 3;
/// A watch that ends sooner, without an event, is a failure.
const BRIEF: Duration = Duration::from_secs(5);
const LONGEST_LINE: usize = 64 << 20;

pub(super) struct Follow {
    cluster: Cluster,
    of: Collection,
    selector: Selector,
    phase: Phase,
    ready: VecDeque<WatchEvent>,
    /// In a row.
    failures: u32,
    /// Since when, if the watchers have been told.
    down: Option<Moment>,
    was_up: bool,
    /// To be waited out before the next request, after the watchers have heard of it.
    pause_due: bool,
}

enum Phase {
    List,
    Connect { version: String },
    Read(Box<Reading>),
}

struct Reading {
    version: String,
    body: Body,
    rest: Vec<u8>,
    since: Moment,
    heard: Moment,
    events: bool,
}

impl Follow {
    pub(super) fn new(cluster: Cluster, of: Collection, selector: Selector) -> Self {
        let (phase, ready) = (Phase::List, VecDeque::new());
        Self { cluster, of, selector, phase, ready, failures: 0, down: None, was_up: false, pause_due: false }
    }

    pub(super) async fn next(&mut self) -> Result<WatchEvent> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            if std::mem::take(&mut self.pause_due) {
                self.pause().await;
            }
            let step = match std::mem::replace(&mut self.phase, Phase::List) {
                Phase::List => self.list().await,
                Phase::Connect { version } => self.connect(version).await,
                Phase::Read(reading) => self.read(reading).await,
            };
            if let Err(failure) = step {
                self.trouble(failure)?;
            }
        }
    }

    async fn list(&mut self) -> Result<(), Failure> {
        let options = ListOptions::from(self.selector.clone());
        let listing = self.cluster.try_list(&self.of, &options, Repeat::Never).await?;
        self.up();
        self.ready.push_back(WatchEvent::Snapshot(listing.items));
        self.phase = Phase::Connect { version: listing.resource_version };
        Ok(())
    }

    async fn connect(&mut self, version: String) -> Result<(), Failure> {
        let mut query = self.selector.query();
        query.extend([("watch", "true"), ("allowWatchBookmarks", "true"), ("timeoutSeconds", SERVER_TIMEOUT)]);
        query.push(("resourceVersion", &version));
        let exchange = Exchange::get(self.of.uri(&query), self.of.subject("watch"));
        match self.cluster.exchange_stream(&exchange).await {
            Ok(body) => {
                self.up();
                let now = self.cluster.clock().now();
                let reading = Reading { version, body, rest: Vec::new(), since: now, heard: now, events: false };
                self.phase = Phase::Read(Box::new(reading));
                Ok(())
            }
            Err(failure) => {
                self.keep(version, &failure);
                Err(failure)
            }
        }
    }

    async fn read(&mut self, mut reading: Box<Reading>) -> Result<(), Failure> {
        let clock = self.cluster.clock();
        let limit = clock.sleep_weakly_until(reading.heard + SILENCE);
        let frame = match select(std::pin::pin!(reading.body.frame()), limit).await {
            Either::Left((frame, _)) => frame,
            Either::Right(((), _)) => {
                self.failures = 0;
                self.keep(reading.version, &Failure::Silent(SILENCE));
                return Err(Failure::Silent(SILENCE));
            }
        };
        let now = self.cluster.clock().now();
        if now.since(reading.since) >= BRIEF {
            self.failures = 0;
        }
        match frame {
            Some(Ok(frame)) => {
                reading.heard = now;
                if let Ok(data) = frame.into_data() {
                    let taken = reading.take(&data, &self.of, &mut self.ready);
                    if reading.events {
                        self.failures = 0;
                    }
                    if let Err(failure) = taken {
                        self.keep(reading.version, &failure);
                        return Err(failure);
                    }
                }
                self.phase = Phase::Read(reading);
                Ok(())
            }
            Some(Err(error)) => {
                let failure = Failure::from_transport(std::sync::Arc::new(error));
                self.keep(reading.version, &failure);
                Err(failure)
            }
            // The server's own timeout, as asked for.
            None => {
                let brief = !reading.events && now.since(reading.since) < BRIEF;
                self.phase = Phase::Connect { version: reading.version };
                if brief {
                    self.failures += 1;
                    self.pause_due = true;
                }
                Ok(())
            }
        }
    }

    /// Goes on from this version, unless it is expired or the server has failed with it too often.
    fn keep(&mut self, version: String, failure: &Failure) {
        let answered = matches!(failure, Failure::Status(_) | Failure::Unreadable(_));
        let distrusted = matches!(failure, Failure::Expired(_)) || (answered && self.failures + 1 >= DISTRUST);
        self.phase = if distrusted { Phase::List } else { Phase::Connect { version } };
    }

    fn up(&mut self) {
        self.was_up = true;
        if self.down.take().is_some() {
            self.ready.push_back(WatchEvent::Reconnected);
        }
    }

    /// Tells the watchers and lets the loop go on after a pause; or gives up.
    fn trouble(&mut self, failure: Failure) -> Result<()> {
        self.failures += 1;
        self.pause_due = true;
        if matches!(failure, Failure::Expired(_)) {
            // The server is there. It is listed at once, unless that keeps happening.
            self.pause_due = self.failures >= DISTRUST;
            return Ok(());
        }
        let now = self.cluster.clock().now();
        let lasts = match self.down {
            Some(since) => now.since(since) >= GRACE,
            None => !self.was_up,
        };
        if is_final(&failure) && lasts {
            return Err(failure.into_error(&self.of.subject("watch")));
        }
        if self.down.is_none() {
            self.down = Some(now);
            tracing::debug!(cluster = self.cluster.name(), watch = %self.of, %failure, "disconnected");
            self.ready.push_back(WatchEvent::Disconnected(failure.to_string()));
        }
        Ok(())
    }

    fn pause(&self) -> BoxFuture<()> {
        let pause = FIRST_PAUSE.saturating_mul(1 << self.failures.clamp(1, 10) >> 1).min(LONGEST_PAUSE);
        let clock = self.cluster.clock();
        clock.sleep_weakly_until(clock.now() + pause)
    }
}

/// What does not mend by trying again.
fn is_final(failure: &Failure) -> bool {
    match failure {
        Failure::Status(status) => matches!(status.code, 400 | 401 | 403 | 404 | 405 | 406 | 422),
        Failure::Transport { lasting, .. } => *lasting,
        Failure::Expired(_) | Failure::Silent(_) | Failure::Unreadable(_) | Failure::NotLet(_) => false,
    }
}

impl Reading {
    /// Takes in what has arrived; whole lines become events.
    fn take(&mut self, data: &[u8], of: &Collection, ready: &mut VecDeque<WatchEvent>) -> Result<(), Failure> {
        let mut data = data;
        while let Some(end) = data.iter().position(|byte| *byte == b'\n') {
            let (line, after) = data.split_at(end);
            data = &after[1..];
            self.rest.extend_from_slice(line);
            let line = std::mem::take(&mut self.rest);
            if !line.iter().all(u8::is_ascii_whitespace) {
                self.event(&line, of, ready)?;
            }
        }
        self.rest.extend_from_slice(data);
        if self.rest.len() > LONGEST_LINE {
            return Err(Failure::Unreadable("a line of the watch has no end".into()));
        }
        Ok(())
    }

    fn event(&mut self, line: &[u8], of: &Collection, ready: &mut VecDeque<WatchEvent>) -> Result<(), Failure> {
        let mut event = parse(line)?;
        let kind = event.get("type").and_then(Json::as_str).unwrap_or_default().to_owned();
        let object = event.get_mut("object").map(Json::take).unwrap_or_default();
        if kind == "ERROR" {
            return Err(Failure::from_status(&object, 500, None));
        }
        if let Some(version) = object.pointer("/metadata/resourceVersion").and_then(Json::as_str) {
            version.clone_into(&mut self.version);
        }
        self.events = true;
        match kind.as_str() {
            "ADDED" | "MODIFIED" => ready.push_back(WatchEvent::Applied(object)),
            "DELETED" => ready.push_back(WatchEvent::Deleted(object)),
            "BOOKMARK" => {}
            other => tracing::debug!(watch = %of, other, "an unknown event was passed over"),
        }
        Ok(())
    }
}
