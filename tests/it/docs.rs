//! What is served of the contract, and the pages around it.

use serde_json::Value;

use crate::support::App;

#[actix_web::test]
async fn the_served_documents_are_the_checked_one() {
    let app = App::start().await;
    let yaml = app.get("/openapi.yaml", &[]).await;
    assert_eq!(yaml.body, include_str!("../../openapi/attachments.yaml"));
    assert_eq!(yaml.header("content-type"), "application/yaml");
    let json = app.get("/openapi.json", &[]).await;
    assert_eq!(json.header("content-type"), "application/json");
    assert_eq!(app.get("/swagger.json", &[]).await.body, json.body);
    let document: Value = json.json();
    assert_eq!(document["openapi"], "3.0.0");
    assert_eq!(document["info"]["x-logo"]["altText"], "Teable logo");
    let tag = json.header("etag");
    assert_eq!(app.get("/openapi.json", &[("if-none-match", tag)]).await.status, 304);
    assert_eq!(app.get("/openapi.json", &[("if-none-match", "\"other\"")]).await.status, 200);
    assert_eq!(
        app.get("/openapi.json", &[("origin", "https://a.example")])
            .await
            .header("access-control-allow-origin"),
        "*"
    );
}

#[actix_web::test]
async fn the_front_door_leads_to_the_docs() {
    let app = App::start().await;
    for path in ["/", "/docs"] {
        let answer = app.get(path, &[]).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (307, "/docs/"));
    }
    let page = app.get("/docs/", &[]).await;
    assert_eq!(page.status, 200);
    let initializer = app.get("/docs/swagger-initializer.js", &[]).await;
    let script = String::from_utf8_lossy(&initializer.body);
    assert!(script.contains("\"/openapi.json\""), "{script}");
    for file in ["swagger-ui.css", "swagger-ui-bundle.js", "swagger-ui-standalone-preset.js"] {
        assert_eq!(app.get(&format!("/docs/{file}"), &[]).await.status, 200, "{file}");
    }
}
