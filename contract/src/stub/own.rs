//! Types of their own for what a Rust type and attributes cannot say: enums, and scalars that keep their rules.

use serde_json::Value;

use super::builder;
use super::names::{literal, pascal};
use super::types::{Types, docs, json, multiple, number};

impl Types<'_> {
    /// An enum of strings.
    pub(super) fn words(&mut self, schema: &Value, hint: &str, component: Option<&str>) -> String {
        let name = if component.is_some() || self.names.iter().any(|name| name == hint) {
            pascal(hint)
        } else {
            self.free(hint)
        };
        self.imports.extend(["serde::Deserialize", "serde::Serialize", "utoipa::ToSchema"]);
        let mut taken: Vec<String> = Vec::new();
        let mut variants = String::new();
        for word in schema["enum"].as_array().into_iter().flatten() {
            let Some(word) = word.as_str() else {
                self.by_hand.push(format!("the member `{word}` of the enum `{name}`"));
                continue;
            };
            let mut variant = pascal(word);
            while taken.contains(&variant) {
                variant.push('_');
            }
            taken.push(variant.clone());
            variants.push_str(&format!(
                "    /// `{word}`\n    #[serde(rename = {})]\n    {variant},\n",
                literal(word)
            ));
        }
        let said = self.said_of(schema, component, &name);
        self.items.push(format!(
            "{}#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]\n{said}pub enum {name} {{\n{variants}}}",
            docs(schema["description"].as_str(), "")
        ));
        name
    }

    pub(super) fn said_of(&mut self, schema: &Value, component: Option<&str>, name: &str) -> String {
        let mut said: Vec<String> =
            component.map(|component| format!("as = {component}")).into_iter().collect();
        for (keyword, value) in schema.as_object().into_iter().flatten() {
            match keyword.as_str() {
                "example" | "default" => said.push(format!("{keyword} = {}", json(value))),
                "title" => said.push(format!("title = {}", literal(value.as_str().unwrap_or_default()))),
                "type" | "enum" | "description" | "nullable" => {}
                other if other.starts_with("x-") => {}
                other => self.by_hand.push(format!("`{other}` of the enum `{name}`")),
            }
        }
        if said.is_empty() { String::new() } else { format!("#[schema({})]\n", said.join(", ")) }
    }

    /// An enum of integers: one of some numbers.
    pub(super) fn numbers(&mut self, schema: &Value, hint: &str, component: Option<&str>) -> String {
        let name = if component.is_some() || self.names.iter().any(|name| name == hint) {
            pascal(hint)
        } else {
            self.free(hint)
        };
        let members: Vec<String> = schema["enum"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|member| member.is_i64())
            .map(ToString::to_string)
            .collect();
        let whole: Vec<i64> = members.iter().filter_map(|member| member.parse().ok()).collect();
        let in_a_row = whole.windows(2).all(|pair| pair[0].checked_add(1) == Some(pair[1]));
        let pattern = match whole.as_slice() {
            [first, _, .., last] if in_a_row => format!("{first}..={last}"),
            _ => members.join(" | "),
        };
        let condition = format!("!matches!(number, {pattern})");
        let message = format!("must be one of {}", members.join(", "));
        self.newtype(schema, &name, component, "i64", &[(condition, message)]);
        name
    }

    /// A scalar that must have a type of its own.
    pub(super) fn scalar(&mut self, schema: &Value, name: &str, component: Option<&str>) {
        let mut conditions = Vec::new();
        let ty = match (schema["type"].as_str(), schema["format"].as_str()) {
            (Some("string"), _) => "String",
            (Some("boolean"), _) => "bool",
            (Some("number"), _) => "f64",
            (_, Some("int32")) => "i32",
            _ => "i64",
        };
        for (keyword, wrong, wording) in
            [("minLength", "<", "must have at least"), ("maxLength", ">", "must have at most")]
        {
            if let Some(bound) = schema.get(keyword) {
                conditions.push((
                    format!("text.chars().count() {wrong} {bound}"),
                    format!("{wording} {bound} {}", if bound == 1 { "character" } else { "characters" }),
                ));
            }
        }
        if let Some(text) = schema["pattern"].as_str() {
            conditions.push((format!("!({})", self.pattern(text, name)), format!("must match {text}")));
        }
        for (keyword, strict, wrongs, wordings) in [
            ("minimum", "exclusiveMinimum", ["<", "<="], ["must be at least", "must be more than"]),
            ("maximum", "exclusiveMaximum", [">", ">="], ["must be at most", "must be less than"]),
        ] {
            if let Some(bound) = schema.get(keyword) {
                let index = usize::from(schema[strict] == Value::Bool(true));
                let shown = number(bound, ty);
                conditions.push((
                    format!("number {} {shown}", wrongs[index]),
                    format!("{} {bound}", wordings[index]),
                ));
            }
        }
        if let Some(step) = schema.get("multipleOf") {
            let whole = multiple(step, ty, "number").replace("==", "!=");
            conditions.push((whole, format!("must be a multiple of {step}")));
        }
        self.newtype(schema, name, component, ty, &conditions);
    }

    pub(super) fn newtype(
        &mut self,
        schema: &Value,
        name: &str,
        component: Option<&str>,
        ty: &str,
        conditions: &[(String, String)],
    ) {
        self.imports.extend([
            "serde::Deserialize",
            "serde::Serialize",
            "utoipa::openapi::RefOr",
            "utoipa::openapi::Schema",
            "utoipa::PartialSchema",
            "utoipa::ToSchema",
        ]);
        let argument = if ty == "String" { "text" } else { "number" };
        let checks: String = conditions
            .iter()
            .map(|(condition, message)| {
                format!(
                    "        if {condition} {{\n            return Err({});\n        }}\n",
                    literal(message)
                )
            })
            .collect();
        let built = builder::expression(schema, &mut self.imports).unwrap_or_else(|what| {
            self.by_hand.push(format!("{what}, in `{name}`"));
            "ObjectBuilder::new()".to_owned()
        });
        let named = component.map_or_else(|| "impl ToSchema for ".to_owned() + name + " {}", |component| {
            self.imports.push("std::borrow::Cow");
            format!("impl ToSchema for {name} {{\n    fn name() -> Cow<'static, str> {{\n        {}.into()\n    }}\n}}", literal(component))
        });
        let (receiver, given, inner) =
            if ty == "String" { ("&self", "&str", "&self.0") } else { ("self", ty, "self.0") };
        let copy = if ty == "String" { "" } else { "Copy, " };
        let mut text = docs(schema["description"].as_str().or(Some("A value that keeps its rules.")), "");
        if conditions.is_empty() {
            text.push_str(&format!("#[derive(Clone, {copy}Debug, PartialEq, Serialize, Deserialize)]\npub struct {name}(pub {ty});\n\n"));
        } else {
            text.push_str(&format!(
                "#[derive(Clone, {copy}Debug, PartialEq, Serialize, Deserialize)]\n#[serde(try_from = \"{ty}\")]\npub struct {name}({ty});\n\nimpl {name} {{\n    /// What is inside.\n    #[must_use]\n    pub fn get({receiver}) -> {given} {{\n        {inner}\n    }}\n}}\n\nimpl TryFrom<{ty}> for {name} {{\n    type Error = &'static str;\n\n    fn try_from({argument}: {ty}) -> Result<Self, Self::Error> {{\n{checks}        Ok(Self({argument}))\n    }}\n}}\n\n"
            ));
        }
        text.push_str(&format!(
            "impl PartialSchema for {name} {{\n    fn schema() -> RefOr<Schema> {{\n        {built}.into()\n    }}\n}}\n\n{named}"
        ));
        self.items.push(text);
    }
}
