//! The native halves of the sandbox's globals.
#![expect(
    clippy::needless_pass_by_value,
    reason = "the binding hands arguments over by value"
)]

use bytes::Bytes;
use rquickjs::{Array, Ctx, Function, Object, String as JsString, TypedArray, Value};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};
use url::{Url, form_urlencoded, quirks};

use super::{
    encoding,
    host::{define, text_of},
    raw, scripts,
};
use crate::driver::FetchResponse;

/// Most random bytes of one request, as Web Crypto has it.
const RANDOM_BYTES_MAX: usize = 65_536;

/// The native halves of the lazy globals.
pub(super) fn install(host: &Object<'_>) -> rquickjs::Result<()> {
    host.set("prelude", Function::new(host.ctx().clone(), prelude)?)?;
    define(host, "encode", encode)?;
    host.set("decode", Function::new(host.ctx().clone(), decode)?)?;
    host.set("random", Function::new(host.ctx().clone(), random)?)?;
    host.set("digest", Function::new(host.ctx().clone(), digest)?)?;
    define(host, "uuid", || uuid::Uuid::new_v4().to_string())?;
    define(host, "parseUrl", parse_url)?;
    define(host, "setUrl", set_url)?;
    define(host, "parseForm", parse_form)?;
    define(host, "serializeForm", serialize_form)
}

fn prelude(ctx: Ctx<'_>, name: String) -> rquickjs::Result<Value<'_>> {
    scripts::prelude(&ctx, &name)
}

/// Escapes a text for HTML exactly as Handlebars does; a text without special characters is
/// answered as it is.
pub(super) fn escape_html<'js>(
    ctx: Ctx<'js>,
    text: JsString<'js>,
) -> rquickjs::Result<JsString<'js>> {
    let plain = text_of(&text)?;
    let special = |byte: u8| matches!(byte, b'&' | b'<' | b'>' | b'"' | b'\'' | b'`' | b'=');
    let Some(first) = plain.bytes().position(special) else {
        return Ok(text);
    };
    let mut escaped = String::with_capacity(plain.len() + plain.len() / 4 + 16);
    escaped.push_str(&plain[..first]);
    for character in plain[first..].chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#x27;"),
            '`' => escaped.push_str("&#x60;"),
            '=' => escaped.push_str("&#x3D;"),
            other => escaped.push(other),
        }
    }
    JsString::from_str(ctx, &escaped)
}

/// What `renderComponents` resolves with: one `{ok, value}` for each item.
pub(super) fn render_results<'js>(
    ctx: &Ctx<'js>,
    results: Vec<Result<String, String>>,
) -> rquickjs::Result<Value<'js>> {
    let list = Array::new(ctx.clone())?;
    for (index, result) in results.into_iter().enumerate() {
        let item = Object::new(ctx.clone())?;
        item.set("ok", result.is_ok())?;
        item.set("value", result.unwrap_or_else(|error| error))?;
        list.set(index, item)?;
    }
    Ok(list.into_value())
}

/// What the `fetch` prelude builds a response from.
pub(super) fn fetch_response<'js>(
    ctx: &Ctx<'js>,
    response: &FetchResponse,
) -> rquickjs::Result<Value<'js>> {
    let object = Object::new(ctx.clone())?;
    object.set("status", response.status)?;
    object.set("statusText", response.status_text.as_str())?;
    object.set("url", response.url.as_str())?;
    object.set("redirected", response.redirected)?;
    let headers = Array::new(ctx.clone())?;
    for (index, (name, value)) in response.headers.iter().enumerate() {
        headers.set(index, vec![name.as_str(), value.as_str()])?;
    }
    object.set("headers", headers)?;
    object.set("body", TypedArray::new_copy(ctx.clone(), &response.body)?)?;
    Ok(object.into_value())
}

/// The body of a `fetch`: bytes, or none.
pub(super) fn body_of(body: &Value<'_>) -> rquickjs::Result<Option<Bytes>> {
    if body.is_undefined() || body.is_null() {
        return Ok(None);
    }
    let bytes: TypedArray<'_, u8> = body.get()?;
    Ok(Some(raw::bytes_of(&bytes).into()))
}

/// Bytes as text in one of Buffer's encodings.
fn encode(bytes: TypedArray<'_, u8>, encoding: String) -> String {
    encoding::encode(&raw::bytes_of(&bytes), &encoding)
}

/// Text in one of Buffer's encodings as bytes.
fn decode<'js>(
    ctx: Ctx<'js>,
    text: JsString<'js>,
    encoding: String,
) -> rquickjs::Result<TypedArray<'js, u8>> {
    TypedArray::new_copy(ctx, encoding::decode(&text_of(&text)?, &encoding))
}

fn random(ctx: Ctx<'_>, bytes: usize) -> rquickjs::Result<TypedArray<'_, u8>> {
    let mut random = vec![0_u8; bytes.min(RANDOM_BYTES_MAX)];
    rand::fill(&mut random[..]);
    TypedArray::new_copy(ctx, random)
}

fn digest<'js>(
    ctx: Ctx<'js>,
    algorithm: String,
    bytes: TypedArray<'js, u8>,
) -> rquickjs::Result<Option<TypedArray<'js, u8>>> {
    let bytes = raw::bytes_of(&bytes);
    let hash = match algorithm.as_str() {
        "SHA-1" => Sha1::digest(bytes).to_vec(),
        "SHA-256" => Sha256::digest(bytes).to_vec(),
        "SHA-384" => Sha384::digest(bytes).to_vec(),
        "SHA-512" => Sha512::digest(bytes).to_vec(),
        _ => return Ok(None),
    };
    TypedArray::new_copy(ctx, hash).map(Some)
}

/// The parts of a URL in the order that the `url` prelude names them; none when it is not valid.
fn parse_url(url: String, base: Option<String>) -> Option<Vec<String>> {
    let base = base.map(|base| Url::parse(&base)).transpose().ok()?;
    Url::options()
        .base_url(base.as_ref())
        .parse(&url)
        .ok()
        .map(|url| parts(&url))
}

/// The parts of `href` after one of them was set; a value that is not valid changes nothing.
fn set_url(href: String, part: String, value: String) -> Option<Vec<String>> {
    let mut url = Url::parse(&href).ok()?;
    match part.as_str() {
        "protocol" => drop(quirks::set_protocol(&mut url, &value)),
        "username" => drop(quirks::set_username(&mut url, &value)),
        "password" => drop(quirks::set_password(&mut url, &value)),
        "host" => drop(quirks::set_host(&mut url, &value)),
        "hostname" => drop(quirks::set_hostname(&mut url, &value)),
        "port" => drop(quirks::set_port(&mut url, &value)),
        "pathname" => quirks::set_pathname(&mut url, &value),
        "search" => quirks::set_search(&mut url, &value),
        "hash" => quirks::set_hash(&mut url, &value),
        _ => {}
    }
    Some(parts(&url))
}

fn parts(url: &Url) -> Vec<String> {
    let parts = [
        quirks::href(url),
        &quirks::origin(url),
        quirks::protocol(url),
        quirks::username(url),
        quirks::password(url),
        quirks::host(url),
        quirks::hostname(url),
        quirks::port(url),
        quirks::pathname(url),
        quirks::search(url),
        quirks::hash(url),
    ];
    parts.map(str::to_owned).into()
}

/// Names and values in turn.
fn parse_form(text: String) -> Vec<String> {
    form_urlencoded::parse(text.as_bytes())
        .flat_map(|(name, value)| [name.into_owned(), value.into_owned()])
        .collect()
}

/// `pairs`: names and values in turn.
fn serialize_form(pairs: Vec<String>) -> String {
    let pairs = pairs.as_chunks::<2>().0;
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs.iter().map(|[name, value]| (name, value)))
        .finish()
}
