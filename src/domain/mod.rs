//! Parsed values and the rules that hold between them: what a value of these types says is so. No I/O, no clock, no HTTP.

mod access_token;
mod base;
mod file_name;
mod media_type;
mod object;
mod sha256;
mod upload_type;

pub use access_token::AccessToken;
pub use base::BaseScope;
pub use file_name::FileName;
pub use media_type::MediaType;
pub use object::{Buckets, InvalidObjectName, ObjectKey, ObjectName};
pub use sha256::Sha256;
pub use upload_type::{UnknownUploadType, UploadType, Visibility};
