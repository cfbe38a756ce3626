//! The kubeconfig of a listener.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::gate::Token;

/// As YAML; texts are written as JSON, which YAML contains.
pub(super) fn write(name: &str, address: SocketAddr, authority: &str, token: &Token) -> String {
    let name = crate::Json::from(name);
    let (authority, token) = (STANDARD.encode(authority), token.text());
    format!(
        "apiVersion: v1
kind: Config
clusters:
- name: {name}
  cluster:
    server: https://{address}
    certificate-authority-data: {authority}
users:
- name: {name}
  user:
    token: {token}
contexts:
- name: {name}
  context:
    cluster: {name}
    user: {name}
current-context: {name}
"
    )
}
