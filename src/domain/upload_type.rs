//! What a file is uploaded for, which decides where it stands and who may read it.

use std::time::Duration;

/// The longest that a private file is kept by its reader.
const PRIVATE_MAX_AGE: Duration = Duration::from_hours(24);

/// What a file is uploaded for. The numbers are Teable's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are Teable's and say what there is to say")]
pub enum UploadType {
    Table = 1,
    Avatar = 2,
    Form = 3,
    OAuth = 4,
    Import = 5,
    Plugin = 6,
    Comment = 7,
    Logo = 8,
    ExportBase = 9,
    Template = 10,
    ChatDataVisualizationCode = 11,
    App = 12,
    ChatFile = 13,
    Automation = 14,
}

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Everyone who knows its address.
    Public,
    /// Whoever holds a read token for it.
    Private,
}

/// No upload type has this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no upload type")]
pub struct UnknownUploadType(pub u8);

impl UploadType {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 14] = [
        Self::Table,
        Self::Avatar,
        Self::Form,
        Self::OAuth,
        Self::Import,
        Self::Plugin,
        Self::Comment,
        Self::Logo,
        Self::ExportBase,
        Self::Template,
        Self::ChatDataVisualizationCode,
        Self::App,
        Self::ChatFile,
        Self::Automation,
    ];

    /// Its number.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The directory in which its files stand.
    #[must_use]
    pub fn directory(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Avatar => "avatar",
            Self::Form => "form",
            Self::OAuth => "oauth",
            Self::Import => "import",
            Self::Plugin => "plugin",
            Self::Comment => "comment",
            Self::Logo => "logo",
            Self::ExportBase => "export-base",
            Self::Template => "template",
            Self::ChatDataVisualizationCode => "chat-data-visualization-code",
            Self::App => "app",
            Self::ChatFile => "chat-file",
            Self::Automation => "automation",
        }
    }

    /// The type whose files stand in `directory`.
    #[must_use]
    pub fn of_directory(directory: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|upload_type| upload_type.directory() == directory)
    }

    /// Who may read its files.
    #[must_use]
    pub fn visibility(self) -> Visibility {
        match self {
            Self::Avatar
            | Self::Form
            | Self::OAuth
            | Self::Plugin
            | Self::Logo
            | Self::Template
            | Self::ChatDataVisualizationCode => Visibility::Public,
            Self::Table
            | Self::Import
            | Self::Comment
            | Self::ExportBase
            | Self::App
            | Self::ChatFile
            | Self::Automation => Visibility::Private,
        }
    }

    /// `Cache-Control` for its public files: what stands for good may be kept for good; a picture that stands for
    /// somebody is looked for again after an hour. Private files have their read token's life instead.
    #[must_use]
    pub fn public_cache_control(self) -> &'static str {
        match self {
            Self::Form | Self::OAuth | Self::Template | Self::ChatDataVisualizationCode => {
                "public, max-age=31536000, immutable"
            }
            _ => "public, max-age=3600",
        }
    }
}

impl UploadType {
    /// `Cache-Control` for private files, whose address is good for `life` more: a day at most.
    #[must_use]
    pub fn private_cache_control(life: Duration) -> String {
        format!("private, max-age={}", life.min(PRIVATE_MAX_AGE).as_secs())
    }
}

impl TryFrom<u8> for UploadType {
    type Error = UnknownUploadType;

    fn try_from(number: u8) -> Result<Self, UnknownUploadType> {
        let index = usize::from(number).wrapping_sub(1);
        Self::ALL.get(index).copied().ok_or(UnknownUploadType(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_directories_lead_back() {
        for upload_type in UploadType::ALL {
            assert_eq!(UploadType::try_from(upload_type.number()), Ok(upload_type));
            assert_eq!(UploadType::of_directory(upload_type.directory()), Some(upload_type));
        }
        assert_eq!(UploadType::try_from(0), Err(UnknownUploadType(0)));
        assert_eq!(UploadType::try_from(15), Err(UnknownUploadType(15)));
    }
}
