use std::time::Duration;

use serde_json::{Value as Json, json};
use windlass_runtime::Moment;
use windlass_runtime::cluster::{Listing, ResourceId, WatchEvent};

use super::Reply;
use crate::wait::aim::Aim;
use crate::wait::vigil::{End, Goal, Times, Vigil};

fn at(seconds: u64) -> Moment {
    Moment(Duration::from_secs(seconds))
}

/// When something is decided by the clock alone.
fn next(vigil: &Vigil) -> Option<Moment> {
    [vigil.verdict_at(), vigil.over_at()].into_iter().flatten().min()
}

fn pod(version: u64, reason: &str) -> Json {
    let conditions = match reason {
        "" => json!([{"type": "Ready", "status": "True"}]),
        _ => json!([{"type": "PodScheduled", "status": "False", "reason": reason, "message": "no node"}]),
    };
    let version = version.to_string();
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "uid": "1", "resourceVersion": version},
        "status": {"phase": "Pending", "conditions": conditions}})
}

/// A wait for a pod of ten seconds' patience that is given this at once.
fn blocked(stable_for: u64) -> Vigil {
    let id = ResourceId {
        cluster: "c".into(),
        api_version: "v1".into(),
        kind: "Pod".into(),
        plural: "pods".into(),
        namespace: Some("shop".into()),
        name: "web".into(),
    };
    let times = Times {
        timeout: Duration::from_secs(100),
        stable_for: Duration::from_secs(stable_for),
        patience: Duration::from_secs(10),
    };
    let mut vigil = Vigil::new(vec![Goal { id, aim: Aim::Ready, begun: at(0), times }], at(0));
    let reason = if stable_for > 0 { "" } else { "Unschedulable" };
    vigil.observe(0, Ok(WatchEvent::Snapshot(vec![pod(7, reason)])), at(1));
    vigil.look(at(1));
    vigil.changes();
    vigil
}

fn listing(version: u64, items: Vec<Json>) -> Listing {
    Listing { items, resource_version: version.to_string(), ..Listing::default() }
}

#[test]
fn what_is_hopeless_is_read_anew_before_it_is_said() {
    let mut vigil = blocked(0);
    assert_eq!(next(&vigil), Some(at(11)));
    vigil.look(at(11));
    assert!(vigil.watched[0].end.is_none());
    let questions = vigil.questions(at(11));
    assert_eq!((questions.len(), &questions[0].goals[..], &questions[0].sources[..]), (1, &[0][..], &[0][..]));
    assert!(vigil.questions(at(11)).is_empty(), "it is asked once");
    assert_eq!(next(&vigil), Some(at(100)), "an answer is waited for, and not the clock");
    assert_eq!(vigil.contact_moment(), Some(at(16)));
    vigil.replied(&questions[0], Reply::Read, at(12));
    vigil.look(at(12));
    assert!(matches!(vigil.watched[0].end, Some(End::Hopeless(_))));
}

#[test]
fn what_is_read_counts_more_than_what_the_watch_has_told() {
    let mut vigil = blocked(0);
    vigil.look(at(11));
    let questions = vigil.questions(at(11));
    vigil.board.refresh(0, listing(9, vec![pod(8, "")]));
    vigil.replied(&questions[0], Reply::Read, at(12));
    vigil.look(at(12));
    assert!(matches!(vigil.watched[0].end, Some(End::Reached(_))), "{:?}", vigil.watched[0]);
}

#[test]
fn what_a_watch_has_told_since_is_not_undone_by_an_older_list() {
    let mut vigil = blocked(0);
    vigil.board.refresh(0, listing(5, vec![pod(5, "")]));
    assert_eq!(vigil.board.get(0).find("web").unwrap()["metadata"]["resourceVersion"], "7");
    vigil.board.refresh(0, listing(6, Vec::new()));
    assert!(vigil.board.get(0).find("web").is_some());
    vigil.board.refresh(0, listing(8, Vec::new()));
    assert!(vigil.board.get(0).find("web").is_none());
}

#[test]
fn without_an_answer_there_is_no_verdict_and_patience_starts_anew() {
    let mut vigil = blocked(0);
    vigil.look(at(11));
    let asked = vigil.questions(at(11)).remove(0);
    vigil.look(at(15));
    assert!(!vigil.is_out_of_contact());
    vigil.look(at(16));
    assert!(vigil.is_out_of_contact());
    let (_, words) = vigil.changes().remove(0);
    assert!(words.starts_with("no contact with the API server for 15s (status as of then: "), "{words}");
    assert!(words.contains("Unschedulable"), "{words}");
    vigil.look(at(26));
    assert!(vigil.changes().is_empty(), "that time passes is no news");
    assert!(vigil.watched[0].status.contains("for 25s"));
    vigil.replied(&asked, Reply::Nothing, at(26));
    vigil.look(at(26));
    let again = vigil.questions(at(26)).remove(0);
    assert!(again.goals.is_empty(), "no verdict is due");
    vigil.replied(&again, Reply::Read, at(40));
    vigil.look(at(40));
    assert!(!vigil.is_out_of_contact());
    assert!(!vigil.changes().is_empty());
    assert_eq!(next(&vigil), Some(at(50)));
    vigil.look(at(50));
    let last = vigil.questions(at(50)).remove(0);
    vigil.replied(&last, Reply::Read, at(50));
    vigil.look(at(50));
    assert!(matches!(vigil.watched[0].end, Some(End::Hopeless(_))));
}

#[test]
fn the_deadline_holds_without_contact_and_says_so() {
    let mut vigil = blocked(0);
    vigil.look(at(11));
    vigil.questions(at(11));
    vigil.look(at(16));
    assert_eq!(next(&vigil), Some(at(100)));
    vigil.look(at(100));
    assert!(matches!(vigil.watched[0].end, Some(End::TimedOut)));
    let words = &vigil.watched[0].status;
    assert!(words.starts_with("no contact with the API server for 1m39s (status as of then: "), "{words}");
}

#[test]
fn a_connection_that_is_known_to_be_lost_says_since_when_at_the_deadline() {
    let mut vigil = blocked(0);
    vigil.observe(0, Ok(WatchEvent::Disconnected("reset".into())), at(40));
    vigil.look(at(40));
    assert!(vigil.questions(at(90)).is_empty(), "it is being connected to already");
    vigil.look(at(100));
    assert!(matches!(vigil.watched[0].end, Some(End::TimedOut)));
    let words = &vigil.watched[0].status;
    assert!(words.ends_with("(the connection is lost: reset); so it has been for 1m"), "{words}");
}

#[test]
fn a_refusal_is_contact_and_no_confirmation() {
    let mut vigil = blocked(0);
    vigil.look(at(11));
    let asked = vigil.questions(at(11)).remove(0);
    vigil.replied(&asked, Reply::Refused, at(12));
    vigil.look(at(12));
    assert!(vigil.watched[0].end.is_none() && !vigil.is_out_of_contact());
    assert!(vigil.questions(at(16)).is_empty(), "it is not asked in a hurry");
    assert_eq!(vigil.questions(at(17)).len(), 1);
}

#[test]
fn what_must_stay_so_is_read_anew_too() {
    let mut vigil = blocked(8);
    assert_eq!(next(&vigil), Some(at(9)));
    vigil.look(at(9));
    assert!(vigil.watched[0].end.is_none());
    let asked = vigil.questions(at(9)).remove(0);
    vigil.replied(&asked, Reply::Read, at(9));
    vigil.look(at(9));
    assert!(matches!(vigil.watched[0].end, Some(End::Reached(_))));
}

#[test]
fn a_quiet_connection_is_asked_each_fifteen_seconds_and_one_that_tells_something_is_not() {
    let mut vigil = blocked(0);
    vigil.observe(0, Ok(WatchEvent::Applied(pod(8, "Starting"))), at(2));
    let mut asked = Vec::new();
    for second in 2..=90 {
        if second > 60 {
            vigil.observe(0, Ok(WatchEvent::Applied(pod(second, "Starting"))), at(second));
        }
        vigil.look(at(second));
        for question in vigil.questions(at(second)) {
            assert!(question.sources.is_empty());
            asked.push(second);
            vigil.replied(&question, Reply::Read, at(second));
        }
    }
    assert_eq!(asked, [17, 32, 47]);
}
