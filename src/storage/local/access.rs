//! Access of other users of the machine to the files.

use clap::ValueEnum;

/// The users of the machine who may read the files beside the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Access {
    /// The user of the service alone: folders have the mode 0700, files 0600
    Owner,
    /// The group of the folder: folders have the mode 0750, files 0640
    Group,
}

impl Access {
    pub(super) fn folder_mode(self) -> u32 {
        match self {
            Self::Owner => 0o700,
            Self::Group => 0o750,
        }
    }

    pub(super) fn file_mode(self) -> u32 {
        match self {
            Self::Owner => 0o600,
            Self::Group => 0o640,
        }
    }
}
