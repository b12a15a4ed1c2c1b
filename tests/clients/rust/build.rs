//! Generates the client from the served document, which `OPENAPI` names. What progenitor 0.15 cannot read is put as it can:
//!
//! - a request body of one media type, the first;
//! - errors that are JSON, whose type it names `application/json` alone;
//! - no answers of 3xx: it knows one type of answer that is no success, and those have no body.

use std::{env, fs, path::Path};

use serde_json::Value;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-env-changed=OPENAPI");
    let path = env::var("OPENAPI")?;
    println!("cargo::rerun-if-changed={path}");
    let mut document: Value = serde_json::from_str(&fs::read_to_string(path)?)?;
    readable(&mut document);
    let tokens = progenitor::Generator::default().generate_tokens(&serde_json::from_value(document)?)?;
    let text = prettyplease::unparse(&syn::parse2(tokens)?);
    fs::write(Path::new(&env::var("OUT_DIR")?).join("client.rs"), text)?;
    Ok(())
}

fn readable(value: &mut Value) {
    let Some(members) = value.as_object_mut() else { return };
    if let Some(Value::Object(content)) = members.get_mut("content") {
        if let Some(problem) = content.remove("application/problem+json") {
            content.insert("application/json".to_owned(), problem);
        }
        content.remove("*/*");
    }
    members.retain(|name, _| !matches!(name.as_str(), "302" | "304"));
    members.values_mut().for_each(readable);
}
