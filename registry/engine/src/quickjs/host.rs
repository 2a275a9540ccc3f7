//! The native functions that the bootstrap scripts are given. Providers and views never see them.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
    time::Duration,
};

use rquickjs::{Ctx, Function, Object, Persistent, String as JsString, Value, function::Opt};

use super::{
    call::{CallId, Effect, Running, json},
    deadline::Budget,
    natives, plugins,
    raw::Heap,
    streaming,
};
use crate::driver::{Answer, Cookie, Failure, FetchRequest, NestedRender, ProviderError};

/// Longest text of an error that is told, in bytes.
const ERROR_BYTES_MAX: usize = 16 * 1024;
/// Longest JSON of an error that is told, in bytes.
const ORIGINAL_BYTES_MAX: usize = 64 * 1024;
/// Most things that JavaScript may ask of its thread without giving it back.
const EFFECTS_MAX: usize = 16_384;

/// Longest line of console output, in bytes.
const CONSOLE_BYTES_MAX: usize = 8 * 1024;

/// What an isolate and its native functions share. Lives on one thread.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// The call on whose behalf JavaScript runs now; 0 for none.
    pub(super) current: Cell<CallId>,
    pub(super) calls: RefCell<HashMap<CallId, Running>>,
    pub(super) effects: RefCell<Vec<Effect>>,
    /// Promises that were rejected and have no handler yet, with their reasons.
    pub(super) rejections: RefCell<Vec<Rejection>>,
    pub(super) budget: Budget,
    pub(super) heap: Rc<Heap>,
}

/// A rejected promise and its reason.
pub(super) type Rejection = (Persistent<Value<'static>>, Persistent<Value<'static>>);

impl Shared {
    pub(super) fn push(&self, effect: Effect) {
        self.effects.borrow_mut().push(effect);
    }

    pub(super) fn settle(&self, call: CallId, result: Result<Answer, Failure>) {
        self.push(Effect::Settle(call, result));
    }

    /// Does `work` with a call that is still running.
    pub(super) fn with_call<T: Default>(
        &self,
        call: CallId,
        work: impl FnOnce(&mut Running) -> T,
    ) -> T {
        self.calls
            .borrow_mut()
            .get_mut(&call)
            .map(work)
            .unwrap_or_default()
    }

    /// Keeps the books of unhandled rejections.
    pub(super) fn track<'js>(
        &self,
        ctx: &Ctx<'js>,
        promise: Value<'js>,
        reason: Value<'js>,
        handled: bool,
    ) {
        let promise = Persistent::save(ctx, promise);
        let mut rejections = self.rejections.borrow_mut();
        if handled {
            rejections.retain(|(known, _)| *known != promise);
        } else {
            rejections.push((promise, Persistent::save(ctx, reason)));
        }
    }
}

/// What both realms need: settling, and telling what went wrong.
pub(super) fn settling<'js>(ctx: &Ctx<'js>, shared: &Rc<Shared>) -> rquickjs::Result<Object<'js>> {
    let host = Object::new(ctx.clone())?;
    let state = Rc::clone(shared);
    define(&host, "outOfMemory", move || state.heap.has_refused())?;
    let state = Rc::clone(shared);
    define(&host, "exhausted", move |call: CallId| {
        state.push(Effect::Exhausted(call));
    })?;
    Ok(host)
}

/// The native side of the provider's realm.
pub(super) fn provider<'js>(ctx: &Ctx<'js>, shared: &Rc<Shared>) -> rquickjs::Result<Object<'js>> {
    let host = settling(ctx, shared)?;
    answers(&host, shared)?;
    failures(&host, shared)?;
    response(&host, shared)?;
    timers(&host, shared)?;
    requests(&host, shared)?;
    streaming::install(&host, shared)?;
    plugins::install(&host, shared)?;
    natives::install(&host)?;
    Ok(host)
}

/// The native side of the view's realm.
pub(super) fn view<'js>(ctx: &Ctx<'js>, shared: &Rc<Shared>) -> rquickjs::Result<Object<'js>> {
    let host = settling(ctx, shared)?;
    let state = Rc::clone(shared);
    define(&host, "html", move |call: CallId, html: JsString<'_>| {
        let html = text_of(&html)?;
        state.settle(call, Ok(Answer::Html(html)));
        Ok::<_, rquickjs::Error>(())
    })?;
    let state = Rc::clone(shared);
    define(&host, "empty", move |call: CallId| {
        state.settle(call, Ok(Answer::Empty));
    })?;
    let state = Rc::clone(shared);
    define(
        &host,
        "viewFailed",
        move |call: CallId, error: Opt<Option<JsString<'_>>>| {
            let error = match error.0.flatten() {
                Some(error) => json(&text_of(&error)?),
                None => serde_json::Value::Null,
            };
            state.settle(call, Err(Failure::View(error)));
            Ok::<_, rquickjs::Error>(())
        },
    )?;
    define(&host, "escapeHtml", natives::escape_html)?;
    Ok(host)
}

fn answers(host: &Object<'_>, shared: &Rc<Shared>) -> rquickjs::Result<()> {
    let state = Rc::clone(shared);
    define(host, "answer", move |call: CallId, model: JsString<'_>| {
        let model = text_of(&model)?;
        state.settle(call, Ok(Answer::Model(model.into())));
        Ok::<_, rquickjs::Error>(())
    })?;
    let state = Rc::clone(shared);
    host.set(
        "deliver",
        Function::new(host.ctx().clone(), move |ctx, call, model| {
            deliver(&state, &ctx, call, model);
        })?,
    )
}

fn deliver<'js>(shared: &Shared, ctx: &Ctx<'js>, call: CallId, model: Value<'js>) {
    shared.push(Effect::Deliver(call, Persistent::save(ctx, model)));
}

fn failures(host: &Object<'_>, shared: &Rc<Shared>) -> rquickjs::Result<()> {
    let state = Rc::clone(shared);
    define(
        host,
        "unserializable",
        move |call: CallId, text: JsString<'_>| {
            let text = shortened(text_of(&text)?, ERROR_BYTES_MAX);
            state.settle(call, Err(Failure::NotSerializable(text)));
            Ok::<_, rquickjs::Error>(())
        },
    )?;
    let state = Rc::clone(shared);
    define(host, "missing", move |call: CallId, paths: Vec<String>| {
        let paths = paths
            .into_iter()
            .map(|path| shortened(path, ERROR_BYTES_MAX));
        let failure = Failure::MissingDependencies(paths.collect());
        state.settle(call, Err(failure));
    })?;
    let state = Rc::clone(shared);
    define(
        host,
        "fail",
        move |call: CallId,
              message: Option<JsString<'_>>,
              stack: Option<JsString<'_>>,
              original: Option<JsString<'_>>,
              status: f64| {
            let text = |value: Option<JsString<'_>>| value.map(|value| text_of(&value)).transpose();
            let error = ProviderError {
                message: text(message)?.map(|text| shortened(text, ERROR_BYTES_MAX)),
                stack: text(stack)?.map(|text| shortened(frames(&text), ERROR_BYTES_MAX)),
                original: text(original)?
                    .filter(|text| text.len() <= ORIGINAL_BYTES_MAX)
                    .map(|text| json(&text)),
                status: (status != 0.0).then_some(status),
            };
            state.settle(call, Err(Failure::Provider(error)));
            Ok::<_, rquickjs::Error>(())
        },
    )
}

fn response(host: &Object<'_>, shared: &Rc<Shared>) -> rquickjs::Result<()> {
    let state = Rc::clone(shared);
    define(
        host,
        "header",
        move |call: CallId, name: JsString<'_>, value: JsString<'_>| {
            let (name, value) = (text_of(&name)?, text_of(&value)?);
            state.with_call(call, |running| running.set_header(name, value));
            Ok::<_, rquickjs::Error>(())
        },
    )?;
    let state = Rc::clone(shared);
    define(
        host,
        "cookie",
        move |call: CallId,
              name: JsString<'_>,
              value: Option<JsString<'_>>,
              options: Option<JsString<'_>>| {
            let name = text_of(&name)?;
            let value = value.map(|value| text_of(&value)).transpose()?;
            let options = options.map(|options| text_of(&options)).transpose()?;
            let bytes = name.len()
                + value.as_ref().map_or(0, String::len)
                + options.as_ref().map_or(0, String::len);
            let cookie = Cookie {
                name,
                value: value.as_deref().map(json),
                options: options.as_deref().map(json),
            };
            state.with_call(call, |running| running.set_cookie(cookie, bytes));
            Ok::<_, rquickjs::Error>(())
        },
    )?;
    let state = Rc::clone(shared);
    define(host, "console", move |level: String, line: JsString<'_>| {
        let line = shortened(text_of(&line)?, CONSOLE_BYTES_MAX);
        state.with_call(state.current.get(), |running| {
            running.host.console(&level, &line);
        });
        Ok::<_, rquickjs::Error>(())
    })
}

fn timers(host: &Object<'_>, shared: &Rc<Shared>) -> rquickjs::Result<()> {
    let state = Rc::clone(shared);
    define(host, "current", move || state.current.get())?;
    let state = Rc::clone(shared);
    define(host, "timer", move |timer: u32, milliseconds: f64| {
        let call = state.current.get();
        let open = state.with_call(call, Running::open);
        if open {
            let delay = Duration::try_from_secs_f64(milliseconds / 1_000.0).unwrap_or_default();
            state.push(Effect::SetTimer { call, timer, delay });
        }
        open
    })?;
    let state = Rc::clone(shared);
    define(host, "clearTimer", move |ctx: Ctx<'_>, timer: u32| {
        if state.effects.borrow().len() >= EFFECTS_MAX {
            let text = "too many timers are cleared without a pause";
            return Err(rquickjs::Exception::throw_range(&ctx, text));
        }
        state.push(Effect::ClearTimer(timer));
        Ok(())
    })
}

fn requests(host: &Object<'_>, shared: &Rc<Shared>) -> rquickjs::Result<()> {
    let state = Rc::clone(shared);
    define(host, "render", move |request: u32, items: JsString<'_>| {
        let items = text_of(&items)?;
        let call = state.current.get();
        let open = state.with_call(call, |running| {
            running.hand_over(items.len()) && running.open()
        });
        if open {
            state.push(Effect::Render {
                call,
                request,
                items: nested(&items),
            });
        }
        Ok::<_, rquickjs::Error>(open)
    })?;
    let state = Rc::clone(shared);
    define(
        host,
        "fetch",
        move |request: u32, head: Vec<String>, body: Value<'_>| {
            let call = state.current.get();
            let body = natives::body_of(&body)?;
            let length = body.as_ref().map_or(0, bytes::Bytes::len);
            let open = state.with_call(call, |running| {
                running.fetches += 1;
                running.fetches <= running.limits.fetches
                    && running.hand_over(length)
                    && running.open()
            });
            if open {
                let fetch = fetch_request(head, body);
                state.push(Effect::Fetch {
                    call,
                    request,
                    fetch,
                });
            }
            Ok::<_, rquickjs::Error>(open)
        },
    )
}

/// `head`: method, URL, redirect mode, then header names and values in turn.
fn fetch_request(head: Vec<String>, body: Option<bytes::Bytes>) -> FetchRequest {
    let mut head = head.into_iter();
    let method = head.next().unwrap_or_default();
    let url = head.next().unwrap_or_default();
    let redirect = head.next().unwrap_or_default();
    let mut headers = Vec::new();
    while let (Some(name), Some(value)) = (head.next(), head.next()) {
        headers.push((name, value));
    }
    FetchRequest {
        method,
        url,
        headers,
        body,
        redirect,
    }
}

fn nested(items: &str) -> Vec<NestedRender> {
    let serde_json::Value::Array(items) = json(items) else {
        return Vec::new();
    };
    items.into_iter().map(nested_item).collect()
}

fn nested_item(mut item: serde_json::Value) -> NestedRender {
    let mut take = |name: &str| {
        item.get_mut(name)
            .map(serde_json::Value::take)
            .unwrap_or_default()
    };
    let text = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => Some(text),
        _ => None,
    };
    let object = |value: serde_json::Value| match value {
        serde_json::Value::Object(object) => object,
        _ => serde_json::Map::new(),
    };
    NestedRender {
        name: text(take("name")).unwrap_or_default(),
        version: text(take("version")).unwrap_or_default(),
        parameters: object(take("parameters")),
        headers: object(take("headers")),
        ip: text(take("ip")),
    }
}

/// The text of a JavaScript string; lone surrogates become U+FFFD.
pub(super) fn text_of(text: &JsString<'_>) -> rquickjs::Result<String> {
    match text.to_string() {
        Ok(text) => Ok(text),
        Err(rquickjs::Error::Utf8(_)) => {
            let repair: Function<'_> = text
                .ctx()
                .eval("(text) => String.prototype.toWellFormed.call(text)")?;
            repair.call::<_, JsString<'_>>((text.clone(),))?.to_string()
        }
        Err(error) => Err(error),
    }
}

/// Cuts a text at a character boundary.
fn shortened(mut text: String, bytes_max: usize) -> String {
    if text.len() > bytes_max {
        text.truncate(text.floor_char_boundary(bytes_max));
    }
    text
}

/// Drops the frames of our own scripts from a stack trace.
fn frames(stack: &str) -> String {
    let kept: Vec<_> = stack
        .trim_end()
        .lines()
        .filter(|line| !line.contains("(ochre:") && !line.contains(" ochre:"))
        .collect();
    kept.join("\n")
}

/// Puts a native function into `host`.
pub(super) fn define<'js, F, P>(host: &Object<'js>, name: &str, function: F) -> rquickjs::Result<()>
where
    F: rquickjs::function::IntoJsFunc<'js, P> + 'js,
{
    host.set(name, Function::new(host.ctx().clone(), function)?)
}
