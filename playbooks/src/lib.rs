//! The stock playbooks of Windlass.
