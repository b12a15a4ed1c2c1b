//! Many clients that take files through the whole flow, and a ledger of what each was told.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

use actix_web::web::Bytes;
use futures_util::future::join_all;
use serde_json::{Value, json};
use teable_attachments::domain::{Buckets, ObjectKey, ObjectName, UploadType};
use teable_attachments::token::{Keyring, ReadGrant};

use crate::content::{Again, Fate, Plan};
use crate::service::Service;

/// How many clients work at once.
const CLIENTS: u64 = 12;

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
    origin: String,
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

/// How far a file has come, as its client was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Told {
    Signed,
    Uploaded,
    Notified,
}

/// A file that was signed.
pub struct File {
    pub plan: Plan,
    pub token: String,
    key: ObjectKey,
    place: String,
    told: Cell<Told>,
}

impl File {
    fn new(plan: Plan, token: &str) -> Self {
        let claims: Value = {
            use base64::Engine;
            let claims = token.split('.').nth(1).expect("a JWT");
            let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims).expect("base64");
            serde_json::from_slice(&claims).expect("claims")
        };
        let name = claims["jti"].as_str().expect("a name");
        let upload_type = UploadType::try_from(plan.upload_type).expect("a type");
        let key = ObjectKey { upload_type, name: ObjectName::parse(name).expect("a name") };
        let buckets = Buckets { public: "public".to_owned(), private: "private".to_owned() };
        let place = format!("{}/{}", buckets.of(upload_type), key.path());
        Self { plan, token: token.to_owned(), key, place, told: Cell::new(Told::Signed) }
    }

    /// Where it stands below the folder of the files.
    pub fn place(&self) -> &str {
        &self.place
    }

    pub fn told(&self) -> Told {
        self.told.get()
    }
}

/// What came of a fault.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    pub acknowledged: usize,
    pub verified: usize,
    pub lost: usize,
    /// Files that are visible and not whole.
    pub partial: usize,
    pub note: String,
}

impl Figures {
    /// These and those of something else.
    pub fn and(self, other: &Self) -> Self {
        Self {
            acknowledged: self.acknowledged + other.acknowledged,
            verified: self.verified + other.verified,
            lost: self.lost + other.lost,
            partial: self.partial + other.partial,
            note: self.note + &other.note,
        }
    }
}

/// Everything that clients were told about one data folder.
#[derive(Clone)]
pub struct Ledger(Rc<Entries>);

struct Entries {
    files: RefCell<Vec<Rc<File>>>,
    seed: Cell<u64>,
    largest: usize,
    answers: RefCell<BTreeMap<(&'static str, u16), u32>>,
    unanswered: Cell<u32>,
    folder: PathBuf,
    keys: PathBuf,
}

impl Ledger {
    /// An empty one for the service on `data`. Its files are the functions of the numbers from `seed` on.
    pub fn new(data: &Path, seed: u64) -> Self {
        Self::of(&data.join("files"), data, seed, usize::MAX)
    }

    pub fn of(files: &Path, data: &Path, seed: u64, largest: usize) -> Self {
        Self(Rc::new(Entries {
            files: RefCell::default(),
            seed: Cell::new(seed),
            largest,
            answers: RefCell::default(),
            unanswered: Cell::new(0),
            folder: files.to_owned(),
            keys: data.join("signing-key"),
        }))
    }

    pub fn fresh_plan(&self) -> Plan {
        let seed = self.0.seed.get();
        self.0.seed.set(seed + 1);
        Plan::of(seed, self.0.largest)
    }

    pub fn add(&self, plan: Plan, signed: &Answer) -> Rc<File> {
        let file = Rc::new(File::new(plan, signed.json()["token"].as_str().expect("a token")));
        self.0.files.borrow_mut().push(Rc::clone(&file));
        file
    }

    /// The files from the `from`th on.
    pub fn files(&self, from: usize) -> Vec<Rc<File>> {
        self.0.files.borrow()[from..].to_vec()
    }

    pub fn len(&self) -> usize {
        self.0.files.borrow().len()
    }

    /// How often any operation was answered with `status`.
    pub fn count(&self, status: u16) -> u32 {
        self.0.answers.borrow().iter().filter(|((_, own), _)| *own == status).map(|(_, count)| count).sum()
    }

    pub fn unanswered(&self) -> u32 {
        self.0.unanswered.get()
    }

    pub fn answers(&self) -> u32 {
        self.0.answers.borrow().values().sum()
    }

    /// Whether the file is stored, and then it must be whole.
    fn stored(&self, file: &File) -> Result<bool, String> {
        match std::fs::read(self.0.folder.join(&file.place)) {
            Ok(bytes) if bytes == file.plan.bytes() => Ok(true),
            Ok(bytes) => Err(format!("{} has {} bytes of {}", file.place, bytes.len(), file.plan.size)),
            Err(_) => Ok(false),
        }
    }

    /// Where a file can be read, by whoever has the keys.
    pub fn address(&self, file: &File) -> String {
        let keys = std::fs::read_to_string(&self.0.keys).expect("a key");
        // Longer than any clock here goes.
        let expires_at = SystemTime::now() + Duration::from_hours(30 * 24);
        let grant = ReadGrant { key: file.key, expires_at };
        let token = Keyring::parse(&keys).expect("a key").sign_read(&grant).expect("a token");
        format!("/api/attachments/read/{}?token={token}", file.place)
    }

    /// Holds what stands in the folder and what is answered against what clients were told. What was acknowledged and not notified is
    /// notified now, unless it is to be abandoned.
    pub async fn verify(&self, client: &Client, files: &[Rc<File>]) -> Figures {
        let mut figures = Figures::default();
        for some in files.chunks(8) {
            for (file, outcome) in
                some.iter().zip(join_all(some.iter().map(|file| self.judge(client, file))).await)
            {
                let acknowledged = usize::from(file.told() >= Told::Uploaded);
                figures.acknowledged += acknowledged;
                match outcome {
                    Ok(()) => figures.verified += acknowledged,
                    Err(Wrong::Lost(why)) => {
                        figures.lost += 1;
                        eprintln!("lost: {why}");
                    }
                    Err(Wrong::Partial(why)) => {
                        figures.partial += 1;
                        eprintln!("partial: {why}");
                    }
                }
            }
        }
        figures
    }

    /// Everything, and everything that stands in the folder besides.
    pub async fn verify_all(&self, client: &Client) -> Figures {
        let files = self.files(0);
        let mut figures = self.verify(client, &files).await;
        let known: HashMap<&str, &Rc<File>> = files.iter().map(|file| (file.place.as_str(), file)).collect();
        for place in self.places() {
            if !known.contains_key(place.as_str()) {
                figures.partial += 1;
                eprintln!("nobody was told of {place}");
            }
        }
        figures
    }

    /// Every file that stands in the folder, and everything that is still coming.
    pub fn places(&self) -> Vec<String> {
        let mut folders = vec![self.0.folder.clone()];
        let mut places = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    places.push(path.strip_prefix(&self.0.folder).expect("below").display().to_string());
                }
            }
        }
        places.retain(|place| place != ".lock" && place != ".owner");
        places
    }

    async fn judge(&self, client: &Client, file: &File) -> Result<(), Wrong> {
        let stored = self.stored(file).map_err(Wrong::Partial)?;
        let told = file.told();
        if told >= Told::Uploaded && !stored {
            return Err(Wrong::Lost(format!(
                "{} is not there, and its client was told {told:?}",
                file.place
            )));
        }
        let lost = |what: &str, answer: &dyn std::fmt::Debug| {
            Wrong::Lost(format!("{} ({told:?}): {what}: {answer:?}", file.place))
        };
        let address = self.address(file);
        if file.plan.fate == Fate::Notified {
            match client.notify(file).await {
                Ok(answer) if answer.status == 201 => file.told.set(Told::Notified),
                Ok(answer) if answer.status == 404 && told == Told::Signed && !stored => return Ok(()),
                other => return Err(lost("notify", &other)),
            }
        }
        let read = client.get(&address).await.map_err(|error| lost("read", &error))?;
        match (file.told(), read.status) {
            (Told::Notified, 200) if read.body == file.plan.bytes() => Ok(()),
            (Told::Notified, 200) => Err(Wrong::Partial(format!("{} is read with other bytes", file.place))),
            (Told::Notified, _) => Err(lost("read", &read.status)),
            (_, 404) => Ok(()),
            (_, status) => {
                Err(Wrong::Partial(format!("{} is read before it is notified: {status}", file.place)))
            }
        }
    }
}

/// What must not be.
enum Wrong {
    Lost(String),
    Partial(String),
}

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
            self.wrong.borrow_mut().push(format!("{} is read with other bytes", file.place));
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
