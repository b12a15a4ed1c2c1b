//! The spec's schemas as Rust types: with serde for what is on the wire, `validator` for what serde does not check, and utoipa's
//! attributes, so that exactly the schema is drawn again.

use serde_json::{Map, Value};

use super::builder;
use super::names::{camel, literal, pascal, snake};
use super::pattern;
use crate::pointer::unescape;

/// The types of one module.
pub(super) struct Types<'a> {
    pub(super) document: &'a Value,
    /// The path of the Rust type that is already there for a component schema.
    pub(super) existing: &'a dyn Fn(&str) -> Option<Existing>,
    /// How the app takes what may be left out but not be `null`: for `#[serde(deserialize_with)]`.
    pub(super) present: &'a str,
    pub(super) imports: Vec<&'static str>,
    /// Paths of types that other modules have.
    pub(super) foreign: Vec<String>,
    pub(super) items: Vec<String>,
    /// What is left to be written by hand.
    pub(super) by_hand: Vec<String>,
    /// The names of the types that are there, and of components that they are for.
    pub(super) names: Vec<String>,
}

/// A type that is there already: its path and what it derives, if that was not made here.
pub(super) type Existing = (String, Option<Vec<String>>);

/// How a field says what its schema is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    /// By its type and attributes.
    Attributes,
    /// By a function that builds it.
    Builder,
    /// By a type of its own that stands in line.
    Inline,
    /// By a type that is a component.
    Reference,
}

struct Use {
    ty: String,
    how: How,
    /// Whether its parts have rules of their own for `validator`.
    nested: bool,
}

/// Whether a struct is a body or holds parameters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holder {
    Body,
    Parameters,
}

impl Holder {
    fn attribute(self) -> &'static str {
        match self {
            Self::Body => "schema",
            Self::Parameters => "param",
        }
    }
}

/// One field to be.
struct Member<'a> {
    name: &'a str,
    schema: &'a Value,
    required: bool,
    /// What is said of it beside its schema.
    description: Option<&'a str>,
    example: Option<&'a Value>,
}

impl Types<'_> {
    /// The type of a body, and how `#[utoipa::path]` names it.
    pub(super) fn body(&mut self, schema: &Value, hint: &str) -> (String, String) {
        let used = self.used(schema, hint);
        let named = match used.how {
            How::Inline => format!("inline({})", used.ty),
            _ => used.ty.clone(),
        };
        (used.ty, named)
    }

    /// The struct of an operation's parameters of one `in`.
    pub(super) fn parameters(&mut self, name: &str, place: &str, parameters: &[&Value]) {
        let members: Vec<Member<'_>> = parameters
            .iter()
            .map(|parameter| Member {
                name: parameter["name"].as_str().unwrap_or_default(),
                schema: &parameter["schema"],
                required: parameter["required"] == Value::Bool(true),
                description: parameter["description"].as_str(),
                example: parameter.get("example"),
            })
            .collect();
        for parameter in parameters {
            for keyword in
                ["content", "deprecated", "style", "explode", "allowReserved", "allowEmptyValue", "examples"]
            {
                let by_default = matches!(
                    (keyword, &parameter[keyword]),
                    ("style", Value::String(style)) if style == if place == "Path" { "simple" } else { "form" }
                );
                if parameter.get(keyword).is_some() && !by_default {
                    self.by_hand.push(format!(
                        "`{keyword}` of the parameter `{}`",
                        parameter["name"].as_str().unwrap_or_default()
                    ));
                }
            }
        }
        self.imports.extend(["serde::Deserialize", "utoipa::IntoParams", "validator::Validate"]);
        let fields = self.fields(name, &members, Holder::Parameters);
        let rename = renaming(&members);
        let lower = place.to_lowercase();
        self.items.push(format!(
            "/// The parameters in the {lower}.\n#[derive(Clone, Debug, Deserialize, Validate, IntoParams)]\n{rename}#[into_params(parameter_in = {place})]\npub struct {name} {{\n{fields}}}"
        ));
    }

    /// The type for a schema; types of its own are made for what needs them.
    fn used(&mut self, schema: &Value, hint: &str) -> Use {
        let schema = unwrapped(schema);
        if let Some(reference) = schema["$ref"].as_str() {
            return self.component(reference);
        }
        let plain = |ty: &str, how| Use { ty: ty.to_owned(), how, nested: false };
        let combined =
            ["allOf", "oneOf", "anyOf", "not"].into_iter().find(|keyword| schema.get(keyword).is_some());
        if let Some(keyword) = combined {
            self.by_hand.push(format!("the schema of `{hint}`, which has `{keyword}`"));
            return plain("String", How::Attributes);
        }
        let has_enum = schema.get("enum").is_some();
        match (schema["type"].as_str().unwrap_or_default(), schema["format"].as_str()) {
            ("string", _) if has_enum => plain(&self.words(schema, hint, None), How::Inline),
            ("integer", _) if has_enum => plain(&self.numbers(schema, hint, None), How::Inline),
            (_, _) if has_enum => {
                self.by_hand.push(format!("the enum `{hint}`, whose members are no strings and no integers"));
                plain("String", How::Attributes)
            }
            ("string", _) => plain("String", How::Attributes),
            ("boolean", _) => plain("bool", How::Attributes),
            ("integer", Some("int32")) => plain("i32", How::Attributes),
            ("integer", Some("int64")) => plain("i64", How::Attributes),
            ("integer", _) => plain("i64", How::Builder),
            ("number", Some("double")) => plain("f64", How::Attributes),
            ("number", _) => plain("f64", How::Builder),
            ("array", _) => self.list(schema, hint),
            ("object", _) => self.object(schema, hint),
            _ => {
                self.by_hand.push(format!("the schema of `{hint}`, which has no `type`"));
                plain("String", How::Attributes)
            }
        }
    }

    fn component(&mut self, reference: &str) -> Use {
        let name = unescape(reference.rsplit('/').next().unwrap_or_default());
        let schema = self.document["components"]["schemas"][&name].clone();
        let nested = schema.get("properties").is_some();
        if let Some((path, derives)) = (self.existing)(&name) {
            let ty = path.rsplit("::").next().unwrap_or_default().to_owned();
            let mut needed = vec!["Clone", "Debug", "PartialEq", "Serialize", "Deserialize"];
            needed.extend(nested.then_some("Validate"));
            needed.retain(|needed| {
                derives.as_ref().is_some_and(|derives| !derives.iter().any(|derive| derive == needed))
            });
            if !needed.is_empty() {
                self.by_hand.push(format!("`derive({})` for `{path}`", needed.join(", ")));
            }
            if !self.foreign.contains(&path) {
                self.foreign.push(path);
            }
            return Use { ty, how: How::Reference, nested };
        }
        let ty = pascal(&name);
        if !self.names.contains(&name) {
            self.names.push(name.clone());
            let named = (ty != name).then_some(name.as_str());
            let schema = unwrapped(&schema);
            match schema["type"].as_str() {
                Some("string") if schema.get("enum").is_some() => drop(self.words(schema, &ty, named)),
                Some("integer") if schema.get("enum").is_some() => drop(self.numbers(schema, &ty, named)),
                Some("object") if schema.get("properties").is_some() => self.structure(schema, &ty, named),
                Some("string" | "integer" | "number" | "boolean") => self.scalar(schema, &ty, named),
                _ => self.by_hand.push(format!(
                    "the component `{name}`, which is neither an object with properties nor a scalar"
                )),
            }
        }
        Use { ty, how: How::Reference, nested }
    }

    fn list(&mut self, schema: &Value, hint: &str) -> Use {
        let items = unwrapped(&schema["items"]);
        let singular = hint.strip_suffix('s').unwrap_or(hint);
        let simple = |items: &Value| {
            items.as_object().is_some_and(|items| items.keys().all(|key| key == "type" || key == "format"))
        };
        let scalar = matches!(items["type"].as_str(), Some("string" | "integer" | "number" | "boolean"));
        let unique = schema["uniqueItems"] == Value::Bool(true);
        if scalar && items.get("enum").is_none() && items.get("$ref").is_none() && !simple(items) {
            let name = self.free(singular);
            self.scalar(items, &name, None);
            let how = if unique { How::Builder } else { How::Inline };
            return Use { ty: format!("Vec<{name}>"), how, nested: false };
        }
        let used = self.used(items, singular);
        let how = match used.how {
            _ if unique && used.nested => {
                self.by_hand.push(format!("`uniqueItems` of `{hint}`"));
                used.how
            }
            How::Reference if unique => {
                self.by_hand.push(format!("`uniqueItems` of `{hint}`"));
                used.how
            }
            _ if unique => How::Builder,
            how => how,
        };
        Use { ty: format!("Vec<{}>", used.ty), how, nested: used.nested }
    }

    fn object(&mut self, schema: &Value, hint: &str) -> Use {
        if schema.get("properties").is_some() {
            let name = self.free(hint);
            self.structure(schema, &name, None);
            return Use { ty: name, how: How::Inline, nested: true };
        }
        let Some(values) = schema.get("additionalProperties").filter(|values| values.is_object()) else {
            self.by_hand.push(format!("the free-form object `{hint}`"));
            return Use { ty: "String".to_owned(), how: How::Attributes, nested: false };
        };
        self.imports.push("std::collections::BTreeMap");
        let values = unwrapped(values);
        let scalar = matches!(values["type"].as_str(), Some("string" | "integer" | "number" | "boolean"));
        let simple = values
            .as_object()
            .is_some_and(|values| values.keys().all(|key| key == "type" || key == "format"));
        if scalar && !simple && values.get("enum").is_none() {
            let name = self.free(&format!("{hint}Value"));
            self.scalar(values, &name, None);
            return Use { ty: format!("BTreeMap<String, {name}>"), how: How::Inline, nested: false };
        }
        let used = self.used(values, &format!("{hint}Value"));
        if used.nested {
            self.by_hand
                .push(format!("the rules of the values of `{hint}`: `validator` does not look into maps"));
        }
        Use { ty: format!("BTreeMap<String, {}>", used.ty), how: used.how, nested: false }
    }

    /// A name for a type that no other has.
    pub(super) fn free(&mut self, hint: &str) -> String {
        let wanted = pascal(hint);
        let name = (1..=self.names.len() + 1)
            .map(|count| if count == 1 { wanted.clone() } else { format!("{wanted}{count}") })
            .find(|name| !self.names.contains(name))
            .unwrap_or(wanted);
        self.names.push(name.clone());
        name
    }

    fn structure(&mut self, schema: &Value, name: &str, component: Option<&str>) {
        // It stands before what it is made of.
        let at = self.items.len();
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let empty = Map::new();
        let properties = schema["properties"].as_object().unwrap_or(&empty);
        let members: Vec<Member<'_>> = properties
            .iter()
            .map(|(property, schema)| Member {
                name: property,
                schema,
                required: required.contains(&property.as_str()),
                description: None,
                example: None,
            })
            .collect();
        self.imports.extend([
            "serde::Deserialize",
            "serde::Serialize",
            "utoipa::ToSchema",
            "validator::Validate",
        ]);
        let fields = self.fields(name, &members, Holder::Body);
        let rename = renaming(&members);
        let closed = if schema["additionalProperties"] == Value::Bool(false) {
            "#[serde(deny_unknown_fields)]\n"
        } else {
            ""
        };
        let mut said = Vec::new();
        said.extend(component.map(|component| format!("as = {component}")));
        for (keyword, value) in schema.as_object().into_iter().flatten() {
            match keyword.as_str() {
                "title" => said.push(format!("title = {}", literal(value.as_str().unwrap_or_default()))),
                "example" => said.push(format!("example = {}", json(value))),
                "type" | "properties" | "required" | "description" | "nullable" => {}
                "additionalProperties" if value.is_boolean() => {}
                other if other.starts_with("x-") => {}
                other => self.by_hand.push(format!("`{other}` of `{name}`")),
            }
        }
        let said = if said.is_empty() { String::new() } else { format!("#[schema({})]\n", said.join(", ")) };
        let docs = docs(schema["description"].as_str(), "");
        let item = format!(
            "{docs}#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate, ToSchema)]\n{rename}{closed}{said}pub struct {name} {{\n{fields}}}"
        );
        self.items.insert(at, item);
    }

    fn fields(&mut self, owner: &str, members: &[Member<'_>], holder: Holder) -> String {
        let all_camel = !renaming(members).is_empty();
        members.iter().map(|member| self.field(owner, member, holder, all_camel)).collect()
    }

    fn field(&mut self, owner: &str, member: &Member<'_>, holder: Holder, all_camel: bool) -> String {
        let Member { name, required, .. } = *member;
        let schema = unwrapped(member.schema);
        let nullable =
            member.schema["nullable"] == Value::Bool(true) || schema["nullable"] == Value::Bool(true);
        let hint = format!("{owner}{}", pascal(name));
        let mut used = self.used(schema, &hint);
        let default = schema.get("default");
        let mut serde: Vec<String> = Vec::new();
        let ident = snake(name);
        if !all_camel && ident.trim_start_matches("r#") != name {
            serde.push(format!("rename = {}", literal(name)));
        }
        let mut said: Vec<String> = Vec::new();
        let ty = match (required, nullable, default) {
            (false, false, Some(default)) => {
                self.default(&ident, owner, &used, default, &mut serde);
                said.push("required = false".to_owned());
                used.ty.clone()
            }
            (true, false, _) => used.ty.clone(),
            (true, true, _) => {
                serde.push("deserialize_with = \"Option::deserialize\"".to_owned());
                said.push("required = true".to_owned());
                format!("Option<{}>", used.ty)
            }
            (false, true, _) => {
                serde.push("default".to_owned());
                if holder == Holder::Body {
                    serde.push("skip_serializing_if = \"Option::is_none\"".to_owned());
                }
                format!("Option<{}>", used.ty)
            }
            (false, false, None) => {
                serde.push("default".to_owned());
                if holder == Holder::Body {
                    serde.push(format!("deserialize_with = {}", literal(self.present)));
                    serde.push("skip_serializing_if = \"Option::is_none\"".to_owned());
                }
                if used.how != How::Builder {
                    said.push(format!("value_type = {}", used.ty));
                }
                said.push("required = false".to_owned());
                format!("Option<{}>", used.ty)
            }
        };
        // utoipa draws a parameter's schema from its attributes; what stands within the schema beside them it would move.
        let within = ["example", "title", "description", "deprecated"]
            .iter()
            .any(|keyword| schema.get(keyword).is_some());
        if holder == Holder::Parameters && within && used.how == How::Attributes && !used.ty.contains('<') {
            used.how = How::Builder;
        }
        match used.how {
            How::Builder => {
                let function = self.building(schema, owner, &ident);
                said.retain(|said| !said.starts_with("value_type"));
                said.insert(0, format!("schema_with = {function}"));
            }
            How::Inline => said.insert(0, "inline".to_owned()),
            How::Attributes | How::Reference => {}
        }
        let is_type = used.how == How::Inline && !used.ty.contains('<');
        if matches!(used.how, How::Attributes | How::Inline | How::Reference) && !is_type {
            said.extend(self.attributes(schema, &hint));
        }
        said.extend(member.example.map(|example| format!("example = {}", json(example))));
        let rules = self.rules(schema, &used, owner, &ident);
        let description = match holder {
            Holder::Parameters => member.description,
            Holder::Body => member.schema["description"].as_str().or(schema["description"].as_str()),
        };
        // A second description here would wrap what is drawn.
        let mut text = match (holder, description) {
            (Holder::Body, Some(_)) if is_type => undocumented("Its type describes it.", "    "),
            (Holder::Body, Some(_)) if used.how == How::Builder => {
                undocumented("Its schema describes it.", "    ")
            }
            (_, description) => docs(description, "    "),
        };
        for (attribute, arguments) in [("serde", serde), ("validate", rules), (holder.attribute(), said)] {
            if !arguments.is_empty() {
                text.push_str(&format!("    #[{attribute}({})]\n", arguments.join(", ")));
            }
        }
        text + &format!("    pub {ident}: {ty},\n")
    }

    /// A function that builds a field's schema.
    fn building(&mut self, schema: &Value, owner: &str, ident: &str) -> String {
        let function = format!("{}_{}_schema", snake(owner), ident.trim_start_matches("r#"));
        match builder::expression(schema, &mut self.imports) {
            Ok(expression) => {
                self.imports.extend(["utoipa::openapi::RefOr", "utoipa::openapi::Schema"]);
                self.items.push(format!("fn {function}() -> RefOr<Schema> {{\n    {expression}.into()\n}}"));
            }
            Err(what) => self.by_hand.push(format!("{what}, in `{owner}::{ident}`")),
        }
        function
    }

    /// What utoipa is told of a schema beside its type and description.
    fn attributes(&mut self, schema: &Value, hint: &str) -> Vec<String> {
        let mut said = Vec::new();
        for (keyword, value) in schema.as_object().into_iter().flatten() {
            let excluded = |other: &str| schema.get(other) == Some(&Value::Bool(true));
            said.push(match keyword.as_str() {
                "minimum" if excluded("exclusiveMinimum") => format!("exclusive_minimum = {value}"),
                "maximum" if excluded("exclusiveMaximum") => format!("exclusive_maximum = {value}"),
                "minimum" | "maximum" => format!("{keyword} = {}", separated(&value.to_string())),
                "multipleOf" => format!("multiple_of = {value}"),
                "minLength" | "maxLength" | "minItems" | "maxItems" => {
                    format!("{} = {value}", snake(keyword))
                }
                "pattern" | "title" => format!("{keyword} = {}", literal(value.as_str().unwrap_or_default())),
                "format" if schema["type"] == "string" => {
                    format!("format = {}", literal(value.as_str().unwrap_or_default()))
                }
                "example" | "default" => format!("{keyword} = {}", json(value)),
                "readOnly" if value == &Value::Bool(true) => "read_only".to_owned(),
                "writeOnly" if value == &Value::Bool(true) => "write_only".to_owned(),
                "deprecated" if value == &Value::Bool(true) => "deprecated".to_owned(),
                "type"
                | "format"
                | "description"
                | "items"
                | "nullable"
                | "exclusiveMinimum"
                | "exclusiveMaximum"
                | "$ref"
                | "additionalProperties" => continue,
                other if other.starts_with("x-") => continue,
                other => {
                    self.by_hand.push(format!("`{other}` of `{hint}`"));
                    continue;
                }
            });
        }
        said
    }

    /// What `validator` is told.
    fn rules(&mut self, schema: &Value, used: &Use, owner: &str, ident: &str) -> Vec<String> {
        let mut rules = Vec::new();
        if used.nested {
            rules.push("nested".to_owned());
        }
        // A type of its own checks itself.
        let itself = matches!(used.how, How::Inline | How::Reference) && !used.ty.contains('<');
        if itself {
            return rules;
        }
        let bounds = |least: &str, most: &str| {
            let pair = [("min", &schema[least]), ("max", &schema[most])];
            let given = pair.into_iter().filter(|(_, value)| !value.is_null());
            given.map(|(name, value)| format!("{name} = {value}")).collect::<Vec<_>>()
        };
        for given in [bounds("minLength", "maxLength"), bounds("minItems", "maxItems")] {
            if !given.is_empty() {
                rules.push(format!("length({})", given.join(", ")));
            }
        }
        let range = range(schema, &used.ty);
        if !range.is_empty() {
            rules.push(format!("range({})", range.join(", ")));
        }
        if schema["uniqueItems"] == Value::Bool(true) && used.how == How::Builder {
            rules.push("custom(function = distinct)".to_owned());
            self.imports.push("validator::ValidationError");
            let distinct = "/// No two of them are the same.\nfn distinct<T: PartialEq>(items: &[T]) -> Result<(), ValidationError> {\n    let mut pairs = items.iter().enumerate();\n    if pairs.any(|(at, item)| items[..at].contains(item)) {\n        return Err(ValidationError::new(\"unique\").with_message(\"must not hold anything twice\".into()));\n    }\n    Ok(())\n}".to_owned();
            if !self.items.contains(&distinct) {
                self.items.push(distinct);
            }
        }
        let prefix = format!("{}_{}", snake(owner), ident.trim_start_matches("r#"));
        if let Some(text) = schema["pattern"].as_str() {
            let function = format!("{prefix}_pattern");
            let body = self.pattern(text, &format!("{owner}::{ident}"));
            self.custom(&function, "text: &str", &body, &format!("must match {text}"), &mut rules);
        }
        if let (Some(step), false) = (schema["multipleOf"].as_f64(), used.ty.contains('<')) {
            let function = format!("{prefix}_multiple");
            let condition = multiple(&schema["multipleOf"], &used.ty, "number");
            if step <= 0.0 {
                self.by_hand.push(format!("`multipleOf` of `{owner}::{ident}`"));
            }
            let message = format!("must be a multiple of {}", schema["multipleOf"]);
            self.custom(&function, &format!("number: {}", used.ty), &condition, &message, &mut rules);
        }
        rules
    }

    fn custom(
        &mut self,
        function: &str,
        argument: &str,
        condition: &str,
        message: &str,
        rules: &mut Vec<String>,
    ) {
        self.imports.push("validator::ValidationError");
        rules.push(format!("custom(function = {function})"));
        let code = if argument.starts_with("text") { "pattern" } else { "multiple" };
        self.items.push(format!(
            "fn {function}({argument}) -> Result<(), ValidationError> {{\n    if {condition} {{\n        Ok(())\n    }} else {{\n        Err(ValidationError::new(\"{code}\").with_message({}.into()))\n    }}\n}}",
            literal(message)
        ));
    }

    /// The expression that is true of a matching `text`.
    pub(super) fn pattern(&mut self, text: &str, place: &str) -> String {
        pattern::expression(text).unwrap_or_else(|| {
            self.by_hand
                .push(format!("the check of the pattern of `{place}`, which takes every text so far"));
            "text.len() < usize::MAX".to_owned()
        })
    }

    fn default(&mut self, ident: &str, owner: &str, used: &Use, default: &Value, serde: &mut Vec<String>) {
        let value = match (default, used.how) {
            (Value::String(text), How::Attributes) if used.ty == "String" => {
                format!("{}.to_owned()", literal(text))
            }
            (Value::String(text), How::Inline) => format!("{}::{}", used.ty, pascal(text)),
            (Value::Number(number), How::Inline) => format!("{}({number})", used.ty),
            (Value::Number(number), _) if used.ty == "f64" => float(number),
            (Value::Number(_) | Value::Bool(_), _) => default.to_string(),
            _ => {
                self.by_hand.push(format!("the default of `{owner}::{ident}`"));
                "Default::default()".to_owned()
            }
        };
        let function = format!("{}_{}_default", snake(owner), ident.trim_start_matches("r#"));
        serde.push(format!("default = \"{function}\""));
        self.items.push(format!("fn {function}() -> {} {{\n    {value}\n}}", used.ty));
    }
}

/// The schema in an `allOf` of one, which is how a reference is described.
fn unwrapped(schema: &Value) -> &Value {
    match schema["allOf"].as_array().map(Vec::as_slice) {
        Some([only]) if schema.get("properties").is_none() => only,
        _ => schema,
    }
}

/// `rename_all`, if that and nothing else makes the names of the spec out of those of Rust.
fn renaming(members: &[Member<'_>]) -> &'static str {
    let differs = members.iter().any(|member| snake(member.name).trim_start_matches("r#") != member.name);
    let all = members.iter().all(|member| camel(&snake(member.name)) == member.name);
    if differs && all { "#[serde(rename_all = \"camelCase\")]\n" } else { "" }
}

fn range(schema: &Value, ty: &str) -> Vec<String> {
    if !matches!(ty, "i32" | "i64" | "f64") {
        return Vec::new();
    }
    let mut arguments = Vec::new();
    for (keyword, strict, names) in [
        ("minimum", "exclusiveMinimum", ["min", "exclusive_min"]),
        ("maximum", "exclusiveMaximum", ["max", "exclusive_max"]),
    ] {
        if let Some(bound) = schema.get(keyword) {
            let name = names[usize::from(schema[strict] == Value::Bool(true))];
            arguments.push(format!("{name} = {}", number(bound, ty)));
        }
    }
    arguments
}

/// A bound as a literal of the type.
pub(super) fn number(bound: &Value, ty: &str) -> String {
    match bound {
        Value::Number(bound) if ty == "f64" => float(bound),
        bound => separated(&bound.to_string()),
    }
}

fn float(number: &serde_json::Number) -> String {
    let text = number.to_string();
    if text.contains(['.', 'e']) { text } else { format!("{text}.0") }
}

/// A whole number as Rust likes to read it.
fn separated(number: &str) -> String {
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |digits| ("-", digits));
    if digits.len() < 6 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return number.to_owned();
    }
    let mut text = sign.to_owned();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

pub(super) fn multiple(step: &Value, ty: &str, of: &str) -> String {
    if ty == "f64" {
        format!("({of} / {}).fract() == 0.0", number(step, ty))
    } else {
        format!("{of} % {step} == 0")
    }
}

/// A value in an attribute of utoipa.
pub(super) fn json(value: &Value) -> String {
    match value {
        Value::String(text) => literal(text),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        value => format!("json!({value})"),
    }
}

/// A description as a docstring.
pub(super) fn docs(description: Option<&str>, indent: &str) -> String {
    let Some(description) = description else {
        return undocumented("The spec does not describe it.", indent);
    };
    description.lines().map(|line| format!("{indent}/// {line}").trim_end().to_owned() + "\n").collect()
}

fn undocumented(why: &str, indent: &str) -> String {
    format!("{indent}// {why}\n{indent}#[allow(missing_docs)]\n")
}
