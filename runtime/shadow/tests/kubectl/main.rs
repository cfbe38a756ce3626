//! Real kubectl, unmodified, against the shadow's listener; where a test bed is asked for, the same commands go to a real
//! API server too, and what they print is compared.
//!
//! Any kubectl will do: the test bed's, or where none has been built that of the system.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests, which run kubectl as a person would and wait in the machine's own time"
)]

mod plain;
mod session;

mod applying;
mod changing;
mod creating;
mod deleting;
mod further;
mod looking;
mod machines;
mod rollouts;

/// A Deployment of two containers, its Service, and a ConfigMap.
const WEB: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: main
        image: nginx:1.27
        ports: [{containerPort: 80}]
        env: [{name: A, value: '1'}, {name: B, value: '2'}]
        resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {memory: 128Mi}}
      - name: side
        image: busybox:1.37
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {a: '1', b: '2'}
";

/// The ConfigMap by itself, with other data.
fn settings(data: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: settings}}\ndata: {{{data}}}\n")
}
