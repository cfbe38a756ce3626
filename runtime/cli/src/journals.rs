//! Where the journals of runs are: in the customer folder, or in the user's state folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use windlass_runtime::customer::Customer;
use windlass_runtime::files::Home;
use windlass_runtime::journal::{About, Journal, OnDemand, RunLine, Store};
use windlass_runtime::lock::runs_here;
use windlass_runtime::playbook::Playbook;
use windlass_runtime::secret::Keys;
use windlass_runtime::{Error, Kind, Result};

use crate::io::Machine;
use crate::workspace::Workspace;

/// The folder in a customer folder for what belongs to no version control.
const OWN: &str = ".windlass";

fn folder(machine: &Machine, customer: Option<&Customer>) -> Result<PathBuf> {
    match customer {
        Some(customer) => Ok(customer.folder.join(OWN)),
        None => Ok(machine.folders()?.state),
    }
}

fn keys(machine: &Machine, customer: Option<&Customer>) -> Result<Keys> {
    let recipients = customer.map(|customer| customer.recipients.clone()).unwrap_or_default();
    Ok(Keys::of(&machine.folders()?, recipients))
}

/// The journals of a customer, or of the user; made where there are none.
pub(crate) fn open(machine: &Machine, customer: Option<&Customer>) -> Result<Store> {
    Store::open(&folder(machine, customer)?, keys(machine, customer)?)
}

/// A journal of the user's own, which is made with the first change.
pub(crate) fn on_demand(machine: &Machine, what: &str) -> Arc<dyn Journal> {
    begun_later(machine, None, About { what: what.to_owned(), ..About::default() })
}

/// The journal of what is gone through by hand, which is made with the first change.
pub(crate) fn with_the_first_change(machine: &Machine, workspace: Option<&Workspace>) -> Arc<dyn Journal> {
    match workspace {
        Some(workspace) => begun_later(machine, workspace.customer.clone(), about(workspace)),
        None => on_demand(machine, "repl"),
    }
}

fn begun_later(machine: &Machine, customer: Option<Customer>, about: About) -> Arc<dyn Journal> {
    let machine = machine.clone();
    Arc::new(OnDemand::new(move || Ok(machine.watched(open(&machine, customer.as_ref())?.begin(about.clone())?))))
}

/// The same where there are some.
pub(crate) fn existing(machine: &Machine, customer: Option<&Customer>) -> Result<Option<Store>> {
    Store::existing(&folder(machine, customer)?, keys(machine, customer)?)
}

/// The same where there must be some.
pub(crate) fn known(machine: &Machine, customer: Option<&Customer>) -> Result<Store> {
    existing(machine, customer)?.ok_or_else(|| {
        let place = folder(machine, customer).map(|folder| folder.display().to_string()).unwrap_or_default();
        Error::new(Kind::NotFound, format!("no run is recorded in {place}"))
            .hint("runs in a customer folder are recorded there: name it with --customer, or go there")
    })
}

/// The runs that go on now are called so: their journals cannot say whether they go on or died.
pub(crate) fn mark_running<'a>(
    machine: &Machine,
    customer: Option<&Customer>,
    runs: impl IntoIterator<Item = &'a mut RunLine>,
) -> Result<()> {
    let here = runs_here(&machine.folders()?.state, customer.map(|customer| customer.folder.as_path()));
    for run in runs.into_iter().filter(|run| run.status.is_none()) {
        if here.iter().any(|holder| holder.run == run.run) {
            run.status = Some("running".to_owned());
        }
    }
    Ok(())
}

/// What a run is of, so that it is found again.
pub(crate) fn about(workspace: &Workspace) -> About {
    About {
        what: what(&workspace.playbook),
        folder: workspace.customer.as_ref().map(|customer| customer.folder.clone()),
        undoes: None,
    }
}

/// A stock playbook's name, or the path of a script.
fn what(playbook: &Playbook) -> String {
    match &playbook.home {
        Home::Built(..) => playbook.name.clone(),
        Home::Disk(_) => {
            let path = Path::new(&playbook.source);
            path.canonicalize().unwrap_or_else(|_| path.to_owned()).display().to_string()
        }
    }
}

/// The last run of what was chosen.
pub(crate) fn last(store: &Store, workspace: &Workspace) -> Result<RunLine> {
    let what = what(&workspace.playbook);
    let runs = store.runs()?;
    runs.into_iter().find(|run| run.sort == "run" && run.what == what).ok_or_else(|| {
        let text = format!("no run of {} is recorded in {}", workspace.playbook.name, store.path().display());
        Error::new(Kind::NotFound, text).hint("windlass runs lists them; without --resume a new one is started")
    })
}
