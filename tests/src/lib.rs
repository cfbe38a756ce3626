//! Tests of Windlass that cross its crates.
