//! Asking again, where that is safe and may help.

use std::time::Duration;

use serde::Deserialize;

use super::{Answer, Event, Failure, Problem, Unavailable};

/// The longest that is waited for a server that says when to come back.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// How often a step is tried again, and after how long the first time; each further wait is twice as long.
#[derive(Clone, Copy, Debug)]
pub struct Retries {
    /// How often.
    pub most: u32,
    /// After how long.
    pub first_wait: Duration,
}

impl Retries {
    /// The answer of success, if one comes.
    pub(super) async fn until_answered<F>(
        &self,
        ask: impl Fn() -> F,
        hear: &impl Fn(Event),
    ) -> Result<Answer, Failure>
    where
        F: Future<Output = Result<Answer, Failure>>,
    {
        let mut wait = self.first_wait;
        let mut left = self.most;
        loop {
            let (failure, told_wait) = match ask().await {
                Ok(answer) if answer.status.is_success() => return Ok(answer),
                Ok(answer) => (told(&answer), answer.retry_after),
                Err(failure) => (failure, None),
            };
            if left == 0 || !matches!(failure, Failure::Unavailable(_)) {
                return Err(failure);
            }
            let pause = told_wait.unwrap_or(wait).min(LONGEST_WAIT);
            hear(Event::Again { why: failure.to_string(), wait: pause });
            tokio::time::sleep(pause).await;
            wait *= 2;
            left -= 1;
        }
    }
}

/// What an answer of no success says.
fn told(answer: &Answer) -> Failure {
    let status = answer.status.as_u16();
    let problem = match serde_json::from_slice::<Problem>(&answer.body) {
        Ok(problem) => Problem { status, ..problem },
        // A proxy says it in words of its own, and so does an object store that fails.
        Err(_) if matches!(status, 408 | 429 | 500 | 502..=504) => Problem {
            status,
            message: format!("The server answered {}", answer.status),
            code: String::new(),
            errors: Vec::new(),
            instance: None,
        },
        Err(_) if let Some(StoreError { code, message }) = StoreError::read(&answer.body) => {
            Problem { status, message, code, errors: Vec::new(), instance: None }
        }
        Err(_) => {
            return Failure::Foreign {
                url: answer.url.clone(),
                what: format!("it answered {}", answer.status),
            };
        }
    };
    // A body that came too slowly, too many requests, and whatever is the server's own fault.
    let may_pass = matches!(status, 408 | 429) || answer.status.is_server_error() && status != 507;
    if may_pass { Failure::Unavailable(Unavailable::Told(problem)) } else { Failure::Refused(problem) }
}

/// A refusal in the words of an object store (Amazon S3 API Reference, "Error responses").
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StoreError {
    code: String,
    message: String,
}

impl StoreError {
    fn read(body: &[u8]) -> Option<Self> {
        quick_xml::de::from_reader(body).ok()
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::StatusCode;

    use super::*;

    #[test]
    fn a_stores_refusal_is_told_in_its_words() {
        let body = "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>";
        let answer = |status, body: &'static str| Answer {
            url: "https://s3.example.com".to_owned(),
            status,
            retry_after: None,
            body: body.into(),
        };
        let refused = told(&answer(StatusCode::FORBIDDEN, body));
        assert_eq!(refused.to_string(), "Request has expired (status 403, AccessDenied)");
        let busy = told(&answer(StatusCode::INTERNAL_SERVER_ERROR, body));
        assert!(matches!(busy, Failure::Unavailable(_)), "{busy}");
        let foreign = told(&answer(StatusCode::FORBIDDEN, "<html>"));
        assert!(matches!(foreign, Failure::Foreign { .. }), "{foreign}");
    }
}
