//! The lock, on the simulated API server and on a real one. Runs are sessions that open the cluster as people do, by its
//! kubeconfig, so that a lease lasts by this machine's time; others write the Lease as another machine would.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, Instant};

use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use kube::client::Body;
use serde_json::{Value as Json, json};
use windlass_runtime::access::Access;
use windlass_runtime::cancel::Cancel;
use windlass_runtime::change::{Acted, Change, Inverse, Op, Outcome, Part, Plan, Recipe, Resource};
use windlass_runtime::cluster::{Cluster, Patch, PatchOptions, ResourceRef, WriteOptions};
use windlass_runtime::event::{Event, What};
use windlass_runtime::journal::{Journal as _, MemoryJournal};
use windlass_runtime::lock::{Broken, Ended, Holder, LockOptions, LockState, Patience, break_lock, look};
use windlass_runtime::playbook::{Console, Playbook, Selection};
use windlass_runtime::report::{Report, RunStatus};
use windlass_runtime::session::HeldLock;
use windlass_runtime::target::{Live, Target};
use windlass_runtime::{Call, Error, Kind, Package, Result, Runtime, STACK, Session, Value, primitive};
use windlass_shadow::listen::{Listener, Options};
use windlass_support::{Bed, Through, on};

/// Long enough for a busy machine to renew it in time, and short enough to be waited for.
const SHORT: Duration = Duration::from_secs(3);
const LONG: Duration = Duration::from_secs(90);

mod put {
    use super::*;

    /// Makes ConfigMaps of these names, one after the other, and does not look whether they are there.
    #[primitive(module = "test", effect = Change)]
    pub fn put(call: &Call<'_>, namespace: String, names: Vec<String>) -> Result<Outcome> {
        let cluster = call.cluster(None)?;
        let part = |name: &String| Part {
            resource: Resource {
                at: cluster.name().to_owned(),
                api_version: Some("v1".into()),
                kind: "ConfigMap".into(),
                namespace: Some(namespace.clone()),
                name: name.clone(),
            },
            before: None,
            plan: Plan::Act { op: Op::Create, diff: Vec::new(), note: None },
        };
        let parts = names.iter().map(part).collect();
        let act = async move {
            let mut acted = Vec::new();
            for name in names {
                acted.push(match make(&cluster, &namespace, &name).await {
                    Ok(made) => Acted::Done(Some(made)),
                    Err(error) => Acted::Failed(error),
                });
            }
            Ok(acted)
        };
        call.change(Change {
            parts,
            act: Box::new(move || Box::pin(act)),
            probe: Recipe { handler: "none".into(), data: Json::Null },
            inverse: Inverse::Cannot("a test".into()),
        })
    }
}

async fn make(cluster: &Cluster, namespace: &str, name: &str) -> Result<Json> {
    let id = cluster.resource(&ResourceRef::parse(&format!("cm/{name}"))?, Some(namespace)).await?;
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}});
    cluster.create(&id, &object, &WriteOptions::default()).await
}

/// The runs of a test, whose lock is in a namespace of its own.
struct Room {
    bed: Bed,
    runtime: Runtime,
    namespace: String,
    state: tempfile::TempDir,
    told: Arc<Mutex<Vec<String>>>,
    journal: Arc<MemoryJournal>,
}

impl Room {
    fn new(bed: &Bed) -> Self {
        Self {
            bed: bed.clone(),
            runtime: Runtime::builder().with(Package::new(vec![put::primitive()])).build().unwrap(),
            namespace: bed.namespace(),
            state: tempfile::tempdir().unwrap(),
            told: Arc::default(),
            journal: Arc::new(MemoryJournal::new()),
        }
    }

    fn target(&self) -> Live {
        Live::builder().kubeconfig(self.bed.kubeconfig()).build()
    }

    fn options(&self, duration: Duration) -> LockOptions {
        let namespace = Some(self.namespace.clone());
        LockOptions { namespace, duration, playbook: "shop for acme".into(), ..LockOptions::default() }
    }

    fn session(&self, duration: Duration) -> Session {
        self.session_on(self.target(), self.options(duration))
    }

    fn session_on(&self, target: impl Target, options: LockOptions) -> Session {
        let told = self.told.clone();
        let sink = move |event: &Event| {
            if let What::Log { text, .. } | What::Progress { text, .. } = &event.what {
                told.lock().unwrap().push(text.clone());
            }
        };
        let builder = self.runtime.session(target).lock(options).state_folder(self.state.path());
        builder.sink(sink).journal(self.journal.clone()).open()
    }

    /// Makes ConfigMaps in a step of a run.
    fn put(&self, session: &Session, names: &[&str]) -> Report {
        let script = format!("step(\"one\", || test::put(\"{}\", {}))", self.namespace, json!(names));
        let prepared = session.prepare(&Playbook::text("test.rhai", &script)).unwrap();
        prepared.start(&Selection::default()).unwrap().wait().unwrap()
    }

    fn has(&self, name: &str) -> bool {
        self.bed.find(&format!("cm/{name}"), &self.namespace).is_some()
    }

    fn lease(&self) -> Json {
        self.bed.get("lease/windlass", &self.namespace)
    }

    fn look(&self) -> LockState {
        let (session, namespace) = (self.session(SHORT), self.namespace.clone());
        let cluster = session.cluster(None, session.cancel()).unwrap();
        wait(&session, async move { look(&cluster, &namespace).await }).unwrap()
    }

    fn break_lock(&self, holder: &str) -> Result<Broken> {
        let (session, namespace, holder) = (self.session(SHORT), self.namespace.clone(), holder.to_owned());
        let cluster = session.cluster(None, session.cancel()).unwrap();
        wait(&session, async move { break_lock(&cluster, &namespace, &holder, "it hangs").await })
    }

    /// A holder has it who wrote it by a clock that is off by so many minutes.
    fn held_by(&self, holder: &Holder, minutes: i64, seconds: u64) {
        let time = clock_off_by(minutes);
        self.bed.create(
            &self.namespace,
            json!({
                "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
                "metadata": {"name": "windlass", "annotations": {
                    "windlass.dev/holder": json!(holder).to_string(),
                    "windlass.dev/in-flight": json!(["step db: helm::upgrade: HelmRelease/db in ef"]).to_string(),
                }},
                "spec": {"holderIdentity": holder.id, "leaseDurationSeconds": seconds, "acquireTime": time, "renewTime": time},
            }),
        );
    }
}

/// A run on another machine.
fn far() -> Holder {
    let (id, run, playbook) = ("bob@far/r9".into(), "r9".into(), "worker-ha".into());
    Holder { id, run, playbook, machine: "far".into(), since: "2026-07-01T08:00:00Z".into(), pid: 1 }
}

/// The time by a clock that is off, as Leases have it.
fn clock_off_by(minutes: i64) -> String {
    let time = jiff::Timestamp::now() + jiff::SignedDuration::from_mins(minutes);
    time.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

fn wait<T: Send + 'static>(session: &Session, future: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    session.bridge().wait(&Cancel::root(), session.clock(), future)
}

fn taken(session: &Session) -> Result<HeldLock> {
    session.take_lock(true, Patience::None)
}

/// The error of who was refused.
fn refused(taken: Result<HeldLock>) -> Error {
    taken.err().expect("it was let in")
}

/// What passes between a run and its API server.
#[derive(Default)]
struct Wire {
    /// Nothing that is written to Leases arrives any more.
    cut: AtomicBool,
    /// Leases may not be used.
    forbidden: AtomicBool,
    /// The answer to the next write of a Lease is lost.
    lost: AtomicBool,
    /// The Lease's announcements at the moment of each other write, and that write's path.
    announced: Mutex<Vec<(String, String)>>,
    renewals: Mutex<u32>,
}

impl Wire {
    fn between(self: &Arc<Self>, room: &Room) -> Through {
        let (wire, namespace) = (self.clone(), room.namespace.clone());
        Through::new(Arc::new(room.target()), move |request: Request<Body>, client| {
            let (wire, namespace) = (wire.clone(), namespace.clone());
            async move {
                let writes = request.method() != Method::GET;
                let path = request.uri().path().to_owned();
                let lease = path.contains("/leases");
                if lease && wire.forbidden.load(Ordering::SeqCst) {
                    let status = json!({"kind": "Status", "code": 403, "reason": "Forbidden", "message": "leases.coordination.k8s.io \"windlass\" is forbidden: User \"tester\" cannot get resource \"leases\" in API group \"coordination.k8s.io\" in the namespace \"kube-system\""});
                    return Ok(Response::builder().status(403).body(Full::from(status.to_string()).boxed())?);
                }
                if lease && writes && wire.cut.load(Ordering::SeqCst) {
                    std::future::pending::<()>().await;
                }
                if lease && writes {
                    *wire.renewals.lock().unwrap() += 1;
                }
                if writes && !lease {
                    let path = format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/windlass");
                    let found = client.send(Request::get(path).body(Body::empty())?).await?;
                    let found: Json = serde_json::from_slice(&found.into_body().collect().await?.to_bytes())?;
                    let text = found["metadata"]["annotations"]["windlass.dev/in-flight"].as_str().unwrap_or_default();
                    wire.announced.lock().unwrap().push((request.uri().path().to_owned(), text.to_owned()));
                }
                let (parts, body) = client.send(request).await?.into_parts();
                if lease && writes && wire.lost.swap(false, Ordering::SeqCst) {
                    return Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into());
                }
                let body = body.collect().await?.to_bytes();
                Ok(Response::from_parts(parts, Full::new(body).boxed()))
            }
        })
    }
}

#[on(shadow, live)]
fn one_has_it_and_the_other_is_told_who(bed: Bed) {
    let room = Room::new(&bed);
    assert!(room.look().holder.is_none());
    let (one, other) = (room.session(LONG), room.session(LONG));
    let held = taken(&one).unwrap();
    assert_eq!(held.previous(), []);
    let lease = room.lease();
    let holder = lease["spec"]["holderIdentity"].as_str().unwrap().to_owned();
    assert!(holder.contains(&format!("/{}.", one.id())), "{holder}");
    assert_eq!((&lease["spec"]["leaseDurationSeconds"], &lease["spec"]["leaseTransitions"]), (&90.into(), &0.into()));
    let state = room.look();
    assert_eq!(state.lease, format!("{}/windlass", room.namespace));
    let shown = state.holder.unwrap();
    assert_eq!((shown.run.as_str(), shown.playbook.as_str(), shown.is_here()), (one.id(), "shop for acme", true));
    assert!(state.renewed.is_some() && shown.since.contains('T'));

    let error = refused(taken(&other));
    assert_eq!(error.kind(), Kind::Locked);
    assert!(error.message().contains(&format!("is locked by {holder}, which runs shop for acme, since 2")), "{error}");
    let hint = error.hint_text().unwrap();
    assert!(
        hint.contains("wait until") && hint.contains(&format!("windlass lock break --holder '{holder}' --reason")),
        "{hint}"
    );
    assert_eq!(error.detail_value().unwrap()["run"], one.id());
    assert_eq!(room.lease()["spec"], lease["spec"], "the refused one has written nothing");

    drop(held);
    let lease = room.lease();
    assert_eq!(lease["spec"]["holderIdentity"].as_str().unwrap_or_default(), "");
    assert!(lease["metadata"]["annotations"].as_object().is_none_or(serde_json::Map::is_empty), "{lease}");
    let left = || std::fs::read_dir(room.state.path().join("locks")).unwrap().count();
    assert_eq!(left(), 0, "the files go with the locks");
    let held = taken(&other).unwrap();
    assert_eq!((room.lease()["spec"]["leaseTransitions"].as_u64(), held.previous().len(), left()), (Some(1), 0, 1));
    // The same session takes it once; what was given back can be taken again.
    assert_eq!(refused(taken(&other)).kind(), Kind::Internal);
    drop(held);
    drop(taken(&other).unwrap());
    let told = room.told.lock().unwrap().join("\n");
    assert!(told.contains(&format!("is in the namespace {}", room.namespace)), "{told}");
}

#[on(shadow, live)]
fn of_a_hundred_pairs_that_start_at_once_exactly_one_proceeds_each_time(bed: Bed) {
    let room = Room::new(&bed);
    for round in 0..100 {
        let sessions = [room.session(LONG), room.session(LONG)];
        let (start, decided) = (Barrier::new(2), Barrier::new(2));
        let proceeded = std::thread::scope(|threads| {
            let race = |session| {
                let (start, decided) = (&start, &decided);
                threads.spawn(move || {
                    start.wait();
                    let taken = taken(session);
                    // Nobody gives it back before the other has tried.
                    decided.wait();
                    taken.map(drop).map_err(|error| assert_eq!(error.kind(), Kind::Locked, "{error:?}")).is_ok()
                })
            };
            let both = sessions.each_ref().map(race);
            both.map(|thread| thread.join().unwrap())
        });
        assert_eq!(proceeded.iter().filter(|one| **one).count(), 1, "round {round}");
    }
}

#[on(shadow, live)]
fn no_wall_clock_matters(bed: Bed) {
    // A holder whose clock is ten minutes slow or fast, or hours, has the lock for as long as it has just been seen.
    for minutes in [-600, -10, 10, 600] {
        let room = Room::new(&bed);
        room.held_by(&far(), minutes, 2);
        assert_eq!(refused(taken(&room.session(LONG))).kind(), Kind::Locked, "{minutes} minutes");
        let begun = Instant::now();
        let held = room.session(LONG).take_lock(true, Patience::UntilExpired).unwrap();
        assert!(begun.elapsed() >= Duration::from_secs(2), "{minutes} minutes: {:?}", begun.elapsed());
        assert_eq!(held.previous()[0].ended, Ended::Expired);
    }
}

#[on(shadow, live)]
fn who_waits_for_a_silent_holder_is_told_what_was_in_flight(bed: Bed) {
    let room = Room::new(&bed);
    room.held_by(&far(), 0, 2);
    let session = room.session(LONG);
    let held = session.take_lock(true, Patience::UntilExpired).unwrap();
    let [previous] = held.previous() else { panic!("{:?}", held.previous()) };
    assert_eq!((&previous.holder, &previous.ended), (&far(), &Ended::Expired));
    assert_eq!(previous.in_flight, ["step db: helm::upgrade: HelmRelease/db in ef"]);
    let told = room.told.lock().unwrap().join("\n");
    assert!(told.contains("locked by") || told.contains("held by bob@far/r9, which runs worker-ha"), "{told}");
    assert!(told.contains("it is taken over in 2s if that gives no sign of life"), "{told}");
    assert!(
        told.contains("may be done, half done or not done: step db: helm::upgrade: HelmRelease/db in ef"),
        "{told}"
    );
}

#[on(shadow, live)]
fn who_waits_for_a_holder_that_lives_is_refused(bed: Bed) {
    let room = Room::new(&bed);
    let (one, other) = (room.session(SHORT), room.session(SHORT));
    let held = taken(&one).unwrap();
    let error = refused(other.take_lock(true, Patience::UntilExpired));
    assert_eq!(error.kind(), Kind::Locked);
    assert!(error.message().contains("it gives signs of life"), "{error}");
    // One that gives it back meanwhile makes way at once, and so does one whose Lease is deleted.
    for way in ["given back", "deleted"] {
        let room = Room::new(&bed);
        room.held_by(&far(), 0, 3600);
        let taken = std::thread::scope(|threads| {
            let session = room.session(LONG);
            let waiting = threads.spawn(move || session.take_lock(true, Patience::UntilExpired).unwrap());
            std::thread::park_timeout(Duration::from_millis(500));
            assert!(!waiting.is_finished());
            let namespace = room.namespace.clone();
            bed.meanwhile(|other| async move {
                match way {
                    "deleted" => other.begin_to_delete("lease/windlass", &namespace).await,
                    _ => drop(other.patch("lease/windlass", &namespace, json!({"spec": {"holderIdentity": ""}})).await),
                }
            })
            .done();
            waiting.join().unwrap()
        });
        assert_eq!(taken.previous(), [], "{way}");
    }
    drop(held);
}

#[on(shadow, live)]
fn a_run_that_is_resumed_does_not_take_the_lock_from_itself(bed: Bed) {
    let room = Room::new(&bed);
    let session = room.session(LONG);
    let held = taken(&session).unwrap();
    // The same run, as another process that gives signs of life has it.
    let other = Holder { machine: "far".into(), ..Holder::here(session.id(), "t", "shop", jiff::Timestamp::now()) };
    assert_ne!(room.look().holder.unwrap().id, other.id);
    drop(held);
    let namespace = room.namespace.clone();
    let spec = json!({"spec": {"holderIdentity": other.id}});
    bed.meanwhile(|other| async move { drop(other.patch("lease/windlass", &namespace, spec).await) }).done();
    assert_eq!(refused(taken(&session)).kind(), Kind::Locked);
}

#[on(shadow, live)]
fn a_wait_for_a_lock_can_be_stopped(bed: Bed) {
    let room = Room::new(&bed);
    room.held_by(&far(), 0, 3600);
    let session = room.session(LONG);
    let cancel = session.cancel().clone();
    let stop = std::thread::spawn(move || {
        std::thread::park_timeout(Duration::from_millis(300));
        cancel.stop(Error::new(Kind::Cancelled, "enough"));
    });
    let begun = Instant::now();
    assert_eq!(refused(session.take_lock(true, Patience::UntilExpired)).kind(), Kind::Cancelled);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    stop.join().unwrap();
}

#[on(shadow, live)]
fn a_holder_that_is_proven_dead_is_replaced_at_once(bed: Bed) {
    let room = Room::new(&bed);
    let dead = Holder::here("20260701-080000-abcdef", "t", "shop", jiff::Timestamp::now());
    room.held_by(&dead, 0, 3600);
    assert_eq!(refused(taken(&room.session(LONG))).kind(), Kind::Locked, "a missing file proves nothing");
    let runs = room.state.path().join("locks");
    let file = runs.join(format!("{}.t.lock", dead.run));
    std::fs::create_dir_all(&runs).unwrap();
    std::fs::write(&file, serde_json::to_vec(&dead).unwrap()).unwrap();
    let alive = std::fs::File::open(&file).unwrap();
    alive.lock().unwrap();
    assert_eq!(refused(taken(&room.session(LONG))).kind(), Kind::Locked, "somebody has its file locked");
    drop(alive);
    let session = room.session(LONG);
    let held = taken(&session).unwrap();
    assert_eq!((&held.previous()[0].holder, &held.previous()[0].ended), (&dead, &Ended::Dead));
    assert_eq!(held.previous()[0].in_flight.len(), 1);
    assert!(!file.exists());
    assert!(room.told.lock().unwrap().iter().any(|text| text.contains("its process on this machine has died")));
}

#[on(shadow, live)]
fn a_lock_that_is_broken_stops_its_run_and_tells_the_next(bed: Bed) {
    let room = Room::new(&bed);
    let none = room.break_lock("nobody").unwrap_err();
    assert_eq!(none.kind(), Kind::NotFound);
    let session = room.session(SHORT);
    let held = taken(&session).unwrap();
    let id = room.look().holder.unwrap().id;
    let wrong = room.break_lock("somebody@else/r1").unwrap_err();
    assert_eq!(wrong.kind(), Kind::Conflict);
    assert!(
        wrong.message().contains("not locked by somebody@else/r1, but by ") && wrong.hint_text().unwrap().contains(&id)
    );
    let broken = room.break_lock(&id).unwrap();
    assert_eq!((broken.holder.as_str(), broken.reason.as_str()), (id.as_str(), "it hangs"));
    let state = room.look();
    assert_eq!((state.holder, state.broken.as_ref()), (None, Some(&broken)));

    // Who comes next is told, and the broken one still learns why.
    let next = room.session(LONG);
    let held_next = taken(&next).unwrap();
    assert_eq!(
        (&held_next.previous()[0].ended, held_next.previous()[0].holder.run.as_str()),
        (&Ended::Broken(broken), session.id())
    );
    let stopped = session.cancel().clone();
    let reason = wait(&session, async move { Ok(stopped.stopped().await) }).unwrap();
    assert_eq!(reason.kind(), Kind::Locked);
    assert!(reason.message().contains(" broke it: it hangs; ") && reason.message().contains(next.id()), "{reason}");
    assert!(room.told.lock().unwrap().iter().any(|text| text.contains("is lost: ")), "it is said");

    // What it gives back is not its own any more.
    drop(held);
    assert!(room.look().holder.unwrap().id.contains(next.id()));
    drop(held_next);
    assert_eq!(room.look().broken, None);
}

#[on(shadow, live)]
fn what_is_about_to_be_changed_is_announced_before(bed: Bed) {
    let room = Room::new(&bed);
    let wire = Arc::new(Wire::default());
    let session = room.session_on(wire.between(&room), room.options(SHORT));
    let held = taken(&session).unwrap();
    let report = room.put(&session, &["a", "b", "c", "d", "e", "f"]);
    assert_eq!(report.status, RunStatus::Ok, "{report:?}");
    let announced = wire.announced.lock().unwrap().clone();
    assert_eq!(announced.len(), 6);
    let ns = &room.namespace;
    let text = format!(
        "[\"step one: test::put: {} and 1 more\"]",
        ["a", "b", "c", "d", "e"].map(|n| format!("ConfigMap/{n} in {ns}")).join(", ")
    );
    assert!(announced.iter().all(|(_, said)| *said == text), "{announced:?}");
    // With the next renewal, nothing is in flight any more.
    let namespace = ns.clone();
    let empty = |lease: Option<&Json>| {
        lease.is_some_and(|lease| lease["metadata"]["annotations"].get("windlass.dev/in-flight").is_none())
    };
    bed.meanwhile(|other| async move { other.until("lease/windlass", &namespace, empty).await }).done();
    drop(held);
}

#[on(shadow, live)]
fn who_has_lost_the_lock_changes_nothing_and_leaves_no_intent(bed: Bed) {
    let room = Room::new(&bed);
    let session = room.session(LONG);
    let held = taken(&session).unwrap();
    room.break_lock(&room.look().holder.unwrap().id).unwrap();
    let report = room.put(&session, &["a"]);
    assert_eq!(report.status, RunStatus::Failed);
    let error = report.steps[0].error.as_ref().unwrap();
    assert_eq!(error["kind"], "locked", "{error}");
    assert!(error["message"].as_str().unwrap().contains("broke it: it hangs"), "{error}");
    assert!(!room.has("a"));
    assert_eq!(room.journal.entries().unwrap().len(), 0);
    assert_eq!(session.cancel().reason().unwrap().kind(), Kind::Locked, "a catch does not help");
    drop(held);
}

#[on(shadow, live)]
fn a_request_that_would_outlast_the_lease_is_not_sent(bed: Bed) {
    let room = Room::new(&bed);
    let wire = Arc::new(Wire::default());
    let session = room.session_on(wire.between(&room), room.options(SHORT));
    let held = taken(&session).unwrap();
    let cluster = session.cluster(None, session.cancel()).unwrap();
    let put = |name: &'static str, seconds| {
        let (cluster, namespace) = (cluster.clone(), room.namespace.clone());
        let clock = session.clock().clone();
        wait(&session, async move {
            tokio::select! {
                made = make(&cluster, &namespace, name) => made.map(|_| true),
                () = clock.sleep(Duration::from_secs(seconds)) => Ok(false),
            }
        })
    };
    assert!(put("a", 10).unwrap());
    // Renewals hang from here on. When the lease has too little left, the request waits for one.
    wire.cut.store(true, Ordering::SeqCst);
    std::thread::park_timeout(SHORT);
    assert!(!put("b", 1).unwrap(), "it was sent");
    assert!(!room.has("b"));
    // What only looks needs no lease.
    let (looking, namespace) = (cluster.clone(), room.namespace.clone());
    let id =
        wait(&session, async move { looking.resource(&ResourceRef::parse("cm/a")?, Some(&namespace)).await }).unwrap();
    let looking = cluster.clone();
    assert!(wait(&session, async move { looking.get(&id).await }).unwrap().is_some());
    // Others have it by now: even when renewals get through again, nothing is sent.
    let next = room.session(LONG);
    let held_next = next.take_lock(true, Patience::UntilExpired).unwrap();
    wire.cut.store(false, Ordering::SeqCst);
    let error = put("b", 10).unwrap_err();
    assert_eq!(error.kind(), Kind::Locked, "{error:?}");
    assert!(error.message().contains("cannot create ConfigMap/b") && error.message().contains(next.id()), "{error}");
    assert!(!room.has("b"));
    assert_eq!(session.cancel().reason().unwrap().kind(), Kind::Locked);
    drop((held, held_next));
}

#[on(shadow, live)]
fn a_lost_answer_is_looked_up(bed: Bed) {
    let room = Room::new(&bed);
    let wire = Arc::new(Wire::default());
    let session = room.session_on(wire.between(&room), room.options(LONG));
    wire.lost.store(true, Ordering::SeqCst);
    let held = taken(&session).unwrap();
    assert!(room.look().holder.unwrap().id.contains(session.id()));
    // Somebody annotates it: that takes it from nobody.
    let namespace = room.namespace.clone();
    bed.meanwhile(|other| async move {
        drop(other.patch("lease/windlass", &namespace, json!({"metadata": {"annotations": {"note": "mine"}}})).await);
    })
    .done();
    assert_eq!(room.put(&session, &["a"]).status, RunStatus::Ok);
    assert_eq!(room.lease()["metadata"]["annotations"]["note"], "mine");
    // One that is deleted is lost.
    bed.meanwhile({
        let namespace = room.namespace.clone();
        |other| async move { other.delete("lease/windlass", &namespace).await }
    })
    .done();
    let report = room.put(&session, &["b"]);
    assert!(
        report.steps[0].error.as_ref().unwrap()["message"].as_str().unwrap().contains("its Lease was deleted"),
        "{report:?}"
    );
    assert!(!room.has("b"));
    drop(held);
}

#[on(shadow, live)]
fn without_the_right_to_it_the_error_names_the_way_out(bed: Bed) {
    let room = Room::new(&bed);
    let wire = Arc::new(Wire::default());
    wire.forbidden.store(true, Ordering::SeqCst);
    let error = refused(taken(&room.session_on(wire.between(&room), room.options(LONG))));
    assert_eq!(error.kind(), Kind::Forbidden);
    assert!(
        error.hint_text().unwrap().contains("customer.yaml")
            && error.hint_text().unwrap().contains("lock: { namespace: … }")
    );
    let nowhere = LockOptions { namespace: Some("no-such-namespace".into()), ..room.options(LONG) };
    let error = refused(taken(&room.session_on(room.target(), nowhere)));
    assert_eq!(error.kind(), Kind::NotFound, "{error:?}");
    assert!(error.hint_text().unwrap().contains("is there a namespace no-such-namespace?"), "{error:?}");
}

#[on(shadow, live)]
fn what_was_not_locked_beforehand_is_locked_with_the_first_change(bed: Bed) {
    let room = Room::new(&bed);
    let session = room.session(LONG);
    let held = session.take_lock(false, Patience::None).unwrap();
    assert!(room.look().holder.is_none());
    assert_eq!(room.put(&session, &["a"]).status, RunStatus::Ok);
    assert!(room.look().holder.unwrap().id.contains(session.id()));
    let other = room.session(LONG);
    let held_other = other.take_lock(false, Patience::None).unwrap();
    let report = room.put(&other, &["b"]);
    assert_eq!(report.steps[0].error.as_ref().unwrap()["kind"], "locked");
    assert!(!room.has("b"));
    drop(held_other);
    assert!(room.look().holder.is_some(), "who has taken nothing gives nothing back");
    drop(held);
    assert!(room.look().holder.is_none());
    // Without somebody who would give it back, and in a session that may change nothing, nothing is taken.
    assert_eq!(room.put(&room.session(LONG), &["c"]).status, RunStatus::Ok);
    let builder = room.runtime.session(room.target()).lock(room.options(LONG)).access(Access::read_only());
    let held = taken(&builder.open()).unwrap();
    assert!(room.look().holder.is_none());
    drop(held);
}

/// Evaluates a line that a person types.
fn typed(session: &Session, line: String) -> std::thread::JoinHandle<Result<Value>> {
    let session = session.clone();
    let evaluate = move || Console::new(&session).evaluate("<input 1>", &line, session.cancel());
    std::thread::Builder::new().stack_size(STACK).spawn(evaluate).unwrap()
}

#[on(shadow, live)]
fn who_works_by_hand_and_loses_the_lock_is_stopped_and_may_take_it_again(bed: Bed) {
    let room = Room::new(&bed);
    let session = room.session(SHORT);
    let held = session.lock_with_first_change();
    let put = |name: &str| format!("test::put(\"{}\", [\"{name}\"]);", room.namespace);
    let running = typed(&session, format!("{} sleep(\"1h\");", put("a")));
    let begun = Instant::now();
    while !room.has("a") {
        assert!(begun.elapsed() < Duration::from_secs(30) && !running.is_finished());
        std::thread::yield_now();
    }
    room.break_lock(&room.look().holder.unwrap().id).unwrap();
    let stopped = running.join().unwrap().unwrap_err();
    assert_eq!(stopped.kind(), Kind::Locked, "{stopped}");
    assert!(!session.cancel().is_stopped());
    assert_eq!(typed(&session, put("b")).join().unwrap().unwrap_err().kind(), Kind::Denied);
    assert!(room.look().holder.is_none());
    session.access().set_read_only(false);
    typed(&session, put("b")).join().unwrap().unwrap();
    assert!(room.look().holder.unwrap().id.contains(session.id()) && room.has("b"));
    drop(held);
    assert!(room.look().holder.is_none());
}

#[on(shadow, live)]
fn who_works_by_hand_gives_the_lock_back_for_a_while(bed: Bed) {
    let room = Room::new(&bed);
    let (session, other) = (room.session(LONG), room.session(LONG));
    let mut held = session.lock_with_first_change();
    let put = |name: &str| format!("test::put(\"{}\", [\"{name}\"]);", room.namespace);
    assert!(!held.give_back_until_next_change());
    typed(&session, put("a")).join().unwrap().unwrap();
    assert_eq!(taken(&other).err().unwrap().kind(), Kind::Locked);
    assert!(held.give_back_until_next_change() && room.look().holder.is_none());
    let others = taken(&other).unwrap();
    assert_eq!(typed(&session, put("b")).join().unwrap().unwrap_err().kind(), Kind::Locked);
    drop(others);
    typed(&session, put("b")).join().unwrap().unwrap();
    assert!(room.look().holder.unwrap().id.contains(session.id()));
    drop(held);
    assert!(room.look().holder.is_none());
}

#[test]
fn what_begins_at_the_same_time_takes_the_first_lock_once() {
    windlass_support::shadow(|bed| {
        let room = Room::new(&bed);
        let folder = tempfile::tempdir().unwrap();
        for round in 0..8 {
            let options = LockOptions { folder: Some(folder.path().to_owned()), ..room.options(LONG) };
            let session = room.session_on(room.target(), options);
            let held = session.lock_with_first_change();
            let put = |n| typed(&session, format!("test::put(\"{}\", [\"r{round}-{n}\"]);", room.namespace));
            let all: Vec<_> = (0..4).map(put).collect();
            all.into_iter().for_each(|one| drop(one.join().unwrap().unwrap()));
            drop(held);
        }
    });
}

/// One kubeconfig for several clusters, each under a name of its own.
fn kubeconfig_of(all: &[(&str, PathBuf)]) -> tempfile::NamedTempFile {
    let mut merged = json!({"apiVersion": "v1", "kind": "Config", "clusters": [], "users": [], "contexts": []});
    for (name, file) in all {
        let one = windlass_runtime::yaml::read_one_file(file).unwrap();
        let part = |list: &str, key: &str| json!({"name": name, key: one[list][0][key]});
        merged["clusters"].as_array_mut().unwrap().push(part("clusters", "cluster"));
        merged["users"].as_array_mut().unwrap().push(part("users", "user"));
        let context = json!({"name": name, "context": {"cluster": name, "user": name}});
        merged["contexts"].as_array_mut().unwrap().push(context);
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), merged.to_string()).unwrap();
    file
}

#[on(shadow, live)]
fn of_several_clusters_all_are_taken_or_none(bed: Bed) {
    let room = Room::new(&bed);
    let dr = windlass_runtime::target::Shadow::builder().seed(7).build().unwrap();
    let (cluster, clock) = (dr.simulated(None).unwrap(), dr.simulation().map(|s| s.clock().clone()));
    let listener = bed.outside(async move { Listener::open(&cluster, &Options { clock, ..Options::default() }).await });
    let (listener, folder) = (listener.unwrap(), tempfile::tempdir().unwrap());
    let of_dr = folder.path().join("kubeconfig");
    listener.write_kubeconfig(&of_dr).unwrap();
    let file = kubeconfig_of(&[("main", bed.kubeconfig()), ("dr", of_dr), ("main-too", bed.kubeconfig())]);
    let target = || {
        let builder = Live::builder().kubeconfig(file.path()).context("main");
        let named = |name: &str| Some(name.to_owned());
        builder.cluster("dr", named("dr")).cluster("same", named("main-too")).build()
    };
    // The namespace that both have.
    let options = LockOptions { clusters: vec!["same".into(), "dr".into()], namespace: None, ..room.options(LONG) };
    let session = room.session_on(target(), options.clone());
    let cluster = |name| session.cluster(name, session.cancel()).unwrap();
    let holder = |name| {
        let cluster = cluster(name);
        let state = wait(&session, async move { look(&cluster, "kube-system").await }).unwrap();
        state.holder.map(|holder| holder.id).unwrap_or_default()
    };
    let held = taken(&session).unwrap();
    assert_eq!(holder(None), holder(Some("dr")));
    assert!(holder(None).contains(session.id()));
    drop(held);
    assert_eq!((holder(None), holder(Some("dr"))), (String::new(), String::new()));
    // Whichever comes second in the order: the first one is given back.
    for locked in [None, Some("dr")] {
        let set = |id: &str| {
            let (cluster, patch) = (cluster(locked), Patch::Merge(json!({"spec": {"holderIdentity": id}})));
            let set = async move {
                let id = cluster.resource(&ResourceRef::parse("lease/windlass")?, Some("kube-system")).await?;
                cluster.patch(&id, &patch, &PatchOptions::default()).await
            };
            wait(&session, set).unwrap();
        };
        set("bob@far/r9");
        assert_eq!(refused(taken(&room.session_on(target(), options.clone()))).kind(), Kind::Locked);
        let mut both = [holder(None), holder(Some("dr"))];
        both.sort();
        assert_eq!(both, ["", "bob@far/r9"]);
        set("");
    }
}

#[test]
fn a_folder_and_a_playbook_without_clusters_are_locked_on_this_machine() {
    windlass_support::shadow(|bed| {
        let room = Room::new(&bed);
        let folder = tempfile::tempdir().unwrap();
        let of_folder = LockOptions { folder: Some(folder.path().to_owned()), ..room.options(LONG) };
        let held = room.session_on(room.target(), of_folder.clone()).take_lock(false, Patience::None).unwrap();
        let error = refused(room.session_on(room.target(), of_folder.clone()).take_lock(false, Patience::None));
        assert_eq!(error.kind(), Kind::Locked);
        assert!(error.message().contains(&format!("{} is locked by ", folder.path().display())), "{error}");
        assert!(error.message().contains("which runs shop for acme, since "), "{error}");
        drop(held);
        // The folder comes first: who is refused there has not even asked the cluster.
        let held = taken(&room.session_on(room.target(), of_folder.clone())).unwrap();
        let error = refused(taken(&room.session_on(room.target(), of_folder)));
        assert_eq!(error.resource_name(), Some(folder.path().join(".windlass/lock").to_str().unwrap()));
        drop(held);

        let of_playbook = |key: &str| LockOptions { key: Some(key.into()), ..room.options(LONG) };
        let take =
            |key: &str, clusters| room.session_on(room.target(), of_playbook(key)).take_lock(clusters, Patience::None);
        let held = take("/a/hosts.rhai", false).unwrap();
        assert_eq!(refused(take("/a/hosts.rhai", false)).kind(), Kind::Locked);
        drop(take("/b/hosts.rhai", false).unwrap());
        drop(take("/a/hosts.rhai", true).unwrap());
        drop(held);
        drop(take("/a/hosts.rhai", false).unwrap());
    });
}
