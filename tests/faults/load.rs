//! Many clients that take files through the whole flow.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::client::Answer;
pub use crate::client::Client;
use crate::content::{Again, Fate};
pub use crate::ledger::{Figures, File, Ledger, Told};

/// How many clients work at once.
const CLIENTS: u64 = 12;

/// Which answers a fault excuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excuse {
    /// None: everything must be done.
    None,
    /// That the service cannot now, in a problem document.
    Cannot,
    /// That, and no answer at all.
    Silence,
}

/// A running load. Its clients share this thread.
pub struct Load {
    work: Rc<Work>,
    clients: Vec<actix_web::rt::task::JoinHandle<()>>,
}

struct Work {
    client: Client,
    ledger: Ledger,
    excuse: Excuse,
    stopped: Cell<bool>,
    done: Cell<u32>,
    wrong: RefCell<Vec<String>>,
}

impl Load {
    pub fn start(client: &Client, ledger: &Ledger, excuse: Excuse) -> Self {
        let work = Rc::new(Work {
            client: client.clone(),
            ledger: ledger.clone(),
            excuse,
            stopped: Cell::new(false),
            done: Cell::new(0),
            wrong: RefCell::default(),
        });
        let clients = (0..CLIENTS)
            .map(|_| {
                let work = Rc::clone(&work);
                actix_web::rt::spawn(async move {
                    while !work.stopped.get() {
                        if work.flow().await.is_some() {
                            work.done.set(work.done.get() + 1);
                        } else {
                            // Whoever was refused does not come back at once.
                            actix_web::rt::time::sleep(Duration::from_millis(10)).await;
                        }
                    }
                })
            })
            .collect();
        Self { work, clients }
    }

    /// Waits until `more` flows have come to their end that have not now.
    pub async fn goes_on(&self, more: u32) {
        let goal = self.work.done.get() + more;
        eventually("flows succeed", || self.work.done.get() >= goal || self.failed()).await;
    }

    /// Waits until nothing is refused any more, in many flows.
    pub async fn is_well_again(&self) {
        for _ in 0..10 {
            let before = self.work.ledger.count(503);
            self.goes_on(40).await;
            if self.work.ledger.count(503) == before {
                return;
            }
        }
        panic!("it goes on to refuse what it could do");
    }

    /// Waits until something was answered with one of `statuses` once more.
    pub async fn meets(&self, statuses: &[u16]) {
        let count = || statuses.iter().map(|status| self.work.ledger.count(*status)).sum::<u32>();
        let before = count();
        eventually("it is refused", || count() > before || self.failed()).await;
    }

    fn failed(&self) -> bool {
        !self.work.wrong.borrow().is_empty()
    }

    /// Tells the clients to stop: a service that is killed now meets requests that are underway.
    pub fn begin_to_stop(&self) {
        self.work.stopped.set(true);
    }

    /// Lets every client end the flow that it is at.
    pub async fn stop(self) {
        self.begin_to_stop();
        for ended in join_all(self.clients).await {
            ended.expect("a client ends");
        }
        let wrong = self.work.wrong.take();
        assert!(wrong.is_empty(), "{} wrong answers, the first: {}", wrong.len(), wrong[0]);
    }
}

impl Work {
    /// A file from its signature to its address. None if something was refused that may be.
    async fn flow(&self) -> Option<()> {
        let plan = self.ledger.fresh_plan();
        let signed = self.expect("sign", 201, self.client.sign(&plan).await)?;
        let file = self.ledger.add(plan, &signed);
        let sent = self.client.upload(&file, plan.bytes()).await;
        self.expect("upload", 201, sent)?;
        file.told.set(Told::Uploaded);
        match plan.again {
            Again::Nothing => {}
            Again::SameBytes => {
                self.expect("upload again", 201, self.client.upload(&file, plan.bytes()).await)?;
            }
            Again::OtherBytes => {
                self.expect("upload others", 409, self.client.upload(&file, plan.other_bytes()).await)?;
            }
        }
        let address = self.ledger.address(&file);
        if plan.fate == Fate::Abandoned {
            self.expect("read too early", 404, self.client.get(&address).await)?;
            return Some(());
        }
        let notified = self.expect("notify", 201, self.client.notify(&file).await)?;
        file.told.set(Told::Notified);
        let own = notified.json()["presignedUrl"].as_str().map(str::to_owned).unwrap_or_default();
        let path = own.strip_prefix(&self.client.origin).unwrap_or_default().to_owned();
        let read = self.expect("read", 200, self.client.get(&path).await)?;
        if read.body != plan.bytes() {
            self.wrong.borrow_mut().push(format!("{} is read with other bytes", file.place()));
        }
        self.expect("open", 302, self.client.open(&file).await)?;
        Some(())
    }

    fn expect(&self, operation: &'static str, status: u16, answer: Result<Answer, String>) -> Option<Answer> {
        let entries = &self.ledger.0;
        match answer {
            Ok(answer) => {
                *entries.answers.borrow_mut().entry((operation, answer.status)).or_default() += 1;
                if answer.status == status {
                    return Some(answer);
                }
                if self.excuse == Excuse::None || !answer.cannot() {
                    self.wrong.borrow_mut().push(format!("{operation}: {answer:?}"));
                }
            }
            Err(error) => {
                entries.unanswered.set(entries.unanswered.get() + 1);
                if self.excuse != Excuse::Silence {
                    self.wrong.borrow_mut().push(format!("{operation}: {error}"));
                }
            }
        }
        None
    }
}

/// Waits until `condition` holds, and fails after a time that is longer than anything takes.
pub async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_mins(1), "never: {what}");
        actix_web::rt::time::sleep(Duration::from_millis(5)).await;
    }
}
