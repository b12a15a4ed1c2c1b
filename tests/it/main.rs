//! The tests of the whole: each starts the real application, with real storage and a real database, and speaks HTTP to it.

mod access;
mod attack;
mod audit;
mod backup;
mod bounds;
mod cli;
mod conformance;
mod contention;
mod contract;
mod corpus;
mod credentials;
mod docs;
mod faults;
mod flow;
mod gc;
mod health;
mod limits;
mod log;
mod metrics;
mod modes;
mod nodes;
mod origins;
mod postgres;
mod read;
mod refusals;
mod registry;
mod s3;
mod security;
mod seed;
mod settings;
mod staging;
mod support;
mod torn;
mod traces;
mod upload;

// The build's stand-in, which speaks of the crate's surface as its own.
use teable_attachments::api;
#[path = "../../src/stand_in.rs"]
mod stand_in;
