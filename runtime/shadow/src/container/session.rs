//! A command that runs in a container, spoken over a websocket: `v4.channel.k8s.io` and `v5.channel.k8s.io`.

use futures::future::{Either, select};
use futures::{SinkExt as _, StreamExt as _};
use http::HeaderMap;
use http::header::{
    CONNECTION, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, UPGRADE,
};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::command::{Task, run};
use super::files::MOST;
use super::{Inside, UNKNOWABLE, Whose};
use crate::error::ApiError;
use crate::{Json, Shadow};

const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const STATUS: u8 = 3;
/// In v5: the channel that is named next has ended.
const CLOSED: u8 = 255;
/// So much is sent at once.
const PIECE: usize = 32 << 10;

/// What is to be done as soon as the connection is a websocket.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    what: What,
    protocol: &'static str,
    accept: String,
}

/// What a connection is for.
#[derive(Debug, Clone)]
pub(crate) enum What {
    /// A command.
    Run { whose: Whose, task: Task, streams: Streams },
    /// These ports: each accepts, and says nothing, if the pod's containers are ready; otherwise nobody listens there.
    Ports { ports: Vec<u16>, is_ready: bool },
}

/// Which streams the client wants.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Streams {
    pub(crate) stdin: bool,
    pub(crate) stdout: bool,
    pub(crate) stderr: bool,
}

impl Session {
    /// # Errors
    /// 400 if the client does not ask for a websocket, or for none of the protocols that are spoken here.
    pub(crate) fn new(what: What, headers: &HeaderMap) -> Result<Self, ApiError> {
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !text(UPGRADE).eq_ignore_ascii_case("websocket") {
            let said = "Upgrade request required: the simulated cluster speaks websockets only";
            return Err(ApiError::bad_request(said));
        }
        let spoken = ["v5.channel.k8s.io", "v4.channel.k8s.io"];
        let asked = headers.get_all(SEC_WEBSOCKET_PROTOCOL).into_iter().filter_map(|value| value.to_str().ok());
        let mut asked = asked.flat_map(|list| list.split(',')).map(str::trim);
        let protocol = asked.find_map(|asked| spoken.into_iter().find(|spoken| *spoken == asked));
        let Some(protocol) = protocol else {
            return Err(ApiError::bad_request(format!("the simulated cluster speaks {} only", spoken.join(", "))));
        };
        Ok(Self { what, protocol, accept: derive_accept_key(text(SEC_WEBSOCKET_KEY).as_bytes()) })
    }

    /// What the answer says that agrees to it.
    pub(crate) fn headers(&self) -> [(HeaderName, HeaderValue); 4] {
        let accept = HeaderValue::from_str(&self.accept).unwrap_or_else(|_| HeaderValue::from_static(""));
        [
            (CONNECTION, HeaderValue::from_static("Upgrade")),
            (UPGRADE, HeaderValue::from_static("websocket")),
            (SEC_WEBSOCKET_ACCEPT, accept),
            (SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(self.protocol)),
        ]
    }

    /// Runs the command; a client that leaves ends it.
    pub(crate) async fn serve(self, shadow: Shadow, upgrade: OnUpgrade) {
        let Ok(upgraded) = upgrade.await else { return };
        let mut socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
        // What the client does not take any more is nobody's.
        let _ = match &self.what {
            What::Run { whose, task, streams } => self.talk(&shadow, &mut socket, (whose, task, *streams)).await,
            What::Ports { ports, is_ready } => listen(ports, *is_ready, &mut socket).await,
        };
        // client-go takes any other end for a fault.
        let normal = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        let _ = socket.close(Some(normal)).await;
        // Until the client has left, or what was sent last may not arrive.
        while let Some(Ok(_)) = socket.next().await {}
    }

    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        shadow: &Shadow,
        socket: &mut WebSocketStream<S>,
        (whose, task, streams): (&Whose, &Task, Streams),
    ) -> Result<(), Error> {
        let first = if streams.stdout {
            STDOUT
        } else if streams.stderr {
            STDERR
        } else {
            STATUS
        };
        // Tells that the connection is there.
        socket.send(Message::binary(vec![first])).await?;
        let mut stdin = Vec::new();
        if streams.stdin && task.reads() {
            while let Some(message) = socket.next().await {
                match message? {
                    Message::Binary(bytes) => match bytes.as_ref() {
                        [CLOSED, STDIN] => break,
                        [STDIN, rest @ ..] => stdin.extend_from_slice(rest),
                        _ => {}
                    },
                    Message::Close(_) => break,
                    _ => {}
                }
                if stdin.len() > MOST || self.has_ended(task, &stdin) {
                    break;
                }
            }
        }
        let task = task.clone();
        let answer = shadow.with(|world| {
            let files = &mut Inside::of(world, whose).files;
            let room = if matches!(task, Task::Unpack { .. }) { files.room() } else { MOST };
            (stdin.len() <= room).then(|| run(task, stdin, files))
        });
        let Some(answer) = answer else {
            // A real one may have room for it.
            return socket.send(Message::binary([&[STATUS], full().to_string().as_bytes()].concat())).await;
        };
        if !answer.takes.is_zero() {
            let clock = shadow.clock();
            let end = clock.sleep_until(clock.now() + answer.takes);
            // A client that leaves meanwhile is not answered.
            if let Either::Left(_) = select(std::pin::pin!(gone(socket)), end).await {
                return Ok(());
            }
        }
        for (wanted, channel, bytes) in
            [(streams.stdout, STDOUT, &answer.stdout), (streams.stderr, STDERR, &answer.stderr)]
        {
            for piece in bytes.chunks(PIECE).filter(|_| wanted) {
                socket.send(Message::binary([&[channel], piece].concat())).await?;
            }
        }
        let status = [&[STATUS], status(answer.code).to_string().as_bytes()].concat();
        socket.send(Message::binary(status)).await
    }

    /// In v4 nothing says that the input has ended but the archive itself.
    fn has_ended(&self, task: &Task, stdin: &[u8]) -> bool {
        self.protocol.starts_with("v4")
            && matches!(task, Task::Unpack { .. })
            && stdin.len().is_multiple_of(512)
            && stdin.len() >= 1024
            && stdin.iter().rev().take(1024).all(|byte| *byte == 0)
    }
}

/// Ends when the client does.
async fn gone<S: AsyncRead + AsyncWrite + Unpin>(socket: &mut WebSocketStream<S>) {
    while let Some(Ok(message)) = socket.next().await {
        if message.is_close() {
            return;
        }
    }
}

/// Names each port on its channels, and takes what is sent.
async fn listen<S: AsyncRead + AsyncWrite + Unpin>(
    ports: &[u16],
    is_ready: bool,
    socket: &mut WebSocketStream<S>,
) -> Result<(), Error> {
    for (channel, port) in (0_u8..).zip(ports.iter().flat_map(|port| [port, port])) {
        let [low, high] = port.to_le_bytes();
        socket.send(Message::binary(vec![channel, low, high])).await?;
    }
    if !is_ready {
        for (channel, port) in (1_u8..).step_by(2).zip(ports) {
            let said = format!("dial tcp4 127.0.0.1:{port}: connect: connection refused");
            socket.send(Message::binary([&[channel], said.as_bytes()].concat())).await?;
        }
        return Ok(());
    }
    gone(socket).await;
    Ok(())
}

/// The status of a command that was given more than is kept here.
fn full() -> Json {
    let said = format!("a simulated container holds no more than {} MiB", MOST >> 20);
    json!({"metadata": {}, "status": "Failure", "reason": UNKNOWABLE, "message": said, "code": 501})
}

fn status(code: i32) -> Json {
    if code == 0 {
        return json!({"metadata": {}, "status": "Success"});
    }
    json!({
        "metadata": {}, "status": "Failure", "reason": "NonZeroExitCode",
        "message": format!("command terminated with non-zero exit code: exit status {code}"),
        "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]},
    })
}
