//! `cluster::copy_from`.

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use windlass_runtime::change::{Acted, Change, Inverse, Op, Outcome, Part, Plan, Resource};
use windlass_runtime::cluster::Take;
use windlass_runtime::state_folder::own_folder;
use windlass_runtime::{Call, Computer, Error, Kind, Options, Result, primitive};

use super::copying::{self, Hashes, count, difference, hashes, needs_tools};
use super::in_pod::Trace;
use super::pods::{self, Place, Purpose, within};
use super::{OnCluster, Target};

/// The options of `cluster::copy_from`.
#[derive(Debug, Clone, Options)]
pub struct CopyFromOptions {
    #[option(flatten)]
    on: OnCluster,
    /// The container; without it the one that the pod's annotation `kubectl.kubernetes.io/default-container` names, or
    /// else its first.
    container: Option<String>,
    /// How long it may take.
    #[option(default = "\"5m\"")]
    timeout: std::time::Duration,
    /// Assumes in a rehearsal that there is something to copy: what a container holds cannot be known there.
    #[option(default = "false")]
    plan: bool,
}

/// Copies a file, or all that is in a folder, out of a container onto this machine.
///
/// The path here is the one that the file or folder will have; folders above it are made. Files that are here already with
/// the same content are left alone, and if all are, nothing changes. Other files in the folder stay.
///
/// The target is a pod, or what has pods, as for `cluster::exec`. The container needs `tar`, `find` and `sha256sum`. Its
/// archive is not trusted: it must hold exactly the files that were found, with their sha256, and no hard links, devices, or
/// paths that lead elsewhere; otherwise nothing is written. Symbolic links are left out. It cannot be undone.
///
/// Any amount can be copied: it goes through a file beside the path here, so there has to be room for it twice.
///
/// A rehearsal writes no files on this machine.
///
/// # Errors
/// `not_found` if there is no such file, object, container or program; `usage` for a file where a folder is; `unavailable` if the container does not run; `malformed` for an archive that is refused; `system` if a file
/// cannot be written here; `undecided` in a rehearsal, without `plan: true`.
///
/// # Example
/// ```rhai
/// cluster::apply(#{ apiVersion: "v1", kind: "Pod", metadata: #{ name: "db" },
///     spec: #{ containers: [#{ name: "db", image: "busybox", command: ["sleep", "3600"] }] } });
/// wait::ready("Pod/db");
/// cluster::exec("Pod/db", ["cp", "/etc/hosts", "/tmp/dump"], #{ plan: "" });
/// cluster::copy_from("Pod/db", "/tmp/dump", "backup/hosts", #{ plan: true });
/// ```
#[primitive(module = "cluster", effect = Change, also = ["cp", "copy"])]
pub fn copy_from(
    call: &Call<'_>,
    target: Target,
    remote: String,
    local: String,
    options: CopyFromOptions,
) -> Result<Outcome> {
    let remote = copying::remote(&remote)?;
    let path = call.locate_on_disk(&local)?;
    let place = pods::find(call, &options.on, &target, options.container.as_deref(), Purpose::Run)?;
    let found = hashes(call, &place, &remote, options.timeout)?;
    let there = match &found {
        Some(found) if found.is_empty() => return Err(nothing(&place, &remote)),
        Some(found) => found.clone(),
        None if options.plan => Hashes::new(),
        None => return Err(undecided(&place, &remote)),
    };
    let here = call.compute({
        let (path, names) = (path.clone(), there.clone());
        move || copying::hashes_here(&path, names.keys())
    })?;
    check_sorts(&path, &there)?;
    let wanted: Hashes = there.iter().filter(|(name, hash)| here.get(*name) != Some(*hash)).map(own).collect();
    let top = path.display().to_string();
    let plan = match wanted.is_empty() && found.is_some() {
        true => Plan::Unchanged(format!("{} of {remote} at {local} already", count(there.len()))),
        false => Plan::Act {
            op: if path.exists() { Op::Update } else { Op::Create },
            diff: difference(wanted.keys().map(|name| (name, None)), &here, &top),
            note: Some(format!("from {remote} in container {} of {}", place.container, place.pod)),
        },
    };
    let resource = Resource { at: "local".into(), api_version: None, kind: "File".into(), namespace: None, name: top };
    let trace = Trace { here: Some((path.clone(), wanted.clone())), ..Trace::default() };
    let writes = call.session().target().writes_files();
    let work = Work { place, remote, path, there, wanted, computer: call.computer() };
    call.change(Change {
        parts: vec![Part { resource, before: None, plan }],
        act: Box::new(move || {
            Box::pin(async move {
                if found.is_none() {
                    return Ok(vec![Acted::Assumed(
                        "assumed, as `plan` says: what a container holds cannot be known here".into(),
                    )]);
                }
                let cluster = work.place.cluster.clone();
                let done = within(&cluster, work.run(writes), options.timeout).await;
                Ok(vec![done.unwrap_or_else(Acted::unless_ended)])
            })
        }),
        probe: trace.recipe(),
        inverse: Inverse::Cannot("what was in the files before is not kept".to_owned()),
    })
}

fn own((name, hash): (&String, &String)) -> (String, String) {
    (name.clone(), hash.clone())
}

fn nothing(place: &Place, remote: &str) -> Error {
    let what = format!("there is no file at {remote} in container {} of {}", place.container, place.pod);
    Error::new(Kind::NotFound, what)
        .hint("look what there is: cluster::exec(…, [\"ls\", \"-la\", …])")
        .resource(&place.pod)
}

fn undecided(place: &Place, remote: &str) -> Error {
    let what = format!(
        "what is at {remote} in container {} of {} cannot be known, and nothing runs here",
        place.container, place.pod
    );
    Error::new(Kind::Undecided, what)
        .hint("assume that there is something, with the option `plan: true`")
        .resource(&place.pod)
}

/// A file stays a file, and a folder a folder.
fn check_sorts(path: &Path, there: &Hashes) -> Result<()> {
    let is_file = there.contains_key("");
    match (path.is_dir(), path.is_file()) {
        (true, _) if is_file => {
            Err(Error::usage(format!("{} is a folder, where a file is to be", path.display()))
                .hint("name the file in it"))
        }
        (_, true) if !is_file && !there.is_empty() => {
            Err(Error::usage(format!("{} is a file, where a folder is to be", path.display())))
        }
        _ => Ok(()),
    }
}

/// What is to be fetched.
struct Work {
    place: Place,
    remote: String,
    path: PathBuf,
    /// All files that are in the container.
    there: Hashes,
    /// Those that are not here.
    wanted: Hashes,
    computer: Computer,
}

/// So much is written at once.
const PIECE: usize = 1 << 20;

impl Work {
    async fn run(self, writes: bool) -> Result<Acted> {
        let archive = self.computer.run(self.room(writes)).await?;
        self.fetch(&archive).await?;
        let name = copying::split(&self.remote).1.to_owned();
        let Self { path, there, wanted, computer, .. } = self;
        computer
            .run(move || {
                let mut archive = &*archive;
                archive.rewind().map_err(|e| unwritable(&path, e))?;
                let archive = std::io::BufReader::with_capacity(PIECE, archive);
                if !writes {
                    copying::unpack(archive, &name, &there, |name, _, content| {
                        copying::hashed(content, std::io::sink()).map_err(|e| unwritable(&below(&path, name), e))
                    })?;
                    return Ok(Acted::Assumed("a rehearsal writes no files on this machine".to_owned()));
                }
                place_files(archive, &name, &path, &there, &wanted)?;
                Ok(Acted::Done(None))
            })
            .await
    }

    /// Makes the file that what is sent is kept in until it is known to be what was announced. It has no name.
    fn room(&self, writes: bool) -> impl FnOnce() -> Result<Arc<File>> + Send + use<> {
        let first = self.wanted.keys().next().map(|name| below(&self.path, name)).unwrap_or_default();
        let folder = self.path.parent().unwrap_or(Path::new(".")).to_owned();
        move || {
            let file = match writes {
                true => std::fs::create_dir_all(&folder).and_then(|()| tempfile::tempfile_in(&folder)),
                false => tempfile::tempfile(),
            };
            file.map(Arc::new).map_err(|e| unwritable(&first, e))
        }
    }

    async fn fetch(&self, archive: &Arc<File>) -> Result<()> {
        let (parent, name) = copying::split(&self.remote);
        let (folder, what) = if self.there.contains_key("") { (parent, name) } else { (self.remote.as_str(), ".") };
        let command = self.place.command(&["tar", "-cf", "-", "-C", folder, "--", what]);
        let keep = |file: Arc<File>, computer: Computer, bytes: Vec<u8>, path: PathBuf| async move {
            computer.run(move || (&*file).write_all(&bytes).map_err(|e| unwritable(&path, e))).await
        };
        let (file, computer, path) = (archive.clone(), self.computer.clone(), self.path.clone());
        let rest: Arc<Mutex<Vec<u8>>> = Arc::default();
        let gathered = rest.clone();
        let take: Take = Box::new(move |bytes| {
            let mut gathered = gathered.lock().unwrap_or_else(PoisonError::into_inner);
            gathered.extend_from_slice(&bytes);
            if gathered.len() < PIECE {
                return Box::pin(std::future::ready(Ok(())));
            }
            Box::pin(keep(file.clone(), computer.clone(), std::mem::take(&mut gathered), path.clone()))
        });
        let done = self.place.cluster.exec_into(&self.place.pod, command, Some(take)).await.map_err(needs_tools)?;
        if done.code != 0 {
            return Err(self.place.refused(&format!("pack {}", self.remote), &done.stderr));
        }
        let rest = std::mem::take(&mut *rest.lock().unwrap_or_else(PoisonError::into_inner));
        keep(archive.clone(), self.computer.clone(), rest, self.path.clone()).await
    }
}

fn below(path: &Path, name: &str) -> PathBuf {
    if name.is_empty() { path.to_owned() } else { path.join(name) }
}

fn unwritable(path: &Path, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(Kind::System, format!("{} cannot be written", path.display()))
        .hint("may this user write there, and is there room?")
        .source(error)
}

/// Unpacks the files that are wanted beside their places, and moves them there when all are known to be right.
fn place_files(archive: impl std::io::Read, single: &str, path: &Path, there: &Hashes, wanted: &Hashes) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = path.parent().unwrap_or(Path::new("."));
    let stage = own_folder(folder, ".windlass-").map_err(|e| unwritable(path, e))?;
    let mut staged: Vec<(PathBuf, PathBuf)> = Vec::new();
    copying::unpack(archive, single, there, |name, mode, content| {
        let place = below(path, name);
        let mut keep = || {
            if !wanted.contains_key(name) {
                return copying::hashed(content, std::io::sink());
            }
            let at = stage.path().join(staged.len().to_string());
            let mut file = File::create_new(&at)?;
            let found = copying::hashed(content, &mut file)?;
            file.set_permissions(std::fs::Permissions::from_mode(mode))?;
            file.sync_all()?;
            staged.push((at, place.clone()));
            Ok(found)
        };
        keep().map_err(|e| unwritable(&place, e))
    })?;
    for (at, place) in staged {
        let made = place.parent().map_or(Ok(()), std::fs::create_dir_all);
        made.and_then(|()| std::fs::rename(&at, &place)).map_err(|e| unwritable(&place, e))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use serde_json::json;
    use sha2::{Digest as _, Sha256};
    use windlass_runtime::change::{Probed, ResultWord};
    use windlass_runtime::journal::Journal as _;

    use crate::testing::{Bed, Ran, Scripting as _, deployment, merged, on, run_on, runtime};

    fn web(bed: &Bed, answers: &str) -> String {
        let ns = bed.namespace();
        let annotations = json!({"metadata": {"annotations": {"shadow.windlass.dev/exec": answers}}});
        bed.apply_as("kubectl", &ns, merged(deployment("web", 1), &json!({"spec": {"template": annotations}})));
        bed.until_rolled_out("deployment/web", &ns);
        ns
    }

    fn script(ns: &str, remote: &str, local: &std::path::Path, options: &str) -> String {
        format!("cluster::copy_from(\"Deployment/web\", {remote:?}, {local:?}, #{{ namespace: {ns:?}, {options} }})")
    }

    /// Puts files into the container.
    fn put(bed: &Bed, ns: &str) -> Ran {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("deep")).unwrap();
        std::fs::write(folder.path().join("a.sql"), "one").unwrap();
        std::fs::write(folder.path().join("deep/b.sql"), "two").unwrap();
        bed.run(&format!(
            "cluster::copy_to(\"Deployment/web\", {:?}, \"/data\", #{{ namespace: {ns:?} }})",
            folder.path()
        ))
    }

    #[on(shadow, node)]
    fn files_and_folders_arrive_and_are_left_alone_the_second_time(bed: Bed) {
        let (ns, folder) = (web(&bed, ""), tempfile::tempdir().unwrap());
        put(&bed, &ns).value();
        let to = folder.path().join("copy");
        let first = bed.run(&script(&ns, "/data", &to, ""));
        assert_eq!(first.value()["changed"], true);
        assert_eq!(std::fs::read_to_string(to.join("a.sql")).unwrap(), "one");
        assert_eq!(std::fs::read_to_string(to.join("deep/b.sql")).unwrap(), "two");
        let second = bed.run(&script(&ns, "/data", &to, "")).value();
        assert_eq!(second["changed"], false);
        assert!(second["reason"].as_str().unwrap().starts_with("2 files of /data at "), "{second}");
        std::fs::write(to.join("a.sql"), "changed here").unwrap();
        let third = bed.run(&script(&ns, "/data", &to, "")).value();
        assert_eq!(third["diff"], json!([format!("{}: replaced", to.join("a.sql").display())]));
        let file = bed.run(&script(&ns, "/data/deep/b.sql", &folder.path().join("new/other.sql"), ""));
        assert_eq!(file.value()["changed"], true);
        assert_eq!(std::fs::read_to_string(folder.path().join("new/other.sql")).unwrap(), "two");
        let names: Vec<_> =
            std::fs::read_dir(folder.path().join("new")).unwrap().flatten().map(|e| e.file_name()).collect();
        assert_eq!(names, ["other.sql"]);
        let (intent, _) = file.journal.entries().unwrap().pop().unwrap();
        let session = runtime().session(bed.target()).open();
        assert_eq!(windlass_runtime::undo::probe(&session, &intent).unwrap(), [Probed::TookEffect]);
        std::fs::remove_file(folder.path().join("new/other.sql")).unwrap();
        assert_eq!(windlass_runtime::undo::probe(&session, &intent).unwrap(), [Probed::DidNot]);
        assert!(format!("{:?}", bed.undo(&file).unwrap()).contains("is not kept"));
    }

    #[on(shadow, because = "only there a container answers as it is told")]
    fn what_a_container_sends_is_not_trusted(bed: Bed) {
        let mut header = tar::Header::new_ustar();
        header.as_mut_bytes()[..9].copy_from_slice(b"../escape");
        header.set_size(3);
        header.set_cksum();
        let mut archive = tar::Builder::new(Vec::new());
        archive.append(&header, b"bad".as_slice()).unwrap();
        let archive = base64::engine::general_purpose::STANDARD.encode(archive.into_inner().unwrap());
        let hash = format!("{:x}", Sha256::digest(b"bad"));
        let answers = json!([{"command": "find *", "stdout": format!("{hash}  /data/escape\n")}, {"command": "tar *", "stdout_base64": archive}]);
        let (ns, folder) = (web(&bed, &answers.to_string()), tempfile::tempdir().unwrap());
        let error = bed.run(&script(&ns, "/data", &folder.path().join("in"), "")).error();
        assert_eq!(error["kind"], "malformed", "{error}");
        assert!(error["message"].as_str().unwrap().contains("\"../escape\" leads out of its folder"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[on(shadow, because = "only there it cannot be known what a container holds")]
    fn a_rehearsal_writes_nothing_and_says_what_it_does_not_know(bed: Bed) {
        let (ns, folder) = (web(&bed, ""), tempfile::tempdir().unwrap());
        let to = folder.path().join("copy");
        let error = bed.run(&script(&ns, "/var/dump.sql", &to, "")).error();
        assert_eq!(error["kind"], "undecided", "{error}");
        let ran = bed.run(&script(&ns, "/var/dump.sql", &to, "plan: true"));
        assert_eq!(ran.report.steps[0].outcome[0].result, ResultWord::Assumed);
        let rehearsal = windlass_runtime::target::Shadow::builder().build().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "x").unwrap();
        let deployment = deployment("web", 1).to_string();
        let whole = format!(
            "cluster::namespace({ns:?}); cluster::apply(manifest::load({:?}), #{{ namespace: {ns:?} }}); wait::ready(\"Deployment/web\", #{{ namespace: {ns:?} }}); \
             cluster::copy_to(\"Deployment/web\", {file:?}, \"/data/x\", #{{ namespace: {ns:?} }}); {}",
            folder.path().join("web.yaml"),
            script(&ns, "/data", &to, "")
        );
        std::fs::write(folder.path().join("web.yaml"), deployment).unwrap();
        let ran = run_on(rehearsal, &whole, |b| b);
        let last = ran.report.steps[0].outcome.last().unwrap();
        assert_eq!(
            last.reason.as_deref(),
            Some("a rehearsal writes no files on this machine"),
            "{:?}",
            ran.report.steps[0].error
        );
        assert!(!to.exists());
    }

    #[on(shadow, node)]
    fn what_cannot_be_copied_says_why(bed: Bed) {
        let (ns, folder) = (
            web(&bed, "[{command: find -H /gone*, code: 1}, {command: test -e /gone, code: 1}]"),
            tempfile::tempdir().unwrap(),
        );
        put(&bed, &ns).value();
        std::fs::write(folder.path().join("file"), "x").unwrap();
        for (remote, local, kind, said) in [
            ("/gone", "x", "not_found", "there is no file at /gone in container main of Pod/web-"),
            ("/data", "file", "usage", "file is a file, where a folder is to be"),
            ("/data/a.sql", "", "usage", "is a folder, where a file is to be"),
            ("data", "x", "usage", "it does not begin with /"),
            ("/data", "file/below", "system", "file/below/a.sql cannot be written"),
        ] {
            let error = bed.run(&script(&ns, remote, &folder.path().join(local), "")).error();
            assert_eq!(error["kind"], kind, "{remote}: {error}");
            assert!(error["message"].as_str().unwrap().contains(said), "{remote}: {error}");
        }
    }
}
