//! Faults between the service and the S3 store of this process, for chosen requests.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{Method, Request};
use hyper::body::Incoming;
use s3s::service::S3Service;
use s3s::{Body, HttpRequest, HttpResponse};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

/// A kind of request that notify sends to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    HeadFinal,
    HeadStaged,
    Copy,
    DeleteStaged,
    GetPrefix,
}

impl Step {
    fn of(request: &HttpRequest) -> Option<Self> {
        let is_staged = request.uri().path().contains("/staging/");
        match (request.method(), is_staged) {
            (&Method::HEAD, false) => Some(Self::HeadFinal),
            (&Method::HEAD, true) => Some(Self::HeadStaged),
            (&Method::PUT, false) if request.headers().contains_key("x-amz-copy-source") => Some(Self::Copy),
            (&Method::DELETE, true) => Some(Self::DeleteStaged),
            (&Method::GET, false) if request.headers().contains_key("range") => Some(Self::GetPrefix),
            _ => None,
        }
    }
}

/// A change to the way of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The request takes effect only once the test releases it, even if its client is gone by then.
    Hold,
    /// The connection is reset before the request takes effect.
    ResetBefore,
    /// The request takes effect, and the connection is reset before the response.
    ResetAfter,
}

/// The requests that a fault applies to.
#[derive(Clone, Debug)]
pub struct Rule {
    pub fault: Fault,
    pub step: Step,
    /// The name of the object.
    pub name: String,
    /// Number of such requests that pass first.
    pub skip: usize,
    /// Number of requests that the fault applies to; later ones pass.
    pub times: usize,
}

impl Rule {
    /// Applies `fault` to the first such request.
    pub fn once(fault: Fault, step: Step, name: &str) -> Self {
        Self { fault, step, name: name.to_owned(), skip: 0, times: 1 }
    }
}

/// The progress of a rule.
#[derive(Clone, Copy, Default)]
struct Progress {
    passed: usize,
    hit: usize,
    finished: usize,
    is_stopped: bool,
    is_released: bool,
}

/// An active rule.
pub struct Injection {
    rule: Rule,
    progress: watch::Sender<Progress>,
}

impl Injection {
    /// Number of requests that the fault was applied to.
    pub fn hits(&self) -> usize {
        self.progress.borrow().hit
    }

    /// Waits until the fault has been applied to `count` requests.
    pub async fn wait_for_hits(&self, count: usize) {
        self.wait(&format!("{count} requests of {:?}", self.rule), |progress| progress.hit >= count).await;
    }

    /// Lets all later requests pass, while held ones stay held.
    pub fn stop(&self) {
        self.progress.send_modify(|progress| progress.is_stopped = true);
    }

    /// Lets held requests take effect, and all later ones pass.
    pub fn release(&self) {
        self.stop();
        self.progress.send_modify(|progress| progress.is_released = true);
    }

    /// Releases held requests and waits until they have taken effect.
    pub async fn finish(&self) {
        self.release();
        self.wait(&format!("the end of {:?}", self.rule), |progress| progress.finished == progress.hit).await;
    }

    async fn wait(&self, what: &str, condition: impl FnMut(&Progress) -> bool) {
        let mut progress = self.progress.subscribe();
        let reached = timeout(Duration::from_secs(10), progress.wait_for(condition)).await;
        reached.unwrap_or_else(|_| panic!("never: {what}")).expect("the rule is active");
    }

    /// Counts a request, and returns whether the fault applies to it.
    fn applies(&self, step: Step, path: &str) -> bool {
        if step != self.rule.step || !path.ends_with(&self.rule.name) {
            return false;
        }
        self.progress.send_if_modified(|progress| {
            if progress.is_stopped || progress.hit == self.rule.times {
                return false;
            }
            if progress.passed < self.rule.skip {
                progress.passed += 1;
                return false;
            }
            progress.hit += 1;
            true
        })
    }
}

/// The active rules of a store.
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<Vec<Arc<Injection>>>>);

impl Faults {
    pub fn inject(&self, rule: Rule) -> Arc<Injection> {
        let injection = Arc::new(Injection { rule, progress: watch::Sender::default() });
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&injection));
        injection
    }

    /// Answers `request`, which came on `connection`, with the faults that apply to it.
    pub async fn answer(
        self,
        service: S3Service,
        connection: Arc<TcpStream>,
        request: Request<Incoming>,
    ) -> Result<HttpResponse, Box<dyn std::error::Error + Send + Sync>> {
        let request = request.map(Body::from);
        let Some(injection) = self.find(&request) else { return Ok(service.call(request).await?) };
        let fault = injection.rule.fault;
        let working = tokio::spawn(async move {
            if fault == Fault::Hold {
                let mut progress = injection.progress.subscribe();
                progress.wait_for(|progress| progress.is_released).await.expect("the rule is active");
            }
            let answer = if fault == Fault::ResetBefore { None } else { Some(service.call(request).await) };
            injection.progress.send_modify(|progress| progress.finished += 1);
            answer
        });
        match working.await? {
            Some(answer) if fault == Fault::Hold => Ok(answer?),
            _ => {
                connection.set_zero_linger()?;
                Err("the connection is reset".into())
            }
        }
    }

    fn find(&self, request: &HttpRequest) -> Option<Arc<Injection>> {
        let step = Step::of(request)?;
        let rules = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rules.iter().find(|injection| injection.applies(step, request.uri().path())).cloned()
    }
}
