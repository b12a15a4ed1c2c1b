//! One path with all its handlers. It answers 405 with `Allow` to every other method, which actix's handler macros do
//! not, and it does so before a templated sibling can catch the request.

use actix_web::HttpResponse;
use actix_web::dev::{AppService, HttpServiceFactory};
use actix_web::web;
use utoipa::openapi::path::{HttpMethod, Paths};
use utoipa::openapi::{RefOr, Schema};
use utoipa_actix_web::OpenApiFactory;

use super::problem::Problem;

/// What is mounted at one path: its annotated handlers, and the refusal of every other method.
pub(super) struct Resource<H> {
    handlers: H,
}

impl<H> Resource<H> {
    /// The resource that `handlers`, a tuple of annotated handlers of one path, make up.
    pub(super) fn of(handlers: H) -> Self {
        Self { handlers }
    }
}

/// A handler's annotations and its route.
trait Handler: HttpServiceFactory + OpenApiFactory + utoipa::Path {}
impl<T: HttpServiceFactory + OpenApiFactory + utoipa::Path> Handler for T {}

fn refuse_other_methods(path: &str, methods: &[HttpMethod], app: &mut AppService) {
    let allow = methods.iter().map(name).collect::<Vec<_>>().join(", ");
    let refusal = move || {
        let problem = Problem::method_not_allowed(&allow);
        async move { Err::<HttpResponse, Problem>(problem) }
    };
    web::resource(path).to(refusal).register(app);
}

fn name(method: &HttpMethod) -> &'static str {
    match method {
        HttpMethod::Get => "GET",
        HttpMethod::Post => "POST",
        HttpMethod::Put => "PUT",
        HttpMethod::Delete => "DELETE",
        HttpMethod::Options => "OPTIONS",
        HttpMethod::Head => "HEAD",
        HttpMethod::Patch => "PATCH",
        HttpMethod::Trace => "TRACE",
    }
}

macro_rules! resource_of {
    ($($handler:ident $index:tt),+) => {
        impl<$($handler: Handler),+> HttpServiceFactory for Resource<($($handler,)+)> {
            fn register(self, app: &mut AppService) {
                let methods = [$($handler::methods()),+].concat();
                $(self.handlers.$index.register(app);)+
                refuse_other_methods(&A::path(), &methods, app);
            }
        }

        impl<$($handler: Handler),+> OpenApiFactory for Resource<($($handler,)+)> {
            fn paths(&self) -> Paths {
                let mut paths = Paths::new();
                $(paths.merge(self.handlers.$index.paths());)+
                paths
            }

            fn schemas(&self, schemas: &mut Vec<(String, RefOr<Schema>)>) {
                $(self.handlers.$index.schemas(schemas);)+
            }
        }
    };
}

resource_of!(A 0);
resource_of!(A 0, B 1);
resource_of!(A 0, B 1, C 2);
resource_of!(A 0, B 1, C 2, D 3);
resource_of!(A 0, B 1, C 2, D 3, E 4);
