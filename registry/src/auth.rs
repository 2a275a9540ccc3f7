//! Who may publish.

use actix_http::{Response, body::BoxBody};
use actix_web::{
    HttpResponse, ResponseError,
    http::{StatusCode, header::WWW_AUTHENTICATE},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ochre_store::Secret;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// Longest accepted `Authorization` header, in bytes.
const HEADER_MAX: usize = 8 * 1024;

/// OC's challenge.
const CHALLENGE: &str = "Basic realm=\"Authorization Required\"";

/// OC's body of a 401, to the byte: the `oc` CLI asks for credentials when it reads it.
const UNAUTHORIZED: &[u8] = b"Unauthorized";

/// `[auth]`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthSettings {
    /// Users who may publish with HTTP basic authentication; none means that anyone may.
    pub logins: Vec<Login>,
}

/// One user.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// User name; no colon.
    pub username: String,
    /// Password.
    pub password: Secret,
}

/// Decides who publishes, from the request's head alone.
#[derive(Debug)]
pub struct Authenticator {
    logins: Vec<Login>,
}

/// Who publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The user's name; `None` when publishing is open.
    pub user: Option<String>,
}

/// The credentials are missing or wrong.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("unauthorized")]
pub struct Unauthorized;

// === impl Authenticator ===

impl Authenticator {
    /// Keeps the logins of `settings`.
    pub fn new(settings: &AuthSettings) -> Self {
        Self {
            logins: settings.logins.clone(),
        }
    }

    /// Decides on the value of the `Authorization` header.
    ///
    /// Every login is compared, in constant time, whether or not one matched already.
    ///
    /// # Errors
    ///
    /// [`Unauthorized`] when logins are configured and `header` is none of them.
    pub fn authenticate(&self, header: Option<&[u8]>) -> Result<Principal, Unauthorized> {
        if self.logins.is_empty() {
            return Ok(Principal { user: None });
        }
        let given = header.and_then(basic_credentials).unwrap_or_default();
        let mut user = None;
        for login in &self.logins {
            let expected = format!("{}:{}", login.username, login.password.expose());
            if bool::from(same(expected.as_bytes(), &given)) {
                user = Some(login.username.clone());
            }
        }
        user.map_or(Err(Unauthorized), |name| Ok(Principal { user: Some(name) }))
    }
}

/// Compares digests, so that neither content nor length shows in the time it takes.
fn same(left: &[u8], right: &[u8]) -> Choice {
    Sha256::digest(left)
        .as_slice()
        .ct_eq(Sha256::digest(right).as_slice())
}

/// `user:password` of a `Basic` header.
fn basic_credentials(header: &[u8]) -> Option<Vec<u8>> {
    if header.len() > HEADER_MAX {
        return None;
    }
    let (scheme, credentials) = header.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    STANDARD.decode(credentials.trim_ascii()).ok()
}

// === impl Unauthorized ===

impl Unauthorized {
    /// OC's answer, as a client that waits for leave to send its body gets it.
    pub(crate) fn head() -> Response<BoxBody> {
        Response::build(StatusCode::UNAUTHORIZED)
            .insert_header((WWW_AUTHENTICATE, CHALLENGE))
            .body(UNAUTHORIZED)
            .map_into_boxed_body()
    }
}

impl ResponseError for Unauthorized {
    fn status_code(&self) -> StatusCode {
        StatusCode::UNAUTHORIZED
    }

    /// OC's answer to whoever may not publish.
    fn error_response(&self) -> HttpResponse {
        Self::head().into()
    }
}

// === impl AuthSettings ===

impl AuthSettings {
    /// Values that cannot work.
    pub(crate) fn problems(&self) -> Vec<String> {
        self.logins
            .iter()
            .enumerate()
            .filter(|(_, login)| {
                login.username.is_empty()
                    || login.username.contains(':')
                    || login.password.expose().is_empty()
            })
            .map(|(index, login)| {
                format!(
                    "`auth.logins[{index}]` (user {:?}): give a name without \":\" and a password",
                    login.username
                )
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authenticator() -> Authenticator {
        let login = |name: &str, password: &str| Login {
            username: name.into(),
            password: Secret::new(password),
        };
        Authenticator::new(&AuthSettings {
            logins: vec![login("ada", "first"), login("bob", "sec:ond")],
        })
    }

    fn basic(credentials: &str) -> Vec<u8> {
        format!("Basic {}", STANDARD.encode(credentials)).into_bytes()
    }

    #[test]
    fn any_configured_login_is_accepted() {
        for (credentials, user) in [("ada:first", "ada"), ("bob:sec:ond", "bob")] {
            let principal = authenticator().authenticate(Some(&basic(credentials)));

            assert_eq!(
                principal,
                Ok(Principal {
                    user: Some(user.into())
                })
            );
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let headers = [
            basic("ada:wrong"),
            basic("ada"),
            basic(""),
            b"Bearer token".to_vec(),
            b"Basic !!!".to_vec(),
            b"Basic".to_vec(),
            format!("Basic {}", "A".repeat(1_000_000)).into_bytes(),
        ];
        for header in headers {
            assert_eq!(
                authenticator().authenticate(Some(&header)),
                Err(Unauthorized)
            );
        }
        assert_eq!(authenticator().authenticate(None), Err(Unauthorized));
    }

    #[test]
    fn without_logins_anyone_publishes() {
        let open = Authenticator::new(&AuthSettings::default());

        assert_eq!(open.authenticate(None), Ok(Principal { user: None }));
    }
}
