//! `cluster::copy_to`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use windlass_runtime::change::{Acted, Change, Inverse, Op, Outcome, Part, Plan};
use windlass_runtime::cluster::{Command, Executed, Give};
use windlass_runtime::{Call, Computer, Error, Kind, Options, Result, primitive};

use super::copying::{self, Archive, File, Files, Hashes, count, difference, hashes_of, needs_tools};
use super::in_pod::Trace;
use super::pods::{self, Place, Purpose, within};
use super::{OnCluster, Target};

/// The options of `cluster::copy_to`.
#[derive(Debug, Clone, Options)]
pub struct CopyToOptions {
    #[option(flatten)]
    on: OnCluster,
    /// The container; without it the one that the pod's annotation `kubectl.kubernetes.io/default-container` names, or
    /// else its first.
    container: Option<String>,
    /// How long it may take.
    #[option(default = "\"5m\"")]
    timeout: std::time::Duration,
}

/// Copies a file, or all that is in a folder, into a container.
///
/// The path in the container is the one that the file or folder will have there; folders above it are made. Files that are
/// there already with the same content are left alone, and if all are, nothing changes. Other files in the folder stay.
///
/// The target is a pod, or what has pods, as for `cluster::exec`. The container needs `tar`, `find` and `sha256sum`. What
/// has arrived is compared by its sha256. It cannot be undone, and it is gone when the container starts anew, unless the
/// path is in a volume.
///
/// Any amount can be copied: it is sent as it is read, and little of it is in memory. The files are written where they
/// belong, so if it ends early (an error, its `timeout`, Ctrl-C), the container may hold files of which only the beginning
/// is new. The next run sends again what is not whole.
///
/// In a rehearsal, a simulated container holds 256 MiB at most; what is more than that is assumed to arrive.
///
/// # Errors
/// `not_found` if there is no such file, object, container or program; `usage` for links and devices, or a folder where a
/// file is; `unavailable` if the container does not run; `timeout`; `system` if the container cannot write, if a file is
/// changed while it is sent, or something else has arrived than was sent. From the first byte on, the error says that the
/// container may hold files that are not whole.
///
/// # Example
/// ```rhai
/// cluster::apply(#{ apiVersion: "v1", kind: "Pod", metadata: #{ name: "tools" },
///     spec: #{ containers: [#{ name: "tools", image: "busybox", command: ["sleep", "3600"] }] } });
/// wait::ready("Pod/tools");
/// cluster::copy_to("Pod/tools", "certs", "/etc/certs");
/// ```
#[primitive(module = "cluster", effect = Change, also = ["cp", "copy"])]
pub fn copy_to(
    call: &Call<'_>,
    target: Target,
    local: String,
    remote: String,
    options: CopyToOptions,
) -> Result<Outcome> {
    let remote = copying::remote(&remote)?;
    let from = call.locate(&local)?;
    let files = {
        let awaited = Arc::new(());
        let wanted = Arc::downgrade(&awaited);
        call.compute(move || copying::read(&from, &wanted))?
    };
    if files.is_empty() {
        return Err(Error::usage(format!("{local} is a folder without any file")));
    }
    let place = pods::find(call, &options.on, &target, options.container.as_deref(), Purpose::Run)?;
    let there = hashes_of(call, &place, &remote, files.keys(), options.timeout)?.unwrap_or_default();
    check_sorts(call, &place, &files, &there, &remote)?;
    let changed: Files = files.iter().filter(|(name, file)| there.get(*name) != Some(&file.hash)).map(own).collect();
    let plan = match changed.is_empty() {
        true => Plan::Unchanged(format!("{} of {local} at {remote} already", count(files.len()))),
        false => Plan::Act {
            op: Op::Update,
            diff: difference(changed.iter().map(|(name, file)| (name, Some(file.size))), &there, &remote),
            note: None,
        },
    };
    let sent: Hashes = changed.iter().map(|(name, file)| (name.clone(), file.hash.clone())).collect();
    let trace =
        Trace { container: place.container.clone(), copied: Some((remote.clone(), sent.clone())), ..Trace::default() };
    let work = Work { place: place.clone(), remote, changed, sent, computer: call.computer(), begun: Arc::default() };
    call.change(Change {
        parts: vec![Part { resource: place.resource(), before: None, plan }],
        act: Box::new(move || {
            Box::pin(async move {
                let cluster = work.place.cluster.clone();
                let done = within(&cluster, work.run(), options.timeout).await;
                Ok(vec![done.map_or_else(|error| work.failed(error), |()| Acted::Done(None))])
            })
        }),
        probe: trace.recipe(),
        inverse: Inverse::Cannot("what was in the container before is not kept".to_owned()),
    })
}

fn own((name, file): (&String, &File)) -> (String, File) {
    (name.clone(), file.clone())
}

/// A file stays a file, and a folder a folder.
fn check_sorts(call: &Call<'_>, place: &Place, files: &Files, there: &Hashes, remote: &str) -> Result<()> {
    let (is_file, was_file) = (files.contains_key(""), there.contains_key(""));
    let is_folder = || -> Result<bool> {
        let asked = place.ask(call, place.command(&["test", "-d", remote]))?;
        Ok(asked.is_some_and(|answer| answer.code == 0))
    };
    let fits = if was_file { is_file } else { !is_file || !is_folder()? };
    if fits {
        return Ok(());
    }
    let what = format!(
        "{remote} in container {} of {} is a {}",
        place.container,
        place.pod,
        if was_file { "file" } else { "folder" }
    );
    Err(if was_file {
        Error::usage(format!("{what}, where a folder is to be"))
    } else {
        Error::usage(format!("{what}, where a file is to be")).hint(format!("name the file in it: \"{remote}/NAME\""))
    }
    .resource(&place.pod))
}

/// What is to be sent.
struct Work {
    place: Place,
    remote: String,
    changed: Files,
    sent: Hashes,
    computer: Computer,
    /// Whether something may have been written.
    begun: Arc<AtomicBool>,
}

/// So much is read at once.
const PIECE: usize = 256 << 10;

impl Work {
    async fn run(&self) -> Result<()> {
        let (parent, name) = copying::split(&self.remote);
        let folder = if self.changed.contains_key("") { parent } else { &self.remote };
        let exec = |command: Command| self.place.cluster.exec(&self.place.pod, command);
        self.must("make the folder", exec(self.place.command(&["mkdir", "-p", "--", folder])).await)?;
        let unpack = self.place.command(&["tar", "-xmf", "-", "-C", folder]);
        let give = self.give(Archive::of(self.changed.clone(), name));
        self.must("unpack the files", self.place.cluster.exec_from(&self.place.pod, unpack, give).await)?;
        let mut found = Hashes::new();
        for question in copying::questions(&self.place, &self.remote, self.sent.keys()) {
            let said = self.must("read the files back", exec(question).await)?;
            found.extend(copying::read_hashes(&self.remote, &said));
        }
        match self.sent.iter().find(|(name, hash)| found.get(*name) != Some(*hash)) {
            None => Ok(()),
            Some((name, _)) => {
                let path = format!("{}/{name}", self.remote);
                let path = path.trim_end_matches('/');
                let what =
                    format!("{path} in container {} of {} is not what was sent", self.place.container, self.place.pod);
                Err(Error::new(Kind::System, what)
                    .hint("is it being written there by something else?")
                    .resource(&self.place.pod))
            }
        }
    }

    /// Reads the archive piece by piece, beside the worker threads.
    fn give(&self, archive: Archive) -> Give {
        let archive = Arc::new(Mutex::new(archive));
        let (computer, begun) = (self.computer.clone(), self.begun.clone());
        Box::new(move || {
            begun.store(true, Ordering::Relaxed);
            let (archive, computer) = (archive.clone(), computer.clone());
            let next = move || archive.lock().unwrap_or_else(PoisonError::into_inner).piece(PIECE);
            Box::pin(async move { computer.run(next).await })
        })
    }

    fn must(&self, what: &str, done: Result<Executed>) -> Result<String> {
        let done = done.map_err(needs_tools)?;
        if done.code != 0 {
            return Err(self.place.refused(&format!("{what} at {}", self.remote), &done.stderr));
        }
        Ok(String::from_utf8_lossy(&done.stdout).into_owned())
    }

    /// What an error leaves behind.
    fn failed(&self, error: Error) -> Acted {
        if error.kind() == Kind::Undecided {
            return Acted::Assumed("assumed: it is more than a simulated container holds".to_owned());
        }
        if !self.begun.load(Ordering::Relaxed) {
            return Acted::unless_ended(error);
        }
        let Self { place, remote, .. } = self;
        Acted::Broken(error.context(format!(
            "{remote} in container {} of {} may hold files that are not whole, until it is copied again",
            place.container, place.pod
        )))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use windlass_runtime::change::{Probed, ResultWord};
    use windlass_runtime::journal::Journal as _;

    use crate::testing::{Bed, Ran, Scripting as _, deployment, on, runtime};

    fn web(bed: &Bed) -> String {
        let ns = bed.namespace();
        bed.apply_as("kubectl", &ns, deployment("web", 1));
        bed.until_rolled_out("deployment/web", &ns);
        ns
    }

    fn copy(bed: &Bed, ns: &str, local: &std::path::Path, remote: &str) -> Ran {
        bed.run(&format!("cluster::copy_to(\"Deployment/web\", {local:?}, {remote:?}, #{{ namespace: {ns:?} }})"))
    }

    fn cat(bed: &Bed, ns: &str, path: &str) -> String {
        let script = format!("cluster::exec(\"Deployment/web\", [\"cat\", {path:?}], #{{ namespace: {ns:?} }}).stdout");
        bed.run(&script).value().as_str().unwrap().to_owned()
    }

    #[on(shadow, node)]
    fn files_and_folders_arrive_and_are_left_alone_the_second_time(bed: Bed) {
        let (ns, folder) = (web(&bed), tempfile::tempdir().unwrap());
        std::fs::create_dir(folder.path().join("deep")).unwrap();
        std::fs::write(folder.path().join("a.conf"), "one").unwrap();
        std::fs::write(folder.path().join("deep/b.conf"), "two").unwrap();
        let first = copy(&bed, &ns, folder.path(), "/etc/web/");
        assert_eq!(first.value()["changed"], true);
        assert_eq!(
            first.value()["diff"],
            json!(["/etc/web/a.conf: new, 3 bytes", "/etc/web/deep/b.conf: new, 3 bytes"])
        );
        assert_eq!(
            (cat(&bed, &ns, "/etc/web/a.conf"), cat(&bed, &ns, "/etc/web/deep/b.conf")),
            ("one".into(), "two".into())
        );
        let second = copy(&bed, &ns, folder.path(), "/etc/web").value();
        assert_eq!(second["changed"], false);
        assert!(second["reason"].as_str().unwrap().starts_with("2 files of "), "{second}");
        std::fs::write(folder.path().join("a.conf"), "other").unwrap();
        let third = copy(&bed, &ns, folder.path(), "/etc/web").value();
        assert_eq!(third["diff"], json!(["/etc/web/a.conf: replaced, 5 bytes"]));
        let file = copy(&bed, &ns, &folder.path().join("a.conf"), "/opt/renamed.conf");
        assert_eq!(file.value()["changed"], true);
        assert_eq!(cat(&bed, &ns, "/opt/renamed.conf"), "other");
        assert_eq!(copy(&bed, &ns, &folder.path().join("a.conf"), "/opt/renamed.conf").value()["changed"], false);
        // Cut between intent and result: what is there tells. It cannot be taken back.
        let (intent, _) = file.journal.entries().unwrap().pop().unwrap();
        let session = runtime().session(bed.target()).open();
        assert_eq!(windlass_runtime::undo::probe(&session, &intent).unwrap(), [Probed::TookEffect]);
        let (old, _) = first.journal.entries().unwrap().pop().unwrap();
        assert_eq!(windlass_runtime::undo::probe(&session, &old).unwrap(), [Probed::DidNot]);
        assert!(format!("{:?}", bed.undo(&file).unwrap()).contains("is not kept"));
    }

    #[on(shadow, node)]
    fn large_files_arrive_whole(bed: Bed) {
        let (ns, folder) = (web(&bed), tempfile::tempdir().unwrap());
        let file = folder.path().join("large");
        std::fs::write(&file, (0..3_000_000_u32).map(|n| (n % 251) as u8).collect::<Vec<u8>>()).unwrap();
        assert_eq!(copy(&bed, &ns, &file, "/data/large").value()["changed"], true);
        assert_eq!(copy(&bed, &ns, &file, "/data/large").value()["changed"], false);
    }

    #[on(node, because = "nothing takes time in a simulated container")]
    fn a_copy_that_is_ended_early_says_what_the_container_may_hold(bed: Bed) {
        let (ns, folder) = (web(&bed), tempfile::tempdir().unwrap());
        let file = folder.path().join("endless");
        std::fs::File::create(&file).unwrap().set_len(1 << 30).unwrap();
        let call = |timeout: &str| {
            format!(
                "cluster::copy_to(\"Deployment/web\", {file:?}, \"/data/endless\", #{{ namespace: {ns:?}, timeout: {timeout:?} }})"
            )
        };
        let ran = bed.run(&call("500ms"));
        let error = ran.error();
        assert_eq!(error["kind"], "timeout", "{error}");
        let message = error["message"].as_str().unwrap();
        assert!(message.starts_with("/data/endless in container main of Pod/web-"), "{error}");
        assert!(message.contains("may hold files that are not whole, until it is copied again: "), "{error}");
        assert_eq!(ran.report.steps[0].outcome[0].result, ResultWord::Unknown);
        let (intent, _) = ran.journal.entries().unwrap().pop().unwrap();
        let session = runtime().session(bed.target()).open();
        assert_eq!(windlass_runtime::undo::probe(&session, &intent).unwrap(), [Probed::DidNot]);
        // A deadline from outside reaches it too, in little more than its time.
        let began = std::time::Instant::now();
        let error = bed.run(&format!("step(\"copy\", #{{ timeout: \"1s\" }}, || {});", call("5m"))).error();
        assert_eq!(error["kind"], "deadline", "{error}");
        assert!(began.elapsed().as_secs() < 8, "{:?}", began.elapsed());
    }

    #[on(shadow, because = "only it holds less than is copied")]
    fn more_than_a_simulated_container_holds_is_assumed_to_arrive(bed: Bed) {
        let (ns, folder) = (web(&bed), tempfile::tempdir().unwrap());
        let file = folder.path().join("large");
        std::fs::File::create(&file).unwrap().set_len((256 << 20) + 1).unwrap();
        let ran = copy(&bed, &ns, &file, "/data/large");
        let item = &ran.report.steps[0].outcome[0];
        assert_eq!(item.result, ResultWord::Assumed, "{:?}", ran.report.steps[0].error);
        assert_eq!(item.reason.as_deref(), Some("assumed: it is more than a simulated container holds"));
    }

    #[on(shadow, node)]
    fn only_what_is_copied_is_read_in_the_container(bed: Bed) {
        let (ns, folder) = (web(&bed), tempfile::tempdir().unwrap());
        let names: Vec<String> = (0..150).map(|n| format!("{n}-{}", "long".repeat(30))).collect();
        names.iter().for_each(|name| std::fs::write(folder.path().join(name), name).unwrap());
        assert_eq!(copy(&bed, &ns, folder.path(), "/data").value()["changed"], true);
        let mark = bed.mark();
        let second = copy(&bed, &ns, folder.path(), "/data").value();
        assert!(second["reason"].as_str().unwrap().starts_with("150 files of "), "{second}");
        let single = tempfile::tempdir().unwrap();
        std::fs::write(single.path().join("another"), "1").unwrap();
        assert_eq!(copy(&bed, &ns, single.path(), "/data").value()["changed"], true);
        let asked = bed.asked_since(mark);
        let asked: Vec<&str> = asked.events.iter().map(|e| e.uri.as_str()).filter(|uri| uri.contains(&ns)).collect();
        let asked: Vec<&str> = asked.into_iter().filter(|uri| uri.contains("sha256sum")).collect();
        let (other, same): (Vec<&str>, Vec<&str>) = asked.into_iter().partition(|uri| uri.contains("another"));
        assert!(other.len() >= 2 && other.iter().all(|uri| !uri.contains("long")), "{other:?}");
        // Too many for one request.
        assert!(same.len() >= 2 && same.iter().all(|uri| uri.len() < 64 << 10), "{}", same.len());
    }

    #[on(shadow, node)]
    fn what_cannot_be_copied_says_why(bed: Bed) {
        let (ns, folder) = (web(&bed), tempfile::tempdir().unwrap());
        std::fs::write(folder.path().join("a"), "1").unwrap();
        copy(&bed, &ns, folder.path(), "/data").value();
        std::fs::create_dir(folder.path().join("empty")).unwrap();
        for (local, remote, kind, said) in [
            ("no", "/data", "not_found", "no does not exist"),
            ("a", "data", "usage", "it does not begin with /"),
            ("a", "/data", "usage", "is a folder, where a file is to be"),
            ("", "/data/a", "usage", "is a file, where a folder is to be"),
            ("empty", "/data", "usage", "without any file"),
        ] {
            let error = copy(&bed, &ns, &folder.path().join(local), remote).error();
            assert_eq!(error["kind"], kind, "{local}: {error}");
            assert!(error["message"].as_str().unwrap().contains(said), "{local}: {error}");
        }
    }

    #[on(shadow, because = "only there a container answers as it is told")]
    fn a_container_that_cannot_take_it_is_told(bed: Bed) {
        let (ns, folder) = (web(&bed), tempfile::tempdir().unwrap());
        std::fs::write(folder.path().join("a"), "1").unwrap();
        let answer = |answers: &str| {
            bed.patch(
                "deployment/web",
                &ns,
                json!({"spec": {"template": {"metadata": {"annotations": {"shadow.windlass.dev/exec": answers}}}}}),
            );
            bed.until_rolled_out("deployment/web", &ns);
            copy(&bed, &ns, folder.path(), "/data").error()
        };
        let error = answer("[{command: tar *, code: 2, stderr: \"tar: a: Cannot open: Read-only file system\"}]");
        assert_eq!(error["kind"], "system", "{error}");
        assert!(
            error["message"]
                .as_str()
                .unwrap()
                .ends_with("could not unpack the files at /data: tar: a: Cannot open: Read-only file system"),
            "{error}"
        );
        // One that unpacks nothing, and one that has something else.
        for (answers, said) in [
            ("[{command: tar *}]", "could not read the files back at /data: find: /data/a: No such file or directory"),
            ("[{command: find *, stdout: \"00  /data/a\n\"}]", "is not what was sent"),
        ] {
            let error = answer(answers);
            assert_eq!(error["kind"], "system", "{error}");
            let message = error["message"].as_str().unwrap();
            // Where nothing was read, nothing is half-written.
            let doubt = message.contains("/data in container main of Pod/web-")
                && message.contains(" may hold files that are not whole");
            assert!(doubt || answers.contains("tar *"), "{error}");
            assert!(message.ends_with(said), "{error}");
        }
    }
}
