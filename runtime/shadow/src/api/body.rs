//! What a request brings and an answer carries.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::{Stream, StreamExt, stream::BoxStream};
use http_body::{Frame, SizeHint};

use super::route::ResourcePath;
use super::{json, words};
use crate::Json;
use crate::error::ApiError;
use crate::schema::protobuf;

/// The body of an answer: whole, or for a watch a stream of lines of JSON, each one frame.
pub struct Body(Content);

enum Content {
    Whole(VecDeque<Bytes>),
    Lines(BoxStream<'static, Bytes>),
}

impl Body {
    pub(crate) fn whole(bytes: impl Into<Bytes>) -> Self {
        Self(Content::Whole(VecDeque::from([bytes.into()])))
    }

    pub(crate) fn lines(lines: impl Stream<Item = Bytes> + Send + 'static) -> Self {
        Self(Content::Lines(lines.boxed()))
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            Content::Whole(_) => "Body(whole)",
            Content::Lines(_) => "Body(lines)",
        })
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.0 {
            Content::Whole(parts) => Poll::Ready(parts.pop_front().map(|part| Ok(Frame::data(part)))),
            Content::Lines(lines) => lines.poll_next_unpin(context).map(|line| line.map(|line| Ok(Frame::data(line)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.0, Content::Whole(parts) if parts.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Content::Whole(parts) => SizeHint::with_exact(parts.iter().map(|part| part.len() as u64).sum()),
            Content::Lines(_) => SizeHint::default(),
        }
    }
}

/// The form of an answer, by `Accept`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Json,
    Yaml,
}

/// What an object is given as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum As {
    Itself,
    Table,
    /// `PartialObjectMetadata`, or the list of them.
    Metadata,
}

/// What the client wants to get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Accept {
    pub(crate) form: Form,
    pub(crate) shape: As,
    /// Whether a list is meant, where only the metadata is wanted.
    pub(crate) of_list: bool,
    /// Whether the older version of tables and metadata is meant.
    pub(crate) older: bool,
}

/// Why nothing can be given that a client accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unacceptable {
    /// No form that it names is known.
    Form,
    /// The forms are, but nothing that objects are to be given as.
    Shape,
}

const FORMS: &str = "application/json, application/yaml, application/vnd.kubernetes.protobuf";

impl Unacceptable {
    /// What is said of it.
    pub(crate) fn into_error(self, path: &ResourcePath) -> ApiError {
        if self == Self::Shape {
            let said = format!("only the following media types are accepted: {FORMS}");
            return ApiError::new(406, "NotAcceptable", said);
        }
        let streams = if path.name.is_empty() {
            ", application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch"
        } else {
            ""
        };
        let said = format!("406: Not Acceptable\n\nAvailable representations: {FORMS}{streams}");
        words::plain(406, "NotAcceptable", &said)
    }
}

impl Accept {
    /// The first that can be given of what the header names.
    pub(crate) fn parse(header: &str) -> Result<Self, Unacceptable> {
        if header.trim().is_empty() {
            return Ok(Self { form: Form::Json, shape: As::Itself, of_list: false, older: false });
        }
        let mut why = Unacceptable::Form;
        for clause in header.split(',') {
            let mut parts = clause.split(';').map(str::trim);
            let form = match parts.next().unwrap_or_default() {
                "application/json" | "*/*" | "application/*" => Form::Json,
                "application/yaml" => Form::Yaml,
                _ => continue,
            };
            match shape(form, parts) {
                Some(accept) => return Ok(accept),
                None => why = Unacceptable::Shape,
            }
        }
        Err(why)
    }
}

fn shape<'a>(form: Form, parameters: impl Iterator<Item = &'a str>) -> Option<Accept> {
    let (mut kind, mut group, mut version) = ("", "", "");
    for (key, value) in parameters.filter_map(|part| part.split_once('=')) {
        match key {
            "as" => kind = value,
            "g" => group = value,
            "v" => version = value,
            _ => {}
        }
    }
    let older = version == "v1beta1";
    let known = group == "meta.k8s.io" && (version == "v1" || older);
    let shape = match kind {
        "" => As::Itself,
        "Table" if known => As::Table,
        "PartialObjectMetadata" | "PartialObjectMetadataList" if known => As::Metadata,
        _ => return None,
    };
    Some(Accept { form, shape, of_list: kind == "PartialObjectMetadataList", older: older && shape != As::Itself })
}

/// Reads the body of a request, JSON, YAML or protobuf, and what is twice in it.
///
/// # Errors
/// 415 for what is neither; otherwise what is wrong with it, for the caller to make a refusal of.
pub(crate) fn read(content_type: &str, body: &Bytes) -> Result<Result<(Json, Vec<String>), String>, ApiError> {
    match media_type(content_type) {
        "" | "application/json" => Ok(json::read(body).map_err(|why| no_kind(&why))),
        "application/yaml" => Ok(read_yaml(body).map(|value| (value, Vec::new())).map_err(|why| no_kind(&why))),
        "application/vnd.kubernetes.protobuf" => Ok(protobuf::read(body).map(|value| (value, Vec::new()))),
        _ => Err(ApiError::new(
            415,
            "UnsupportedMediaType",
            "the body of the request was in an unknown format - accepted media types include: application/json, \
             application/yaml, application/vnd.kubernetes.protobuf",
        )),
    }
}

pub(crate) fn no_kind(why: &str) -> String {
    format!("couldn't get version/kind; json parse error: {why}")
}

/// A content type without its parameters.
pub(crate) fn media_type(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

/// Reads YAML.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn read_yaml(body: &Bytes) -> Result<Json, String> {
    let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
    let mut value = serde_yaml::from_str(text).map_err(|error| format!("error converting YAML to JSON: {error}"))?;
    whole_numbers(&mut value);
    Ok(value)
}

/// Go writes a number without a fraction as a whole one, whatever it has read.
fn whole_numbers(value: &mut Json) {
    match value {
        Json::Array(items) => items.iter_mut().for_each(whole_numbers),
        Json::Object(fields) => fields.values_mut().for_each(whole_numbers),
        Json::Number(number) if number.is_f64() => {
            if let Some(Ok(whole)) = number.as_f64().filter(|n| n.abs() < 1e15).map(|n| format!("{n}").parse::<i64>()) {
                *value = whole.into();
            }
        }
        _ => {}
    }
}
