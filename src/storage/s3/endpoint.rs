//! Where an S3-compatible store is, and where in it a bucket and an object are.

use std::str::FromStr;

use reqwest::Url;

use crate::uri::encoded;

/// The address of a store: scheme, host and port, and no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    scheme: &'static str,
    /// The host, with the port where it is not the scheme's own: as clients write it in `Host`.
    authority: String,
}

/// The text is no address of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an address such as https://s3.example.com, without a path")]
pub struct InvalidEndpoint;

/// How a bucket stands in an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressStyle {
    /// `https://s3.example.com/bucket/key`.
    Path,
    /// `https://bucket.s3.example.com/key`.
    VirtualHost,
}

/// An address in a store, in the parts that a signature is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Location {
    scheme: &'static str,
    pub(super) host: String,
    pub(super) path: String,
}

impl Endpoint {
    /// Amazon's, of a region.
    #[must_use]
    pub fn amazon(region: &str) -> Self {
        let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        Self { scheme: "https", authority: format!("s3.{region}.{suffix}") }
    }

    /// The store's own origin, and the ones at which a browser meets its buckets.
    pub(super) fn origin(&self, style: AddressStyle, bucket: &str) -> String {
        let Location { scheme, host, .. } = self.locate(style, bucket, "");
        format!("{scheme}://{host}")
    }

    /// Where `key`, or the bucket itself if it is empty, stands.
    pub(super) fn locate(&self, style: AddressStyle, bucket: &str, key: &str) -> Location {
        let Self { scheme, authority } = self;
        let key = key.split('/').map(encoded).collect::<Vec<_>>().join("/");
        let (host, path) = match style {
            AddressStyle::Path => (authority.clone(), format!("/{bucket}/{key}")),
            AddressStyle::VirtualHost => (format!("{bucket}.{authority}"), format!("/{key}")),
        };
        Location { scheme, host, path }
    }
}

impl FromStr for Endpoint {
    type Err = InvalidEndpoint;

    fn from_str(text: &str) -> Result<Self, InvalidEndpoint> {
        let url = Url::parse(text).map_err(|_| InvalidEndpoint)?;
        let scheme = match url.scheme() {
            "http" => "http",
            "https" => "https",
            _ => return Err(InvalidEndpoint),
        };
        let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let host = url.host_str().filter(|_| is_bare && url.username().is_empty()).ok_or(InvalidEndpoint)?;
        // `Url` knows no port where it is the scheme's own.
        let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        Ok(Self { scheme, authority })
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { scheme, authority } = self;
        write!(formatter, "{scheme}://{authority}")
    }
}

impl Location {
    /// The whole address, with `query`, which is encoded already.
    pub(super) fn url(&self, query: &str) -> String {
        let Self { scheme, host, path } = self;
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{scheme}://{host}{path}{mark}{query}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_stands_in_the_path_or_in_the_host() {
        let endpoint: Endpoint = "http://localhost:9000/".parse().expect("an endpoint");
        let place = |style| endpoint.locate(style, "private", "table/0a").url("a=b");
        assert_eq!(place(AddressStyle::Path), "http://localhost:9000/private/table/0a?a=b");
        assert_eq!(place(AddressStyle::VirtualHost), "http://private.localhost:9000/table/0a?a=b");
        let amazon = Endpoint::amazon("eu-central-1");
        let place = amazon.locate(AddressStyle::VirtualHost, "private", "");
        assert_eq!(place.url(""), "https://private.s3.eu-central-1.amazonaws.com/");
    }

    #[test]
    fn the_schemes_own_port_is_left_out_as_in_the_host_header() {
        let endpoint: Endpoint = "https://s3.example.com:443".parse().expect("an endpoint");
        assert_eq!(endpoint, "https://s3.example.com".parse().expect("an endpoint"));
    }

    #[test]
    fn an_endpoint_has_no_path() {
        for text in ["", "s3.example.com", "ftp://a.example", "https://a.example/b", "https://u@a.example"] {
            assert_eq!(text.parse::<Endpoint>(), Err(InvalidEndpoint), "{text}");
        }
    }
}
