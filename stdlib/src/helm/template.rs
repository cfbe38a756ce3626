//! `helm::template`.

use serde_json::Value as Json;
use windlass_runtime::{Call, Options, Result, primitive};

use super::chart::ChartOptions;
use super::given::GivenOptions;
use super::objects;
use super::release::At;
use super::upgrade::render;
use crate::cluster::{OnCluster, secret_data};

/// The options of functions that render a chart.
#[derive(Debug, Clone, Options)]
pub struct RenderOptions {
    /// Where the release is, or would be.
    #[option(flatten)]
    pub on: OnCluster,
    /// Which chart it is, exactly.
    #[option(flatten)]
    pub exactly: ChartOptions,
    /// The values that it is given.
    #[option(flatten)]
    pub given: GivenOptions,
}

/// Renders a chart as `helm::upgrade` would, and returns its objects: a list of maps, hooks left out. Nothing is changed.
///
/// Templates see the cluster: its version, its kinds, and what they look up. The objects can be changed and applied with
/// `cluster::apply`. Values of Secrets are given as secrets.
///
/// # Errors
/// As `helm::upgrade`.
///
/// # Example
/// ```rhai
/// let objects = helm::template("portal", "charts/web", #{ values: #{ replicas: 3 } });
/// let web = objects.find(|o| o.kind == "Deployment");
/// log::info(`${web.spec.replicas} replicas`);
/// ```
#[primitive(module = "helm", effect = Read, also = ["render", "dry run"])]
pub fn template(call: &Call<'_>, release: String, chart: String, options: RenderOptions) -> Result<Vec<Json>> {
    let at = At::new(call, &release, &options.on)?;
    let rendered = render(call, &at, &chart, &options.exactly, &options.given)?;
    let mut objects = objects::of(&rendered, &at.name)?;
    for object in &mut objects {
        secret_data::hide_all(call, object, &at.namespace)?;
    }
    Ok(objects)
}
