//! THE SURFACE: every type, bound, status and route that a client can see.
//!
//! `build.rs` compiles this room a second time, to compare it with `openapi/attachments.yaml`. So it imports nothing of
//! ours from outside itself, and no crate but actix-web, utoipa, utoipa-actix-web, serde and validator. What it needs
//! done it asks of [`port::Attachments`].

pub mod attachments;
pub mod bearer;
pub mod json;
pub mod number;
pub mod port;
pub mod problem;
pub mod query;
pub mod rate_limit;
mod resource;
pub mod text;

use actix_web::web;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::server::ServerBuilder;
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{Components, InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa_actix_web::AppExt;
use utoipa_actix_web::service_config::ServiceConfig;

use attachments::{notify, open, read, signature, upload};
use problem::Problem;
use resource::Resource;

/// Where [`configure`] is mounted; the first server of the contract.
pub const MOUNT: &str = "/api";

/// The route table, and the only one. A path with fixed segments stands before the template that would match it too.
pub fn configure(routes: &mut ServiceConfig<'_>) {
    routes
        .app_data(json::config(json::BODY_MAX))
        .app_data(web::PathConfig::default().error_handler(|_, _| Problem::no_such_route().into()))
        .service(Resource::of((signature::get_signature,)))
        .service(Resource::of((upload::upload_file, upload::upload_file_by_post)))
        .service(Resource::of((notify::notify_upload,)))
        .service(Resource::of((read::read_file, read::head_file)))
        .service(Resource::of((open::open_attachment,)))
        .default_service(web::to(|| async { Err::<&str, _>(Problem::no_such_route()) }));
}

/// The document that the mounted routes and their annotations add up to.
#[must_use]
pub fn document() -> OpenApi {
    let frame = OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Teable App")
                .version("1.0.0")
                .description(Some("Manage Data as easy as drink a cup of tea"))
                .build(),
        )
        .servers(Some([
            ServerBuilder::new()
                .url(MOUNT)
                .description(Some("The server that this document comes from"))
                .build(),
            ServerBuilder::new().url("https://app.teable.ai/api").build(),
        ]))
        .security(Some([]))
        .tags(Some([TagBuilder::new()
            .name("attachments")
            .description(Some(
                "A file is stored in three steps: ask for an upload signature, send the bytes to the address that it \
                 names, notify that they have arrived. The answer to the last step carries an address at which the \
                 file can be read.",
            ))
            .build()]))
        .components(Some(components()))
        .build();
    let (_, document) =
        actix_web::App::new().into_utoipa_app().openapi(frame).configure(configure).split_for_parts();
    document
}

fn components() -> Components {
    let mut components = Components::new();
    components.add_security_scheme(
        "bearerAuth",
        SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build()),
    );
    components.schemas.extend(problem::schemas());
    components
}
