//! The token for a GitHub server.
//!
//! Promises: the token of an environment goes to no server that gh(1) would not send it to; no error
//! shows any of it.

use crate::config::{Env, Github, Secret, SecretValue};
use crate::error::Error;
use crate::rules::pull_request::server::GithubServer;

/// Fetches the token: the configured one, else that of a variable, else that of `gh auth token`.
pub fn fetch(settings: &Github, server: &GithubServer, env: &Env) -> Result<SecretValue, Error> {
    if let Some(secret) = &settings.token {
        return secret.resolve(env);
    }
    let set = |name: &&&str| env.get(name).is_some_and(|value| !value.trim().is_empty());
    if let Some(name) = server.variables.iter().find(set) {
        return Secret::Env((*name).to_owned()).resolve(env);
    }
    let sentence = |why: &str| {
        let places = match server.variables {
            [first, ..] => format!("github.token, or ${first}, or run 'gh auth login'"),
            [] => "github.token, because github.endpoint is set".to_owned(),
        };
        format!("no token for '{}': set {places}{why}", server.host)
    };
    if !server.is_known_to_gh {
        return Err(Error::wrong(sentence("")));
    }
    let gh = ["gh", "auth", "token", "--hostname", &server.host].map(str::to_owned);
    Secret::Command(gh.to_vec()).resolve(env).map_err(|error| match error.to_string() {
        why if why.ends_with("no such file or directory") => Error::wrong(sentence("")),
        // A locked keyring, for one: the next look asks again.
        why => Error::Failed(sentence(&format!(" ({why})"))),
    })
}
