//! `manifest::recreate`.

use windlass_runtime::{Call, Result, Value, primitive};

use super::manifests::{Manifests, Object, Only};
use super::workload;

/// Gives Deployments the strategy `Recreate`: the old pods end before new ones start, so that two versions never run
/// together.
///
/// Everything else is left alone.
///
/// # Errors
/// `not_found` if no manifest has the `name`.
///
/// # Example
/// ```rhai
/// let manifests = manifest::load("manifests").recreate();
/// let only_one = manifest::load("manifests").recreate(#{ name: "web" });
/// ```
#[primitive(module = "manifest", effect = Pure, method)]
pub fn recreate(_: &Call<'_>, manifests: Manifests, options: Only) -> Result<Manifests> {
    manifests.each(&options, |object| {
        if workload::is(object, "apps", "Deployment") {
            let strategy = Object::from([("type".to_owned(), Value::Text("Recreate".to_owned()))]);
            super::manifests::map_in(object, "spec")?.insert("strategy".to_owned(), Value::Map(strategy));
        }
        Ok(())
    })
}
