//! Which cluster and namespace a primitive is about: options that they all share.

use windlass_runtime::cluster::{Cluster, ResourceId, ResourceRef};
use windlass_runtime::options::{FromValue, Mismatch};
use windlass_runtime::{Call, Options, Result, Value};

/// The options that say where.
#[derive(Debug, Clone, Default, Options)]
pub struct OnCluster {
    /// The cluster, by the name it has in `customer.yaml`; the session's own if it is not given.
    pub cluster: Option<String>,
    /// The namespace; the context's own if it is not given. Cluster-wide kinds take none.
    pub namespace: Option<String>,
}

impl OnCluster {
    /// Opens the cluster and resolves the name of an object on it.
    ///
    /// # Errors
    /// Where the cluster cannot be reached or does not know the kind.
    pub fn find(&self, call: &Call<'_>, target: &Target) -> Result<(Cluster, ResourceId)> {
        let cluster = call.cluster(self.cluster.as_deref())?;
        let (inner, reference, namespace) = (cluster.clone(), target.0.clone(), self.namespace.clone());
        let id = call.wait(async move { inner.resource(&reference, namespace.as_deref()).await })?;
        Ok((cluster, id))
    }
}

/// An object's name as scripts write it: `"Deployment/web"`, `"Middleware.traefik.io/auth"`, `"svc/web"`.
#[derive(Debug, Clone)]
pub struct Target(pub ResourceRef);

impl Target {
    /// The object of a known kind that has this name.
    ///
    /// # Errors
    /// [`windlass_runtime::Kind::Usage`] for a name that no object can have.
    pub fn of_kind(kind: &str, name: &str) -> Result<Self> {
        ResourceRef::parse(&format!("{kind}/{name}")).map(Self)
    }
}

impl FromValue for Target {
    fn expects() -> String {
        "an object's name such as \"Deployment/web\"".to_owned()
    }

    fn from_value(value: Value) -> Result<Self, Mismatch> {
        match &value {
            Value::Text(text) => ResourceRef::parse(text).map(Target).map_err(Mismatch::Refused),
            _ => Err(Mismatch::sort(&value)),
        }
    }
}
