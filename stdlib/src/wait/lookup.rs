//! Finding out which object is meant. A wait may begin while the API server is away: it waits for that too.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};
use serde_json::json;
use windlass_runtime::cluster::{Cluster, Failure, ResourceId, ResourceRef};
use windlass_runtime::{Call, Clock, Error, Kind, Moment, Result, duration};

use crate::cluster::Target;

/// So long it may take, however short the wait's own time is.
const AT_LEAST: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_secs(1);

/// Where an object is.
#[derive(Debug, Default)]
pub(crate) struct Whereabouts<'a> {
    pub cluster: Option<&'a str>,
    /// The namespace that is meant for this object.
    pub namespace: Option<&'a str>,
    /// The namespace for those that take one.
    pub shared: Option<&'a str>,
}

/// Resolves an object's name, for as long as the wait may take.
///
/// # Errors
/// `timeout` when the time is over, and at once where the cluster does not know the kind or refuses us.
pub(crate) fn look_up(
    call: &Call<'_>,
    at: &Whereabouts<'_>,
    target: &Target,
    timeout: Duration,
) -> Result<(Cluster, ResourceId)> {
    let cluster = call.cluster(at.cluster)?;
    let (clock, tell) = (call.clock(), call.teller());
    let end = clock.now() + timeout.max(AT_LEAST);
    let (inner, reference) = (cluster.clone(), target.0.clone());
    let (namespace, shared) = (at.namespace.map(str::to_owned), at.shared.map(str::to_owned));
    let id = call.wait(async move {
        let subject = reference.to_string();
        let mut why = "it has not answered yet".to_owned();
        loop {
            let asked = resolve(&inner, &reference, namespace.as_deref(), shared.as_deref());
            let failed = match select(Box::pin(asked), clock.give_up_at(end)).await {
                Either::Left((Err(error), _)) if may_pass(&error) => error,
                Either::Left((answer, _)) => return answer,
                Either::Right(_) => return Err(over(&subject, &why, timeout)),
            };
            why = failed.to_string();
            tell(&subject, &format!("the API server does not answer: {why}"));
            pause(&clock, end).await;
        }
    })?;
    Ok((cluster, id))
}

async fn resolve(
    cluster: &Cluster,
    reference: &ResourceRef,
    namespace: Option<&str>,
    shared: Option<&str>,
) -> Result<ResourceId> {
    let kind = cluster.kind(&reference.kind).await?;
    cluster.identify(&kind, &reference.name, namespace.or(shared.filter(|_| kind.namespaced)))
}

async fn pause(clock: &Arc<dyn Clock>, end: Moment) {
    clock.sleep_until((clock.now() + PAUSE).min(end)).await;
}

/// Whether it may be over by itself: a server that is away comes back, a certificate that is not trusted stays so.
fn may_pass(error: &Error) -> bool {
    let failure = std::error::Error::source(error).and_then(|source| source.downcast_ref::<Failure>());
    error.kind() == Kind::Unavailable && !matches!(failure, Some(Failure::Transport { lasting: true, .. }))
}

fn over(subject: &str, why: &str, timeout: Duration) -> Error {
    let status = format!("the API server does not answer: {why}");
    Error::new(
        Kind::Timeout,
        format!("{subject} could not be looked at within {}: {status}", duration::display(timeout)),
    )
    .hint("is the API server up, and reachable from here?")
    .resource(subject)
    .details(json!({ "object": subject, "status": status, "pods": [], "events": [] }))
}
