//! Asking whether a `package.json` could be published.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    Client, ExchangeError,
    exchange::{self, ErrorBody},
};

/// Why a `package.json` could not be published, or why that is unknown.
#[derive(Debug, thiserror::Error)]
pub enum ValidateError {
    /// 404: the registry validates nothing (`discovery.validate` is off).
    #[error("registry does not offer validation")]
    NotOffered,
    /// 400 or 409: the registry would refuse it.
    #[error("registry would refuse the package: {message}")]
    Invalid {
        /// What kind of fault, when the registry tells (`name_not_valid`, …).
        code: Option<String>,
        /// The registry's words.
        message: String,
        /// More about it, in a shape that depends on `code`.
        details: Option<Value>,
    },
    /// The exchange itself failed.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
}

impl Client {
    /// Asks whether a package with this `package.json` could be published; needs no credentials.
    ///
    /// # Errors
    ///
    /// [`ValidateError`].
    pub async fn validate(&self, package_json: &Value) -> Result<(), ValidateError> {
        let url = self
            .url(&["~registry", "validate"])
            .ok_or(ValidateError::NotOffered)?;
        let request = self
            .request(Method::POST, url)
            .json(&json!({ "packageJson": package_json }));
        let answer = exchange::send(request, self.options().answer_bytes_max).await?;
        match answer.status {
            StatusCode::OK => Ok(answer.confirmed("valid").map(drop)?),
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
                Err(ValidateError::NotOffered)
            }
            StatusCode::BAD_REQUEST | StatusCode::CONFLICT => {
                let ErrorBody {
                    code,
                    message,
                    details,
                    ..
                } = answer.error_body();
                Err(ValidateError::Invalid {
                    code,
                    message,
                    details,
                })
            }
            _ => Err(answer.unexpected().into()),
        }
    }
}
