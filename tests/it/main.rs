//! The tests of the whole: each starts the real application, with real storage and a real database, and speaks HTTP to it.

mod access;
mod bounds;
mod cli;
mod contract;
mod crash;
mod docs;
mod flow;
mod origins;
mod read;
mod refusals;
mod seed;
mod settings;
mod support;
