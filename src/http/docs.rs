//! The Swagger UI at `/docs/`, and the document that the build has checked where tools look for it: as it was written at
//! `/openapi.yaml`, byte for byte, and with code samples as JSON.

use std::borrow::Cow;
use std::sync::Arc;

use actix_web::web::{self, Bytes};
use utoipa_swagger_ui::Config;

use super::asset::Asset;
use super::pages::{Policy, page};
use crate::document::{Documents, Version};

/// What our page takes of the Swagger UI. Its own page, which it would serve under many a name, has no Content-Security-Policy.
const SWAGGER_UI: [(&str, &str); 3] = [
    ("favicon-32x32.png", "image/png"),
    ("swagger-ui.css", "text/css; charset=utf-8"),
    ("swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
];

/// Everything that tells the contract.
#[derive(Clone)]
pub(super) struct Docs {
    assets: Arc<Vec<(String, Asset)>>,
}

impl Docs {
    pub(super) fn new(documents: &Documents, policy: &Policy) -> Self {
        let json = Asset::new("application/json", documents.json(Version::V3_0));
        let index = page("/docs/", include_str!("pages/docs.html")).with_policy(policy.of_docs());
        let mut assets = vec![
            ("/openapi.json".to_owned(), json.clone()),
            ("/swagger.json".to_owned(), json),
            ("/openapi-3.1.json".to_owned(), Asset::new("application/json", documents.json(Version::V3_1))),
            // RFC 9512
            ("/openapi.yaml".to_owned(), Asset::new("application/yaml", documents.yaml(Version::V3_0))),
            ("/llms.txt".to_owned(), Asset::new("text/plain; charset=utf-8", documents.index.clone())),
            ("/docs/".to_owned(), index.clone()),
            ("/docs/index.html".to_owned(), index),
        ];
        for page in &documents.pages {
            // RFC 7763
            assets.push((page.path.clone(), Asset::new("text/markdown; charset=utf-8", page.text.clone())));
        }
        for (name, media_type) in SWAGGER_UI {
            let file = move || utoipa_swagger_ui::serve(name, Arc::new(Config::default())).ok().flatten();
            let bytes = move || match file().map(|file| file.bytes) {
                Some(Cow::Borrowed(bytes)) => Bytes::from_static(bytes),
                Some(Cow::Owned(bytes)) => bytes.into(),
                None => Bytes::new(),
            };
            assets.push((format!("/docs/{name}"), Asset::made(media_type, bytes)));
        }
        Self { assets: Arc::new(assets) }
    }

    /// Mounts them; how the Swagger UI is set up stands in `pages/docs.js`.
    pub(super) fn configure(&self, routes: &mut web::ServiceConfig) {
        for (path, asset) in self.assets.iter() {
            asset.clone().mount(path, routes);
        }
        routes.route("/docs", web::get().to(|| async { web::Redirect::to("/docs/") }));
    }
}
