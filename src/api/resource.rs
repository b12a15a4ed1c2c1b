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

impl<A: Handler> HttpServiceFactory for Resource<(A,)> {
    fn register(self, app: &mut AppService) {
        self.handlers.0.register(app);
        refuse_other_methods(&A::path(), &A::methods(), app);
    }
}

impl<A: Handler> OpenApiFactory for Resource<(A,)> {
    fn paths(&self) -> Paths {
        self.handlers.0.paths()
    }

    fn schemas(&self, schemas: &mut Vec<(String, RefOr<Schema>)>) {
        self.handlers.0.schemas(schemas);
    }
}

impl<A: Handler, B: Handler> HttpServiceFactory for Resource<(A, B)> {
    fn register(self, app: &mut AppService) {
        self.handlers.0.register(app);
        self.handlers.1.register(app);
        refuse_other_methods(&A::path(), &[A::methods(), B::methods()].concat(), app);
    }
}

impl<A: Handler, B: Handler> OpenApiFactory for Resource<(A, B)> {
    fn paths(&self) -> Paths {
        let mut paths = self.handlers.0.paths();
        paths.merge(self.handlers.1.paths());
        paths
    }

    fn schemas(&self, schemas: &mut Vec<(String, RefOr<Schema>)>) {
        self.handlers.0.schemas(schemas);
        self.handlers.1.schemas(schemas);
    }
}
