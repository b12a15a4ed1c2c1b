//! How an operation is written in this service. `build.rs` mounts this file, so that the stub of an operation which the
//! contract has and nobody wrote yet looks like its neighbours.

use contract::stub::{Beside, Edit, Idiom, Piece};

/// The idiom of `src/api/` and of what stands behind it.
pub const IDIOM: Idiom = Idiom {
    file: "src/api/attachments/{module}.rs",
    outside: "crate::api::attachments::{module}",
    root: ("src/api", "crate::api"),
    port: Piece {
        argument: "port: Port",
        statement: "",
        passed: "port",
        takes: "",
        imports: &["super::super::problem::Problem", "super::Port"],
    },
    scheme: "bearerAuth",
    caller: Piece {
        argument: "bearer: Bearer",
        statement: "let caller = bearer.authenticate(&**port).await?;",
        passed: "caller",
        takes: "_caller: Caller",
        imports: &["super::super::bearer::Bearer"],
    },
    path: Piece {
        argument: "request: HttpRequest",
        statement: "let path: {type} = query::read_path(&request)?;",
        passed: "path",
        takes: "_path: {type}",
        imports: &["actix_web::HttpRequest", "super::super::query"],
    },
    query: Piece {
        argument: "request: HttpRequest",
        statement: "let query: {type} = query::read(&request)?;",
        passed: "query",
        takes: "_query: {type}",
        imports: &["actix_web::HttpRequest", "super::super::query"],
    },
    body: Piece {
        argument: "body: Json<{type}>",
        statement: "let body = body.read().await?;",
        passed: "body",
        takes: "_body: {type}",
        imports: &["super::super::json::Json"],
    },
    present: "json::present",
    present_import: "super::super::json",
    answers: "super::responses",
    raised: &[
        ("400", "invalid"),
        ("403", "|| Refusal::OutsideBases"),
        ("404", "|| Refusal::NoSuchFile"),
        ("408", "|| Refusal::TooSlow"),
        ("409", "|| Refusal::OtherBytes"),
        ("429", "|| exhausted(Counted::ByToken)"),
        ("503", "unavailable"),
        ("507", "|| Refusal::NoRoom(\"no space left on device\".into())"),
    ],
    example: "example({json})",
    unwritten: "Err(unavailable())",
    turn: "self.turn()",
    mount: Edit {
        file: "src/api/mod.rs",
        side: Beside::Above,
        line: ".service(Resource::of((signature::get_signature,)))",
        text: ".service(Resource::of((attachments::{module}::{handler},)))",
    },
    mount_beside: ("src/api/mod.rs", "attachments::{module}::{handler}, "),
    edits: &[
        Edit {
            file: "src/api/attachments/mod.rs",
            side: Beside::Above,
            line: "pub mod notify;",
            text: "pub mod {module};",
        },
        Edit {
            file: "src/api/port.rs",
            side: Beside::Below,
            line: "pub trait Attachments: Send + Sync {",
            text: "/// {summary}.
fn {handler}(&self{takes}) -> Answer<'_, {answer}> {
    Box::pin(async { Err(Refusal::Unavailable(\"not written yet\".into())) })
}

",
        },
        Edit {
            file: "src/stand_in.rs",
            side: Beside::Below,
            line: "const RAISED: &[(&str, &[Refuse])] = &[",
            text: "(\"{handler}\", &[{raised}]),",
        },
        Edit {
            file: "src/stand_in.rs",
            side: Beside::Below,
            line: "impl Attachments for StandIn {",
            text: "fn {handler}(&self{takes}) -> Answer<'_, {answer}> {
    Box::pin(async move {
        self.enter(\"{handler}\")?;
        {body}
    })
}

",
        },
    ],
};
