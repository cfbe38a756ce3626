//! The controllers together, on a world of its own.

mod batch;
mod nodes;
mod pods;
mod services;
mod settled;
mod storage;
mod workloads;
