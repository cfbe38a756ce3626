use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::clock::Clock;
use crate::cluster::testing::{Answer, Lines, Mock, Seen, config_map, run, settle};
use crate::error::Kind;

fn object(name: &str, version: &str) -> Json {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop", "resourceVersion": version}})
}

fn list(names: &[&str], version: &str) -> Answer {
    let items: Vec<Json> = names.iter().map(|n| object(n, version)).collect();
    Answer::ok(json!({"kind": "ConfigMapList", "metadata": {"resourceVersion": version}, "items": items}))
}

/// Lists and watches, each answered by its own function of how many came before.
fn server(
    lists: impl Fn(usize) -> Answer + Send + Sync + 'static,
    watches: impl Fn(usize) -> Answer + Send + Sync + 'static,
) -> Mock {
    let (listed, watched) = (AtomicUsize::new(0), AtomicUsize::new(0));
    Mock::new(move |seen, _| {
        let count = |c: &AtomicUsize| c.fetch_add(1, Ordering::SeqCst);
        if seen.is_watch() { watches(count(&watched)) } else { lists(count(&listed)) }
    })
}

fn watch(mock: &Mock) -> Watch {
    mock.cluster.watch(&config_map("x").collection(), Selector::default())
}

fn names(event: WatchEvent) -> String {
    let name = |o: &Json| o.pointer("/metadata/name").unwrap().as_str().unwrap().to_owned();
    match event {
        WatchEvent::Snapshot(all) => format!("snapshot {}", all.iter().map(name).collect::<Vec<_>>().join(",")),
        WatchEvent::Applied(o) => format!("applied {}", name(&o)),
        WatchEvent::Deleted(o) => format!("deleted {}", name(&o)),
        WatchEvent::Disconnected(_) => "disconnected".into(),
        WatchEvent::Reconnected => "reconnected".into(),
    }
}

async fn told(mock: &Mock, watch: &mut Watch, events: usize) -> Vec<String> {
    let mut all = Vec::new();
    for _ in 0..events {
        all.push(names(mock.while_time_passes(watch.next()).await.unwrap()));
    }
    all
}

fn versions(mock: &Mock) -> Vec<String> {
    let version = |s: &Seen| s.uri.split("resourceVersion=").nth(1).unwrap().to_owned();
    mock.seen().iter().filter(|s| s.is_watch()).map(version).collect()
}

#[test]
fn the_watch_goes_on_where_the_list_ended() {
    run(async {
        let lines = Lines::default();
        lines.event("ADDED", object("b", "11")).event("BOOKMARK", object("", "19")).event("DELETED", object("a", "20"));
        let mock = server(|_| list(&["a"], "10"), move |_| Answer::Stream(lines.clone()));
        let mut watch = mock.cluster.watch_object(&config_map("a"));
        assert_eq!(told(&mock, &mut watch, 3).await, ["snapshot a", "applied b", "deleted a"]);
        let seen = &mock.seen()[1];
        for part in
            ["fieldSelector=metadata.name%3Da", "allowWatchBookmarks=true", "timeoutSeconds=90", "resourceVersion=10"]
        {
            assert!(seen.uri.contains(part), "{} lacks {part}", seen.uri);
        }
    });
}

#[test]
fn a_watch_that_ends_goes_on_from_its_last_bookmark_without_a_word() {
    run(async {
        let (first, second) = (Lines::default(), Lines::default());
        first.event("MODIFIED", object("a", "12")).event("BOOKMARK", object("", "30")).end();
        second.event("MODIFIED", object("a", "31"));
        let mock = server(
            |_| list(&["a"], "10"),
            move |n| Answer::Stream(if n == 0 { first.clone() } else { second.clone() }),
        );
        let mut watch = watch(&mock);
        assert_eq!(told(&mock, &mut watch, 3).await, ["snapshot a", "applied a", "applied a"]);
        assert_eq!(versions(&mock), ["10", "30"]);
    });
}

#[test]
fn a_lost_connection_is_told_once_and_resumed_without_a_gap() {
    run(async {
        let (first, second) = (Lines::default(), Lines::default());
        first.event("ADDED", object("b", "11")).fail();
        second.event("ADDED", object("c", "12"));
        let mock = server(
            |_| list(&["a"], "10"),
            move |n| match n {
                0 => Answer::Stream(first.clone()),
                1 => Answer::Refused,
                _ => Answer::Stream(second.clone()),
            },
        );
        let mut watch = watch(&mock);
        let all = told(&mock, &mut watch, 5).await;
        assert_eq!(all, ["snapshot a", "applied b", "disconnected", "reconnected", "applied c"]);
        assert_eq!(versions(&mock), ["10", "11", "11"]);
    });
}

#[test]
fn a_server_that_stays_away_is_asked_ever_more_rarely_and_listed_again() {
    run(async {
        let up = Arc::new(AtomicBool::new(true));
        let state = Arc::clone(&up);
        let lines = Lines::default();
        let line = lines.clone();
        let mock = server(
            |_| list(&["a"], "50"),
            move |n| match n {
                0 => Answer::Stream(line.clone()),
                _ if state.load(Ordering::SeqCst) => Answer::status(410, "Expired", "too old"),
                _ => Answer::Refused,
            },
        );
        let mut watch = watch(&mock);
        assert_eq!(told(&mock, &mut watch, 1).await, ["snapshot a"]);
        up.store(false, Ordering::SeqCst);
        lines.fail();
        assert_eq!(told(&mock, &mut watch, 1).await, ["disconnected"]);
        let before = mock.seen().len();
        for _ in 0..600 {
            settle().await;
            mock.clock.advance(Duration::from_secs(1));
        }
        let asked = mock.seen().len() - before;
        assert!((50..80).contains(&asked), "every 10 s for 600 s: {asked}");
        up.store(true, Ordering::SeqCst);
        assert_eq!(told(&mock, &mut watch, 2).await, ["reconnected", "snapshot a"]);
    });
}

#[test]
fn expired_history_is_listed_again_from_a_status_and_from_an_event() {
    run(async {
        let first = Lines::default();
        first.event(
            "ERROR",
            json!({"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}),
        );
        let last = Lines::default();
        last.event("ADDED", object("d", "41"));
        let mock = server(
            |n| list(if n == 0 { &["a"] } else { &["b"] }, ["10", "20", "40"][n]),
            move |n| match n {
                0 => Answer::Stream(first.clone()),
                1 => Answer::status(410, "Expired", "too old"),
                _ => Answer::Stream(last.clone()),
            },
        );
        let mut watch = watch(&mock);
        assert_eq!(told(&mock, &mut watch, 4).await, ["snapshot a", "snapshot b", "snapshot b", "applied d"]);
        assert_eq!(versions(&mock), ["10", "20", "40"]);
    });
}

#[test]
fn a_half_dead_connection_is_given_up_by_the_clock() {
    run(async {
        let second = Lines::default();
        second.event("ADDED", object("b", "11"));
        let mock = server(
            |_| list(&[], "10"),
            move |n| Answer::Stream(if n == 0 { Lines::default() } else { second.clone() }),
        );
        let mut watch = watch(&mock);
        assert_eq!(told(&mock, &mut watch, 1).await, ["snapshot "]);
        assert_eq!(told(&mock, &mut watch, 3).await, ["disconnected", "reconnected", "applied b"]);
        let waited = Clock::now(&mock.clock).0;
        assert!((Duration::from_secs(100)..Duration::from_secs(110)).contains(&waited), "{waited:?}");
    });
}

#[test]
fn events_are_whole_however_they_are_cut() {
    run(async {
        let lines = Lines::default();
        let text = format!(
            "{}\n\n{}\n",
            json!({"type": "ADDED", "object": object("ü", "11")}),
            json!({"type": "NEWS", "object": {}})
        );
        let (one, two) = text.split_at(20);
        lines.raw(one).raw(two).raw("{\"type\":").raw("\"DELETED\",\"object\":{\"metadata\":{\"name\":\"z\"}}}\n");
        let mock = server(|_| list(&[], "10"), move |_| Answer::Stream(lines.clone()));
        let mut watch = watch(&mock);
        assert_eq!(told(&mock, &mut watch, 3).await, ["snapshot ", "applied ü", "deleted z"]);
    });
}

#[test]
fn garbage_is_a_disconnection_and_not_an_end() {
    run(async {
        let (first, second) = (Lines::default(), Lines::default());
        first.event("ADDED", object("a", "11")).raw("<html>\n");
        second.event("ADDED", object("b", "12"));
        let mock =
            server(|_| list(&[], "10"), move |n| Answer::Stream(if n == 0 { first.clone() } else { second.clone() }));
        let mut watch = watch(&mock);
        assert_eq!(
            told(&mock, &mut watch, 5).await,
            ["snapshot ", "applied a", "disconnected", "reconnected", "applied b"]
        );
        assert_eq!(versions(&mock), ["10", "11"]);
    });
}

#[test]
fn what_no_reconnection_mends_is_an_error_at_once_but_not_while_a_server_starts() {
    run(async {
        let denied = || {
            Answer::status(
                403,
                "Forbidden",
                "configmaps is forbidden: User \"jane\" cannot list resource \"configmaps\"",
            )
        };
        let mock = server(move |_| denied(), |_| Answer::Hang);
        let mut first = watch(&mock);
        assert_eq!(first.next().await.unwrap_err().kind(), Kind::Forbidden);
        assert_eq!(first.next().await.unwrap_err().kind(), Kind::Forbidden);
        assert_eq!(mock.seen().len(), 1);

        let lines = Lines::default();
        let line = lines.clone();
        let mock = server(
            move |n| if (1..6).contains(&n) { denied() } else { list(&["a"], "10") },
            move |n| {
                if n == 0 {
                    Answer::Stream(line.clone())
                } else if n < 4 {
                    denied()
                } else {
                    Answer::Hang
                }
            },
        );
        let mut second = watch(&mock);
        lines.fail();
        let all = told(&mock, &mut second, 4).await;
        assert_eq!(all, ["snapshot a", "disconnected", "reconnected", "snapshot a"]);

        let lines = Lines::default();
        let line = lines.clone();
        let mock = server(
            move |n| if n == 0 { list(&[], "1") } else { denied() },
            move |n| if n == 0 { Answer::Stream(line.clone()) } else { denied() },
        );
        let mut third = watch(&mock);
        lines.fail();
        told(&mock, &mut third, 2).await;
        assert_eq!(mock.while_time_passes(third.next()).await.unwrap_err().kind(), Kind::Forbidden);
    });
}

#[test]
fn a_watch_that_ends_at_once_again_and_again_is_not_hammered() {
    run(async {
        let ended = || {
            let lines = Lines::default();
            lines.end();
            Answer::Stream(lines)
        };
        let mock = server(|_| list(&[], "10"), move |_| ended());
        let mut watch = watch(&mock);
        assert_eq!(told(&mock, &mut watch, 1).await, ["snapshot "]);
        for _ in 0..60 {
            settle().await;
            mock.clock.advance(Duration::from_secs(1));
        }
        assert!(mock.seen().len() < 20, "{}", mock.seen().len());
    });
}

#[test]
fn a_server_that_forgets_everything_at_once_is_not_hammered() {
    run(async {
        let mock = server(|_| list(&[], "10"), |_| Answer::status(410, "Expired", "too old"));
        let mut watch = watch(&mock);
        assert_eq!(told(&mock, &mut watch, 1).await, ["snapshot "]);
        for _ in 0..60 {
            settle().await;
            mock.clock.advance(Duration::from_secs(1));
        }
        assert!(mock.seen().len() < 60, "{}", mock.seen().len());
    });
}

#[test]
fn watchers_of_the_same_share_one_connection_and_late_ones_get_the_present_state() {
    run(async {
        let lines = Lines::default();
        let line = lines.clone();
        let mock = server(|_| list(&["a"], "10"), move |_| Answer::Stream(line.clone()));
        let mut first = watch(&mock);
        assert_eq!(told(&mock, &mut first, 1).await, ["snapshot a"]);
        lines.event("ADDED", object("b", "11")).event("DELETED", object("a", "12"));
        assert_eq!(told(&mock, &mut first, 2).await, ["applied b", "deleted a"]);
        let mut second = watch(&mock);
        assert_eq!(told(&mock, &mut second, 1).await, ["snapshot b"]);
        lines.event("ADDED", object("c", "13"));
        assert_eq!(told(&mock, &mut second, 1).await, ["applied c"]);
        drop(first);
        lines.event("ADDED", object("d", "14"));
        assert_eq!(told(&mock, &mut second, 1).await, ["applied d"]);
        assert_eq!(mock.seen().len(), 2, "one list, one watch");
        drop(second);
        settle().await;
        let mut third = watch(&mock);
        assert_eq!(told(&mock, &mut third, 1).await, ["snapshot a"], "a hub ends with its last watcher");
    });
}

#[test]
fn dropping_the_future_of_next_loses_nothing() {
    run(async {
        let lines = Lines::default();
        lines.event("ADDED", object("b", "11"));
        let mock = server(|_| list(&["a"], "10"), move |_| Answer::Stream(lines.clone()));
        let mut watch = watch(&mock);
        for _ in 0..3 {
            let next = watch.next();
            futures::pin_mut!(next);
            let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(next.as_mut().poll(cx).is_ready())).await;
            if polled {
                break;
            }
        }
        settle().await;
        let mut late = mock.cluster.watch(&config_map("x").collection(), Selector::default());
        assert_eq!(told(&mock, &mut late, 1).await, ["snapshot a,b"]);
        assert_eq!(told(&mock, &mut watch, 2).await, ["snapshot a", "applied b"]);
    });
}
