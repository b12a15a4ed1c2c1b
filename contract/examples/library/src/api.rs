//! THE SURFACE: everything that a client of the library can see. `build.rs` compiles this file too, so it imports nothing
//! else of ours.

use actix_web::error::JsonPayloadError;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{FromRequest, HttpRequest, HttpResponse, ResponseError, get, post, web};
use serde::de::{DeserializeOwned, Deserializer};
use serde::{Deserialize, Serialize};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Components, InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa::{IntoParams, IntoResponses, ToSchema};
use utoipa_actix_web::AppExt;
use utoipa_actix_web::service_config::ServiceConfig;
use validator::{Validate, ValidationError};

/// What the handlers ask for.
pub trait Shelf: Send + Sync {
    fn is_librarian(&self, token: &str) -> bool;
    fn add(&self, book: NewBook) -> Result<Book, Refusal>;
    fn list(&self, limit: u32, genre: Option<Genre>) -> Result<Vec<Book>, Refusal>;
    fn get(&self, id: u32) -> Result<Book, Refusal>;
}

/// Why it was not done.
#[derive(Clone, Copy, Debug)]
pub enum Refusal {
    Taken,
    NoSuchBook,
    Closed,
}

type Port = web::Data<dyn Shelf>;

/// What kind of book it is
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Genre {
    Novel,
    Poetry,
    Science,
}

/// A book to put on the shelf
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
pub struct NewBook {
    /// Its title
    #[validate(length(min = 1, max = 100))]
    #[schema(min_length = 1, max_length = 100, example = "Middlemarch")]
    pub title: String,
    /// Its ISBN-13, without hyphens
    #[validate(custom(function = isbn))]
    #[schema(pattern = "^97[89][0-9]{10}$", example = "9780141439549")]
    pub isbn: String,
    pub genre: Genre,
    /// How many copies there are
    #[serde(default = "one")]
    #[validate(range(min = 1, max = 99))]
    #[schema(minimum = 1, maximum = 99, default = 1)]
    pub copies: u32,
    /// A remark
    #[serde(default, deserialize_with = "present")]
    #[validate(length(max = 200))]
    #[schema(max_length = 200, nullable = false)]
    pub note: Option<String>,
}

fn one() -> u32 {
    1
}

fn isbn(text: &str) -> Result<(), ValidationError> {
    let digits = text.len() == 13 && text.bytes().all(|byte| byte.is_ascii_digit());
    let prefix = text.starts_with("978") || text.starts_with("979");
    if digits && prefix { Ok(()) } else { Err(ValidationError::new("isbn")) }
}

/// What may be left out may not be `null`.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A book on the shelf
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Book {
    /// Its number
    #[schema(example = 7)]
    pub id: u32,
    /// Its title
    #[schema(example = "Middlemarch")]
    pub title: String,
    /// Its ISBN-13
    #[schema(example = "9780141439549")]
    pub isbn: String,
    pub genre: Genre,
    /// How many copies there are
    #[schema(example = 1)]
    pub copies: u32,
    /// A remark, if there is one
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Signed by the author", nullable = false)]
    pub note: Option<String>,
}

/// Some books
#[derive(Debug, Serialize, ToSchema)]
pub struct Books {
    /// The books
    pub items: Vec<Book>,
    /// How many were asked for at most
    pub limit: u32,
}

#[derive(Debug, Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// How many at most
    #[serde(default = "twenty")]
    #[validate(range(min = 1, max = 100))]
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: u32,
    /// Of this genre alone
    #[param(nullable = false)]
    genre: Option<Genre>,
}

fn twenty() -> u32 {
    20
}

/// Why a request was refused (RFC 9457)
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// The kind of problem
    #[schema(example = "Bad Request")]
    title: &'static str,
    /// The HTTP status
    #[schema(example = 400)]
    status: u16,
    /// What happened
    #[schema(example = "title: length")]
    detail: String,
    #[serde(skip)]
    allow: Option<&'static str>,
}

impl Problem {
    fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or_default();
        Self { title, status: status.as_u16(), detail: detail.into(), allow: None }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        if self.status == 401 {
            response.insert_header((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
        }
        if let Some(allow) = self.allow {
            response.insert_header((header::ALLOW, HeaderValue::from_static(allow)));
        }
        response.insert_header((header::CONTENT_TYPE, "application/problem+json")).json(self)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Taken => Self::new(StatusCode::CONFLICT, "there is a book with this ISBN"),
            Refusal::NoSuchBook => Self::new(StatusCode::NOT_FOUND, "there is no such book"),
            Refusal::Closed => Self::new(StatusCode::SERVICE_UNAVAILABLE, "the library is closed"),
        }
    }
}

/// A JSON body or a query that keeps to the rules.
struct Valid<T>(T);

impl<T: DeserializeOwned + Validate> Valid<T> {
    async fn body(request: &HttpRequest, bytes: web::Payload) -> Result<Self, Problem> {
        let body = web::Json::<T>::from_request(request, &mut bytes.into_inner()).await;
        let body = body.map_err(|error| {
            let status = match error.as_error::<JsonPayloadError>() {
                Some(JsonPayloadError::Overflow { .. } | JsonPayloadError::OverflowKnownLength { .. }) => {
                    StatusCode::PAYLOAD_TOO_LARGE
                }
                Some(JsonPayloadError::ContentType) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
                _ => StatusCode::BAD_REQUEST,
            };
            Problem::new(status, error.to_string())
        })?;
        Self::of(body.into_inner())
    }

    fn query(request: &HttpRequest) -> Result<Self, Problem> {
        let query = web::Query::<T>::from_query(request.query_string());
        Self::of(
            query.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.to_string()))?.into_inner(),
        )
    }

    fn of(value: T) -> Result<Self, Problem> {
        value.validate().map_err(|errors| {
            let mut fields: Vec<_> = errors.errors().keys().map(AsRef::as_ref).collect();
            fields.sort_unstable();
            Problem::new(StatusCode::BAD_REQUEST, format!("not as it should be: {}", fields.join(", ")))
        })?;
        Ok(Self(value))
    }
}

fn librarian(port: &dyn Shelf, request: &HttpRequest) -> Result<(), Problem> {
    let header = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let known = header
        .and_then(|value| value.split_once(' '))
        .is_some_and(|(scheme, token)| scheme.eq_ignore_ascii_case("bearer") && port.is_librarian(token));
    if known { Ok(()) } else { Err(Problem::new(StatusCode::UNAUTHORIZED, "this takes a librarian's token")) }
}

#[derive(IntoResponses)]
#[response(
    status = 400,
    description = "The request breaks a rule of this document",
    content_type = "application/problem+json"
)]
struct BadRequest(#[allow(dead_code)] Problem);

#[derive(IntoResponses)]
#[response(
    status = 401,
    description = "This takes a librarian",
    content_type = "application/problem+json",
    headers(("WWW-Authenticate" = String, description = "The scheme to use"))
)]
struct Unauthorized(#[allow(dead_code)] Problem);

#[derive(IntoResponses)]
#[response(
    status = 405,
    description = "This path has no such method",
    content_type = "application/problem+json",
    headers(("Allow" = String, description = "The methods that it has"))
)]
struct MethodNotAllowed(#[allow(dead_code)] Problem);

#[derive(IntoResponses)]
#[response(status = 503, description = "The library is closed", content_type = "application/problem+json")]
struct Closed(#[allow(dead_code)] Problem);

/// The books on the shelf
#[utoipa::path(
    operation_id = "listBooks",
    params(ListQuery),
    responses(
        (status = 200, description = "The books, the newest first", body = Books),
        BadRequest, MethodNotAllowed, Closed,
    ),
)]
#[get("/books")]
async fn list_books(port: Port, request: HttpRequest) -> Result<web::Json<Books>, Problem> {
    let Valid(query) = Valid::<ListQuery>::query(&request)?;
    let items = port.list(query.limit, query.genre)?;
    Ok(web::Json(Books { items, limit: query.limit }))
}

/// Put a book on the shelf
#[utoipa::path(
    operation_id = "addBook",
    request_body = NewBook,
    responses(
        (
            status = 201, description = "The book is on the shelf", body = Book,
            headers(("Location" = String, description = "Where it is"))
        ),
        BadRequest, Unauthorized, MethodNotAllowed,
        (status = 409, description = "There is a book with this ISBN", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = Problem, content_type = "application/problem+json"),
        Closed,
    ),
    security(("librarian" = [])),
)]
#[post("/books")]
async fn add_book(port: Port, request: HttpRequest, bytes: web::Payload) -> Result<HttpResponse, Problem> {
    librarian(&**port, &request)?;
    let Valid(book) = Valid::<NewBook>::body(&request, bytes).await?;
    let book = port.add(book)?;
    Ok(HttpResponse::Created().insert_header((header::LOCATION, format!("/books/{}", book.id))).json(book))
}

/// One book
#[utoipa::path(
    operation_id = "getBook",
    params(("id" = u32, Path, description = "Its number")),
    responses(
        (
            status = 200, description = "The book", body = Book,
            headers(("ETag" = String, description = "Changes when the book does"))
        ),
        BadRequest, MethodNotAllowed, Closed,
        (status = 404, description = "There is no such book", body = Problem, content_type = "application/problem+json"),
    ),
)]
#[get("/books/{id}")]
async fn get_book(port: Port, id: web::Path<u32>) -> Result<HttpResponse, Problem> {
    let book = port.get(*id)?;
    Ok(HttpResponse::Ok().insert_header((header::ETAG, format!("\"{}\"", book.id))).json(book))
}

/// Refuses the methods that a path has no handler for; actix's macros alone would answer 404.
fn only(allow: &'static str) -> actix_web::Route {
    web::route().to(move || async move {
        let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("only {allow}"));
        Err::<HttpResponse, _>(Problem { allow: Some(allow), ..problem })
    })
}

/// The route table.
pub fn configure(routes: &mut ServiceConfig<'_>) {
    routes
        .app_data(web::JsonConfig::default().limit(16 * 1024))
        .app_data(
            web::PathConfig::default()
                .error_handler(|error, _| Problem::new(StatusCode::BAD_REQUEST, error.to_string()).into()),
        )
        .service(list_books)
        .service(add_book)
        .route("/books", only("GET, POST"))
        .service(get_book)
        .route("/books/{id}", only("GET"))
        .default_service(web::to(|| async {
            Err::<HttpResponse, _>(Problem::new(StatusCode::NOT_FOUND, "there is nothing here"))
        }));
}

/// The document that the mounted routes add up to.
#[allow(dead_code, reason = "build.rs draws it")]
pub fn document() -> OpenApi {
    let mut components = Components::new();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    components.add_security_scheme("librarian", SecurityScheme::Http(bearer));
    let info = InfoBuilder::new().title("Library").version("1.0.0").build();
    let frame = OpenApiBuilder::new().info(info).components(Some(components)).build();
    let app = actix_web::App::new().into_utoipa_app().openapi(frame).configure(configure);
    app.split_for_parts().1
}
