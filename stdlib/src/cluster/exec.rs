//! `cluster::exec`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;
use windlass_runtime::change::{Acted, Change, Inverse, Op, Outcome, Part, Plan};
use windlass_runtime::cluster::{Command, Executed};
use windlass_runtime::options::{FromValue, Mismatch, OptionReader, Options as _, SecretText};
use windlass_runtime::{Call, Error, IntoValue, Kind, Options, Result, Value, primitive};
use zeroize::Zeroizing;

use super::in_pod::Trace;
use super::pods::{self, Place, Purpose, within};
use super::{OnCluster, Target};

/// So many of the last lines that a command wrote are shown when it fails.
const SHOWN: usize = 5;
/// So many bytes of each stream go into the error of one that fails.
const KEPT: usize = 64 << 10;

/// The options of `cluster::exec`.
#[derive(Debug, Clone, Options)]
pub struct ExecOptions {
    #[option(flatten)]
    on: OnCluster,
    /// The container; without it the one that the pod's annotation `kubectl.kubernetes.io/default-container` names, or
    /// else its first.
    container: Option<String>,
    /// What the command reads from its standard input. It may hold secrets.
    stdin: Option<SecretText>,
    /// How long the command may take.
    #[option(default = "\"5m\"")]
    timeout: Duration,
    /// Fails if the command ends with another exit code than 0.
    #[option(default = "true")]
    check: bool,
    /// Gives the command to the container's `sh -c`: it is a text then, and so are `unless` and `only_if`.
    #[option(default = "false")]
    shell: bool,
    /// Runs the command only if there is nothing at this path in the container.
    creates: Option<String>,
    /// Runs the command only if this one fails.
    unless: Option<Words>,
    /// Runs the command only if this one succeeds.
    only_if: Option<Words>,
    /// What to assume of the command where nothing can run, in a rehearsal: a map `#{ code, stdout, stderr }`, or a text
    /// for the standard output alone.
    plan: Option<Assumed>,
}

/// A command: a list of words, or a line for a shell.
#[derive(Debug, Clone)]
pub enum Words {
    /// The program and its arguments.
    List(Vec<String>),
    /// A line.
    Line(String),
}

impl FromValue for Words {
    fn expects() -> String {
        "a list such as [\"ls\", \"/data\"], or with `shell: true` a text".to_owned()
    }

    fn from_value(value: Value) -> Result<Self, Mismatch> {
        match value {
            Value::List(_) => Vec::from_value(value).map(Self::List),
            other => String::from_value(other).map(Self::Line),
        }
    }
}

impl Words {
    fn of(&self, shell: bool) -> Result<Vec<String>> {
        match (self, shell) {
            (Self::List(words), false) if !words.is_empty() => Ok(words.clone()),
            (Self::Line(line), true) => Ok(["sh", "-c", line].map(str::to_owned).into()),
            (Self::List(_), false) => Err(Error::usage("a command needs at least the name of a program")),
            (Self::Line(line), false) => {
                Err(Error::usage(format!("the command {line:?} is a text, which only a shell takes apart"))
                    .hint("write it as a list, [\"program\", \"argument\"], or say `shell: true`"))
            }
            (Self::List(_), true) => {
                Err(Error::usage("with `shell: true`, a command is a text")
                    .hint("leave `shell` out for a list of words"))
            }
        }
    }
}

/// What is assumed of a command that cannot be run.
#[derive(Debug, Clone, Options)]
pub struct Assumed {
    /// Its exit code.
    #[option(default = "0")]
    code: i64,
    /// What it writes to its standard output.
    #[option(default = "\"\"")]
    stdout: String,
    /// What it writes to its standard error.
    #[option(default = "\"\"")]
    stderr: String,
}

impl FromValue for Assumed {
    fn expects() -> String {
        "a text, or a map such as #{ code: 0, stdout: \"ready\" }".to_owned()
    }

    fn from_value(value: Value) -> Result<Self, Mismatch> {
        let Value::Map(_) = &value else {
            let stdout = String::from_value(value)?;
            return Ok(Self { code: 0, stdout, stderr: String::new() });
        };
        let mut reader = OptionReader::new("`plan`", value).map_err(Mismatch::Refused)?;
        let assumed = Self::take(&mut reader).map_err(Mismatch::Refused)?;
        reader.finish(&Self::fields()).map_err(Mismatch::Refused)?;
        Ok(assumed)
    }
}

/// What came of a command: the outcome of a change, with `code`, `stdout` and `stderr` besides.
#[derive(Debug)]
pub struct Ran {
    outcome: Outcome,
    executed: Option<Executed>,
}

impl IntoValue for Ran {
    fn into_value(self) -> Value {
        let text = |bytes: Option<&Vec<u8>>| {
            Value::Text(bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default())
        };
        let executed = self.executed.as_ref();
        let reason = self.outcome.items.first().and_then(|item| item.reason.clone());
        let map = [
            ("changed", Value::Bool(executed.is_some())),
            ("reason", reason.map_or(Value::Null, Value::Text)),
            ("code", executed.map_or(Value::Null, |executed| Value::Int(executed.code.into()))),
            ("stdout", text(executed.map(|executed| &executed.stdout))),
            ("stderr", text(executed.map(|executed| &executed.stderr))),
        ];
        Value::Map(map.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }
}

/// Runs a command in a container, and returns `#{ changed, reason, code, stdout, stderr }`.
///
/// The target is a pod, or what has pods: a Deployment, a StatefulSet, a Service and so on. Of several pods the one is
/// taken that `kubectl exec` would choose: one that runs and is ready.
///
/// The command is a list of words, which no shell reads: blanks, quotes and `$` in them mean nothing. With `shell: true` it
/// is a text for the container's `sh -c`. Secrets are allowed in `stdin` only.
///
/// What a command does cannot be known, so it always counts as a change. `creates`, `unless` or `only_if` say when it is
/// not needed; `changed` is then `false`, `code` is `()`, and nothing was run. It cannot be undone. A command that is
/// stopped by its `timeout` or by Ctrl-C may go on in the container.
///
/// In a rehearsal nothing runs. What a command would answer is said by the option `plan`, or by the annotation
/// `shadow.windlass.dev/exec` of the pod (a YAML list of `command`, `stdout`, `stderr`, `code`, `takes`; more on it in
/// `docs/architecture.md`); otherwise the step ends there as undecided.
///
/// # Errors
/// `not_found` if there is no such object, container or program; `unavailable` if the container does not run; `system` if
/// the command ends with another exit code than 0, with `details.code`, and with the last 64 KiB of each stream in
/// `details.stdout` and `details.stderr` (`details.stdout_left_out` and `details.stderr_left_out` say how many bytes came
/// before these); `timeout`;
/// `undecided` in a rehearsal, which cannot be caught.
///
/// # Example
/// ```rhai
/// cluster::apply(#{ apiVersion: "v1", kind: "Pod", metadata: #{ name: "db" },
///     spec: #{ containers: [#{ name: "db", image: "busybox", command: ["sleep", "3600"] }] } });
/// wait::ready("Pod/db");
/// cluster::exec("Pod/db", ["touch", "/tmp/initialised"], #{ creates: "/tmp/initialised" });
/// let r = cluster::exec("Pod/db", "echo $((6 * 7))", #{ shell: true, timeout: "30s", plan: "42" });
/// log::info(`the answer is ${r.stdout}`);
/// ```
#[primitive(module = "cluster", effect = Change)]
pub fn exec(call: &Call<'_>, target: Target, command: Words, options: ExecOptions) -> Result<Ran> {
    let words = command.of(options.shell)?;
    let guards = Guards::read(&options)?;
    let place = pods::find(call, &options.on, &target, options.container.as_deref(), Purpose::Run)?;
    // A guard is run in the container too.
    call.session().access().check_change(&place.resource())?;
    let plan = match guards.look(call, &place)? {
        Some(reason) => Plan::Unchanged(reason),
        None => {
            let note = guards.is_empty().then(|| "a command always changes".to_owned());
            let line = words.iter().map(|word| shown(word)).collect::<Vec<_>>().join(" ");
            Plan::Act { op: Op::Run, diff: vec![format!("in container {}: {line}", place.container)], note }
        }
    };
    let executed: Arc<Mutex<Option<Executed>>> = Arc::default();
    let stdin = options.stdin.as_ref().map(|stdin| stdin.resolve(call.session().secrets())).transpose()?;
    let stdin = stdin.map(|text| Zeroizing::new(text.as_bytes().to_vec()));
    let trace = Trace { container: place.container.clone(), creates: options.creates.clone(), ..Trace::default() };
    let work = Work { place: place.clone(), words, stdin, options, executed: executed.clone() };
    let outcome = call.change(Change {
        parts: vec![Part { resource: place.resource(), before: None, plan }],
        act: Box::new(move || Box::pin(async move { Ok(vec![work.run().await.unwrap_or_else(Acted::unless_ended)]) })),
        probe: trace.recipe(),
        inverse: Inverse::Cannot("what a command has done in a container is not known".to_owned()),
    })?;
    let executed = executed.lock().unwrap_or_else(PoisonError::into_inner).take();
    Ok(Ran { outcome, executed })
}

/// When a command is not needed.
struct Guards {
    creates: Option<String>,
    unless: Option<Vec<String>>,
    only_if: Option<Vec<String>>,
}

impl Guards {
    fn read(options: &ExecOptions) -> Result<Self> {
        let words = |words: &Option<Words>| words.as_ref().map(|words| words.of(options.shell)).transpose();
        Ok(Self {
            creates: options.creates.clone(),
            unless: words(&options.unless)?,
            only_if: words(&options.only_if)?,
        })
    }

    fn is_empty(&self) -> bool {
        self.creates.is_none() && self.unless.is_none() && self.only_if.is_none()
    }

    /// Why the command is not needed, if it is not. What cannot be known does not keep it from being run.
    fn look(&self, call: &Call<'_>, place: &Place) -> Result<Option<String>> {
        let succeeds = |words: &[&str]| -> Result<Option<bool>> {
            Ok(place.ask(call, place.command(words))?.map(|answer| answer.code == 0))
        };
        let words = |words: &Vec<String>| words.iter().map(|word| shown(word)).collect::<Vec<_>>().join(" ");
        if let Some(path) = &self.creates
            && succeeds(&["test", "-e", path])? == Some(true)
        {
            return Ok(Some(format!("{path} is there already")));
        }
        if let Some(command) = &self.unless
            && succeeds(&command.iter().map(String::as_str).collect::<Vec<_>>())? == Some(true)
        {
            return Ok(Some(format!("`{}` succeeds", words(command))));
        }
        if let Some(command) = &self.only_if
            && succeeds(&command.iter().map(String::as_str).collect::<Vec<_>>())? == Some(false)
        {
            return Ok(Some(format!("`{}` does not succeed", words(command))));
        }
        Ok(None)
    }
}

/// A command that is to run.
struct Work {
    place: Place,
    words: Vec<String>,
    stdin: Option<Zeroizing<Vec<u8>>>,
    options: ExecOptions,
    executed: Arc<Mutex<Option<Executed>>>,
}

impl Work {
    async fn run(self) -> Result<Acted> {
        let Self { place, words, stdin, options, executed } = self;
        let line = words.iter().map(|word| shown(word)).collect::<Vec<_>>().join(" ");
        let command = Command { container: Some(place.container.clone()), words, stdin, most: None };
        let running = place.cluster.exec(&place.pod, command);
        let (ran, acted) = match (within(&place.cluster, running, options.timeout).await, &options.plan) {
            (Ok(ran), _) => {
                let after = json!({ "code": ran.code });
                (ran, Acted::Done(Some(after)))
            }
            (Err(error), Some(assumed)) if error.kind() == Kind::Undecided => {
                let ran = assumed.executed();
                if let Some(path) = options.creates.as_deref().filter(|_| ran.code == 0) {
                    place.cluster.exec(&place.pod, place.command(&["touch", "--", path])).await?;
                }
                (ran, Acted::Assumed("assumed, as `plan` says: nothing can run here".to_owned()))
            }
            (Err(error), _) => return Err(error.resource(&place.pod)),
        };
        if options.check && ran.code != 0 {
            return Err(failed(&place, &line, &ran));
        }
        *executed.lock().unwrap_or_else(PoisonError::into_inner) = Some(ran);
        Ok(acted)
    }
}

impl Assumed {
    fn executed(&self) -> Executed {
        let code = i32::try_from(self.code).unwrap_or(i32::MAX);
        Executed { code, stdout: self.stdout.clone().into_bytes(), stderr: self.stderr.clone().into_bytes() }
    }
}

/// A word as a shell would want it, so that one sees where it begins and ends.
fn shown(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

fn failed(place: &Place, line: &str, ran: &Executed) -> Error {
    let ((stdout, no_stdout), (stderr, no_stderr)) = (end_of(&ran.stdout), end_of(&ran.stderr));
    let said = if stderr.trim().is_empty() { &stdout } else { &stderr };
    let lines: Vec<&str> = said.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let last = lines.get(lines.len().saturating_sub(SHOWN)..).unwrap_or_default().join("\n");
    let gap = if last.is_empty() { "" } else { ": " };
    let message = format!(
        "`{line}` in container {} of {} ended with exit code {}{gap}{last}",
        place.container, place.pod, ran.code
    );
    let mut details = json!({ "code": ran.code, "stdout": stdout, "stderr": stderr });
    for (key, left_out) in [("stdout_left_out", no_stdout), ("stderr_left_out", no_stderr)] {
        if left_out > 0 {
            details[key] = left_out.into();
        }
    }
    Error::new(Kind::System, message)
        .hint("`check: false` returns the exit code instead")
        .resource(&place.pod)
        .details(details)
}

/// The end of what was written, and how many bytes before it were left out.
fn end_of(written: &[u8]) -> (String, usize) {
    // Not in the middle of a character.
    let inside = |byte: &u8| byte & 0xC0 == 0x80;
    let mut from = written.len().saturating_sub(KEPT);
    if from > 0 {
        from += written.iter().skip(from).take(3).take_while(|byte| inside(byte)).count();
    }
    (String::from_utf8_lossy(written.get(from..).unwrap_or_default()).into_owned(), from)
}

#[cfg(test)]
mod tests;
