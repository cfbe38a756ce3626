//! The runtime: the engine with its primitives. Built once; sessions on it are cheap, and several can run at once.

use std::collections::HashMap;
use std::sync::Arc;

use rhai::Engine;

use crate::bridge::Bridge;
use crate::change::Handler;
use crate::files::Tree;
use crate::primitive::Primitive;
use crate::session::SessionBuilder;
use crate::suggest::did_you_mean;
use crate::target::Target;
use crate::{Error, Result, engine};

/// Registers a type that scripts hold and look at, with its properties.
pub type RegisterType = fn(&mut Engine);

/// What a crate brings: primitives, the types that they return, and the handlers that probe and take back their changes.
#[derive(Default, Clone)]
pub struct Package {
    /// The primitives.
    pub primitives: Vec<Primitive>,
    /// The types, beyond plain data.
    pub types: Vec<RegisterType>,
    /// The handlers.
    pub handlers: Vec<Arc<dyn Handler>>,
}

impl Package {
    /// A package of these primitives.
    #[must_use]
    pub fn new(primitives: Vec<Primitive>) -> Self {
        Self { primitives, ..Self::default() }
    }

    /// Adds a type.
    #[must_use]
    pub fn type_of(mut self, register: RegisterType) -> Self {
        self.types.push(register);
        self
    }

    /// Adds a handler.
    #[must_use]
    pub fn handler(mut self, handler: impl Handler) -> Self {
        self.handlers.push(Arc::new(handler));
        self
    }
}

/// Sets up a [`Runtime`].
#[derive(Default)]
pub struct RuntimeBuilder {
    packages: Vec<Package>,
    bridge: Option<Bridge>,
    stock: Option<Tree>,
    followed: bool,
}

impl RuntimeBuilder {
    /// Adds a package.
    #[must_use]
    pub fn with(mut self, package: Package) -> Self {
        self.packages.push(package);
        self
    }

    /// Waits on a tokio runtime of the embedder's.
    #[must_use]
    pub fn bridge(mut self, bridge: Bridge) -> Self {
        self.bridge = Some(bridge);
        self
    }

    /// Adds the playbooks that are built in.
    #[must_use]
    pub fn stock(mut self, tree: Tree) -> Self {
        self.stock = Some(tree);
        self
    }

    /// Lets sessions [follow](crate::session::Follower) the statements of steps, and [look](crate::playbook::Console::here) at their
    /// variables. Each statement costs a copy of the smaller variables, and each call of a script's function one of its arguments.
    #[must_use]
    pub fn followed(mut self) -> Self {
        self.followed = true;
        self
    }

    /// Builds it.
    ///
    /// # Errors
    /// [`crate::Kind::Usage`] if two packages bring the same primitive; [`crate::Kind::System`] without worker threads.
    pub fn build(self) -> Result<Runtime> {
        let mut primitives: Vec<Primitive> = engine::own_primitives();
        let (mut types, mut handlers) = (Vec::new(), HashMap::new());
        for package in self.packages {
            primitives.extend(package.primitives);
            types.extend(package.types);
            for handler in package.handlers {
                handlers.insert(handler.name().to_owned(), handler);
            }
        }
        let mut ids = std::collections::HashSet::new();
        if let Some(twice) = primitives.iter().find(|p| !ids.insert(p.id())) {
            return Err(Error::usage(format!("two packages bring the primitive {}", twice.id())));
        }
        let bridge = match self.bridge {
            Some(bridge) => bridge,
            None => Bridge::new()?,
        };
        let engine = engine::build(&primitives, &types, self.followed);
        let (stock, followed) = (self.stock, self.followed);
        Ok(Runtime(Arc::new(Inner { engine, primitives, handlers, bridge, stock, followed })))
    }
}

struct Inner {
    engine: Engine,
    primitives: Vec<Primitive>,
    handlers: HashMap<String, Arc<dyn Handler>>,
    bridge: Bridge,
    stock: Option<Tree>,
    followed: bool,
}

/// The runtime. Clones are the same runtime.
#[derive(Clone)]
pub struct Runtime(Arc<Inner>);

impl Runtime {
    /// Starts to set one up.
    #[must_use]
    pub fn builder() -> RuntimeBuilder {
        RuntimeBuilder::default()
    }

    /// Starts to set up a session on a target.
    #[must_use]
    pub fn session(&self, target: impl Target) -> SessionBuilder {
        SessionBuilder::new(self.clone(), Arc::new(target))
    }

    /// The engine.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// The primitives, in the order of their packages.
    #[must_use]
    pub fn primitives(&self) -> &[Primitive] {
        &self.0.primitives
    }

    /// The primitive of this module and name.
    #[must_use]
    pub fn primitive(&self, module: &str, name: &str) -> Option<&Primitive> {
        self.0.primitives.iter().find(|p| p.module == module && p.name == name)
    }

    /// What an unknown primitive is called here, as a hint: by the names that others have for it, in its module if there are.
    #[must_use]
    pub fn other_name(&self, module: &str, name: &str) -> Option<String> {
        let meant: Vec<&Primitive> = self.0.primitives.iter().filter(|p| p.is_also(name)).collect();
        let own: Vec<&Primitive> = meant.iter().copied().filter(|p| p.module == module).collect();
        let ids = if own.is_empty() { meant } else { own };
        let ids: Vec<String> = ids.into_iter().map(|p| format!("{:?}", p.id())).collect();
        (!ids.is_empty()).then(|| format!("did you mean {}?", ids.join(" or ")))
    }

    /// The nearest primitive to an unknown one, as a hint.
    #[must_use]
    pub fn nearest_primitive(&self, module: &str, name: &str) -> Option<String> {
        if let Some(meant) = self.other_name(module, name) {
            return Some(meant);
        }
        let same: Vec<String> = self.0.primitives.iter().filter(|p| p.module == module).map(Primitive::id).collect();
        let all: Vec<String> = self.0.primitives.iter().map(Primitive::id).collect();
        let wanted = if module.is_empty() { name.to_owned() } else { format!("{module}::{name}") };
        did_you_mean(&wanted, same.iter().map(String::as_str))
            .or_else(|| did_you_mean(&wanted, all.iter().map(String::as_str)))
            .or_else(|| {
                let modules: std::collections::BTreeSet<&str> = self.0.primitives.iter().map(|p| p.module).collect();
                did_you_mean(module, modules.into_iter().filter(|m| !m.is_empty() && *m != module))
            })
    }

    /// The bridge.
    #[must_use]
    pub fn bridge(&self) -> &Bridge {
        &self.0.bridge
    }

    /// The playbooks that are built in.
    #[must_use]
    pub fn stock(&self) -> Option<Tree> {
        self.0.stock
    }

    pub(crate) fn is_followed(&self) -> bool {
        self.0.followed
    }

    pub(crate) fn handler(&self, name: &str) -> Option<Arc<dyn Handler>> {
        self.0.handlers.get(name).cloned()
    }
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Runtime with {} primitives", self.0.primitives.len())
    }
}
