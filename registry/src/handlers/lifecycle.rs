//! `~components/…`: states of releases, and channels.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header::CACHE_CONTROL},
    web,
};
use bytes::Bytes;
use ochre_model::{ChannelName, ComponentName, ParameterValue, ReleaseState, StateNote, Version};
use ochre_store::{ChannelAction, Expected};
use serde_json::{Map, Value};

use crate::{
    answer,
    auth::Principal,
    body::{self, BodyLimits},
    discovery::Discovery,
    error::ApiError,
    extract::{QueryParameters, segment},
    handlers::discovery::switched_off,
    lifecycle::{self, ChannelRequest, Lifecycle, StateRequest},
    render::Renderer,
};

/// Tells every version of a component with its state, and its channels.
///
/// # Errors
///
/// 404 for an unknown component.
pub(crate) async fn describe(
    request: HttpRequest,
    (discovery, renderer): (web::Data<Discovery>, web::Data<Renderer>),
) -> Result<HttpResponse, ApiError> {
    if !discovery.settings().api {
        return Ok(switched_off());
    }
    let name = segment(&request, "name")?;
    let catalog = renderer.published();
    let component = catalog.get(&name).filter(|_| renderer.serves(&name));
    let component = component.ok_or_else(|| {
        ApiError::new(
            StatusCode::NOT_FOUND,
            "component_not_found",
            "component is not published",
        )
    })?;
    let text = lifecycle::describe(&name, component).to_string();
    Ok(answer::json(&request, Bytes::from(text)))
}

/// Sets the state of a release: `{"state","reason"?}`.
///
/// # Errors
///
/// As [`Lifecycle::set_state`], 400 for what cannot be understood.
pub(crate) async fn put_state(
    request: HttpRequest,
    payload: web::Payload,
    (by, lifecycle): (Principal, web::Data<Lifecycle>),
    limits: web::Data<BodyLimits>,
) -> Result<HttpResponse, ApiError> {
    let id = ochre_model::ComponentId {
        name: name_of(&request)?,
        version: version(&segment(&request, "version")?)?,
    };
    let mut members = Members::read(&request, payload, **limits).await?;
    let state = members.text("state")?.ok_or_else(|| {
        malformed("state is missing: one of active, experimental, deprecated, yanked")
    })?;
    let note = members.text("reason")?.filter(|text| !text.is_empty());
    members.end()?;
    let asked = StateRequest {
        id,
        state: state
            .parse::<ReleaseState>()
            .map_err(|error| ApiError::bad_request("state_not_valid", error.to_string()))?,
        note: note
            .map(|text| text.parse::<StateNote>())
            .transpose()
            .map_err(|error| ApiError::bad_request("reason_not_valid", error.to_string()))?,
    };
    Ok(done(&lifecycle.set_state(asked, &by).await?))
}

/// Points a channel to a version: `{"version","ifCurrent"?}`.
///
/// # Errors
///
/// As [`Lifecycle::set_channel`], 400 for what cannot be understood.
pub(crate) async fn put_channel(
    request: HttpRequest,
    payload: web::Payload,
    (by, lifecycle): (Principal, web::Data<Lifecycle>),
    limits: web::Data<BodyLimits>,
) -> Result<HttpResponse, ApiError> {
    let (name, channel) = (name_of(&request)?, channel_of(&request)?);
    let mut members = Members::read(&request, payload, **limits).await?;
    let target = members.text("version")?;
    let target = target.ok_or_else(|| malformed("version is missing: an exact version"))?;
    let asked = ChannelRequest {
        name,
        channel,
        action: ChannelAction::MoveTo(version(&target)?),
        expected: members.expected()?,
    };
    members.end()?;
    Ok(done(&lifecycle.set_channel(asked, &by).await?))
}

/// Points a channel to what it pointed to before: `{"ifCurrent"?}`, or no body.
///
/// # Errors
///
/// As [`Lifecycle::set_channel`], 400 for what cannot be understood.
pub(crate) async fn roll_back(
    request: HttpRequest,
    payload: web::Payload,
    (by, lifecycle): (Principal, web::Data<Lifecycle>),
    limits: web::Data<BodyLimits>,
) -> Result<HttpResponse, ApiError> {
    let (name, channel) = (name_of(&request)?, channel_of(&request)?);
    let mut members = Members::read(&request, payload, **limits).await?;
    let asked = ChannelRequest {
        name,
        channel,
        action: ChannelAction::RollBack,
        expected: members.expected()?,
    };
    members.end()?;
    Ok(done(&lifecycle.set_channel(asked, &by).await?))
}

/// Removes a channel; `?ifCurrent=` as above.
///
/// # Errors
///
/// As [`Lifecycle::set_channel`], 400 for what cannot be understood.
pub(crate) async fn delete_channel(
    request: HttpRequest,
    query: QueryParameters,
    (by, lifecycle): (Principal, web::Data<Lifecycle>),
) -> Result<HttpResponse, ApiError> {
    let expected = query.0.get("ifCurrent").map(ParameterValue::to_text);
    let asked = ChannelRequest {
        name: name_of(&request)?,
        channel: channel_of(&request)?,
        action: ChannelAction::Remove,
        expected: match expected {
            Some(text) => Expected::Version(version(&text)?),
            None => Expected::Anything,
        },
    };
    Ok(done(&lifecycle.set_channel(asked, &by).await?))
}

/// Members of a body, taken one by one.
struct Members(Map<String, Value>);

// === impl Members ===

impl Members {
    async fn read(
        request: &HttpRequest,
        payload: web::Payload,
        limits: BodyLimits,
    ) -> Result<Self, ApiError> {
        match body::read(request, payload, limits).await? {
            Some(Value::Object(members)) => Ok(Self(members)),
            None if request.method() == actix_web::http::Method::POST => Ok(Self(Map::new())),
            _ => Err(malformed("send a JSON object as application/json")),
        }
    }

    fn text(&mut self, member: &str) -> Result<Option<String>, ApiError> {
        match self.0.remove(member) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(malformed(&format!("{member} is not a text"))),
        }
    }

    /// `ifCurrent`: a version, or `null` for a channel that must not be there.
    fn expected(&mut self) -> Result<Expected, ApiError> {
        if self.0.get("ifCurrent").is_some_and(Value::is_null) {
            self.0.remove("ifCurrent");
            return Ok(Expected::Absence);
        }
        Ok(match self.text("ifCurrent")? {
            Some(text) => Expected::Version(version(&text)?),
            None => Expected::Anything,
        })
    }

    fn end(self) -> Result<(), ApiError> {
        match self.0.keys().next() {
            Some(member) => Err(malformed(&format!("{member:?} is not known"))),
            None => Ok(()),
        }
    }
}

fn name_of(request: &HttpRequest) -> Result<ComponentName, ApiError> {
    let name = segment(request, "name")?;
    name.parse().map_err(|error: ochre_model::NameError| {
        ApiError::bad_request("name_not_valid", error.to_string())
    })
}

fn channel_of(request: &HttpRequest) -> Result<ChannelName, ApiError> {
    let channel = segment(request, "channel")?;
    channel.parse().map_err(|error: ochre_model::ChannelError| {
        ApiError::bad_request("channel_not_valid", error.to_string())
    })
}

fn version(text: &str) -> Result<Version, ApiError> {
    text.parse()
        .map_err(|_| ApiError::bad_request("version_not_valid", "version is not an exact version"))
}

fn malformed(text: &str) -> ApiError {
    ApiError::bad_request("body_not_valid", text)
}

/// What is after a change; nobody keeps it.
fn done(answer: &Value) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .content_type("application/json; charset=utf-8")
        .body(answer.to_string())
}
