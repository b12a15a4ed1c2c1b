//! The pages around the API: the reading view at `/reference/`, the upload page at `/try/`, and what they and the Swagger UI share.
//! Nothing on them comes from another host, and a Content-Security-Policy sees to it.

use std::sync::Arc;

use actix_web::web::{self, Bytes};

use super::asset::Asset;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// What the pages may load, and where they may send requests.
pub(super) struct Policy {
    connect: String,
    show: String,
}

impl Policy {
    /// For a service that clients reach at `origin`, whose document names these other servers too, and whose files are sent to and read from
    /// `stores` if there are any. A page may be opened under another
    /// name of the same host, whence `origin` is named beside the page's own.
    pub(super) fn new(origin: &str, other_servers: &[String], stores: &[String]) -> Self {
        let list = |first: &[&str], rest: &[&[String]]| {
            let rest = rest.iter().flat_map(|part| part.iter().map(String::as_str));
            first.iter().copied().chain(rest).collect::<Vec<_>>().join(" ")
        };
        Self {
            connect: list(&["'self'", origin], &[other_servers, stores]),
            show: list(&["'self'", origin, "data:", "blob:"], &[stores]),
        }
    }

    /// Two policies in one header value; a browser allows what both allow.
    ///
    /// Files that were uploaded are on the origin of the pages, and `'self'` allows them. A path
    /// would exclude them, but needs a host, and the pages are reached under several: `localhost`,
    /// `127.0.0.1`, `PUBLIC_ORIGIN`. So the first policy names the origin and the second one the
    /// paths on any host. Workers fall under `script-src`.
    fn with(&self, own: &str, assets: &PageAssets) -> String {
        let Self { connect, show } = self;
        let PageAssets { scripts, styles } = assets;
        format!(
            "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; connect-src {connect}; img-src {show}; {own}, script-src{}; style-src{}{}",
            on_any_host(scripts),
            if own.contains("'unsafe-inline'") { " 'unsafe-inline'" } else { "" },
            on_any_host(styles),
        )
    }

    /// For the upload page, whose styles are all ours.
    fn of_upload(&self) -> String {
        let assets =
            PageAssets { scripts: &["/assets/try.js"], styles: &["/assets/site.css", "/assets/try.css"] };
        self.with("script-src 'self'; style-src 'self'", &assets)
    }

    /// For the Swagger UI.
    pub(super) fn of_docs(&self) -> String {
        let assets = PageAssets {
            scripts: &["/docs/swagger-ui-bundle.js", "/assets/docs.js"],
            styles: &["/docs/swagger-ui.css", "/assets/site.css", "/assets/docs.css"],
        };
        self.with("script-src 'self'; style-src 'self' 'unsafe-inline'; media-src 'self' blob:", &assets)
    }

    /// For Scalar, which writes styles of its own.
    fn of_reference(&self) -> String {
        let assets = PageAssets {
            scripts: &["/assets/scalar.js", "/assets/reference.js"],
            styles: &["/assets/site.css", "/assets/reference.css"],
        };
        self.with("script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self' data:", &assets)
    }
}

/// Scripts and styles that a page loads, by path. Such a path must not redirect: browsers do not
/// compare the path that a redirect leads to.
struct PageAssets {
    scripts: &'static [&'static str],
    styles: &'static [&'static str],
}

/// Sources of a Content-Security-Policy for these paths, which are matched as a whole.
fn on_any_host(paths: &[&str]) -> String {
    paths.iter().map(|path| format!(" *:*{path}")).collect()
}

/// The page at `path`, with the way to the others.
pub(super) fn page(path: &str, html: &str) -> Asset {
    let here = format!("href=\"{path}\"");
    let navigation =
        include_str!("pages/navigation.html").replace(&here, &format!("{here} aria-current=\"page\""));
    Asset::new(HTML, html.replace("<!-- navigation -->", &navigation))
}

/// The pages, ready to be mounted.
#[derive(Clone)]
pub(super) struct Pages {
    assets: Arc<[(&'static str, Asset)]>,
}

impl Pages {
    pub(super) fn new(policy: &Policy) -> Self {
        let scalar = || scalar_api_reference::get_asset("scalar.js").map(Bytes::from).unwrap_or_default();
        let reference =
            page("/reference/", include_str!("pages/reference.html")).with_policy(policy.of_reference());
        let upload = page("/try/", include_str!("pages/try.html")).with_policy(policy.of_upload());
        let assets = [
            ("/reference/", reference),
            ("/try/", upload),
            ("/assets/site.css", Asset::new(CSS, include_str!("pages/site.css"))),
            ("/assets/docs.css", Asset::new(CSS, include_str!("pages/docs.css"))),
            ("/assets/docs.js", Asset::new(SCRIPT, include_str!("pages/docs.js"))),
            ("/assets/reference.css", Asset::new(CSS, include_str!("pages/reference.css"))),
            ("/assets/reference.js", Asset::new(SCRIPT, include_str!("pages/reference.js"))),
            ("/assets/scalar.js", Asset::made(SCRIPT, scalar)),
            ("/assets/try.css", Asset::new(CSS, include_str!("pages/try.css"))),
            ("/assets/try.js", Asset::new(SCRIPT, include_str!("pages/try.js"))),
        ];
        Self { assets: Arc::new(assets) }
    }

    pub(super) fn configure(&self, routes: &mut web::ServiceConfig) {
        routes.route("/", web::get().to(|| async { web::Redirect::to("/docs/") }));
        for (without, with) in [("/reference", "/reference/"), ("/try", "/try/")] {
            routes.route(without, web::get().to(move || async move { web::Redirect::to(with) }));
        }
        for (path, asset) in self.assets.iter() {
            asset.clone().mount(path, routes);
        }
    }
}
