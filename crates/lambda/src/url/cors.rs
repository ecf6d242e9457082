//! Cross-origin resource sharing, which a function URL answers itself (Lambda Developer Guide, "Cross-origin resource
//! sharing (CORS)" for function URLs).

use serde::{Deserialize, Serialize};

/// What browsers are told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Cors {
    /// Whether cookies may be sent.
    pub allow_credentials: bool,
    /// Headers that a script may send; `*` is any.
    pub allow_headers: Vec<String>,
    /// Methods that a script may use; `*` is any.
    pub allow_methods: Vec<String>,
    /// Origins that may read answers; `*` is any.
    pub allow_origins: Vec<String>,
    /// Headers that a script may read.
    pub expose_headers: Vec<String>,
    /// Seconds for which a browser may keep the answer to a preflight.
    pub max_age: u32,
}

impl Cors {
    /// The headers for a request from `origin`; none when that origin is not allowed. A preflight gets what may be
    /// sent, an ordinary request what may be read.
    #[must_use]
    pub fn headers(&self, origin: &str, preflight: bool) -> Vec<(&'static str, String)> {
        let any = self.allow_origins.iter().any(|o| o == "*");
        if !any && !self.allow_origins.iter().any(|o| o.eq_ignore_ascii_case(origin)) {
            return Vec::new();
        }
        // With credentials a browser takes no `*`.
        let shown = if any && !self.allow_credentials { "*" } else { origin };
        let mut headers = vec![("access-control-allow-origin", shown.to_owned())];
        if shown != "*" {
            headers.push(("vary", "Origin".to_owned()));
        }
        if self.allow_credentials {
            headers.push(("access-control-allow-credentials", "true".to_owned()));
        }
        let list = |headers: &mut Vec<(&'static str, String)>, name, values: &[String]| {
            if !values.is_empty() {
                headers.push((name, values.join(",")));
            }
        };
        if preflight {
            list(&mut headers, "access-control-allow-methods", &self.allow_methods);
            list(&mut headers, "access-control-allow-headers", &self.allow_headers);
            if self.max_age > 0 {
                headers.push(("access-control-max-age", self.max_age.to_string()));
            }
        } else {
            list(&mut headers, "access-control-expose-headers", &self.expose_headers);
        }
        headers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_allowed_origins_get_headers() {
        let cors = Cors {
            allow_origins: vec!["https://a.example".into()],
            allow_methods: vec!["GET".into(), "PUT".into()],
            max_age: 60,
            ..Cors::default()
        };
        assert!(cors.headers("https://b.example", true).is_empty());
        let preflight = cors.headers("https://a.example", true);
        assert!(preflight.contains(&("access-control-allow-methods", "GET,PUT".into())));
        assert!(preflight.contains(&("access-control-max-age", "60".into())));
        assert!(!cors.headers("https://a.example", false).iter().any(|h| h.0 == "access-control-max-age"));
    }

    #[test]
    fn credentials_name_the_origin() {
        let cors = Cors { allow_origins: vec!["*".into()], allow_credentials: true, ..Cors::default() };
        assert_eq!(cors.headers("https://a.example", false)[0].1, "https://a.example");
    }
}
