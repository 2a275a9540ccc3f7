//! Server actions of components.

use reqwest::Method;
use reqwest::StatusCode;
use serde_json::Value;

use crate::{
    Client, Content, ExchangeError, RenderError, RenderOptions, RenderRequest, Rendered, exchange,
    render::failure,
};

/// What a registry adds to the props of every answer.
const ADDED: [&str; 4] = [
    "_staticPath",
    "_baseUrl",
    "_componentName",
    "_componentVersion",
];

impl Client {
    /// Calls `action` of a component and gives what it answers.
    ///
    /// An action may change something, so it is never sent twice: after an
    /// [`ExchangeError`] it is unknown whether it ran.
    ///
    /// # Errors
    ///
    /// [`RenderError`], as for rendering.
    pub async fn action(
        &self,
        request: &RenderRequest,
        action: &str,
        options: &RenderOptions,
    ) -> Result<Value, RenderError> {
        let mut segments = vec!["~actions", action];
        segments.extend(request.segments());
        let url = self
            .url(&segments)
            .ok_or_else(|| RenderError::Version(request.version.clone().unwrap_or_default()))?;
        let parameters = request.parameters_over(&options.parameters);
        let asked = self
            .asking(self.request(Method::POST, url), options)
            .timeout(options.timeout.unwrap_or(self.options().timeout))
            .json(&parameters);
        let answer = exchange::send(asked, self.options().answer_bytes_max).await?;
        if answer.status != StatusCode::OK {
            let body = answer.error_body();
            return Err(failure(answer.status.as_u16(), body, answer.retry_after));
        }
        let answered: Rendered = answer.json()?;
        match answered.content {
            Content::Unrendered { data, .. } => Ok(own_props(data)),
            Content::Rendered { .. } => {
                let unexpected = ExchangeError::UnexpectedStatus {
                    status: answer.status.as_u16(),
                    excerpt: "HTML as the answer of an action".to_owned(),
                };
                Err(unexpected.into())
            }
        }
    }
}

/// The props without what the registry added; data of another shape as it is.
fn own_props(mut data: Value) -> Value {
    let Some(props) = data.pointer_mut("/component/props") else {
        return data;
    };
    let mut props = props.take();
    if let Some(members) = props.as_object_mut() {
        for name in ADDED {
            members.shift_remove(name);
        }
    }
    props
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn props_are_told_without_what_the_registry_added() {
        let data = json!({ "component": { "props": { "n": 5, "_baseUrl": "http://x/" } } });
        assert_eq!(own_props(data), json!({ "n": 5 }));
        assert_eq!(own_props(json!({ "n": 5 })), json!({ "n": 5 }));
    }
}
