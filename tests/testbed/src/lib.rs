//! A real control plane with simulated nodes, for tests.
