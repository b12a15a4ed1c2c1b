//! Bodies of answers, and how much of them is sent.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::ServiceResponse;
use actix_web::http::Method;
use actix_web::web::Bytes;
use prometheus::IntCounter;

use crate::metrics::Series;

/// The response, whose bytes are counted as they are sent. What is in memory counts as sent at once.
pub(super) fn counted(response: ServiceResponse, series: &Series) -> ServiceResponse {
    if response.request().method() == Method::HEAD {
        return response;
    }
    response.map_body(|_, body| match body.size() {
        BodySize::None | BodySize::Sized(0) => body,
        BodySize::Sized(_) | BodySize::Stream => match body.try_into_bytes() {
            Ok(bytes) => {
                series.bytes().inc_by(bytes.len() as u64);
                BoxBody::new(bytes)
            }
            Err(body) => BoxBody::new(Counted { body, sent: series.bytes().clone() }),
        },
    })
}

/// A body whose bytes are counted.
struct Counted {
    body: BoxBody,
    sent: IntCounter,
}

impl MessageBody for Counted {
    type Error = Box<dyn Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let Self { body, sent } = self.get_mut();
        let next = ready!(body.as_pin_mut().poll_next(context));
        if let Some(Ok(bytes)) = &next {
            sent.inc_by(bytes.len() as u64);
        }
        Poll::Ready(next)
    }
}
