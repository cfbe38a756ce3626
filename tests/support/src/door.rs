//! The way to the simulated API server, which can be shut: as if it had ended, or as if it said nothing any more.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, StreamBody};
use kube::client::Body;
use tokio::sync::watch;
use tower::BoxError;
use windlass_runtime::target::Target;

use crate::Through;

/// How the API server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiServer {
    /// It answers.
    There,
    /// It has stopped in the middle: connections stay, and nothing comes.
    Silent,
    /// It has ended: connections break, and new ones are refused.
    Gone,
}

fn broken(kind: std::io::ErrorKind) -> BoxError {
    std::io::Error::from(kind).into()
}

/// A target that reaches its API server as `state` says.
pub(crate) fn through(target: Arc<dyn Target>, state: &watch::Sender<ApiServer>) -> Through {
    let state = state.clone();
    Through::new(target, move |request, client| {
        let mut state = state.subscribe();
        async move {
            match *state.wait_for(|state| *state != ApiServer::Silent).await? {
                ApiServer::Gone => return Err(broken(std::io::ErrorKind::ConnectionRefused)),
                ApiServer::There | ApiServer::Silent => {}
            }
            let answer = client.send(request).await?;
            Ok(answer.map(|body| passed_on(body, state)))
        }
    })
}

/// What comes of an answer: nothing more while the API server is silent, and its end when that has ended.
fn passed_on(
    body: Body,
    state: watch::Receiver<ApiServer>,
) -> impl http_body::Body<Data = Bytes, Error = BoxError> + Send {
    let frames = futures::stream::unfold(Some((body, state)), |rest| async move {
        let (mut body, mut state) = rest?;
        loop {
            let now = *state.borrow_and_update();
            let frame = tokio::select! {
                changed = state.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return None,
                },
                () = std::future::ready(()), if now == ApiServer::Gone => {
                    return Some((Err(broken(std::io::ErrorKind::ConnectionReset)), None));
                }
                frame = body.frame(), if now == ApiServer::There => frame?,
            };
            return Some((frame.map_err(BoxError::from), Some((body, state))));
        }
    });
    StreamBody::new(frames)
}
