//! What scripts are given and that is no function.

/// Something that a script finds under a name, or is given by one.
pub(crate) struct Given {
    /// Its usual name.
    pub(crate) name: &'static str,
    /// What it is, as the doc comment of a primitive says it.
    pub(crate) doc: &'static str,
}

/// All of them.
pub(crate) fn given() -> [Given; 2] {
    [Given { name: "ctx", doc: CTX }, Given { name: "values", doc: VALUES }]
}

const CTX: &str = r#"What the closure of a step is given: the step itself, and what steps leave for each other.

- `ctx.key`: the step's key.
- `ctx.attempt`: 1, and one more with each new attempt.
- `ctx.state`: what steps leave for later ones, `ctx.state.name = …`. It holds data: texts, numbers, lists, maps, secrets.
  `"name" in ctx.state` says whether a step has set it.
- `ctx.result("key")`: what the closure of another step returned.

# Errors
`not_found` for state that no step has set and for a step that has left no result; `usage` for what cannot be kept.

# Example
```rhai
step("look", |ctx| {
    ctx.state.nodes = 3;
    "looked"
});
step("use", #{ needs: ["look"] }, |ctx| {
    log::info(`${ctx.key}: ${ctx.state.nodes} nodes, ${ctx.result("look")}`);
    if "hosts" in ctx.state { log::info("hosts too"); }
});
```"#;

const VALUES: &str = r#"The values of the playbook: its defaults, the customer's `values.yaml`, `-f` files and `--set`, in this order.

They cannot be changed. A value that is not there is `()`. `windlass check` finds a value that nobody gives.

# Example
```rhai
let domain = values.fqdn ?? "localhost";
log::info(`the site is ${domain}`);
```"#;
