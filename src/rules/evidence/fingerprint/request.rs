//! The route of a recorded HTTP request: its method and its path, without what varies.

use serde_json::Value;

use super::mask;

/// Limit on a route, in bytes.
const ROUTE_MAX: usize = 96;

/// Returns the route of a request that API Gateway, a load balancer or a relay of webhooks recorded:
/// `POST /orders/{id}`.
pub(super) fn route(json: &Value) -> Option<String> {
    const METHODS: [&str; 3] = ["/httpMethod", "/requestContext/http/method", "/method"];
    const PATHS: [&str; 4] = ["/rawPath", "/path", "/url", "/uri"];
    const VERBS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    let text = |path: &&str| json.pointer(path).and_then(Value::as_str);
    let method = METHODS.iter().find_map(text).filter(|method| VERBS.contains(method))?;
    // The resource is a template; one that takes every path says nothing.
    let resource = text(&"/resource").filter(|path| path.starts_with('/') && !path.contains('+'));
    if let Some(resource) = resource {
        let is_template = |b: u8| b.is_ascii_alphanumeric() || b"/{}_.-".contains(&b);
        let is_plain = resource.len() <= ROUTE_MAX
            && resource.bytes().all(is_template)
            && !resource.split('/').any(mask::is_id);
        if is_plain {
            return Some(format!("{method} {resource}"));
        }
    }
    let path = PATHS.iter().find_map(text)?;
    let path = path.split(['?', '#']).next().unwrap_or(path);
    Some(mask::template(&format!("{method} {path}"), ROUTE_MAX, false))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn route_is_a_template_or_a_path_without_ids() {
        let rows = [
            (
                json!({"httpMethod": "PUT", "resource": "/a/{id}", "path": "/a/7"}),
                Some("PUT /a/{id}"),
            ),
            (
                json!({"httpMethod": "GET", "resource": "/{proxy+}", "path": "/a/778"}),
                Some("GET /a/<*>"),
            ),
            (json!({"httpMethod": "GET", "resource": "/a/c2tfbGl2ZV81MUg4eFla"}), None),
            (
                json!({"requestContext": {"http": {"method": "POST"}}, "rawPath": "/hooks/crm"}),
                Some("POST /hooks/<*>"),
            ),
            (
                json!({"method": "POST", "url": "https://a.example/v1/x?y=1"}),
                Some("POST https://a.example/v1/x"),
            ),
            (json!({"method": "orders.create", "url": "/x"}), None),
            (json!({"httpMethod": "GET"}), None),
        ];
        for (json, expected) in rows {
            assert_eq!(route(&json).as_deref(), expected, "{json}");
        }
    }
}
