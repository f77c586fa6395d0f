//! The endpoints that a configuration names in place of AWS's.
//!
//! The SDK takes any text for a URL, and panics when it is empty. Promise: what is returned here is
//! an http or https URL.

use aws_config::SdkConfig;
use aws_types::service_config::ServiceConfigKey;

use super::Scope;
use crate::config::http_host;
use crate::text::{safe, shorten};

/// Returns the endpoint of SQS. An empty setting is none.
pub(super) fn of_sqs(scope: &Scope, config: &SdkConfig) -> Result<Option<String>, String> {
    of_service(scope, config, "SQS")
}

/// Returns the endpoint of a service: that of the scope, else what the configuration of the SDK has for
/// it. An empty setting is none.
pub(super) fn of_service(
    scope: &Scope,
    config: &SdkConfig,
    service: &str,
) -> Result<Option<String>, String> {
    if scope.endpoint.is_some() {
        return Ok(scope.endpoint.clone());
    }
    match configured(config, service).filter(|(_, url)| !url.is_empty()) {
        Some((setting, url)) => check(&setting, &url).map(|()| Some(url)),
        None => Ok(None),
    }
}

/// Checks the endpoint of a service that signs in, which the SDK itself uses.
pub(super) fn check_service(config: &SdkConfig, service: &str) -> Result<(), String> {
    configured(config, service).map_or(Ok(()), |(setting, url)| check(&setting, &url))
}

/// Checks a variable that names an endpoint.
pub(super) fn check_variable(name: &str) -> Result<(), String> {
    std::env::var(name).map_or(Ok(()), |url| check(name, &url))
}

/// Checks the variables of a container's credentials endpoint.
pub(super) fn check_container() -> Result<(), String> {
    const RELATIVE: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
    let plain = |path: &str| path.starts_with('/') && path.bytes().all(|b| b.is_ascii_graphic());
    match std::env::var(RELATIVE) {
        Ok(path) if plain(&path) => Ok(()),
        Ok(_) => Err(format!("{RELATIVE} is not a path such as '/v2/credentials/ID'")),
        Err(_) => check_variable("AWS_CONTAINER_CREDENTIALS_FULL_URI"),
    }
}

/// Returns the name and the value of the setting that counts for a service.
fn configured(config: &SdkConfig, service: &str) -> Option<(String, String)> {
    const ALL: &str = "AWS_ENDPOINT_URL";
    let key = ServiceConfigKey::builder().service_id(service).env(ALL).profile("endpoint_url");
    let url = config.service_config()?.load_config(key.build().ok()?)?;
    let variables = [format!("{ALL}_{}", service.to_uppercase()), ALL.to_owned()];
    let set = variables.into_iter().find(|name| std::env::var(name).is_ok());
    Some((set.unwrap_or_else(|| format!("the profile's endpoint_url for {service}")), url))
}

fn check(setting: &str, url: &str) -> Result<(), String> {
    match url {
        "" => Err(format!("{setting} is empty; remove it")),
        _ if http_host(url).is_some() => Ok(()),
        // What stands before an @ may be a password.
        _ if url.contains('@') => Err(format!("{setting} is not an http or https URL")),
        _ => {
            let url = safe(&shorten(url, 100)).into_owned();
            Err(format!("{setting} is not an http or https URL: '{url}'"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoint_that_is_no_url_is_named_without_password() {
        let rows = [
            ("http://127.0.0.1:9", None),
            ("https://sqs.example.com/path", None),
            ("", Some("X is empty; remove it")),
            ("a b", Some("X is not an http or https URL: 'a b'")),
            ("http://a b", Some("X is not an http or https URL: 'http://a b'")),
            ("http://", Some("X is not an http or https URL: 'http://'")),
            ("ftp://x\n", Some(r"X is not an http or https URL: 'ftp://x\n'")),
            ("ftp://u:hunter2@x", Some("X is not an http or https URL")),
        ];
        for (url, expected) in rows {
            assert_eq!(check("X", url).err().as_deref(), expected, "{url}");
        }
    }
}
