//! The documented answers that several operations share, each said once: its status, its sentence, its headers.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use utoipa::IntoResponses;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, Header, RefOr, Response, ResponseBuilder};

use super::super::problem;

/// Documented answers by status.
pub(super) type Responses = BTreeMap<String, RefOr<Response>>;

macro_rules! refusals {
    ($($name:ident $status:literal $description:literal $($header:literal: $meaning:literal)*;)*) => {$(
        pub(super) struct $name;

        impl IntoResponses for $name {
            fn responses() -> Responses {
                let response = ResponseBuilder::new()
                    .description($description)
                    $(.header($header, text_header($meaning)))*
                    .content(problem::MEDIA_TYPE, ContentBuilder::new().schema(Some(problem::schema_ref())).build());
                documented($status, response)
            }
        }
    )*};
}

refusals! {
    BadRequest "400" "The request breaks a rule of this document; `errors` names each offending field";
    Unauthorized "401" "There is no access token, or not a valid one"
        "WWW-Authenticate": "The scheme to use, which is `Bearer`";
    Forbidden "403" "The credentials do not reach this far";
    NotFound "404" "There is no such file";
    MethodNotAllowed "405" "This path has no such method" "Allow": "The methods that it has";
    RequestTimeout "408" "The body came too slowly";
    Conflict "409" "Other bytes are already stored under this token";
    ContentTooLarge "413" "The body is larger than what is allowed or was signed";
    UnsupportedMediaType "415" "The body is of another type than what is documented or was signed";
    RangeNotSatisfiable "416" "The file has no such range" "Content-Range": "The file's size, as `bytes */SIZE`";
    TooManyRequests "429" "Too many requests came with this access token, or from this address"
        "RateLimit": "How many requests are left, and after how many seconds there are more (draft-ietf-httpapi-ratelimit-headers)"
        "RateLimit-Policy": "How many requests there are in how many seconds"
        "Retry-After": "In how many seconds to try again";
    ServiceUnavailable "503" "The storage or the registry cannot be reached, or the server is busy; try again later"
        "Retry-After": "In how many seconds to try again";
    InsufficientStorage "507" "There is no room left for the file, or its base has no more";
}

/// The same refusal as the answer to a HEAD request, which has no body.
pub(super) struct Bodiless<R>(PhantomData<R>);

impl<R: IntoResponses> IntoResponses for Bodiless<R> {
    fn responses() -> Responses {
        let bodiless = |(status, response)| match response {
            RefOr::T(Response { description, headers, .. }) => {
                let mut bodiless = ResponseBuilder::new().description(description).build();
                bodiless.headers = headers;
                (status, bodiless.into())
            }
            reference @ RefOr::Ref(_) => (status, reference),
        };
        R::responses().into_iter().map(bodiless).collect()
    }
}

/// A response with these headers, of which each is a name and what it means.
pub(super) fn with_headers<'a>(headers: impl IntoIterator<Item = &'a (&'a str, &'a str)>) -> ResponseBuilder {
    headers.into_iter().fold(ResponseBuilder::new(), |response, (name, meaning)| {
        response.header(*name, text_header(meaning))
    })
}

/// The one documented answer with this status.
pub(super) fn documented(status: &str, response: ResponseBuilder) -> Responses {
    Responses::from([(status.to_owned(), response.build().into())])
}

fn text_header(meaning: &str) -> Header {
    HeaderBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .description(Some(meaning))
        .build()
}
