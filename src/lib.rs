//! A stand-alone attachment service that speaks Teable's attachments API.
//!
//! A request moves one way: [`http`] → [`api`] → [`service`] → [`domain`], [`token`], [`storage`], [`registry`].
//! [`app`] is the one place that names them all. [`document`] is what is told of the contract, in pages and on the command line;
//! [`client`] is the other side of it. [`metrics`] is what an operator sees of it.

pub mod api;
pub mod app;
pub mod audit;
pub mod cli;
pub mod client;
pub mod config;
mod descriptors;
pub mod document;
pub mod domain;
pub mod http;
pub mod metrics;
mod modes;
pub mod registry;
pub mod service;
pub mod storage;
pub mod telemetry;
mod tls;
pub mod token;
mod uri;
