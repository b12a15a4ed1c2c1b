//! Retries of steps that failed, where that is safe and may help.

use std::time::Duration;

use serde::Deserialize;

use super::{Event, Problem, ServerResponse, Unavailable, UploadError};

/// Maximum delay before the next attempt, also if the server asks for a longer one.
const MAX_DELAY: Duration = Duration::from_secs(30);

/// Number of retries of a step, and the delay before the first one. Each further delay is twice as
/// long.
#[derive(Clone, Copy, Debug)]
pub struct Retries {
    /// Maximum number of retries.
    pub limit: u32,
    /// Delay before the first retry.
    pub first_delay: Duration,
}

impl Retries {
    /// Calls `attempt` until it returns a response of success. Returns the last error if an attempt
    /// fails for good, or if no retry is left.
    pub(super) async fn run<F>(
        &self,
        attempt: impl Fn() -> F,
        on_event: &impl Fn(Event),
    ) -> Result<ServerResponse, UploadError>
    where
        F: Future<Output = Result<ServerResponse, UploadError>>,
    {
        let mut delay = self.first_delay;
        let mut left = self.limit;
        loop {
            let (error, retry_after) = match attempt().await {
                Ok(response) if response.status.is_success() => return Ok(response),
                Ok(response) => (error_of(&response), response.retry_after),
                Err(error) => (error, None),
            };
            if left == 0 || !matches!(error, UploadError::Unavailable(_)) {
                return Err(error);
            }
            let pause = retry_after.unwrap_or(delay).min(MAX_DELAY);
            on_event(Event::Retrying { reason: error.to_string(), delay: pause });
            tokio::time::sleep(pause).await;
            delay *= 2;
            left -= 1;
        }
    }
}

/// Returns the error that a response without success describes.
fn error_of(response: &ServerResponse) -> UploadError {
    let status = response.status.as_u16();
    let problem = match serde_json::from_slice::<Problem>(&response.body) {
        Ok(problem) => Problem { status, ..problem },
        // These come from proxies and failing object stores too, with bodies of any format.
        Err(_) if matches!(status, 408 | 429 | 500 | 502..=504) => Problem {
            status,
            message: format!("The server answered {}", response.status),
            code: String::new(),
            errors: Vec::new(),
            instance: None,
        },
        Err(_) if let Some(StoreError { code, message }) = StoreError::parse(&response.body) => {
            Problem { status, message, code, errors: Vec::new(), instance: None }
        }
        Err(_) => {
            return UploadError::NotAService {
                origin: response.origin.clone(),
                reason: format!("it answered {}", response.status),
            };
        }
    };
    // 408: the body came too slowly. 429: too many requests. 507 stays until space is freed.
    let is_temporary = matches!(status, 408 | 429) || response.status.is_server_error() && status != 507;
    if is_temporary {
        UploadError::Unavailable(Unavailable::Reported(problem))
    } else {
        UploadError::Refused(problem)
    }
}

/// Error response of an object store (Amazon S3 API Reference, "Error responses").
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StoreError {
    code: String,
    message: String,
}

impl StoreError {
    fn parse(body: &[u8]) -> Option<Self> {
        quick_xml::de::from_reader(body).ok()
    }
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;

    use super::*;

    #[test]
    fn the_error_of_an_object_store_is_shown() {
        let body = "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>";
        let response = |status, body: &'static str| ServerResponse {
            origin: "https://s3.example.com".to_owned(),
            status,
            retry_after: None,
            body: body.into(),
        };
        let refused = error_of(&response(StatusCode::FORBIDDEN, body));
        assert_eq!(refused.to_string(), "Request has expired (status 403, AccessDenied)");
        let busy = error_of(&response(StatusCode::INTERNAL_SERVER_ERROR, body));
        assert!(matches!(busy, UploadError::Unavailable(_)), "{busy}");
        let foreign = error_of(&response(StatusCode::FORBIDDEN, "<html>"));
        assert!(matches!(foreign, UploadError::NotAService { .. }), "{foreign}");
    }
}
