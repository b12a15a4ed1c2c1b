//! Finds the item in an app's Rust sources that answers for a place in its spec. Looks at nothing before there is a finding.

use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Span, TokenTree};
use serde_json::Value;
use syn::{Attribute, Expr, ExprLit, Fields, Item, Lit, Meta, Visibility};

use crate::finding::{Behaviour, Finding, Kind, Location, RustItem};
use crate::pointer::unescape;
use crate::reference::follow;

/// The Rust files of an app's surface.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    types: Vec<Type>,
    handlers: Vec<Handler>,
    /// Every name that the files' own macros are given.
    mentioned: Vec<String>,
}

/// A struct or an enum.
#[derive(Clone, Debug)]
struct Type {
    schema: String,
    public: bool,
    derives: Vec<String>,
    item: RustItem,
    fields: Vec<(String, RustItem)>,
}

#[derive(Clone, Debug)]
struct Handler {
    operation_id: String,
    item: RustItem,
}

impl Sources {
    /// Reads a Rust file, or all below a folder. What cannot be read or is not Rust is left out: a report is worth having without
    /// it.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        let mut sources = Self::default();
        let mut files = Vec::new();
        collect(path, &mut files);
        files.sort();
        for file in files {
            let Ok(text) = fs::read_to_string(&file) else { continue };
            let Ok(parsed) = syn::parse_file(&text) else { continue };
            let place = Place { file: file.display().to_string(), lines: text.lines().collect() };
            for item in &parsed.items {
                sources.add(item, &place);
            }
        }
        sources
    }

    fn add(&mut self, item: &Item, place: &Place) {
        match item {
            Item::Struct(item) => self.add_struct(item, place),
            Item::Enum(item) => {
                let name = item.ident.to_string();
                let variants = item.variants.iter().map(|variant| {
                    let own = variant.ident.to_string();
                    (
                        renamed(&variant.attrs).unwrap_or_else(|| own.clone()),
                        place.item(format!("{name}::{own}"), variant.ident.span()),
                    )
                });
                self.types.push(Type {
                    schema: schema_name(&item.attrs).unwrap_or_else(|| name.clone()),
                    public: matches!(item.vis, Visibility::Public(_)),
                    derives: derives(&item.attrs),
                    fields: variants.collect(),
                    item: place.item(name, item.ident.span()),
                });
            }
            Item::Fn(item) => {
                let attribute = item.attrs.iter().find(|attribute| {
                    attribute.path().segments.last().is_some_and(|last| last.ident == "path")
                });
                let Some(attribute) = attribute else { return };
                let name = item.sig.ident.to_string();
                let operation_id = argument(attribute, "operation_id").unwrap_or_else(|| name.clone());
                self.handlers.push(Handler { operation_id, item: place.item(name, item.sig.ident.span()) });
            }
            Item::Macro(item) => {
                let names = item.mac.tokens.clone().into_iter().map(|token| token.to_string());
                self.mentioned.extend(names);
            }
            Item::Mod(item) => {
                for item in item.content.iter().flat_map(|(_, items)| items) {
                    self.add(item, place);
                }
            }
            _ => {}
        }
    }

    fn add_struct(&mut self, item: &syn::ItemStruct, place: &Place) {
        let name = item.ident.to_string();
        let fields = match &item.fields {
            Fields::Named(fields) => fields.named.iter().collect(),
            _ => Vec::new(),
        };
        let fields = fields.into_iter().filter_map(|field| {
            let ident = field.ident.as_ref()?;
            let own = ident.to_string().trim_start_matches("r#").to_owned();
            let item = place.item(format!("{name}::{own}"), ident.span());
            Some((renamed(&field.attrs).unwrap_or(own), item))
        });
        self.types.push(Type {
            schema: schema_name(&item.attrs).unwrap_or_else(|| name.clone()),
            public: matches!(item.vis, Visibility::Public(_)),
            derives: derives(&item.attrs),
            fields: fields.collect(),
            item: place.item(name, item.ident.span()),
        });
    }

    /// The public type that is the schema of a component: its path, and what it derives. `root` is the folder of the sources, and the module that it is.
    pub(crate) fn path_of(&self, component: &str, root: (&str, &str)) -> Option<(String, Vec<String>)> {
        let found = self.types.iter().find(|known| known.public && known.schema == component)?;
        let file =
            found.item.location.file.strip_prefix(root.0)?.trim_start_matches('/').strip_suffix(".rs")?;
        let modules = file.split('/').filter(|module| *module != "mod").collect::<Vec<_>>();
        let path = [&[root.1], modules.as_slice(), &[&found.item.item]].concat().join("::");
        Some((path, found.derives.clone()))
    }

    /// Whether there is a type of this name, or a macro is given it.
    pub(crate) fn mentions(&self, name: &str) -> bool {
        self.types.iter().any(|known| known.item.item == name)
            || self.mentioned.iter().any(|known| known == name)
    }

    /// The function that handles an operation.
    pub(crate) fn handler_of(&self, operation_id: &str) -> Option<String> {
        let handler = self.handlers.iter().find(|handler| handler.operation_id == operation_id)?;
        Some(handler.item.item.clone())
    }

    /// The item that answers for a finding: the field of the DTO, else the DTO, else the handler.
    pub(crate) fn answering(&self, document: &Value, finding: &Finding) -> Option<RustItem> {
        use Behaviour::{ErrorNotDocumented, MethodNotRefused, PathNotDocumented};
        // No handler answers for what no handler answered.
        if let Kind::Behaviour(MethodNotRefused | PathNotDocumented | ErrorNotDocumented) = finding.kind {
            return None;
        }
        let tokens: Vec<String> = finding.pointer.split('/').skip(1).map(unescape).collect();
        let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
        let found = match tokens.as_slice() {
            ["components", "schemas", name, below @ ..] => self.of_schema(name, below),
            ["components", "parameters", ..]
            | ["paths", _, "parameters", ..]
            | ["paths", _, _, "parameters", ..] => self.parameter(document, &tokens),
            ["components", "responses" | "requestBodies", name, ..] => self.of_schema(name, &[]),
            _ => None,
        };
        found.or_else(|| {
            let operation = finding.operations.first()?;
            let node = &document["paths"][&operation.path][operation.method.to_lowercase()];
            let id = node["operationId"].as_str()?;
            self.handlers
                .iter()
                .find(|handler| handler.operation_id == id)
                .map(|handler| handler.item.clone())
        })
    }

    fn of_schema(&self, name: &str, below: &[&str]) -> Option<RustItem> {
        let of_name = |known: &&Type| alike(&known.schema, name);
        let found = self.types.iter().find(of_name)?;
        let field = match below {
            ["properties", property, ..] => {
                found.fields.iter().find(|(name, _)| name == property || alike(name, property))
            }
            _ => None,
        };
        Some(field.map_or_else(|| found.item.clone(), |(_, item)| item.clone()))
    }

    /// The field of a struct of parameters that has the parameter's name.
    fn parameter(&self, document: &Value, tokens: &[&str]) -> Option<RustItem> {
        let depth = match tokens {
            ["components", ..] => 3,
            [_, _, "parameters", ..] => 4,
            _ => 5,
        };
        let pointer: String =
            tokens.get(..depth)?.iter().map(|token| format!("/{}", crate::pointer::escape(token))).collect();
        let mut node = document.pointer(&pointer)?;
        if let Some(reference) = node["$ref"].as_str() {
            (_, node) = follow(document, reference).ok()?;
        }
        let name = node["name"].as_str()?;
        let mut all =
            self.types.iter().filter(|known| !known.schema.is_empty()).flat_map(|known| &known.fields);
        let (place, same) = (node["in"].as_str()?, |(own, _): &&(String, RustItem)| own == name);
        // A field of the same name in a body is something else; structs of parameters are named for it.
        let of_parameters = |item: &RustItem| {
            let holder = item.item.split("::").next().unwrap_or_default().to_lowercase();
            holder.contains(place) || holder.contains("param")
        };
        all.find(|field| same(field) && of_parameters(&field.1)).map(|(_, item)| item.clone())
    }
}

/// A file whose lines are quoted.
struct Place<'t> {
    file: String,
    lines: Vec<&'t str>,
}

impl Place<'_> {
    fn item(&self, item: String, span: Span) -> RustItem {
        let (start, end) = (span.start(), span.end());
        RustItem {
            item,
            location: Location { file: self.file.clone(), line: start.line, column: start.column + 1 },
            line: self.lines.get(start.line.saturating_sub(1)).copied().unwrap_or_default().to_owned(),
            width: end.column.saturating_sub(start.column),
        }
    }
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) {
    if path.is_dir() {
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        for entry in entries {
            collect(&entry.path(), files);
        }
    } else if path.extension().is_some_and(|extension| extension == "rs") {
        files.push(path.to_owned());
    }
}

/// Whether two names are the same but for how their words are joined.
fn alike(a: &str, b: &str) -> bool {
    let plain = |name: &str| name.replace(['_', '-'], "").to_lowercase();
    plain(a) == plain(b)
}

/// The name that `#[schema(as = …)]` gives a type.
fn schema_name(attributes: &[Attribute]) -> Option<String> {
    let mut of_schema = attributes.iter().filter(|attribute| attribute.path().is_ident("schema"));
    of_schema
        .find_map(|attribute| argument(attribute, "as"))
        .map(|path| path.rsplit("::").next().unwrap_or_default().trim().to_owned())
}

/// The name that `#[serde(rename = "…")]` gives a field.
fn renamed(attributes: &[Attribute]) -> Option<String> {
    attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("serde"))
        .find_map(|attribute| argument(attribute, "rename"))
}

/// The last segments of what a type derives.
fn derives(attributes: &[Attribute]) -> Vec<String> {
    let derive = attributes.iter().filter(|attribute| attribute.path().is_ident("derive"));
    let lists = derive.filter_map(|attribute| match &attribute.meta {
        Meta::List(list) => Some(list.tokens.clone()),
        _ => None,
    });
    lists
        .flatten()
        .filter_map(|token| matches!(token, TokenTree::Ident(_)).then(|| token.to_string()))
        .collect()
}

/// The value of `name = …` in an attribute's list.
fn argument(attribute: &Attribute, name: &str) -> Option<String> {
    let Meta::List(list) = &attribute.meta else { return None };
    let mut tokens = list.tokens.clone().into_iter().peekable();
    while let Some(token) = tokens.next() {
        let next_is_equals = tokens.peek().is_some_and(|next| next.to_string() == "=");
        if token.to_string() != name || !next_is_equals {
            continue;
        }
        tokens.next();
        let mut value = String::new();
        for token in tokens.by_ref().take_while(|token| token.to_string() != ",") {
            value.push_str(&token.to_string());
        }
        return Some(match syn::parse_str::<Expr>(&value) {
            Ok(Expr::Lit(ExprLit { lit: Lit::Str(text), .. })) => text.value(),
            _ => value,
        });
    }
    None
}
