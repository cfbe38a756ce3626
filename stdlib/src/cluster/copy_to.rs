//! `cluster::copy_to`.

use std::sync::Arc;

use windlass_runtime::change::{Acted, Change, Inverse, Op, Outcome, Part, Plan};
use windlass_runtime::cluster::Command;
use windlass_runtime::{Call, Computer, Error, Kind, Options, Result, primitive};
use zeroize::Zeroizing;

use super::copying::{self, File, Files, Hashes, count, difference, hashes, needs_tools};
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
/// # Errors
/// `not_found` if there is no such file, object, container or program; `usage` for links and devices, for more than
/// 256 MiB, or a folder where a file is; `unavailable` if the container does not run; `system` if the container cannot
/// write, or something else has arrived than was sent.
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
    let files = call.compute(move || copying::read(&from))?;
    if files.is_empty() {
        return Err(Error::usage(format!("{local} is a folder without any file")));
    }
    let place = pods::find(call, &options.on, &target, options.container.as_deref(), Purpose::Run)?;
    let there = hashes(call, &place, &remote, options.timeout)?.unwrap_or_default();
    check_sorts(&place, &files, &there, &remote)?;
    let changed: Files = files.iter().filter(|(name, file)| there.get(*name) != Some(&file.hash)).map(own).collect();
    let plan = match changed.is_empty() {
        true => Plan::Unchanged(format!("{} of {local} at {remote} already", count(files.len()))),
        false => Plan::Act {
            op: Op::Update,
            diff: difference(changed.iter().map(|(name, file)| (name, Some(file.bytes.len()))), &there, &remote),
            note: None,
        },
    };
    let sent: Hashes = changed.iter().map(|(name, file)| (name.clone(), file.hash.clone())).collect();
    let trace =
        Trace { container: place.container.clone(), copied: Some((remote.clone(), sent.clone())), ..Trace::default() };
    let work = Work { place: place.clone(), remote, changed: changed.into(), sent, computer: call.computer() };
    call.change(Change {
        parts: vec![Part { resource: place.resource(), before: None, plan }],
        act: Box::new(move || {
            Box::pin(async move {
                let cluster = work.place.cluster.clone();
                let done = within(&cluster, work.run(), options.timeout).await;
                Ok(vec![done.map_or_else(Acted::unless_ended, |()| Acted::Done(None))])
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
fn check_sorts(place: &Place, files: &Files, there: &Hashes, remote: &str) -> Result<()> {
    let (is_file, was_file) = (files.contains_key(""), there.contains_key(""));
    if there.is_empty() || is_file == was_file {
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
    changed: Arc<Files>,
    sent: Hashes,
    computer: Computer,
}

impl Work {
    async fn run(&self) -> Result<()> {
        let (parent, name) = copying::split(&self.remote);
        let folder = if self.changed.contains_key("") { parent } else { &self.remote };
        let (changed, single) = (self.changed.clone(), name.to_owned());
        let archive = self.computer.run(move || copying::pack(changed.iter(), &single)).await?;
        self.must("make the folder", self.place.command(&["mkdir", "-p", "--", folder])).await?;
        let stdin = Some(Zeroizing::new(archive));
        self.must("unpack the files", Command { stdin, ..self.place.command(&["tar", "-xmf", "-", "-C", folder]) })
            .await?;
        let look = self.place.command(&["find", "-H", &self.remote, "-type", "f", "-exec", "sha256sum", "{}", "+"]);
        let found = copying::read_hashes(&self.remote, &self.must("read the files back", look).await?);
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

    async fn must(&self, what: &str, command: Command) -> Result<String> {
        let done = self.place.cluster.exec(&self.place.pod, command).await.map_err(needs_tools)?;
        if done.code != 0 {
            return Err(self.place.refused(&format!("{what} at {}", self.remote), &done.stderr));
        }
        Ok(String::from_utf8_lossy(&done.stdout).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use windlass_runtime::change::Probed;
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
        for answers in ["[{command: tar *}]", "[{command: find *, stdout: \"00  /data/a\\n\"}]"] {
            let error = answer(answers);
            let message = error["message"].as_str().unwrap();
            assert!(message.starts_with("/data/a in container main of Pod/web-"), "{error}");
            assert!(message.ends_with("is not what was sent"), "{error}");
        }
    }
}
