//! The engine from outside: the reference's measured vectors, and both engines against each other.

mod allocations;
mod build;
mod checkpoint;
mod clock;
mod currents;
mod decisions;
mod encoding;
mod engines;
mod extremes;
mod goldens;
mod mt19937;
mod queue;
mod reads;
mod refusals;
mod rooflines;
mod traces;
