//! A client of a running service.

use std::time::Duration;

use actix_web::web::Bytes;
use serde_json::{Value, json};

use crate::content::Plan;
use crate::ledger::File;
use crate::service::Service;

/// How long a client waits for an answer. Longer than anything takes that is not lost.
const LATE: Duration = Duration::from_secs(30);

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The code of a problem, if it is a whole one.
    pub fn code(&self) -> String {
        let problem = self.json();
        let whole = problem["status"] == self.status && problem["message"].is_string();
        problem["code"].as_str().filter(|_| whole).unwrap_or("no problem document").to_owned()
    }

    /// One of those that a service gives that cannot: 503, or 507 where there is no room.
    pub fn cannot(&self) -> bool {
        match self.status {
            503 => self.code() == "service_unavailable",
            507 => self.code() == "insufficient_storage",
            _ => false,
        }
    }
}

/// A client of a running service.
#[derive(Clone)]
pub struct Client {
    http: awc::Client,
    pub origin: String,
    bearer: String,
}

impl Client {
    pub fn of(service: &Service, bearer: &str) -> Self {
        Self::patient(service, bearer, LATE)
    }

    pub fn patient(service: &Service, bearer: &str, patience: Duration) -> Self {
        // Less than the server waits for the next request.
        let connector = awc::Connector::new().conn_keep_alive(Duration::from_secs(1));
        let http = awc::Client::builder().connector(connector).disable_redirects().timeout(patience).finish();
        Self { http, origin: service.origin.clone(), bearer: format!("Bearer {bearer}") }
    }

    pub async fn send(&self, method: &str, path: &str, body: Bytes) -> Result<Answer, String> {
        let url = format!("{}{path}", self.origin);
        let request = self.http.request(method.parse().expect("a method"), url);
        let request = match method {
            "PUT" => request.insert_header(("content-type", "application/octet-stream")),
            "POST" if body.is_empty() => request.insert_header(("authorization", self.bearer.as_str())),
            "POST" => request
                .insert_header(("authorization", self.bearer.as_str()))
                .insert_header(("content-type", "application/json")),
            _ if path.contains("/read/") => request,
            _ => request.insert_header(("authorization", self.bearer.as_str())),
        };
        let mut answer = request.send_body(body).await.map_err(|error| error.to_string())?;
        let body = answer.body().limit(16 * 1024 * 1024).await.map_err(|error| error.to_string())?;
        // awc takes the end of the connection for that of the body.
        let length = answer.headers().get("content-length").and_then(|length| length.to_str().ok());
        if length.and_then(|length| length.parse().ok()).is_some_and(|length: usize| length != body.len()) {
            return Err("half an answer".to_owned());
        }
        Ok(Answer { status: answer.status().as_u16(), body })
    }

    pub async fn get(&self, path: &str) -> Result<Answer, String> {
        self.send("GET", path, Bytes::new()).await
    }

    pub async fn sign(&self, plan: &Plan) -> Result<Answer, String> {
        let wish = json!({
            "contentType": "application/octet-stream", "contentLength": plan.size, "type": plan.upload_type,
        });
        self.send("POST", "/api/attachments/signature", wish.to_string().into()).await
    }

    pub async fn upload(&self, file: &File, bytes: Vec<u8>) -> Result<Answer, String> {
        self.send("PUT", &format!("/api/attachments/upload/{}", file.token), bytes.into()).await
    }

    pub async fn notify(&self, file: &File) -> Result<Answer, String> {
        self.send("POST", &format!("/api/attachments/notify/{}", file.token), Bytes::new()).await
    }

    pub async fn open(&self, file: &File) -> Result<Answer, String> {
        self.get(&format!("/api/attachments/{}", file.token)).await
    }

    /// The lines of `/readyz`.
    pub async fn readyz(&self) -> String {
        let answer = self.get("/readyz").await.expect("an answer");
        format!("{} {}", answer.status, String::from_utf8_lossy(&answer.body).trim().replace('\n', ", "))
    }
}
