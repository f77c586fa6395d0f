//! The addresses of a GitHub server, and the sources of a token for it.
//!
//! Promises: a token of the environment goes to the kind of server that gh(1) would send it to, and to
//! no other. Pure.

/// Addresses of a server, without a slash at their end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GithubServer {
    /// The host as configured: `github.com`, or that of a GitHub Enterprise server.
    pub host: String,
    pub rest: String,
    pub graphql: String,
    /// The base of addresses of repositories: `https://github.com`.
    pub web: String,
    /// The variables that may hold a token for it, in their order.
    pub variables: &'static [&'static str],
    /// Whether `gh auth token` is asked.
    pub is_known_to_gh: bool,
}

/// Returns the addresses. `endpoint` replaces those of the API and of the repositories: a token for it
/// has to be configured, because nobody says whose server it is.
pub fn server(host: Option<&str>, endpoint: Option<&str>) -> GithubServer {
    let host = host.unwrap_or("github.com").to_ascii_lowercase();
    if let Some(base) = endpoint {
        let base = base.trim_end_matches('/').to_owned();
        let graphql = match base.strip_suffix("/api/v3") {
            Some(start) => format!("{start}/api/graphql"),
            None => format!("{base}/graphql"),
        };
        let web = base.strip_suffix("/api/v3").unwrap_or(&base).to_owned();
        return GithubServer {
            host,
            rest: base,
            graphql,
            web,
            variables: &[],
            is_known_to_gh: false,
        };
    }
    let web = format!("https://{host}");
    if host == "github.com" || host.ends_with(".ghe.com") {
        let rest = format!("https://api.{host}");
        let graphql = format!("{rest}/graphql");
        let variables = &["GH_TOKEN", "GITHUB_TOKEN"];
        return GithubServer { host, rest, graphql, web, variables, is_known_to_gh: true };
    }
    GithubServer {
        rest: format!("{web}/api/v3"),
        graphql: format!("{web}/api/graphql"),
        host,
        web,
        variables: &["GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"],
        is_known_to_gh: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_of_the_environment_belongs_to_a_kind_of_server() {
        const COMMON: &[&str] = &["GH_TOKEN", "GITHUB_TOKEN"];
        const ENTERPRISE: &[&str] = &["GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"];
        // (host, endpoint, REST, GraphQL, web, variables)
        let rows: [(_, _, &str, &str, &str, &[&str]); 7] = [
            (
                None,
                None,
                "https://api.github.com",
                "https://api.github.com/graphql",
                "https://github.com",
                COMMON,
            ),
            (
                Some("GitHub.com"),
                None,
                "https://api.github.com",
                "https://api.github.com/graphql",
                "https://github.com",
                COMMON,
            ),
            (
                Some("acme.ghe.com"),
                None,
                "https://api.acme.ghe.com",
                "https://api.acme.ghe.com/graphql",
                "https://acme.ghe.com",
                COMMON,
            ),
            (
                Some("github.acme.example"),
                None,
                "https://github.acme.example/api/v3",
                "https://github.acme.example/api/graphql",
                "https://github.acme.example",
                ENTERPRISE,
            ),
            (
                Some("github.com.evil.example"),
                None,
                "https://github.com.evil.example/api/v3",
                "https://github.com.evil.example/api/graphql",
                "https://github.com.evil.example",
                ENTERPRISE,
            ),
            (
                None,
                Some("http://127.0.0.1:1/"),
                "http://127.0.0.1:1",
                "http://127.0.0.1:1/graphql",
                "http://127.0.0.1:1",
                &[],
            ),
            (
                None,
                Some("http://127.0.0.1:1/api/v3"),
                "http://127.0.0.1:1/api/v3",
                "http://127.0.0.1:1/api/graphql",
                "http://127.0.0.1:1",
                &[],
            ),
        ];
        for (host, endpoint, rest, graphql, web, variables) in rows {
            let found = server(host, endpoint);
            assert_eq!((&*found.rest, &*found.graphql, &*found.web), (rest, graphql, web));
            assert_eq!(found.variables, variables, "{host:?}");
            assert_eq!(found.is_known_to_gh, endpoint.is_none());
        }
    }
}
