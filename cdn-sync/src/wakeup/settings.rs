//! What an operator says of Redis.

use std::{path::PathBuf, time::Duration};

use ochre_store::Secret;
use serde::{Deserialize, Serialize};

/// The `[redis]` section.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RedisSettings {
    /// Address of a Redis 6 or newer, or a Valkey: `redis://[user[:password]@]host[:port]`, or
    /// `rediss://` with TLS. None means that nodes only poll.
    pub url: Option<Secret>,
    /// Certificates (PEM) that a `rediss` server is checked with, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// First part of the channel's name; the second is made from the store. Default `ochre`.
    pub channel: String,
    /// Bound of making a connection, and of each answer. Default `2s`.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
}

// === impl RedisSettings ===

impl Default for RedisSettings {
    fn default() -> Self {
        Self {
            url: None,
            ca_file: None,
            channel: "ochre".to_owned(),
            timeout: Duration::from_secs(2),
        }
    }
}

impl RedisSettings {
    /// Lists everything that is wrong; each text names the key and the fix, and never the address,
    /// which may hold a password.
    pub fn validate(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if let Some(url) = &self.url {
            let known = ["redis://", "rediss://"];
            let is_known = known.iter().any(|scheme| url.expose().starts_with(scheme));
            if !is_known || redis::parse_redis_url(url.expose()).is_none() {
                problems.push(
                    "redis.url: write redis://host:6379, or rediss://user:password@host:6379"
                        .to_owned(),
                );
            }
        }
        if self.channel.is_empty() || self.channel.len() > 200 {
            problems.push("redis.channel: use 1 to 200 characters".to_owned());
        }
        if self.timeout < Duration::from_millis(10) || self.timeout > Duration::from_mins(1) {
            problems.push(format!(
                "redis.timeout = \"{:?}\": use 10ms to 1m",
                self.timeout
            ));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_names_its_key_and_no_password() {
        let settings: RedisSettings =
            serde_json::from_str(r#"{"url":"http://:hunter2@host","channel":"","timeout":"1ms"}"#)
                .unwrap();
        let problems = settings.validate().join("\n");
        for key in ["redis.url", "redis.channel", "redis.timeout"] {
            assert!(problems.contains(key), "{key}: {problems}");
        }
        assert!(!problems.contains("hunter2"));
        assert!(!format!("{settings:?}").contains("hunter2"));
        assert_eq!(RedisSettings::default().validate(), Vec::<String>::new());
    }

    #[test]
    fn addresses_with_and_without_tls_and_password_are_taken() {
        for url in [
            "redis://127.0.0.1",
            "redis://:secret@host:6380/3",
            "rediss://user:secret@host.example:6379",
        ] {
            let settings = RedisSettings {
                url: Some(Secret::new(url)),
                ..RedisSettings::default()
            };
            assert_eq!(settings.validate(), Vec::<String>::new(), "{url}");
        }
    }
}
