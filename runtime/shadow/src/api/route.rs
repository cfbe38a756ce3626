//! What a path of the API names.

/// A path, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// `/api/v1/…`, `/apis/GROUP/VERSION/…`: something of a resource.
    Resource(ResourcePath),
    /// Anything else, decoded, without a slash at its end.
    Other(String),
}

/// A resource's collection, an object of it, or a subresource of that.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ResourcePath {
    pub(crate) group: String,
    pub(crate) version: String,
    /// Empty without one.
    pub(crate) namespace: String,
    pub(crate) resource: String,
    /// Empty for the collection.
    pub(crate) name: String,
    /// Empty for the object itself.
    pub(crate) subresource: String,
    /// What follows the subresource, for proxies.
    pub(crate) rest: Vec<String>,
    /// The old form of a watch: `/api/v1/watch/…`.
    pub(crate) watch: bool,
}

impl Route {
    pub(crate) fn parse(path: &str) -> Self {
        let parts: Vec<String> = path.split('/').filter(|part| !part.is_empty()).map(|p| decode(p, false)).collect();
        let mut parts = parts.into_iter().peekable();
        let other = || Self::Other(decode(path.trim_end_matches('/'), false));
        let (group, version) = match parts.next().as_deref() {
            Some("api") => (Some(String::new()), parts.next()),
            Some("apis") => (parts.next(), parts.next()),
            _ => return other(),
        };
        let (Some(group), Some(version), true) = (group, version, parts.peek().is_some()) else { return other() };
        let watch = parts.next_if(|part| part == "watch").is_some();
        let mut place = ResourcePath { group, version, watch, ..ResourcePath::default() };
        let parts: Vec<String> = parts.collect();
        let part = |at: usize| parts.get(at).cloned().unwrap_or_default();
        // Under `namespaces/NAME`, anything but the namespace's own subresources is a resource in it.
        let in_namespace = part(0) == "namespaces" && parts.len() > 2 && !matches!(&*part(2), "status" | "finalize");
        let at = if in_namespace { 2 } else { 0 };
        if in_namespace {
            place.namespace = part(1);
        }
        (place.resource, place.name, place.subresource) = (part(at), part(at + 1), part(at + 2));
        place.rest = parts.get(at + 3..).unwrap_or_default().to_vec();
        if place.resource.is_empty() { other() } else { Self::Resource(place) }
    }
}

/// Takes `%XX` back, and `+` too where it stands for a space.
pub(crate) fn decode(text: &str, plus: bool) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let code = code.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (first, code) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
                continue;
            }
            (b'+', _) if plus => bytes.push(b' '),
            (byte, _) => bytes.push(*byte),
        }
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
