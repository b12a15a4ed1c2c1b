//! A stand-alone attachment service that speaks Teable's attachments API.
//!
//! A request moves one way: [`http`] → [`api`] → [`service`] → [`domain`], [`token`], [`storage`], [`registry`].
//! [`app`] is the one place that names them all.

pub mod api;
pub mod app;
pub mod cli;
pub mod config;
pub mod domain;
pub mod http;
pub mod registry;
pub mod service;
pub mod storage;
pub mod telemetry;
pub mod token;
