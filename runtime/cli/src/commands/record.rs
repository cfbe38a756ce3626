//! `windlass shadow record`, and reading what it wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use windlass_runtime::bridge::Bridge;
use windlass_runtime::cancel::Cancel;
use windlass_runtime::cluster::{ApiKind, Cluster, Collection, ListOptions};
use windlass_runtime::target::Target as _;
use windlass_runtime::{Clock, Error, Kind, RealClock, Result};
use windlass_shadow::recording::{About, Recorder, Recording, kept_in};

use crate::args::Record;
use crate::exit;
use crate::failed::Failed;
use crate::io::{Output, Ui};
use crate::render::Sources;
use crate::signals::{self, Told};
use crate::workspace;

const DEFINITIONS: &str = "customresourcedefinitions.apiextensions.k8s.io";

pub(crate) fn run(record: &Record, ui: &Ui) -> Result<u8, Failed> {
    let target = workspace::target(&record.cluster, None)?;
    let file = Arc::new(NewFile { path: record.file.clone(), whole: AtomicBool::new(false) });
    let out = file.create()?;
    let bridge = Bridge::new()?;
    let stop = Cancel::root();
    let _listening = if ui.io.process { Some(signals::listen(&bridge, &stop, file.clone(), None)?) } else { None };
    let clock: Arc<dyn Clock> = Arc::new(RealClock::new());
    let progress = Progress { to: (!ui.quiet).then(|| ui.io.err.clone()), said: Instant::now() };
    let done =
        bridge.wait(&stop, &clock, async move { Reading::of(target.cluster(None).await?, progress).all(out).await });
    let done = done.map_err(|e| {
        // Whoever listens to signals holds it too, and may be gone only after this process.
        file.remove_part();
        Failed::while_running(e, Sources::default())
    })?;
    file.whole.store(true, Ordering::Release);
    ui.out(&format!("{}\n", record.file.display()));
    for (resource, why) in &done.left_out {
        ui.err(&format!("left out: {resource}: {why}\n"));
    }
    if !ui.quiet {
        let Done { objects, resources, name, .. } = done;
        let size = std::fs::metadata(&record.file).map_or(0, |file| file.len().div_ceil(1024));
        ui.err(&format!("Recorded {objects} objects of {resources} kinds from {name}, {size} KiB. The data of Secrets is not in it; what stands in ConfigMaps and in the environment of containers is.\n"));
    }
    Ok(exit::OK)
}

/// The recorded cluster in a file. What of it is not known here is told.
pub(crate) fn base(file: &Path, ui: &Ui) -> Result<Recording> {
    let shown = file.display();
    let opened = File::open(file).map_err(|e| match e.kind() {
        ErrorKind::NotFound => Error::new(Kind::NotFound, format!("--base {shown}: there is no such file"))
            .hint("`windlass shadow record FILE` writes one"),
        _ => Error::new(Kind::System, format!("--base {shown}: the file cannot be read")).source(e),
    })?;
    let recording = Recording::read(opened).map_err(|e| Error::new(Kind::Malformed, format!("--base {shown}: {e}")))?;
    for (resource, count) in recording.unknown() {
        ui.err(&format!("left out: {resource} ({count}): the simulated cluster does not know this kind\n"));
    }
    Ok(recording)
}

/// The file that is made. It goes again unless it is whole.
struct NewFile {
    path: PathBuf,
    whole: AtomicBool,
}

impl NewFile {
    /// Only this user can read it, and it replaces nothing.
    fn create(&self) -> Result<BufWriter<File>> {
        let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.path);
        let shown = self.path.display();
        opened.map(BufWriter::new).map_err(|e| {
            // What is not ours stays.
            self.whole.store(true, Ordering::Release);
            match e.kind() {
                ErrorKind::AlreadyExists => Error::new(Kind::AlreadyExists, format!("{shown}: the file is there"))
                    .hint("name a new one: a recording replaces nothing"),
                _ => Error::new(Kind::System, format!("{shown} cannot be written")).source(e),
            }
        })
    }

    fn remove_part(&self) {
        if !self.whole.swap(true, Ordering::AcqRel) {
            // Gone already is as it should be.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        self.remove_part();
    }
}

impl Told for NewFile {
    fn notice(&self, _: &str) {}

    fn leave(&self) {
        self.remove_part();
    }
}

/// Tells how far it is, once a second.
struct Progress {
    to: Option<Output>,
    said: Instant,
}

impl Progress {
    fn tell(&mut self, done: usize, of: usize, objects: u64) {
        let Some(to) = self.to.as_ref().filter(|_| self.said.elapsed() >= Duration::from_secs(1)) else { return };
        to.write(&format!("recording: {done} of {of} kinds, {objects} objects\n"));
        self.said = Instant::now();
    }
}

struct Done {
    name: String,
    objects: u64,
    resources: usize,
    /// What could not be read, and why.
    left_out: Vec<(String, String)>,
}

/// The reading of a cluster.
struct Reading {
    cluster: Cluster,
    progress: Progress,
    /// The uids of what is recorded: some objects are served by two groups.
    seen: BTreeSet<String>,
    /// The version in which a custom resource is stored.
    stored: BTreeMap<String, String>,
    left_out: Vec<(String, String)>,
}

impl Reading {
    fn of(cluster: Cluster, progress: Progress) -> Self {
        Self { cluster, progress, seen: BTreeSet::new(), stored: BTreeMap::new(), left_out: Vec::new() }
    }

    async fn all(mut self, out: BufWriter<File>) -> Result<Done> {
        let unwritten = |e| Error::new(Kind::System, "the recording cannot be written").source(e);
        let about = About {
            kubernetes: self.cluster.check().await?,
            name: self.cluster.name().to_owned(),
            cluster: self.cluster.identity().await?.to_owned(),
            recorded_at: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        };
        let mut recorder = Recorder::begin(out, &about).map_err(unwritten)?;
        // Definitions first: they say in which versions to ask for the rest.
        let definitions = ApiKindName { group: "apiextensions.k8s.io", plural: "customresourcedefinitions" };
        for definition in self.list_named(&definitions).await? {
            let text = |pointer| definition.pointer(pointer).and_then(Json::as_str).unwrap_or_default();
            let versions = definition.pointer("/spec/versions").and_then(Json::as_array).into_iter().flatten();
            let stored =
                versions.filter(|version| version["storage"] == true).find_map(|version| version["name"].as_str());
            let group = text("/spec/group");
            let resource = format!("{}.{group}", text("/spec/names/plural"));
            self.stored.insert(resource, format!("{group}/{}", stored.unwrap_or_default()));
            recorder.add(DEFINITIONS, definition).map_err(unwritten)?;
        }
        let kinds = self.kinds().await?;
        let mut resources = 1;
        for (done, (resource, kind)) in kinds.iter().enumerate() {
            self.progress.tell(done, kinds.len(), recorder.objects());
            let collection = Collection::of(self.cluster.name(), kind, None);
            let items = match self.cluster.list(&collection, &ListOptions::default()).await {
                Ok(listing) => listing.items,
                Err(error) if error.kind() == Kind::Forbidden => {
                    self.left_out.push((resource.clone(), "you may not read it".to_owned()));
                    continue;
                }
                Err(error) => return Err(error),
            };
            let before = recorder.objects();
            for item in items {
                let uid = item.pointer("/metadata/uid").and_then(Json::as_str).unwrap_or_default();
                if self.seen.insert(uid.to_owned()) {
                    recorder.add(resource, item).map_err(unwritten)?;
                }
            }
            resources += usize::from(recorder.objects() > before);
        }
        let objects = recorder.objects();
        recorder.finish().and_then(|mut out| out.flush()).map_err(unwritten)?;
        Ok(Done { name: about.name, objects, resources, left_out: self.left_out })
    }

    /// What can be listed, each resource in the version that it is best kept in. Without what other servers answer for, such
    /// as metrics: it is computed, and nothing is stored of it.
    async fn kinds(&mut self) -> Result<Vec<(String, Arc<ApiKind>)>> {
        let discovery = self.cluster.discovery().await?;
        let mut elsewhere: BTreeSet<String> = discovery.silent_groups().iter().cloned().collect();
        self.left_out.extend(elsewhere.iter().map(|group| (group.clone(), "its server does not answer".to_owned())));
        let services = ApiKindName { group: "apiregistration.k8s.io", plural: "apiservices" };
        for service in self.list_named(&services).await? {
            if let (Some(group), Some(_)) = (service["spec"]["group"].as_str(), service["spec"]["service"].as_object())
            {
                elsewhere.insert(group.to_owned());
            }
        }
        let mut kinds: Vec<(String, Arc<ApiKind>)> = Vec::new();
        for kind in discovery.kinds() {
            let resource = name(kind);
            // Components' statuses are computed when they are asked for, and the newer group of events serves the same ones.
            let twice = ["componentstatuses", "events.events.k8s.io"].contains(&&*resource);
            let kept = kind.has_verb("list") && kind.has_verb("get") && !twice;
            if !kept || resource == DEFINITIONS || elsewhere.contains(&kind.group) {
                continue;
            }
            let best = self.stored.get(&resource).cloned().or_else(|| kept_in(&resource));
            match kinds.iter_mut().find(|(known, _)| *known == resource) {
                None => kinds.push((resource, kind.clone())),
                Some((_, known)) if best.as_ref() == Some(&kind.api_version()) => *known = kind.clone(),
                Some(_) => {}
            }
        }
        kinds.sort_by(|(a, x), (b, y)| (&x.group, a).cmp(&(&y.group, b)));
        Ok(kinds)
    }

    /// The objects of a kind that may not be served.
    async fn list_named(&self, wanted: &ApiKindName) -> Result<Vec<Json>> {
        let discovery = self.cluster.discovery().await?;
        let mut kinds = discovery.kinds().iter();
        let Some(kind) = kinds.find(|kind| kind.group == wanted.group && kind.plural == wanted.plural) else {
            return Ok(Vec::new());
        };
        let collection = Collection::of(self.cluster.name(), kind, None);
        Ok(self.cluster.list(&collection, &ListOptions::default()).await?.items)
    }
}

struct ApiKindName {
    group: &'static str,
    plural: &'static str,
}

/// `pods`, `deployments.apps`.
fn name(kind: &ApiKind) -> String {
    if kind.group.is_empty() { kind.plural.clone() } else { format!("{}.{}", kind.plural, kind.group) }
}
