//! `helm::recover`.

use std::time::Duration;

use windlass_runtime::change::{Inverse, Outcome, ResultWord};
use windlass_runtime::event::Level;
use windlass_runtime::journal::ResultRecord;
use windlass_runtime::{Call, Error, Kind, Options, Result, primitive};

use super::handler::{interrupted, recipe};
use super::operation::{self, How};
use super::release::{At, Revision, last_good};
use crate::cluster::OnCluster;

/// The options of `helm::recover`.
#[derive(Debug, Clone, Options)]
pub struct RecoverOptions {
    /// Where the release is.
    #[option(flatten)]
    pub on: OnCluster,
    /// How old a `pending-…` revision must be before nobody is taken to be at work on it. A younger one is waited for.
    #[option(default = "\"30s\"")]
    pub after: Duration,
    /// Uninstall a release of which no revision was ever deployed.
    #[option(default = "false")]
    pub uninstall: bool,
    /// How long hooks may take.
    #[option(default = "\"10m\"")]
    pub timeout: Duration,
    /// Take fields that somebody else has changed. Only Helm 4 minds those.
    #[option(default = "false")]
    pub force_conflicts: bool,
}

/// Puts a release right that a killed or failed Helm has left `pending-…`, `uninstalling` or `failed`: it goes back to the
/// last revision that was deployed.
///
/// A first install that hangs or failed has none: it is uninstalled, if `uninstall: true` says so; what its hooks have made
/// stays, as Helm has it, and `items[0].reason` of the outcome names it. A release that is deployed is left alone. Make sure
/// that nobody else is at work on the release: Helm has no other lock than the status.
///
/// # Errors
/// `not_found` if there is no such release; `conflict` where it would have to be uninstalled and `uninstall` does not say so.
///
/// # Example
/// ```rhai
/// helm::upgrade("portal", "charts/web");
/// let r = helm::recover("portal");
/// log::info(r.reason);
/// ```
#[primitive(module = "helm", effect = Change, also = ["unlock", "pending upgrade", "pending install", "atomic"])]
pub fn recover(call: &Call<'_>, release: String, options: RecoverOptions) -> Result<Outcome> {
    let at = At::new(call, &release, &options.on)?;
    if let Some(not_rendered) = operation::without_helm(call, &at)? {
        return call.change(not_rendered);
    }
    let mut revisions = at.known(call)?;
    // A new one that stands there afterwards is somebody's who is at work.
    while let Some(last) = revisions.last().filter(|last| last.is_pending())
        && let Some(rest) = too_young(call, last, options.after)
    {
        call.progress(at.resource().to_string(), format!("{}: waiting whether somebody is at work on it", last.status));
        let clock = call.clock();
        call.wait(async move {
            clock.sleep(rest).await;
            Ok(())
        })?;
        revisions = at.known(call)?;
    }
    let Some(last) = revisions.last() else { return Err(at.absent()) };
    let settled = matches!(last.status.as_str(), "deployed" | "uninstalled" | "superseded");
    let good = last_good(&revisions);
    let how = How { timeout: options.timeout, force_conflicts: options.force_conflicts };
    let change = match (settled, last.status.as_str(), good) {
        (true, status, _) => {
            operation::unchanged(&at, Some(last.summary()?), format!("it is {status} (revision {})", last.number))
        }
        // What was to go goes.
        (false, "uninstalling", _) if options.uninstall => {
            operation::uninstall(call, &at, last, false, options.timeout)?
        }
        (false, _, Some(good)) => operation::rollback(call, &at, last, good.number, how)?,
        (false, _, None) if options.uninstall => operation::uninstall(call, &at, last, false, options.timeout)?,
        (false, status, None) => {
            return Err(Error::new(
                Kind::Conflict,
                format!(
                    "{} is {status}, and no revision of it was ever deployed: there is nothing to go back to",
                    at.resource()
                ),
            )
            .hint("take away what there is of it with uninstall: true, and install it again")
            .resource(at.resource()));
        }
    };
    Ok(operation::shown(call.change(change)?))
}

/// Puts a release right that this run has left `pending-…` when it was interrupted: nobody is at work on it, and what is done
/// with it starts over.
pub(super) fn put_right_own(call: &Call<'_>, at: &At, how: How) -> Result<()> {
    let asked = at.clone();
    let revisions = call.wait(async move { asked.revisions().await })?;
    let Some(last) = revisions.last().filter(|last| last.is_pending()) else { return Ok(()) };
    let Some(entry) = interrupted(call, at, last)? else { return Ok(()) };
    let text = format!(
        "{} is {}, as this run left it when it was interrupted: it is put right first",
        at.resource(),
        last.status
    );
    call.log(Level::Info, &text);
    call.permit(text);
    let mut change = match last_good(&revisions) {
        Some(good) => operation::rollback(call, at, last, good.number, how)?,
        None => operation::uninstall(call, at, last, false, how.timeout)?,
    };
    // What an undo takes back is what the run has made of it in the end.
    change.inverse = Inverse::By(recipe(None, None, None));
    call.change(change)?;
    let put_right = ResultRecord { results: vec![ResultWord::Failed], after: vec![None] };
    call.session().journal().result(&entry, &put_right)
}

/// How much longer a revision is waited for.
fn too_young(call: &Call<'_>, revision: &Revision, after: Duration) -> Option<Duration> {
    let created: jiff::Timestamp = revision.created.parse().ok()?;
    let age = Duration::try_from(call.clock().wall().duration_since(created)).unwrap_or_default();
    after.checked_sub(age).filter(|rest| !rest.is_zero())
}

#[cfg(test)]
mod tests;
