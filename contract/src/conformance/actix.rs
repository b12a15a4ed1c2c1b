//! An actix app in memory, as something that requests can be sent to.

use std::any::Any;
use std::error::Error;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use actix_http::Request as HttpRequest;
use actix_web::body::{MessageBody, to_bytes};
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::header::{CONTENT_LENGTH, HeaderName, HeaderValue};
use actix_web::http::{Method, Uri};
use actix_web::test::TestRequest;

use super::{Answer, App, Request, Task};

type Reply = Result<Answer, Box<dyn Error>>;

/// An actix app whose handlers are called without a network between.
pub struct InMemory {
    handle: Box<dyn Fn(HttpRequest) -> Task<'static, Reply>>,
    failures: Vec<String>,
    fail: Box<dyn Fn(Option<usize>)>,
}

impl InMemory {
    /// Around `service`, which `actix_web::test::init_service` has made of the app. `failures` names what its stand-in can be told
    /// to do wrong, and `fail` tells it, with an index into them, or to do right again.
    pub fn new<S, B, E>(service: S, failures: Vec<String>, fail: impl Fn(Option<usize>) + 'static) -> Self
    where
        S: Service<HttpRequest, Response = ServiceResponse<B>, Error = E> + 'static,
        B: MessageBody + 'static,
        E: Into<actix_web::Error> + 'static,
    {
        let service = Rc::new(service);
        let handle = move |request| -> Task<'static, Reply> {
            let service = Rc::clone(&service);
            Box::pin(async move { settled(async move { answer(service.call(request).await).await }).await })
        };
        Self { handle: Box::new(handle), failures, fail: Box::new(fail) }
    }
}

impl App for InMemory {
    fn answer(&self, request: Request) -> Task<'_, Reply> {
        let head = request.method == "HEAD";
        match translate(request) {
            Err(error) => Box::pin(async { Err(error) }),
            Ok(request) => {
                let reply = (self.handle)(request);
                Box::pin(async move {
                    let mut answer = reply.await?;
                    if head {
                        // The connection would leave it out.
                        answer.body.clear();
                    }
                    Ok(answer)
                })
            }
        }
    }

    fn failures(&self) -> Vec<String> {
        self.failures.clone()
    }

    fn fail(&self, failure: Option<usize>) {
        (self.fail)(failure);
    }
}

fn translate(request: Request) -> Result<HttpRequest, Box<dyn Error>> {
    let Request { method, target, headers, body } = request;
    let mut translated = TestRequest::default()
        .method(Method::from_bytes(method.as_bytes())?)
        .uri(&target.parse::<Uri>()?.to_string());
    for (name, value) in headers {
        let pair = (HeaderName::from_bytes(name.as_bytes())?, HeaderValue::from_bytes(&value)?);
        translated = translated.append_header(pair);
    }
    if !body.is_empty() {
        translated = translated.append_header((CONTENT_LENGTH, body.len()));
    }
    Ok(translated.set_payload(body).to_request())
}

async fn answer<B, E>(result: Result<ServiceResponse<B>, E>) -> Reply
where
    B: MessageBody,
    E: Into<actix_web::Error>,
{
    let (parts, body) = match result {
        Ok(response) => {
            let (_, response) = response.into_parts();
            let (parts, body) = response.into_parts();
            (parts, to_bytes(body).await.map_err(Into::into)?)
        }
        Err(error) => {
            let (parts, body) = error.into().error_response().into_parts();
            (parts, to_bytes(body).await?)
        }
    };
    let headers = parts.headers().iter();
    Ok(Answer {
        status: parts.status().as_u16(),
        headers: headers.map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect(),
        body: body.to_vec(),
    })
}

/// A panic is no answer, and ends nothing else.
async fn settled(reply: impl Future<Output = Reply>) -> Reply {
    let mut reply = pin!(reply);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| reply.as_mut().poll(context))) {
        Ok(poll) => poll,
        Err(panic) => Poll::Ready(Err(format!("panicked: {}", message(panic.as_ref())).into())),
    })
    .await
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("with no message")
}
