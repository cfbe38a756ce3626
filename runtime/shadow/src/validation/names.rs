//! What names, keys and values have to look like, and the words that say so.

const LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";

fn regex_words(message: &str, regex: &str, examples: &[&str]) -> String {
    // With two spaces, as the API server has them.
    let examples: Vec<String> = examples.iter().map(|e| format!("'{e}', ")).collect();
    let examples = examples.join(" or ");
    format!("{message} (e.g. {examples}regex used for validation is '{regex}')")
}

fn too_long(most: usize) -> String {
    format!("must be no more than {most} characters")
}

/// Keys and values of labels are counted in bytes, by the name at least.
fn too_many_bytes(most: usize) -> String {
    format!("must be no more than {most} bytes")
}

fn alnum(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

fn is_label(value: &str) -> bool {
    value.starts_with(alnum) && value.ends_with(alnum) && value.chars().all(|c| alnum(c) || c == '-')
}

fn is_subdomain(value: &str) -> bool {
    value.split('.').all(is_label)
}

/// A name that is one label of DNS.
pub(crate) fn dns_label(value: &str) -> Vec<String> {
    let mut words = vec![];
    if value.len() > 63 {
        words.push(too_long(63));
    }
    if !is_label(value) {
        words.push(if is_subdomain(value) {
            "must not contain dots".to_owned()
        } else {
            let message = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must \
                           start and end with an alphanumeric character";
            regex_words(message, LABEL, &["my-name", "123-abc"])
        });
    }
    words
}

/// A name that is a domain: labels with dots between.
pub(crate) fn dns_subdomain(value: &str) -> Vec<String> {
    let mut words = vec![];
    if value.len() > 253 {
        words.push(too_long(253));
    }
    if !is_subdomain(value) {
        let message = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and \
                       must start and end with an alphanumeric character";
        words.push(regex_words(message, &format!("{LABEL}(\\.{LABEL})*"), &["example.com"]));
    }
    words
}

/// An older kind of label, which begins with a letter: names of groups' resources and versions.
pub(crate) fn dns_1035_label(value: &str) -> Vec<String> {
    let mut words = vec![];
    if value.len() > 63 {
        words.push(too_long(63));
    }
    if !is_label(value) || !value.starts_with(|c: char| c.is_ascii_lowercase()) {
        let message = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an \
                       alphabetic character, and end with an alphanumeric character";
        words.push(regex_words(message, "[a-z]([-a-z0-9]*[a-z0-9])?", &["my-name", "abc-123"]));
    }
    words
}

/// A domain that begins with `*.`.
pub(crate) fn wildcard_subdomain(value: &str) -> Vec<String> {
    let mut words = vec![];
    if value.len() > 253 {
        words.push(too_long(253));
    }
    if !value.strip_prefix("*.").is_some_and(is_subdomain) {
        let message = "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must \
                       consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character";
        words.push(regex_words(message, &format!("\\*\\.{LABEL}(\\.{LABEL})*"), &["*.example.com"]));
    }
    words
}

/// A name that can be a part of a path.
pub(crate) fn path_segment(value: &str) -> Vec<String> {
    if value == "." || value == ".." {
        return vec![format!("may not be '{value}'")];
    }
    ['/', '%'].into_iter().filter(|c| value.contains(*c)).map(|c| format!("may not contain '{c}'")).collect()
}

fn is_key_name(value: &str) -> bool {
    let ends = |c: char| c.is_ascii_alphanumeric();
    value.starts_with(ends)
        && value.ends_with(ends)
        && value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

/// A key of labels, annotations and so on: a name, with or without a domain before it.
pub(crate) fn qualified(value: &str) -> Vec<String> {
    const MESSAGE: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
                           alphanumeric character";
    const REGEX: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
    let mut words = vec![];
    let parts: Vec<&str> = value.split('/').collect();
    let name = match parts.as_slice() {
        [name] => name,
        [prefix, name] => {
            if prefix.is_empty() {
                words.push("prefix part must be non-empty".to_owned());
            } else {
                let wrong = dns_subdomain(prefix).into_iter().map(|w| w.replace(&too_long(253), &too_many_bytes(253)));
                words.extend(wrong.map(|w| format!("prefix part {w}")));
            }
            name
        }
        _ => {
            let wrong = regex_words(MESSAGE, REGEX, &["MyName", "my.name", "123-abc"]);
            let message = format!("a valid label key {wrong}");
            return vec![format!(
                "{message} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            )];
        }
    };
    if name.is_empty() {
        words.push("name part must be non-empty".to_owned());
    } else if name.len() > 63 {
        words.push(format!("name part {}", too_many_bytes(63)));
    }
    if !is_key_name(name) {
        words.push(format!("name part {}", regex_words(MESSAGE, REGEX, &["MyName", "my.name", "123-abc"])));
    }
    words
}

/// The value of a label.
pub(crate) fn label_value(value: &str) -> Vec<String> {
    let mut words = vec![];
    if value.len() > 63 {
        words.push(too_many_bytes(63));
    }
    if !value.is_empty() && !is_key_name(value) {
        let message = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and \
                       must start and end with an alphanumeric character";
        let regex = "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?";
        words.push(regex_words(message, regex, &["MyValue", "my_value", "12345"]));
    }
    words
}

/// A key of a ConfigMap's or a Secret's data.
pub(crate) fn config_key(value: &str) -> Vec<String> {
    let mut words = vec![];
    if value.len() > 253 {
        words.push(too_long(253));
    }
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if value.is_empty() || !value.chars().all(known) {
        let message = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";
        words.push(regex_words(message, "[-._a-zA-Z0-9]+", &["key.name", "KEY_NAME", "key-name"]));
    }
    match value {
        "." => words.push("must not be '.'".to_owned()),
        ".." => words.push("must not be '..'".to_owned()),
        other if other.starts_with("..") => words.push("must not start with '..'".to_owned()),
        _ => {}
    }
    words
}

/// The name of an environment variable: any printable ASCII but `=`.
pub(crate) fn variable(value: &str) -> Vec<String> {
    let mut words = vec![];
    if value.is_empty() {
        words.push("environment variable name must be non-empty".to_owned());
    }
    if !value.chars().all(|c| (' '..='~').contains(&c) && c != '=') {
        let message =
            "a valid environment variable name must consist only of printable ASCII characters other than '='";
        words.push(message.to_owned());
    }
    words
}

/// The name of a port.
pub(crate) fn port_name(value: &str) -> Vec<String> {
    let mut words = vec![];
    if value.len() > 15 {
        words.push(too_long(15));
    }
    if value.is_empty() || !value.chars().all(|c| alnum(c) || c == '-') {
        words.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)".to_owned());
    }
    if !value.contains(|c: char| c.is_ascii_lowercase()) {
        words.push("must contain at least one letter (a-z)".to_owned());
    }
    if value.contains("--") {
        words.push("must not contain consecutive hyphens".to_owned());
    }
    if value.starts_with('-') || value.ends_with('-') {
        words.push("must not begin or end with a hyphen".to_owned());
    }
    words
}

/// The number of a port.
pub(crate) fn port_number(value: i64) -> Vec<String> {
    if (1..=65535).contains(&value) { vec![] } else { vec!["must be between 1 and 65535, inclusive".to_owned()] }
}

/// A percentage, such as `25%`.
pub(crate) fn percent(value: &str) -> Vec<String> {
    let digits = value.strip_suffix('%').unwrap_or_default();
    if !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit()) {
        return vec![];
    }
    let message = "a valid percent string must be a numeric string followed by an ending '%'";
    vec![regex_words(message, "[0-9]+%", &["1%", "93%"])]
}

/// The name of an HTTP header.
pub(crate) fn http_header(value: &str) -> Vec<String> {
    if !value.is_empty() && value.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        return vec![];
    }
    let message = "a valid HTTP header must consist of alphanumeric characters or '-'";
    vec![regex_words(message, "[-A-Za-z0-9]+", &["X-Header-Name"])]
}
