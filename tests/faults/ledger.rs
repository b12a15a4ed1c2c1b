//! What clients were told of each file, and whether it is so.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use serde_json::Value;
use teable_attachments::domain::{Buckets, ObjectKey, ObjectName, UploadType};
use teable_attachments::token::{Keyring, ReadGrant};

use crate::client::{Answer, Client};
use crate::content::{Fate, Plan};

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
    pub told: Cell<Told>,
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
pub struct Ledger(pub Rc<Entries>);

/// What a ledger has written down.
pub struct Entries {
    files: RefCell<Vec<Rc<File>>>,
    seed: Cell<u64>,
    largest: usize,
    pub answers: RefCell<BTreeMap<(&'static str, u16), u32>>,
    pub unanswered: Cell<u32>,
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
