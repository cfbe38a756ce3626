//! `windlass shadow`.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use windlass_runtime::bridge::Bridge;
use windlass_runtime::cancel::Cancel;
use windlass_runtime::{Clock, Error, Kind, RealClock, Result};
use windlass_shadow::clock as shadow_clock;
use windlass_shadow::clock::Simulation;
use windlass_shadow::fault::Scene;
use windlass_shadow::listen::{Listener, Options};
use windlass_shadow::recording::Recording;
use windlass_shadow::topology::Topology;

use super::record;
use crate::args::{Shadow, ShadowClock, ShadowCommand};
use crate::exit;
use crate::failed::Failed;
use crate::io::Ui;
use crate::render::Sources;
use crate::signals::{self, Told};

pub(crate) fn run(shadow: &Shadow, ui: &Ui) -> Result<u8, Failed> {
    if let Some(ShadowCommand::Record(to)) = &shadow.command {
        return record::run(to, ui);
    }
    if !ui.io.process {
        return Err(Error::usage("`shadow` serves until a signal ends it, which only a process of its own gets").into());
    }
    let place = Arc::new(Place::choose(shadow.kubeconfig.as_deref())?);
    let bridge = Bridge::new()?;
    let stop = Cancel::root();
    let _listening = signals::listen(&bridge, &stop, place.clone(), None)?;
    let served = serve(shadow, &place, &bridge, &stop, ui);
    // Whoever listens to signals holds the place too, and may be gone only after this process.
    place.remove();
    served.map_err(|e| Failed::while_running(e, Sources::default()))?;
    Ok(exit::OK)
}

fn serve(shadow: &Shadow, place: &Place, bridge: &Bridge, stop: &Cancel, ui: &Ui) -> Result<()> {
    let clock: Arc<dyn Clock> = Arc::new(RealClock::new());
    let base = shadow.base.as_deref().map(|file| record::base(file, ui)).transpose()?;
    let count = usize::from(shadow.nodes.unwrap_or(if base.is_some() { 0 } else { 3 }));
    let nodes = count + base.as_ref().map_or(0, |base| base.nodes().len());
    let (cluster, simulation) = cluster(shadow, count, base, bridge)?;
    let options = Options { port: 0, name: "shadow".to_owned(), clock: simulation.as_ref().map(|s| s.clock().clone()) };
    let listener = bridge.wait(&Cancel::root(), &clock, async move {
        let opened = Listener::open(&cluster, &options).await;
        opened.map_err(|e| Error::new(Kind::System, "the simulated cluster cannot listen on 127.0.0.1").source(e))
    })?;
    place.write(&listener)?;
    ui.out(&format!("{}\n", place.file.display()));
    let nodes = if nodes == 1 { "1 node".to_owned() } else { format!("{nodes} nodes") };
    let time = match shadow.clock {
        ShadowClock::Real => "its time is the machine's",
        ShadowClock::Virtual => "its time jumps to what happens next while a client is connected",
    };
    let (address, file) = (listener.address(), place.file.display());
    ui.err(&format!(
        "A simulated cluster with {nodes} listens on {address}; {time}. It is gone when this ends: Ctrl-C.\n  kubectl --kubeconfig {file} get nodes\n"
    ));
    let stop = stop.clone();
    bridge.wait(&Cancel::root(), &clock, async move {
        stop.stopped().await;
        listener.close().await;
        Ok(())
    })?;
    // Its time ends with it.
    drop(simulation);
    Ok(())
}

/// The cluster, and the simulation that it is in where its time is virtual.
fn cluster(
    shadow: &Shadow,
    nodes: usize,
    base: Option<Recording>,
    bridge: &Bridge,
) -> Result<(windlass_shadow::Shadow, Option<Simulation>)> {
    let build = |clock: Arc<dyn shadow_clock::Clock>| {
        let mut builder = windlass_shadow::Shadow::builder(clock).seed(shadow.seed);
        if let Some(base) = base {
            builder = builder.base(base);
        }
        builder.topology(Topology::of(nodes)).scene(Scene::default()).build()
    };
    match shadow.clock {
        ShadowClock::Real => {
            let cluster = build(Arc::new(shadow_clock::RealClock::new()));
            bridge.handle().spawn(cluster.run());
            Ok((cluster, None))
        }
        ShadowClock::Virtual => {
            // Clients reckon ages with their own clock.
            let now = jiff::Timestamp::from_second(RealClock::new().wall().as_second()).unwrap_or_default();
            let simulation = Simulation::start(now)
                .map_err(|e| Error::new(Kind::System, "the simulation's thread cannot be started").source(e))?;
            let cluster = build(Arc::new(simulation.clock().clone()));
            simulation.handle().spawn(cluster.run());
            Ok((cluster, Some(simulation)))
        }
    }
}

/// Where the kubeconfig is. What was made for it is removed at the end.
struct Place {
    file: PathBuf,
    folder: Option<PathBuf>,
    /// Whether the file is ours.
    written: AtomicBool,
}

impl Place {
    fn choose(wanted: Option<&Path>) -> Result<Self> {
        let Some(wanted) = wanted else { return Self::temporary() };
        let system = |e| Error::new(Kind::System, format!("{} has no absolute path", wanted.display())).source(e);
        let file = std::path::absolute(wanted).map_err(system)?;
        if file.exists() {
            let error =
                Error::new(Kind::AlreadyExists, format!("--kubeconfig {}: the file is there", wanted.display()));
            return Err(error.hint("name a new one: a kubeconfig that is in use is never replaced"));
        }
        Ok(Self { file, folder: None, written: AtomicBool::new(false) })
    }

    /// In a folder of its own that only this user can look into.
    fn temporary() -> Result<Self> {
        let base = std::env::temp_dir();
        let mut number = 0_u32;
        loop {
            let folder = base.join(format!("windlass-shadow-{}-{number}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&folder) {
                Ok(()) => {
                    let file = folder.join("kubeconfig");
                    return Ok(Self { file, folder: Some(folder), written: AtomicBool::new(false) });
                }
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists && number < 1000 => number += 1,
                Err(e) => {
                    let message = format!("no folder can be made in {}", base.display());
                    return Err(Error::new(Kind::System, message).hint("name a file with --kubeconfig").source(e));
                }
            }
        }
    }

    fn write(&self, listener: &Listener) -> Result<()> {
        listener.write_kubeconfig(&self.file).map_err(|e| {
            Error::new(Kind::System, format!("the kubeconfig {} cannot be written", self.file.display())).source(e)
        })?;
        self.written.store(true, Ordering::Release);
        Ok(())
    }

    fn remove(&self) {
        // What is gone already is as it should be.
        if self.written.load(Ordering::Acquire) {
            let _ = std::fs::remove_file(&self.file);
        }
        if let Some(folder) = &self.folder {
            let _ = std::fs::remove_dir(folder);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.remove();
    }
}

impl Told for Place {
    fn notice(&self, _: &str) {}

    fn leave(&self) {
        self.remove();
    }
}
