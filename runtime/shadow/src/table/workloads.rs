//! Rows of pods and of what makes pods.

use jiff::{SignedDuration, Timestamp};

use super::row::{Row, cells, scalar};
use super::{Cells, age, metrics, pod, selector};
use crate::Json;

pub(super) fn cells(resource: &str) -> Option<Cells> {
    Some(match resource {
        "pods" => pod::pods,
        "podtemplates" => pod_templates,
        "replicationcontrollers" => replication_controllers,
        "replicasets.apps" => replica_sets,
        "deployments.apps" => deployments,
        "statefulsets.apps" => stateful_sets,
        "daemonsets.apps" => daemon_sets,
        "controllerrevisions.apps" => controller_revisions,
        "jobs.batch" => jobs,
        "cronjobs.batch" => cron_jobs,
        "horizontalpodautoscalers.autoscaling" => autoscalers,
        "poddisruptionbudgets.policy" => disruption_budgets,
        _ => return None,
    })
}

const CONTAINERS: &str = "/spec/template/spec/containers";

fn pod_templates(row: &Row<'_>) -> Vec<Json> {
    let (names, images) = pod::containers_and_images(row, "/template/spec/containers");
    cells![row.name(), names, images, selector::labels(row.object.pointer("/template/metadata/labels"))]
}

fn replication_controllers(row: &Row<'_>) -> Vec<Json> {
    replicas(row, selector::labels(row.object.pointer("/spec/selector")))
}

fn replica_sets(row: &Row<'_>) -> Vec<Json> {
    replicas(row, selector::selector(row.object.pointer("/spec/selector")))
}

fn replicas(row: &Row<'_>, selects: String) -> Vec<Json> {
    let (names, images) = pod::containers_and_images(row, CONTAINERS);
    cells![
        row.name(),
        row.number("/spec/replicas"),
        row.number("/status/replicas"),
        row.number("/status/readyReplicas"),
        row.age(),
        names,
        images,
        selects,
    ]
}

fn ready_of_desired(row: &Row<'_>) -> String {
    format!("{}/{}", row.number("/status/readyReplicas"), row.number("/spec/replicas"))
}

fn deployments(row: &Row<'_>) -> Vec<Json> {
    let (names, images) = pod::containers_and_images(row, CONTAINERS);
    cells![
        row.name(),
        ready_of_desired(row),
        row.number("/status/updatedReplicas"),
        row.number("/status/availableReplicas"),
        row.age(),
        names,
        images,
        selector::plain(row.object.pointer("/spec/selector")),
    ]
}

fn stateful_sets(row: &Row<'_>) -> Vec<Json> {
    let (names, images) = pod::containers_and_images(row, CONTAINERS);
    cells![row.name(), ready_of_desired(row), row.age(), names, images]
}

fn daemon_sets(row: &Row<'_>) -> Vec<Json> {
    let (names, images) = pod::containers_and_images(row, CONTAINERS);
    cells![
        row.name(),
        row.number("/status/desiredNumberScheduled"),
        row.number("/status/currentNumberScheduled"),
        row.number("/status/numberReady"),
        row.number("/status/updatedNumberScheduled"),
        row.number("/status/numberAvailable"),
        selector::labels(row.object.pointer("/spec/template/spec/nodeSelector")),
        row.age(),
        names,
        images,
        selector::selector(row.object.pointer("/spec/selector")),
    ]
}

fn controller_revisions(row: &Row<'_>) -> Vec<Json> {
    let controller = crate::object::controller_of(row.object).map_or_else(
        || "<none>".to_owned(),
        |owner| {
            let field = |name| owner.get(name).and_then(Json::as_str).unwrap_or_default();
            let group = field("apiVersion").split_once('/').map_or(String::new(), |(group, _)| format!(".{group}"));
            format!("{}{group}/{}", field("kind"), field("name")).to_lowercase_kind()
        },
    );
    cells![row.name(), controller, row.number("/revision"), row.age()]
}

/// `Kind.group/name` with the kind and group in lower case.
trait LowercaseKind {
    fn to_lowercase_kind(&self) -> String;
}

impl LowercaseKind for String {
    fn to_lowercase_kind(&self) -> String {
        self.split_once('/').map_or_else(|| self.clone(), |(kind, name)| format!("{}/{name}", kind.to_lowercase()))
    }
}

fn jobs(row: &Row<'_>) -> Vec<Json> {
    let (names, images) = pod::containers_and_images(row, CONTAINERS);
    cells![
        row.name(),
        job_status(row),
        completions(row),
        job_duration(row),
        row.age(),
        names,
        images,
        selector::selector(row.object.pointer("/spec/selector")),
    ]
}

fn job_status(row: &Row<'_>) -> &'static str {
    match () {
        () if row.is_true("Complete") => "Complete",
        () if row.is_true("Failed") => "Failed",
        () if row.is_deleting() => "Terminating",
        () if row.is_true("Suspended") => "Suspended",
        () if row.is_true("FailureTarget") => "FailureTarget",
        () if row.is_true("SuccessCriteriaMet") => "SuccessCriteriaMet",
        () => "Running",
    }
}

fn completions(row: &Row<'_>) -> String {
    let succeeded = row.number("/status/succeeded");
    let parallelism = row.number("/spec/parallelism");
    if row.has("/spec/completions") {
        format!("{succeeded}/{}", row.number("/spec/completions"))
    } else if parallelism > 1 {
        format!("{succeeded}/1 of {parallelism}")
    } else {
        format!("{succeeded}/1")
    }
}

fn job_duration(row: &Row<'_>) -> String {
    let Ok(start) = row.text("/status/startTime").parse::<Timestamp>() else { return String::new() };
    let end = row.text("/status/completionTime").parse().unwrap_or(row.now);
    age::human(SignedDuration::try_from(end - start).unwrap_or_default())
}

fn cron_jobs(row: &Row<'_>) -> Vec<Json> {
    let (names, images) = pod::containers_and_images(row, "/spec/jobTemplate/spec/template/spec/containers");
    let suspended = match row.object.pointer("/spec/suspend").and_then(Json::as_bool) {
        Some(true) => "True",
        Some(false) => "False",
        None => "<unset>",
    };
    let last =
        if row.has("/status/lastScheduleTime") { row.since("/status/lastScheduleTime") } else { "<none>".into() };
    cells![
        row.name(),
        row.text("/spec/schedule"),
        if row.has("/spec/timeZone") { row.text("/spec/timeZone") } else { "<none>" },
        suspended,
        row.list("/status/active").len(),
        last,
        row.age(),
        names,
        images,
        selector::selector(row.object.pointer("/spec/jobTemplate/spec/selector")),
    ]
}

fn autoscalers(row: &Row<'_>) -> Vec<Json> {
    let target = format!("{}/{}", row.text("/spec/scaleTargetRef/kind"), row.text("/spec/scaleTargetRef/name"));
    cells![
        row.name(),
        target,
        metrics::targets(row),
        row.object.pointer("/spec/minReplicas").map_or_else(|| "<unset>".to_owned(), scalar),
        row.number("/spec/maxReplicas"),
        row.number("/status/currentReplicas"),
        row.age(),
    ]
}

fn disruption_budgets(row: &Row<'_>) -> Vec<Json> {
    let limit = |path| row.object.pointer(path).map_or_else(|| "N/A".to_owned(), scalar);
    cells![
        row.name(),
        limit("/spec/minAvailable"),
        limit("/spec/maxUnavailable"),
        row.number("/status/disruptionsAllowed"),
        row.age(),
    ]
}
