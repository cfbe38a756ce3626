//! The primitives of Windlass.
