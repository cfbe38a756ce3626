use std::time::Duration;

use super::*;
use crate::cluster::testing::{Answer, Mock, config_map, run};
use crate::cluster::{ListOptions, Note, Selector};

fn busy_until(succeeds_at: usize, busy: impl Fn() -> Answer + Send + Sync + 'static) -> Mock {
    Mock::new(move |_, n| if n < succeeds_at { busy() } else { Answer::ok(json!({"kind": "ConfigMap"})) })
}

fn manager() -> WriteOptions {
    WriteOptions { manager: "windlass".into(), dry_run: false }
}

#[test]
fn reads_are_repeated_and_each_repetition_is_told() {
    run(async {
        let mock = Mock::new(|_, n| match n {
            0 => Answer::RetryAfter(429, 7),
            1 => Answer::Reset,
            2 => Answer::Text(502, "<html>bad gateway"),
            _ => Answer::ok(json!({"kind": "ConfigMap"})),
        });
        assert!(mock.cluster.get(&config_map("a")).await.unwrap().is_some());
        let retried = |note| if let Note::Retry(note) = note { Some(note) } else { None };
        let notes: Vec<_> = mock.notes().into_iter().filter_map(retried).collect();
        assert_eq!(notes.iter().map(|n| n.attempt).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(notes[0].pause, Duration::from_secs(7), "the server's Retry-After is kept to");
        assert_eq!(notes[0].request, "get ConfigMap/a in shop");
        assert!(notes[1].reason.contains("connection"), "{}", notes[1].reason);
    });
}

#[test]
fn repetition_is_bounded_by_attempts_and_by_time() {
    run(async {
        let mock = Mock::new(|_, _| Answer::Refused);
        let error = mock.cluster.get(&config_map("a")).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable);
        assert_eq!(mock.seen().len(), 10);
        let mock = Mock::new(|_, _| Answer::RetryAfter(503, 25));
        let error = mock.cluster.get(&config_map("a")).await.unwrap_err();
        assert_eq!(mock.seen().len(), 3, "at 0, 25 and 50 s");
        assert_eq!(error.resource_name(), Some("ConfigMap/a in shop"));
    });
}

#[test]
fn writes_are_repeated_only_if_they_were_not_processed() {
    run(async {
        let object = json!({"metadata": {"name": "a"}});
        for (busy, repeated) in [
            ((|| Answer::RetryAfter(429, 1)) as fn() -> Answer, true),
            (|| Answer::RetryAfter(503, 1), true),
            (|| Answer::Refused, true),
            (|| Answer::Reset, false),
            (|| Answer::status(503, "ServiceUnavailable", "no endpoints"), false),
            (|| Answer::status(504, "Timeout", "request did not complete"), false),
            (|| Answer::status(500, "InternalError", "boom"), false),
        ] {
            let mock = busy_until(1, busy);
            let result = mock.cluster.create(&config_map("a"), &object, &manager()).await;
            assert_eq!(result.is_ok(), repeated);
            assert_eq!(mock.seen().len(), if repeated { 2 } else { 1 });
        }
        let mock = busy_until(9, || Answer::Reset);
        let error = mock.cluster.create(&config_map("a"), &object, &manager()).await.unwrap_err();
        assert!(error.message().contains("it may have been done"), "{error}");
        assert!(Failure::of(&error).unwrap().is_unknown_outcome());
    });
}

#[test]
fn a_dry_run_is_repeated_like_a_read() {
    run(async {
        let mock = busy_until(1, || Answer::Reset);
        let options = ApplyOptions { manager: "windlass".into(), dry_run: true, ..ApplyOptions::default() };
        assert!(mock.cluster.apply(&config_map("a"), &json!({}), &options).await.is_ok());
        assert!(mock.seen()[0].uri.contains("dryRun=All"));
    });
}

#[test]
fn an_eviction_is_never_repeated() {
    run(async {
        let mock = Mock::new(|_, _| Answer::RetryAfter(429, 1));
        let pod = config_map("a");
        let error = mock.cluster.create_subresource(&pod, "eviction", &json!({}), false).await.unwrap_err();
        assert_eq!(mock.seen().len(), 1);
        assert_eq!(Failure::of(&error).and_then(Failure::status).unwrap().code, 429);
    });
}

#[test]
fn an_answer_that_never_comes_ends_by_the_clock() {
    run(async {
        let mock = Mock::new(|_, _| Answer::Hang);
        let error = mock.while_time_passes(mock.cluster.create(&config_map("a"), &json!({}), &manager())).await;
        assert!(error.unwrap_err().message().contains("no answer within 65 s; it may have been done"));
        assert_eq!(mock.seen().len(), 1);
    });
}

#[test]
fn apply_sends_what_server_side_apply_wants() {
    run(async {
        let mock = busy_until(0, || Answer::Hang);
        let intent =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"b": "1", "a": "2"}});
        let options = ApplyOptions {
            manager: "windlass".into(),
            force: true,
            dry_run: false,
            resource_version: Some("41".into()),
        };
        mock.cluster.apply(&config_map("a"), &intent, &options).await.unwrap();
        let seen = &mock.seen()[0];
        assert_eq!((seen.method.as_str(), seen.content_type.as_str()), ("PATCH", "application/apply-patch+yaml"));
        assert_eq!(
            seen.uri,
            "/api/v1/namespaces/shop/configmaps/a?fieldManager=windlass&fieldValidation=Strict&force=true"
        );
        assert_eq!(seen.body.pointer("/metadata/resourceVersion").unwrap(), "41");
        assert_eq!(seen.body["data"].as_object().unwrap().keys().collect::<Vec<_>>(), ["b", "a"], "order is kept");
        assert!(intent.pointer("/metadata/resourceVersion").is_none());
    });
}

#[test]
fn lists_go_page_by_page_and_start_over_when_history_expires() {
    run(async {
        let mock = Mock::new(|seen, n| {
            let page = |names: &[&str], token: &str| {
                let items: Vec<Json> = names.iter().map(|n| json!({"metadata": {"name": n}})).collect();
                Answer::ok(
                    json!({"kind": "ConfigMapList", "metadata": {"resourceVersion": "7", "continue": token}, "items": items}),
                )
            };
            match (n, seen.uri.contains("continue=")) {
                (0, _) => page(&["a", "b"], "t/1"),
                (1, true) => Answer::status(410, "Expired", "the provided continue parameter is too old"),
                (_, false) => page(&["a", "c"], "t/2"),
                (_, true) => page(&["d"], ""),
            }
        });
        let all = config_map("x").collection();
        let options = ListOptions { page: 2, ..Selector::labels("app=web,tier!=test").into() };
        let listing = mock.cluster.list(&all, &options).await.unwrap();
        let names: Vec<_> =
            listing.items.iter().map(|i| i.pointer("/metadata/name").unwrap().as_str().unwrap()).collect();
        assert_eq!(names, ["a", "c", "d"]);
        assert_eq!((listing.resource_version.as_str(), listing.more), ("7", false));
        assert_eq!(listing.items[0]["kind"], "ConfigMap");
        let seen = mock.seen();
        assert!(seen[0].uri.contains("labelSelector=app%3Dweb%2Ctier%21%3Dtest") && seen[0].uri.contains("limit=2"));
        assert!(seen[1].uri.contains("continue=t%2F1"));
        let few = mock.cluster.list(&all, &ListOptions { limit: Some(1), ..ListOptions::default() }).await.unwrap();
        assert_eq!((few.items.len(), few.more), (1, true));
    });
}

#[test]
fn metadata_can_be_all_that_is_listed() {
    run(async {
        let mock = Mock::new(|seen, _| {
            assert!(seen.accept.starts_with("application/json;as=PartialObjectMetadataList;"), "{}", seen.accept);
            let item = |kind: &str| json!({"kind": kind, "apiVersion": "meta.k8s.io/v1", "metadata": {"name": "a"}});
            let items = [item("PartialObjectMetadata"), json!({"metadata": {"name": "b"}})];
            Answer::ok(json!({"kind": "PartialObjectMetadataList", "metadata": {}, "items": items}))
        });
        let options = ListOptions { metadata_only: true, ..ListOptions::default() };
        let listing = mock.cluster.list(&config_map("x").collection(), &options).await.unwrap();
        let typed = |name: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}});
        assert_eq!(listing.items, [typed("a"), typed("b")]);
    });
}

#[test]
fn absent_is_no_error_where_the_object_is_what_is_missing() {
    run(async {
        let mock = Mock::new(|seen, _| {
            let mut status = json!({"kind": "Status", "code": 404, "reason": "NotFound", "message": "not found"});
            if !seen.path().ends_with("/kindless") {
                status["details"] = json!({"name": "a", "kind": "configmaps"});
            }
            Answer::Json(404, status)
        });
        assert_eq!(mock.cluster.get(&config_map("a")).await.unwrap(), None);
        assert_eq!(mock.cluster.delete(&config_map("a"), &DeleteOptions::default()).await.unwrap(), Deleted::Absent);
        let error = mock.cluster.get(&config_map("kindless")).await.unwrap_err();
        assert_eq!((error.kind(), error.message()), (Kind::NotFound, "cluster mock does not serve configmaps"));
    });
}

#[test]
fn deletion_carries_its_preconditions_and_says_what_is_left() {
    run(async {
        let mock = Mock::new(|_, n| match n {
            0 => Answer::ok(json!({"kind": "Status", "status": "Success"})),
            1 => Answer::ok(json!({"kind": "ConfigMap", "metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}})),
            _ => Answer::status(409, "Conflict", "Precondition failed: UID in precondition: x, UID in object meta: y"),
        });
        let options = DeleteOptions {
            uid: Some("u".into()),
            propagation: crate::cluster::Propagation::Foreground,
            ..DeleteOptions::default()
        };
        let id = config_map("a");
        assert_eq!(mock.cluster.delete(&id, &options).await.unwrap(), Deleted::Gone);
        assert!(matches!(mock.cluster.delete(&id, &options).await.unwrap(), Deleted::Going(_)));
        assert_eq!(mock.cluster.delete(&id, &options).await.unwrap_err().kind(), Kind::Conflict);
        let body = &mock.seen()[0].body;
        assert_eq!((&body["preconditions"], &body["propagationPolicy"]), (&json!({"uid": "u"}), &json!("Foreground")));
    });
}

#[test]
fn a_replacement_without_a_version_is_not_sent() {
    run(async {
        let mock = busy_until(0, || Answer::Hang);
        assert!(mock.cluster.update(&config_map("a"), &json!({"metadata": {}}), &manager()).await.is_err());
        assert!(mock.seen().is_empty());
    });
}

#[test]
fn every_request_can_be_handed_to_another_thread() {
    fn sendable<T: Send + 'static>(_: T) {}
    let mock = run(async { busy_until(0, || Answer::Hang) });
    let (cluster, id) = (mock.cluster.clone(), config_map("a"));
    sendable(async move {
        let _ = cluster.get(&id).await;
        let _ = cluster.list(&id.collection(), &ListOptions::default()).await;
        let _ = cluster.apply(&id, &json!({}), &ApplyOptions::default()).await;
        let _ = cluster.delete(&id, &DeleteOptions::default()).await;
        let _ = cluster.kind("Pod").await;
        let _ = cluster.restore(&id, &json!({}), &json!({})).await;
        let _ = cluster.watch_object(&id).next().await;
        let _ = cluster.schema("v1", "Pod").await;
        let _ = cluster.identity().await;
    });
}
