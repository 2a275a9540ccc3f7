//! The JSON around an unrendered view-model, in OC's order.

use bytes::Bytes;

use crate::{json_object::JsonObject, release::Release};

/// What surrounds a view-model.
pub(crate) struct Envelope<'a> {
    pub(crate) release: &'a Release,
    pub(crate) requested: &'a str,
    pub(crate) href: Option<&'a str>,
    pub(crate) base_url: &'a str,
}

/// Begins an answer with what all successes have.
pub(crate) fn begin(body: &mut JsonObject, envelope: &Envelope<'_>, mode: &str) {
    body.member("baseUrl", envelope.base_url);
    body.member("type", "oc-component");
    body.member("version", envelope.release.id.version.as_str());
    body.member("requestVersion", envelope.requested);
    body.member("name", envelope.release.id.name.as_str());
    body.member("renderMode", mode);
    if let Some(href) = envelope.href {
        body.member("href", href);
    }
}

/// An unrendered answer; `model` is JSON text.
pub(crate) fn unrendered(envelope: &Envelope<'_>, model: &[u8]) -> Bytes {
    let mut body = JsonObject::with_capacity(model.len() + 512);
    begin(&mut body, envelope, "unrendered");
    body.raw_member("data", model);
    let template = &envelope.release.manifest.oc().files.template;
    let mut pointer = JsonObject::with_capacity(256);
    let url = envelope.release.urls.template(envelope.base_url);
    pointer.member("src", &*url);
    pointer.member("type", &template.template_type);
    pointer.member("key", &template.hash_key);
    body.raw_member("template", &pointer.finish());
    body.finish()
}
