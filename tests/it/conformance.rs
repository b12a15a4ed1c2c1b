//! The build's conformance suite once more: with thousands of random cases, and against the whole application over HTTP.

use std::cell::RefCell;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{App as ActixApp, test, web};
use contract::Spec;
use contract::conformance::{
    Answer, App, Behind, Credential, Draft, Effort, InMemory, LiveValue, Options, Request, Suite, Task,
};
use serde_json::{Value, json};
use teable_attachments::api;
use teable_attachments::api::port::Attachments;
use utoipa_actix_web::AppExt;

use crate::stand_in::{ACCESS_TOKEN, StandIn};
use crate::support::{self, text};

const SPEC: &str = include_str!("../../openapi/attachments.yaml");

fn spec() -> Spec {
    Spec::read("openapi/attachments.yaml", SPEC).unwrap_or_else(|report| panic!("{report}"))
}

/// Another one each time, and printed, so that what it found can be found again: `SEED=… cargo nextest run conformance`.
fn seed() -> u64 {
    let now = || SystemTime::UNIX_EPOCH.elapsed().map_or(0, |now| u64::from(now.subsec_nanos()));
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(now);
    println!("SEED={seed}");
    seed
}

#[actix_web::test]
async fn the_handlers_keep_to_the_spec_in_thousands_of_random_cases() {
    let spec = spec();
    let stand_in = StandIn::new(spec.document());
    let port: Arc<dyn Attachments> = Arc::new(stand_in.clone());
    let app = ActixApp::new()
        .into_utoipa_app()
        .app_data(web::Data::from(port))
        .configure(api::configure)
        .into_app();
    let app = InMemory::new(test::init_service(app).await, StandIn::failures(), move |failure| {
        stand_in.fail(failure);
    });
    let bearer = Credential { scheme: "bearerAuth".to_owned(), secret: ACCESS_TOKEN.to_owned() };
    let effort = Effort { random_cases: 1_000, seed: seed() };
    let suite = Suite::derive(&spec, Options { credentials: vec![bearer], effort, ..Options::default() });
    match suite.run(&app).await {
        Ok(tally) => println!("the handlers, in memory\n{tally}"),
        Err(report) => panic!("{report}"),
    }
}

#[actix_web::test]
async fn the_whole_application_keeps_to_the_spec_over_http() {
    let spec = spec();
    let app = Whole::start().await;
    let bearer = Credential { scheme: "bearerAuth".to_owned(), secret: app.bearer.clone() };
    let options = Options {
        base: "/api".to_owned(),
        credentials: vec![bearer],
        effort: Effort { random_cases: 100, seed: seed() },
        behind: Behind::Service,
    };
    let suite = Suite::derive(&spec, options);
    match suite.run(&app).await {
        Ok(tally) => println!("the whole application, over HTTP\n{tally}"),
        Err(report) => panic!("{report}"),
    }
}

/// The application with real storage and a real registry, as a client reaches it.
struct Whole {
    app: support::App,
    bearer: String,
    client: awc::Client,
    /// A file that can be read, once there is one.
    stored: RefCell<Option<Value>>,
}

impl Whole {
    async fn start() -> Self {
        let app = support::App::start().await;
        let bearer = app.bearer.trim_start_matches("Bearer ").to_owned();
        let client = awc::Client::builder()
            .disable_redirects()
            .no_default_headers()
            .timeout(Duration::from_mins(1))
            .finish();
        Self { app, bearer, client, stored: RefCell::default() }
    }

    async fn exchange(&self, request: Request) -> Result<Answer, Box<dyn Error>> {
        let Request { method, target, headers, body } = request;
        let url = format!("{}{target}", self.app.origin);
        let mut sent = self.client.request(method.parse()?, url);
        for (name, value) in headers {
            let pair = (HeaderName::from_bytes(name.as_bytes())?, HeaderValue::from_bytes(&value)?);
            sent = sent.append_header(pair);
        }
        let mut answer = if body.is_empty() && matches!(method.as_str(), "GET" | "HEAD" | "OPTIONS" | "TRACE")
        {
            sent.send().await.map_err(|error| error.to_string())?
        } else {
            sent.send_body(body).await.map_err(|error| error.to_string())?
        };
        let body = if method == "HEAD" { Vec::new() } else { answer.body().await?.to_vec() };
        let headers = answer.headers().iter();
        Ok(Answer {
            status: answer.status().as_u16(),
            headers: headers
                .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
                .collect(),
            body,
        })
    }

    /// A file that anyone may read.
    async fn stored(&self) -> Value {
        let known = self.stored.borrow().clone();
        if let Some(stored) = known {
            return stored;
        }
        let stored = self.app.store("image/png", 2, b"some bytes").await;
        *self.stored.borrow_mut() = Some(stored.clone());
        stored
    }

    /// A token for this very upload.
    async fn upload_token(&self, draft: &Draft<'_>) -> String {
        let sign = |media_type: &str| json!({"contentType": media_type, "contentLength": draft.body.len(), "type": 1});
        let signed = self.app.sign(&sign(draft.media_type.unwrap_or_default())).await;
        // What is no media type cannot be signed, so the upload claims another one.
        let signed = if signed.status == 201 { signed } else { self.app.sign(&sign("")).await };
        text(&signed.json()["token"]).to_owned()
    }
}

impl App for Whole {
    fn answer(&self, request: Request) -> Task<'_, Result<Answer, Box<dyn Error>>> {
        Box::pin(self.exchange(request))
    }

    fn live_values<'a>(&'a self, draft: Draft<'a>) -> Task<'a, Vec<LiveValue>> {
        let live = |name, value: &str| LiveValue { location: "path", name, value: value.to_owned() };
        Box::pin(async move {
            match draft.operation_id {
                "uploadFile" | "uploadFileByPost" => vec![live("token", &self.upload_token(&draft).await)],
                "notifyUpload" | "openAttachment" => vec![live("token", text(&self.stored().await["token"]))],
                "readFile" | "headFile" => {
                    let stored = self.stored().await;
                    let mut parts = text(&stored["url"]).rsplit('/');
                    let names = ["name", "dir", "bucket"].into_iter();
                    names.zip(&mut parts).map(|(name, value)| live(name, value)).collect()
                }
                _ => Vec::new(),
            }
        })
    }
}
