//! What is told of the contract besides the contract: code samples, a page for each operation, an index of them, its form in OpenAPI
//! 3.1. All of it is made from the document that the build has checked. Knows no server and no use case.

mod pages;
mod samples;
mod upgrade;

use serde_json::{Map, Value};

pub use pages::Page;

/// The checked document as it was written.
pub const YAML: &str = include_str!(concat!(env!("OUT_DIR"), "/openapi.yaml"));

/// The checked document as JSON. What is served is this and the code samples.
pub const JSON: &str = include_str!(concat!(env!("OUT_DIR"), "/openapi.json"));

/// The members of a path item that are operations.
const METHODS: [&str; 8] = ["get", "head", "post", "put", "patch", "delete", "options", "trace"];

/// The contract, told for the server at one origin.
pub struct Documents {
    told: Value,
    upgraded: Value,
    /// The index of the pages (<https://llmstxt.org>).
    pub index: String,
    /// One page for each operation.
    pub pages: Vec<Page>,
}

impl Documents {
    /// For the server at `origin`, which has no slash at its end.
    ///
    /// # Panics
    /// If what the build wrote is no OpenAPI document, which the build has checked.
    #[must_use]
    pub fn of(origin: &str) -> Self {
        let checked: Value = serde_json::from_str(JSON).expect("build.rs has written JSON");
        let document = Document(&checked);
        let pages = pages::of(&document, origin);
        let index = pages::index(&document, &pages, origin);
        let mut told = checked.clone();
        samples::add(&mut told, &document, origin);
        let upgraded = upgrade::to_3_1(&told);
        Self { told, upgraded, index, pages }
    }

    /// The document in `version`, with the code samples.
    #[must_use]
    pub fn json(&self, version: Version) -> String {
        format!("{:#}\n", self.value(version))
    }

    /// The document in `version`. That of 3.0 is the checked one, byte for byte; that of 3.1 has the code samples.
    #[must_use]
    pub fn yaml(&self, version: Version) -> String {
        match version {
            Version::V3_0 => YAML.to_owned(),
            Version::V3_1 => yaml(self.value(version)),
        }
    }

    /// The origins of the servers that the document names beside this one.
    #[must_use]
    pub fn other_servers(&self) -> Vec<String> {
        let urls =
            self.told["servers"].as_array().into_iter().flatten().filter_map(|server| server["url"].as_str());
        let origin = |url: &str| {
            let (scheme, rest) = url.split_once("://")?;
            Some(format!("{scheme}://{}", rest.split('/').next()?))
        };
        urls.filter_map(origin).collect()
    }

    fn value(&self, version: Version) -> &Value {
        match version {
            Version::V3_0 => &self.told,
            Version::V3_1 => &self.upgraded,
        }
    }
}

/// A version of OpenAPI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Version {
    /// As the contract is written
    #[value(name = "3.0")]
    V3_0,
    /// For tools that want it; it says the same
    #[value(name = "3.1")]
    V3_1,
}

/// `value` as YAML.
fn yaml(value: &Value) -> String {
    serde_saphyr::to_string(value).expect("a JSON value is a YAML value")
}

/// A document whose references can be followed.
struct Document<'a>(&'a Value);

/// One operation, where it stands.
struct Operation<'a> {
    path: &'a str,
    method: &'a str,
    item: &'a Value,
    node: &'a Value,
}

impl<'a> Document<'a> {
    /// Each operation, in the order of the document.
    fn operations(&self) -> impl Iterator<Item = Operation<'a>> {
        members(&self.0["paths"]).flat_map(|(path, item)| {
            members(item)
                .filter(|(method, _)| METHODS.contains(method))
                .map(move |(method, node)| Operation { path, method, item, node })
        })
    }

    /// What `value` refers to, or else itself.
    fn resolve(&self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(reference) => self
                .0
                .pointer(reference.trim_start_matches('#'))
                .map_or(&Value::Null, |target| self.resolve(target)),
            None => value,
        }
    }

    /// The path under which the operations stand on this server.
    fn base(&self) -> &'a str {
        self.0["servers"][0]["url"].as_str().unwrap_or_default()
    }

    /// The credentials of which an operation asks for one.
    fn security(&self, operation: &Operation<'a>) -> impl Iterator<Item = &'a Value> {
        operation.node.get("security").unwrap_or(&self.0["security"]).as_array().into_iter().flatten()
    }

    /// The parameters of an operation and of its path.
    fn parameters(&self, operation: &Operation<'a>) -> impl Iterator<Item = &'a Value> {
        [operation.item, operation.node]
            .into_iter()
            .filter_map(|holder| holder["parameters"].as_array())
            .flatten()
            .map(|parameter| self.resolve(parameter))
    }
}

/// The members of an object; none of anything else.
fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, member)| (name.as_str(), member))
}

/// An object of these members.
fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    Value::Object(Map::from_iter(members.map(|(name, value)| (name.to_owned(), value))))
}

#[cfg(test)]
mod tests;
