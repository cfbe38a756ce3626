//! Connections to a port of a pod, over a websocket: `v4.channel.k8s.io`, with two channels, for data and for an error.

use futures::future::{join, select};
use futures::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::Cluster;
use super::exchange::uri;
use super::resource::ResourceId;
use crate::error::Result;
use crate::target::Connection;

const DATA: u8 = 0;
const ERROR: u8 = 1;
/// So much is under way.
const BUFFER: usize = 64 << 10;

impl Cluster {
    /// Connects to a port of a pod. What is refused inside the pod (nothing listens there) shows as the connection's end.
    ///
    /// # Errors
    /// What the cluster or the connection says.
    pub async fn port_forward(&self, pod: &ResourceId, port: u16) -> Result<Box<dyn Connection>> {
        let subject = pod.subject("forward a port of");
        let path = uri(&format!("{}/portforward", pod.path()), &[("ports", &port.to_string())]);
        let (stream, _) = self.upgraded(path, &subject).await?;
        let (near, far) = tokio::io::duplex(BUFFER);
        let resource = subject.resource;
        tokio::spawn(async move {
            if let Some(why) = pump(stream, far).await {
                tracing::debug!(%resource, port, %why, "a forwarded connection was refused");
            }
        });
        Ok(Box::new(near))
    }
}

/// Carries bytes both ways until one side ends; what the other side said of an error.
async fn pump<S: AsyncRead + AsyncWrite + Unpin>(stream: WebSocketStream<S>, far: DuplexStream) -> Option<String> {
    let (mut sink, mut source) = stream.split();
    let (mut read, mut write) = tokio::io::split(far);
    let up = async {
        let mut buffer = vec![0; BUFFER / 2];
        while let Ok(count @ 1..) = read.read(&mut buffer).await {
            let bytes = [&[DATA], buffer.get(..count).unwrap_or_default()].concat();
            if sink.send(Message::binary(bytes)).await.is_err() {
                break;
            }
        }
        // The other side ends it then.
        let _ = sink.close().await;
    };
    let down = async {
        let (mut greeted, mut refused) = ([false; 2], None);
        while let Some(Ok(message)) = source.next().await {
            let Message::Binary(bytes) = message else { continue };
            let [channel @ (DATA | ERROR), rest @ ..] = bytes.as_ref() else { continue };
            // The first message of each channel names the port.
            if let Some(greeted) = greeted.get_mut(usize::from(*channel)).filter(|greeted| !**greeted) {
                *greeted = true;
            } else if *channel == ERROR {
                refused = Some(String::from_utf8_lossy(rest).into_owned());
                break;
            } else if write.write_all(rest).await.is_err() {
                break;
            }
        }
        let _ = write.shutdown().await;
        refused
    };
    let up = join(up, std::future::pending::<()>());
    match select(std::pin::pin!(down), std::pin::pin!(up)).await {
        futures::future::Either::Left((refused, _)) => refused,
        futures::future::Either::Right(_) => None,
    }
}
