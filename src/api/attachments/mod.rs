//! One file for each operation, or for the two methods of one: its types and its handler.

pub mod notify;
pub mod open;
pub mod read;
mod responses;
pub mod signature;
pub mod upload;

use actix_web::web;

use super::port::Attachments;

/// The port, as the composition root mounts it.
pub type Port = web::Data<dyn Attachments>;
