//! The published operation stands in our contract, leaf for leaf.

use serde_json::Value;

/// A copy of the operation as Teable publishes it, but for `x-codeSamples`.
const SEED: &str = include_str!("published/post-attachments-signature.json");

fn ours() -> Value {
    serde_json::from_str(teable_attachments::document::JSON).expect("JSON")
}

/// What a `$ref` refers to.
fn resolve<'a>(document: &'a Value, mut node: &'a Value) -> &'a Value {
    while let Some(reference) = node.get("$ref").and_then(Value::as_str) {
        let pointer = reference.strip_prefix('#').expect("a reference into the document");
        node = document.pointer(pointer).expect("what it refers to");
    }
    node
}

/// Every leaf of `seed` that `ours` has not, or has otherwise.
fn missing(
    document: &Value,
    seed: &Value,
    ours: Option<&Value>,
    pointer: &str,
    leaves: &mut u32,
) -> Vec<String> {
    let Some(ours) = ours.map(|node| resolve(document, node)) else { return vec![pointer.to_owned()] };
    let below = |pairs: Vec<(String, &Value, Option<&Value>)>, leaves: &mut u32| {
        pairs
            .into_iter()
            .flat_map(|(name, seed, ours)| {
                missing(document, seed, ours, &format!("{pointer}/{name}"), leaves)
            })
            .collect()
    };
    match (seed, ours) {
        (Value::Object(members), Value::Object(_)) if !members.is_empty() => {
            below(members.iter().map(|(name, value)| (name.clone(), value, ours.get(name))).collect(), leaves)
        }
        // Servers may have others before them; all other lists of the seed are whole.
        (Value::Array(items), Value::Array(own)) if pointer == "/servers" => below(
            items
                .iter()
                .enumerate()
                .map(|(index, item)| {
                    (index.to_string(), item, own.iter().find(|own| own["url"] == item["url"]))
                })
                .collect(),
            leaves,
        ),
        (Value::Array(items), Value::Array(own)) if items.len() == own.len() && !items.is_empty() => below(
            items
                .iter()
                .zip(own)
                .enumerate()
                .map(|(index, (item, own))| (index.to_string(), item, Some(own)))
                .collect(),
            leaves,
        ),
        _ => {
            *leaves += 1;
            if seed == ours { Vec::new() } else { vec![format!("{pointer}: {seed} is {ours}")] }
        }
    }
}

#[test]
fn every_leaf_of_the_published_operation_is_in_ours() {
    let (ours, seed): (Value, Value) = (ours(), serde_json::from_str(SEED).expect("JSON"));
    let mut leaves = 0;
    let missing = missing(&ours, &seed, Some(&ours), "", &mut leaves);
    assert_eq!(missing, Vec::<String>::new());
    println!("leaves of the published operation: {leaves}, all found");
    assert!(leaves > 60, "{leaves}");
}

#[test]
fn a_leaf_that_differs_would_be_found() {
    let seed: Value = serde_json::from_str(SEED).expect("JSON");
    let mut ours = ours();
    ours["components"]["schemas"]["SignatureRo"]["properties"]["hash"]["description"] = "other".into();
    ours["components"]["schemas"]["SignatureVo"]["required"].as_array_mut().expect("a list").pop();
    assert_eq!(missing(&ours, &seed, Some(&ours), "", &mut 0).len(), 2);
}
