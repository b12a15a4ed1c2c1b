//! Names of the files in `.incoming`. A name says which object the file becomes and how many bytes
//! were signed, so that the next start can tell a whole file from one that a power cut left short.

use std::fmt;

use uuid::Uuid;

use crate::domain::{ObjectKey, ObjectName, UploadType};
use crate::storage::Expected;

/// The name of one incoming file: `{dir}.{name}.{size}.{unique}`. Neither directories nor object
/// names contain a dot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IncomingName {
    /// The object that the file becomes.
    pub(super) key: ObjectKey,
    /// The signed size.
    pub(super) size: u64,
    /// Several uploads of one object have incoming files of their own.
    unique: Uuid,
}

impl IncomingName {
    /// A name that no other incoming file has.
    pub(super) fn fresh(expected: &Expected<'_>) -> Self {
        Self { key: expected.key, size: expected.size, unique: Uuid::now_v7() }
    }

    /// The name that `text` is. Earlier versions named incoming files by a UUID alone.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let upload_type = UploadType::of_directory(parts.next()?)?;
        let name = ObjectName::parse(parts.next()?).ok()?;
        let size = parts.next()?.parse().ok()?;
        let unique = Uuid::try_parse(parts.next()?).ok()?;
        parts.next().is_none().then_some(Self { key: ObjectKey { upload_type, name }, size, unique })
    }
}

impl fmt::Display for IncomingName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key: ObjectKey { upload_type, name }, size, unique } = self;
        write!(f, "{}.{name}.{size}.{}", upload_type.directory(), unique.simple())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::MediaType;

    #[test]
    fn a_name_is_parsed_as_it_was_written() {
        let media_type = MediaType::parse("image/png").expect("a media type");
        for upload_type in UploadType::ALL {
            for size in [0, 4096, u64::MAX] {
                let key = ObjectKey { upload_type, name: ObjectName::fresh() };
                let expected = Expected { key, media_type: &media_type, size, sha256: None };
                let name = IncomingName::fresh(&expected);
                assert_eq!(IncomingName::parse(&name.to_string()), Some(name));
            }
        }
    }

    #[test]
    fn other_names_are_not_parsed() {
        let (name, unique) = (ObjectName::fresh(), Uuid::now_v7().simple());
        assert!(IncomingName::parse(&format!("table.{name}.7.{unique}")).is_some());
        for other in [
            String::new(),
            unique.to_string(),
            format!("probe-{unique}"),
            format!("tables.{name}.7.{unique}"),
            format!("table.{name}.-7.{unique}"),
            format!("table.{name}.7"),
            format!("table.{name}.7.{unique}.8"),
            format!("table.{unique}x.7.{unique}"),
        ] {
            assert_eq!(IncomingName::parse(&other), None, "{other}");
        }
    }
}
