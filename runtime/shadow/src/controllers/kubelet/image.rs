//! The names of images.

use std::sync::LazyLock;

use regex::Regex;

use crate::go;

/// A name without its domain, its tag, its digest: `github.com/distribution/reference`.
static REFERENCE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let part = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
    let domain = format!(r"(?:{part}(?:\.{part})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?");
    let path = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";
    let tag = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}";
    let digest = "[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}";
    Regex::new(&format!("^{domain}/({path}(?:/{path})*)(?::{tag})?(?:@({digest}))?$")).ok()
});

/// The longest path of a name.
const LONGEST: usize = 255;

/// What a kubelet says of a name that is none.
pub(super) fn invalid(image: &str) -> Option<String> {
    let why = fault(image)?;
    let quoted = go::quote(image);
    Some(format!("Failed to apply default image tag {quoted}: couldn't parse image name {quoted}: {why}"))
}

fn fault(image: &str) -> Option<String> {
    let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if image.len() == 64 && is_hex(image) {
        let why = "cannot specify 64-byte hexadecimal strings";
        return Some(format!("invalid repository name ({image}), {why}"));
    }
    let (domain, rest) = domain_and_rest(image);
    let name = rest.split(':').next().unwrap_or_default();
    if name.to_lowercase() != name {
        return Some(format!("invalid reference format: repository name ({name}) must be lowercase"));
    }
    let whole = format!("{domain}/{rest}");
    let Some(parts) = REFERENCE.as_ref()?.captures(&whole) else {
        let lower = REFERENCE.as_ref()?.is_match(&whole.to_lowercase());
        return Some(if lower { "repository name must be lowercase" } else { "invalid reference format" }.to_owned());
    };
    if parts.get(1).is_some_and(|path| path.len() > LONGEST) {
        return Some(format!("repository name must not be more than {LONGEST} characters"));
    }
    let (algorithm, digits) = parts.get(2)?.as_str().split_once(':')?;
    let length = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return Some("unsupported digest algorithm".to_owned()),
    };
    match digits.len() == length {
        false => Some("invalid checksum digest length".to_owned()),
        true => (!is_hex(digits)).then(|| "invalid checksum digest format".to_owned()),
    }
}

/// The registry of a name, and what is in it.
fn domain_and_rest(image: &str) -> (&str, String) {
    let hub = |rest: &str| {
        let official = if rest.contains('/') { "" } else { "library/" };
        ("docker.io", format!("{official}{rest}"))
    };
    match image.split_once('/') {
        Some(("index.docker.io" | "docker.io", rest)) => hub(rest),
        Some((first, rest)) if first == "localhost" || first.contains(['.', ':']) || first.to_lowercase() != first => {
            (first, rest.to_owned())
        }
        _ => hub(image),
    }
}

/// The reason that containerd gives.
pub(super) fn why_not(image: &str) -> String {
    let full = full_name(image);
    format!(
        "rpc error: code = NotFound desc = failed to pull and unpack image \"{full}\": \
         failed to resolve reference \"{full}\": {full}: not found"
    )
}

/// An image's name with its registry and tag.
pub(super) fn full_name(image: &str) -> String {
    let first = image.split('/').next().unwrap_or_default();
    let registry = first.contains(['.', ':']) || first == "localhost";
    let name = match (image.contains('/'), registry) {
        (true, true) => image.to_owned(),
        (true, false) => format!("docker.io/{image}"),
        (false, _) => format!("docker.io/library/{image}"),
    };
    let last = name.rsplit('/').next().unwrap_or_default();
    if last.contains([':', '@']) { name } else { format!("{name}:latest") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_the_kubelet_reads_them() {
        let digest = format!("@sha256:{}", "0a".repeat(32));
        for good in [
            "nginx",
            "nginx:1.27",
            "a/b",
            "registry.example.com:5000/a/b_c/d--e:v1.0_x",
            "localhost/a",
            "[::1]:5000/a",
            "docker.io/nginx",
            "UPPER/name",
            &format!("nginx{digest}"),
            &format!("nginx:1{digest}"),
        ] {
            assert_eq!(invalid(good), None, "{good}");
        }
        for (bad, why) in [
            ("ngi nx", "invalid reference format"),
            ("nginx:", "invalid reference format"),
            ("nginx:a:b", "invalid reference format"),
            (":1", "invalid reference format"),
            ("a//b", "invalid reference format"),
            ("{{ image }}", "invalid reference format"),
            ("http://registry/a", "invalid reference format"),
            ("a..b", "invalid reference format"),
            ("a/Nginx:1", "invalid reference format: repository name (a/Nginx) must be lowercase"),
            ("nginx@sha256:00000000000000000000000000000000", "invalid checksum digest length"),
            ("nginx@md5:00000000000000000000000000000000", "unsupported digest algorithm"),
        ] {
            let said = format!("Failed to apply default image tag {bad:?}: couldn't parse image name {bad:?}: {why}");
            assert_eq!(invalid(bad), Some(said), "{bad}");
        }
        assert!(invalid(&"0a".repeat(32)).unwrap().ends_with("cannot specify 64-byte hexadecimal strings"));
        assert!(invalid(&format!("a/{}", "b".repeat(260))).unwrap().ends_with("more than 255 characters"));
    }
}
