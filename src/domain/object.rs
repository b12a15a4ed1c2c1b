//! Where an object stands in the store: bucket, directory, name. Each part is made or checked here; none is taken as given.

use std::fmt;
use std::time::SystemTime;

use uuid::Uuid;

use super::upload_type::{UploadType, Visibility};

/// The name of an object, which the server alone makes: a UUID of version 7 (RFC 9562, section 5.7) in 32 hexadecimal digits, so
/// that names are unique and ordered by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName(Uuid);

/// The text is no name that this server makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an object name")]
pub struct InvalidObjectName;

impl ObjectName {
    /// A name that nothing has had before.
    #[must_use]
    pub fn fresh() -> Self {
        Self(Uuid::now_v7())
    }

    /// The name that `text` is.
    pub fn parse(text: &str) -> Result<Self, InvalidObjectName> {
        // One spelling for each name: Uuid would take dashes, braces and capitals too.
        let canonical =
            text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let uuid = canonical.then(|| Uuid::try_parse(text).ok()).flatten();
        uuid.filter(|uuid| uuid.get_version_num() == 7).map(Self).ok_or(InvalidObjectName)
    }

    /// What stands behind every name that was made before `time`, and before every other. Nothing is called that.
    #[must_use]
    pub fn bound(time: SystemTime) -> Self {
        let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        // The first 48 bits of a UUID of version 7 are the milliseconds.
        Self(Uuid::from_u128(since_epoch.as_millis().min((1 << 48) - 1) << 80))
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.simple().fmt(f)
    }
}

/// An object in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ObjectKey {
    /// Which type of upload it is, and so its bucket and its directory.
    pub upload_type: UploadType,
    /// Its name.
    pub name: ObjectName,
}

impl ObjectKey {
    /// Its place in its bucket, `{dir}/{name}`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}/{}", self.upload_type.directory(), self.name)
    }
}

/// The names of the two buckets.
#[derive(Clone, Debug)]
pub struct Buckets {
    /// The bucket that is read without a token.
    pub public: String,
    /// The bucket that is read with one.
    pub private: String,
}

impl Buckets {
    /// The bucket in which files of `upload_type` stand.
    #[must_use]
    pub fn of(&self, upload_type: UploadType) -> &str {
        match upload_type.visibility() {
            Visibility::Public => &self.public,
            Visibility::Private => &self.private,
        }
    }

    /// The object at these three segments of an address, if they are one's.
    #[must_use]
    pub fn locate(&self, bucket: &str, directory: &str, name: &str) -> Option<ObjectKey> {
        let upload_type = UploadType::of_directory(directory)?;
        let name = ObjectName::parse(name).ok()?;
        (self.of(upload_type) == bucket).then_some(ObjectKey { upload_type, name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_stands_between_what_was_before_and_what_comes_after() {
        let before = ObjectName::fresh();
        let later = SystemTime::now() + std::time::Duration::from_millis(2);
        assert!(before < ObjectName::bound(later));
        assert!(ObjectName::bound(later - std::time::Duration::from_secs(1)) < before);
        assert!(ObjectName::parse(&ObjectName::bound(later).to_string()).is_err());
    }

    #[test]
    fn only_what_the_server_makes_is_located() {
        let buckets = Buckets { public: "public".into(), private: "private".into() };
        let name = ObjectName::fresh().to_string();
        assert!(buckets.locate("private", "table", &name).is_some());
        assert_eq!(buckets.locate("public", "table", &name), None, "a bucket that is not the type's");
        assert_eq!(buckets.locate("private", "..", &name), None);
        for bad in
            ["", "..", "../../etc/passwd", &name.to_uppercase(), &format!("{name}0"), &format!("{{{name}}}")]
        {
            assert_eq!(buckets.locate("private", "table", bad), None, "{bad}");
        }
    }
}
