//! What browsers may load for a page.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

/// What the list and information pages may load: nothing of others, and of inline scripts only
/// `scripts`.
pub(super) fn policy(scripts: &[&str]) -> String {
    let mut sources = String::new();
    for script in scripts {
        sources.push_str(" 'sha256-");
        sources.push_str(&STANDARD.encode(Sha256::digest(script)));
        sources.push('\'');
    }
    format!(
        "default-src 'none'; script-src 'self'{sources}; style-src 'self'; img-src 'self'; \
         connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'self'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_scripts_are_allowed() {
        // The digest of an empty script.
        let digest = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='";
        assert!(policy(&[""]).contains(&format!("script-src 'self' {digest};")));
    }
}
