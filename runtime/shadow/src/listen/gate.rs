//! Who may come in, and with how much.

use std::convert::Infallible;
use std::io;

use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use sha2::{Digest as _, Sha256};

use crate::api::Body;
use crate::{ApiError, Shadow};

/// The largest request: that of the real API server.
pub(super) const LARGEST: usize = 3 * 1024 * 1024;

/// What clients must show.
pub(super) struct Token(String);

impl Token {
    pub(super) fn new() -> io::Result<Self> {
        let mut bytes = [0_u8; 24];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        Ok(Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// Hashes are compared, so that the time says nothing about the token.
    fn is(&self, shown: &[u8]) -> bool {
        Sha256::digest(self.0.as_bytes()) == Sha256::digest(shown)
    }
}

/// Lets requests through to the shadow.
pub(super) struct Gate {
    shadow: Shadow,
    token: Token,
}

impl Gate {
    pub(super) fn new(shadow: Shadow, token: Token) -> Self {
        Self { shadow, token }
    }

    /// Whether this request shows the token.
    pub(super) fn admits<B>(&self, request: &Request<B>) -> bool {
        let shown = request.headers().get(AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
        shown.strip_prefix(b"Bearer ").is_some_and(|shown| self.token.is(shown))
    }

    pub(super) async fn answer<B>(&self, request: Request<B>) -> Result<Response<Body>, Infallible>
    where
        B: http_body::Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        if !self.admits(&request) {
            return Ok(refused(&ApiError::new(401, "Unauthorized", "Unauthorized")));
        }
        let (parts, body) = request.into_parts();
        match Limited::new(body, LARGEST).collect().await {
            Ok(body) => {
                let body = http_body_util::Full::new(body.to_bytes());
                Ok(self.shadow.handle(Request::from_parts(parts, body)).await)
            }
            Err(error) if error.is::<LengthLimitError>() => {
                let said = format!("Request entity too large: limit is {LARGEST}");
                Ok(refused(&ApiError::new(413, "RequestEntityTooLarge", said)))
            }
            Err(error) => Ok(refused(&ApiError::bad_request(error.to_string()))),
        }
    }
}

fn refused(error: &ApiError) -> Response<Body> {
    let mut response = Response::new(Body::whole(error.to_status().to_string()));
    *response.status_mut() = StatusCode::from_u16(error.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
