//! Commands in containers, over a websocket: `v5.channel.k8s.io`, with API servers before 1.30 `v4.channel.k8s.io`.
//!
//! kube opens the connection. What is spoken on it is read here, because kube's own loop has a timer of tokio's, which a
//! simulated cluster has none of.

use bytes::Bytes;
use futures::future::{Either, select};
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt as _, StreamExt as _};
use http::Request;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use zeroize::Zeroizing;

use super::exchange::uri;
use super::failure::{Failure, Subject};
use super::resource::ResourceId;
use super::{Cluster, Json};
use crate::clock::BoxFuture;
use crate::error::{Error, Kind, Result};

const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const STATUS: u8 = 3;
/// In v5: the channel that is named next has ended.
const CLOSED: u8 = 255;
/// So much is sent at once.
const PIECE: usize = 32 << 10;
/// A connection on which nothing is said is kept open by asking whether the other side is there.
const PING_EVERY: Duration = Duration::from_secs(30);

/// A command for a container.
#[derive(Debug, Clone, Default)]
pub struct Command {
    /// The container; needed if the pod has several.
    pub container: Option<String>,
    /// The program and its arguments. No shell reads them.
    pub words: Vec<String>,
    /// What it reads; may hold secrets. Without it there is no input at all.
    pub stdin: Option<Zeroizing<Vec<u8>>>,
    /// The most that it may write; none for 64 MiB.
    pub most: Option<usize>,
}

/// Takes what a command writes, piece by piece; the next piece comes when one is done with.
pub type Take = Box<dyn FnMut(Bytes) -> BoxFuture<Result<()>> + Send>;

/// Gives what a command reads, piece by piece, and nothing at its end; it is asked for the next piece when one is sent.
pub type Give = Box<dyn FnMut() -> BoxFuture<Result<Option<Bytes>>> + Send>;

/// How a command ended, and what it wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Executed {
    /// Its exit code.
    pub code: i32,
    /// What it wrote to its standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to its standard error.
    pub stderr: Vec<u8>,
}

impl Cluster {
    /// Runs a command in a container, and waits for its end. Dropping the future closes the connection; the command itself
    /// may go on, since nobody can tell it to stop.
    ///
    /// # Errors
    /// [`Kind::Undecided`] in a simulated container, where it cannot be known what it would answer;
    /// [`Kind::NotFound`] for a program that the container does not have; what the cluster or the connection says. An exit
    /// code other than 0 is none.
    pub async fn exec(&self, pod: &ResourceId, command: Command) -> Result<Executed> {
        self.exec_into(pod, command, None).await
    }

    /// As [`Cluster::exec`], but gives what the command writes to its standard output away as it comes: any amount, of which
    /// the result has nothing.
    ///
    /// # Errors
    /// As [`Cluster::exec`], and what taking it meets.
    pub async fn exec_into(&self, pod: &ResourceId, command: Command, take: Option<Take>) -> Result<Executed> {
        self.talk(pod, command, None, take).await
    }

    /// As [`Cluster::exec`], but the command reads what is given to it as it comes: any amount, instead of
    /// [`Command::stdin`]. With API servers before 1.30 it is not told that its input has ended.
    ///
    /// # Errors
    /// As [`Cluster::exec`], and what giving it meets: the connection is closed then, with the command in the middle of
    /// its input.
    pub async fn exec_from(&self, pod: &ResourceId, command: Command, give: Give) -> Result<Executed> {
        self.talk(pod, command, Some(give), None).await
    }

    async fn talk(
        &self,
        pod: &ResourceId,
        command: Command,
        give: Option<Give>,
        take: Option<Take>,
    ) -> Result<Executed> {
        let mut query = vec![("stdout", "true"), ("stderr", "true")];
        query.extend((command.stdin.is_some() || give.is_some()).then_some(("stdin", "true")));
        query.extend(command.container.as_deref().map(|name| ("container", name)));
        query.extend(command.words.iter().map(|word| ("command", word.as_str())));
        let subject = pod.subject("run a command in");
        // A command may change anything, for as long as it likes.
        self.pass(self.shared.retry.answer_within).await.map_err(|e| Failure::NotLet(e).into_error(&subject))?;
        let path = uri(&format!("{}/exec", pod.path()), &query);
        let (stream, v5) = self.upgraded(path, &subject).await?;
        let (sink, source) = stream.split();
        let clock = self.clock().clone();
        let input = match give {
            Some(give) => Some(Input::Given(give)),
            None => command.stdin.map(Input::Whole),
        };
        let send = async move {
            match send_all(sink, input, v5, &*clock).await {
                Err(Unsent::NotGiven(error)) => error,
                // It has ended without reading all of its input: what it said counts.
                Ok(()) | Err(Unsent::Closed) => std::future::pending().await,
            }
        };
        let read = receive(source, command.most.unwrap_or(MOST), take, &subject);
        match select(std::pin::pin!(read), std::pin::pin!(send)).await {
            Either::Left((executed, _)) => executed,
            Either::Right((error, _)) => Err(error),
        }
    }

    /// Opens a connection that becomes a websocket; whether it is of version 5.
    pub(super) async fn upgraded(
        &self,
        path: String,
        subject: &Subject,
    ) -> Result<(WebSocketStream<impl AsyncRead + AsyncWrite + Unpin + Send + use<>>, bool)> {
        let client = self.upgrading_client().await?;
        let request = Request::get(path).body(Vec::new());
        let request = request.map_err(|e| Error::internal("the path of a container cannot be written").source(e))?;
        let connection = match client.connect(request).await {
            Ok(connection) => connection,
            Err(error) => return Err(unopened(error, subject)),
        };
        let v5 = connection.supports_stream_close();
        Ok((connection.into_stream(), v5))
    }
}

/// The most that a command may write.
const MOST: usize = 64 << 20;

fn unopened(error: kube::Error, subject: &Subject) -> Error {
    let failure = match error {
        kube::Error::UpgradeConnection(why) => {
            let error = Error::new(
                Kind::Unavailable,
                format!("cannot {} {}: cluster {}: {why}", subject.verb, subject.resource, subject.cluster),
            );
            return error.hint("is there a proxy on the way that does not let websockets through?").source(why);
        }
        error => Failure::from_kube(error),
    };
    let unknowable = |cause: &super::Cause| cause.reason == windlass_shadow::container::UNKNOWABLE;
    match failure.status() {
        Some(status) if status.causes.iter().any(unknowable) => {
            let line = status.causes.first().map(|cause| cause.message.clone()).unwrap_or_default();
            Error::new(
                Kind::Undecided,
                format!("what `{line}` answers in {} cannot be known without running it, and nothing runs here", subject.resource),
            )
            .hint("say what to assume with the option `plan`, such as `plan: #{ stdout: \"…\" }`, or what the container answers with the pod's annotation shadow.windlass.dev/exec")
            .resource(&subject.resource)
        }
        _ => failure.into_error(subject),
    }
}

type Sink<S> = SplitSink<WebSocketStream<S>, Message>;

/// What a command reads.
enum Input {
    Whole(Zeroizing<Vec<u8>>),
    Given(Give),
}

/// Why not all of it was sent.
enum Unsent {
    /// The connection takes no more.
    Closed,
    NotGiven(Error),
}

impl From<tokio_tungstenite::tungstenite::Error> for Unsent {
    fn from(_: tokio_tungstenite::tungstenite::Error) -> Self {
        Self::Closed
    }
}

async fn send_all<S: AsyncRead + AsyncWrite + Unpin>(
    mut sink: Sink<S>,
    input: Option<Input>,
    v5: bool,
    clock: &dyn crate::Clock,
) -> Result<(), Unsent> {
    if let Some(input) = input {
        match input {
            Input::Whole(bytes) => send_pieces(&mut sink, &bytes).await?,
            Input::Given(mut give) => {
                while let Some(bytes) = give().await.map_err(Unsent::NotGiven)? {
                    send_pieces(&mut sink, &bytes).await?;
                }
            }
        }
        // In v4 nothing can say that this was all, without ending everything.
        if v5 {
            sink.send(Message::binary(vec![CLOSED, STDIN])).await?;
        }
    }
    loop {
        clock.sleep_weakly_until(clock.now() + PING_EVERY).await;
        sink.send(Message::Ping(Bytes::new())).await?;
    }
}

/// A message is sent when the one before it has left: no more than one is held here.
async fn send_pieces<S: AsyncRead + AsyncWrite + Unpin>(sink: &mut Sink<S>, bytes: &[u8]) -> Result<(), Unsent> {
    for piece in bytes.chunks(PIECE) {
        sink.send(Message::binary([&[STDIN], piece].concat())).await?;
    }
    Ok(())
}

async fn receive<S: AsyncRead + AsyncWrite + Unpin>(
    mut source: SplitStream<WebSocketStream<S>>,
    most: usize,
    mut take: Option<Take>,
    subject: &Subject,
) -> Result<Executed> {
    let broken = |why: String| {
        let what = format!("the connection to {} broke while a command ran: {why}", subject.resource);
        Error::new(Kind::Unavailable, what)
            .hint("the command may have run to its end, or may still run")
            .resource(&subject.resource)
    };
    let mut executed = Executed::default();
    while let Some(message) = source.next().await {
        let Message::Binary(bytes) = message.map_err(|e| broken(e.to_string()))? else { continue };
        match bytes.as_ref() {
            [STDOUT, rest @ ..] => match &mut take {
                Some(take) => take(bytes.slice_ref(rest)).await?,
                None => executed.stdout.extend_from_slice(rest),
            },
            [STDERR, rest @ ..] => executed.stderr.extend_from_slice(rest),
            // The first message may be empty.
            [STATUS, rest @ ..] if !rest.is_empty() => {
                let status = serde_json::from_slice(rest).map_err(|e| broken(e.to_string()))?;
                executed.code = exit_code(&status, subject)?;
                return Ok(executed);
            }
            _ => {}
        }
        if executed.stdout.len() + executed.stderr.len() > most {
            let error = Error::usage(format!("a command in {} wrote more than {} MiB", subject.resource, most >> 20));
            return Err(error
                .hint("let it write into a file, and fetch that with cluster::copy_from")
                .resource(&subject.resource));
        }
    }
    Err(broken("it was closed before the command ended".to_owned()))
}

fn exit_code(status: &Json, subject: &Subject) -> Result<i32> {
    if status["status"] == "Success" {
        return Ok(0);
    }
    let causes = status.pointer("/details/causes").and_then(Json::as_array);
    let code = causes.into_iter().flatten().find(|cause| cause["reason"] == "ExitCode");
    let code = code.and_then(|cause| cause["message"].as_str()?.parse().ok());
    if let (Some(code), Some("NonZeroExitCode")) = (code, status["reason"].as_str()) {
        return Ok(code);
    }
    let said = status["message"].as_str().unwrap_or("the container runtime refused it without a word");
    if status["reason"] == windlass_shadow::container::UNKNOWABLE {
        return Err(Error::new(
            Kind::Undecided,
            format!("what it does in {} cannot be known: {said}", subject.resource),
        )
        .resource(&subject.resource));
    }
    let error = if said.contains("executable file not found") || said.contains("no such file or directory") {
        Error::new(Kind::NotFound, format!("{} cannot run this command: {said}", subject.resource))
            .hint("is the program in the container's image? See its `command`, or name another container")
    } else {
        Error::new(Kind::Unavailable, format!("{} cannot run this command: {said}", subject.resource))
            .hint("look at the pod's events and its node: the container runtime refused it")
    };
    Err(error.resource(&subject.resource))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn code(status: Json) -> Result<i32> {
        let subject = Subject {
            verb: "run a command in",
            resource: "Pod/web in shop".into(),
            group_resource: "pods".into(),
            namespace: None,
            single: true,
            cluster: "c".into(),
        };
        exit_code(&status, &subject)
    }

    #[test]
    fn the_exit_code_is_read_from_the_status() {
        assert_eq!(code(json!({"metadata": {}, "status": "Success"})).unwrap(), 0);
        let three = json!({"status": "Failure", "reason": "NonZeroExitCode", "message": "command terminated with non-zero exit code: exit status 3",
            "details": {"causes": [{"reason": "ExitCode", "message": "3"}]}});
        assert_eq!(code(three).unwrap(), 3);
    }

    #[test]
    fn what_the_runtime_refuses_is_an_error_that_says_why() {
        let said = |message: &str| {
            code(json!({"status": "Failure", "reason": "InternalError", "message": message})).unwrap_err()
        };
        let missing = said("OCI runtime exec failed: exec: \"psql\": executable file not found in $PATH: unknown");
        assert_eq!(missing.kind(), Kind::NotFound);
        assert!(missing.message().starts_with("Pod/web in shop cannot run this command: "), "{missing}");
        assert_eq!(said("cannot join cgroup").kind(), Kind::Unavailable);
    }
}
