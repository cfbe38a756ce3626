//! `helm::test`.

use std::time::Duration;

use windlass_runtime::change::{Op, Outcome};
use windlass_runtime::{Call, Error, Kind, Options, Result, primitive};

use super::hooks::Hooks;
use super::lazy::Lazy;
use super::operation::{self, How, Intended, Operation};
use super::release::At;
use crate::cluster::OnCluster;

/// The options of `helm::test`.
#[derive(Debug, Clone, Options)]
pub struct TestOptions {
    /// Where the release is.
    #[option(flatten)]
    pub on: OnCluster,
    /// How long the tests may take.
    #[option(default = "\"5m\"")]
    pub timeout: Duration,
    /// Which tests; all of the chart's if it is not given.
    #[option(default = "[]")]
    pub only: Vec<String>,
}

/// Runs the tests of a release: the pods and Jobs of its chart that are marked as `helm.sh/hook: test`.
///
/// It changes nothing but for those, and so always runs, and is not taken back.
///
/// # Errors
/// `not_found` if there is no such release; `rejected` for a test that fails, `timeout` for one that does not end.
///
/// # Example
/// ```rhai
/// helm::upgrade("portal", "charts/web", #{ wait: true });
/// helm::test("portal", #{ timeout: "2m" });
/// ```
#[primitive(module = "helm", effect = Change)]
pub fn test(call: &Call<'_>, release: String, options: TestOptions) -> Result<Outcome> {
    let at = At::new(call, &release, &options.on)?;
    if let Some(not_rendered) = operation::without_helm(call, &at)? {
        return call.change(not_rendered);
    }
    let revisions = at.known(call)?;
    let Some(last) = revisions.last().filter(|last| last.status == "deployed") else {
        return Err(Error::new(Kind::Conflict, format!("{} is not deployed: there is nothing to test", at.resource()))
            .hint(format!("see helm::status(\"{release}\")"))
            .resource(at.resource()));
    };
    let lazy = Lazy::default();
    let helm = lazy.get(call)?;
    helm.use_cluster(call, &at.cluster)?;
    let how = How { timeout: options.timeout, force_conflicts: false };
    let operation = Operation::new(call, &at, helm, ["test", at.name.as_str()], "tested successfully");
    let operation = operation.with_hooks(Hooks::of(&at, &last.body()?, "test")).with_how(how);
    let operation = options.only.iter().fold(operation, |o, name| o.with("--filter").with(format!("name={name}")));
    let change = operation::change(
        call,
        operation,
        Intended {
            op: Op::Run,
            before: Some(operation::image(last)?),
            diff: Vec::new(),
            from: Some(last.number),
            to: None,
            how: None,
            cannot: Some("tests change nothing that could be taken back".to_owned()),
        },
    );
    drop(lazy);
    Ok(operation::shown(call.change(change)?))
}
