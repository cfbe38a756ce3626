//! What every namespace has: the ServiceAccount `default` and the ConfigMap with the cluster's authority.

use serde_json::json;

use super::{Context, Controller, MANAGER, Next, Seen, View, writer};
use crate::error::ApiError;
use crate::object;
use crate::store::Key;
use crate::world::Objects;

const ACCOUNTS: &str = "serviceaccounts";
const MAPS: &str = "configmaps";
const AUTHORITY: &str = "kube-root-ca.crt";
const NAMESPACES: &str = "namespaces";

/// The controller.
pub(super) struct ServiceAccounts;

impl Controller for ServiceAccounts {
    fn name(&self) -> &'static str {
        "service-account-controller"
    }

    fn watches(&self) -> &'static [&'static str] {
        &[NAMESPACES, ACCOUNTS, MAPS]
    }

    fn keys(&mut self, _: &dyn Objects, _: &View, change: &Seen) -> Vec<Key> {
        let lost = change.gone() && matches!(&*change.key.name, "default" | AUTHORITY);
        if change.of(NAMESPACES) && !change.gone() {
            vec![change.key.clone()]
        } else if !change.of(NAMESPACES) && lost {
            vec![Key::new(NAMESPACES, "", &change.key.namespace)]
        } else {
            Vec::new()
        }
    }

    fn reconcile(&mut self, cx: &mut Context<'_>, key: &Key) -> Result<Next, ApiError> {
        let lives = cx.world.get(NAMESPACES, "", &key.name).is_some_and(|namespace| !object::is_deleting(&namespace));
        if !lives {
            return Ok(Next::Wait);
        }
        let name = &*key.name;
        if cx.world.get(ACCOUNTS, name, "default").is_none() {
            let account = json!({
                "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": name},
            });
            cx.world.create(&writer(MANAGER), ACCOUNTS, account)?;
        }
        if cx.world.get(MAPS, name, AUTHORITY).is_none() {
            let map = json!({
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {
                    "name": AUTHORITY, "namespace": name,
                    "annotations": {"kubernetes.io/description":
                        "Contains a CA bundle that can be used to verify the kube-apiserver when using internal \
                         endpoints such as the internal service IP or kubernetes.default.svc. No other usage is \
                         guaranteed across distributions of Kubernetes clusters."},
                },
                "data": {"ca.crt": CERTIFICATE},
            });
            cx.world.create(&writer(MANAGER), MAPS, map)?;
        }
        Ok(Next::Wait)
    }
}

/// Nothing in a simulated cluster checks a certificate against it.
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nc2ltdWxhdGVk\n-----END CERTIFICATE-----\n";
