//! `GET /`, `~info`, `~preview` as JSON, and `~registry/…`.

use crate::request::Case;

pub(super) fn cases() -> Vec<Case> {
    [
        "/",
        "/?meta=true",
        "/?meta=false",
        "/?meta=",
        "/?meta=1",
        "/?meta=oc,license,allVersions",
        "/?meta=name,dependencies,version",
        "/?state=experimental",
        "/?state=deprecated",
        "/?state=odd",
        "/?state=",
        "/?state=deprecated&meta=true",
        "/hello-es6/~info",
        "/hello-handlebars/1.x.x/~info",
        "/versions/~info",
        "/versions/1.x.x/~info",
        "/environment/~info",
        "/params/~info",
        "/not-there/~info",
        "/versions/9/~info",
        "/prereleases/~info",
        "/deprecated/~info",
        "/hello-handlebars/~preview",
        "/hello-handlebars/1.0.0/~preview",
        "/hello-handlebars/~preview/",
        "/not-there/~preview",
        "/hello-handlebars/~INFO",
        "/~registry/plugins",
        "/~registry/dependencies",
        "/~registry/history",
        "/~REGISTRY/plugins",
        "/~registry/validate",
        "/~registry/other",
        "/oc-client/~info",
        "/oc-client",
    ]
    .map(Case::get)
    .into()
}
