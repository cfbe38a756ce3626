//! Whether the cluster can be reached: a watch knows it at once, and costs nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use windlass_runtime::Session;
use windlass_runtime::cluster::{ResourceId, Selector, WatchEvent};

use crate::clean::line;
use crate::progress::Screen;
use crate::style::Style;

/// Whether the cluster of a session can be reached.
#[derive(Clone, Default)]
pub(super) struct Presence {
    lost: Arc<AtomicBool>,
    watching: Option<Arc<Watching>>,
}

struct Watching(tokio::task::AbortHandle);

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Presence {
    /// Looks after the cluster of this name, or that which is meant without one, if it is a real one. What becomes of it is said.
    pub(super) fn of(session: &Session, name: Option<&str>, screen: Arc<Screen>, style: Style) -> Self {
        let mut presence = Self::default();
        if !session.target().is_live() {
            return presence;
        }
        // What keeps it from being opened is said where something asks for it.
        let Ok(cluster) = session.cluster(name, session.cancel()) else { return presence };
        let lost = presence.lost.clone();
        let task = session.bridge().handle().spawn(async move {
            let namespaces = ResourceId::namespace_object(cluster.name(), "default").collection();
            // Who may not list namespaces is told nothing.
            let mut watch = cluster.watch(&namespaces, Selector::default());
            while let Ok(event) = watch.next().await {
                match event {
                    WatchEvent::Disconnected(why) => {
                        if !lost.swap(true, Ordering::AcqRel) {
                            let said = format!("cluster {} is lost: {}", line(cluster.name()), line(&why));
                            screen.tell(&format!("{}; it is looked for\n", style.bold_red(said)));
                        }
                    }
                    _ => {
                        if lost.swap(false, Ordering::AcqRel) {
                            let said = format!("cluster {} is back", line(cluster.name()));
                            screen.tell(&format!("{}\n", style.green(said)));
                        }
                    }
                }
            }
        });
        presence.watching = Some(Arc::new(Watching(task.abort_handle())));
        presence
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }
}
