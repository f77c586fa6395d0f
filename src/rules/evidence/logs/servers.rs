//! Servers of the calls of a search, where another server than AWS's stands for SQS.
//!
//! Promises: when the queue is not at AWS, AWS is not asked about its messages: the credentials may
//! be those of another account, and the answer would be about other queues.

use super::answer::{AnswerKind, LogAnswer};
use super::aws_cli::CallScope;

/// Ends of the host names of AWS, in all partitions.
const AWS_HOSTS: [&str; 8] = [
    ".amazonaws.com",
    ".amazonaws.com.cn",
    ".amazonaws.eu",
    ".api.aws",
    ".c2s.ic.gov",
    ".sc2s.sgov.gov",
    ".csp.hci.ic.gov",
    ".cloud.adc-e.uk",
];
/// Variables that name the server of one service, by the word of the command line.
const VARIABLES: [(&str, &str); 2] =
    [("lambda", "AWS_ENDPOINT_URL_LAMBDA"), ("logs", "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS")];

impl CallScope {
    /// Completes a scope, whose endpoint is that of SQS, by the servers that the variables of the
    /// environment name. `queue_url` is the address of a queue as its server gave it.
    pub fn with_servers(
        mut self,
        queue_url: &str,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let for_sqs = variable("AWS_ENDPOINT_URL_SQS");
        let addresses = self.endpoint.iter().map(String::as_str).chain([queue_url]);
        self.sqs_server = addresses.map(server).find(|server| !is_aws(server)).map(str::to_owned);
        let for_all = self.endpoint.take().filter(|endpoint| for_sqs.as_ref() != Some(endpoint));
        self.endpoint = for_all.or_else(|| variable("AWS_ENDPOINT_URL"));
        let own = VARIABLES.iter().filter_map(|(word, name)| Some((*word, variable(name)?)));
        self.service_endpoints = own.collect();
        self
    }

    /// Returns the endpoint of a service; `None` for that of AWS.
    pub(super) fn endpoint_for(&self, service: &str) -> Option<&str> {
        let own = self.service_endpoints.iter().find(|(word, _)| *word == service);
        own.map(|(_, url)| url.as_str()).or(self.endpoint.as_deref())
    }

    /// Returns the answer when a service may not be asked: the queue is not at AWS, and no server of
    /// the service is named.
    pub fn refusal_of(&self, service: &str) -> Option<LogAnswer> {
        let sqs = self.sqs_server.as_ref().filter(|_| self.endpoint_for(service).is_none())?;
        let reason = format!(
            "SQS is at '{sqs}', and no server of '{service}' is named: set AWS_ENDPOINT_URL, or \
             AWS_ENDPOINT_URL_LAMBDA and AWS_ENDPOINT_URL_CLOUDWATCH_LOGS"
        );
        Some(LogAnswer::new(AnswerKind::NoEndpoint, reason))
    }
}

/// Returns a URL without its path.
fn server(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url[host..].find(['/', '?', '#']).map_or(url.len(), |at| host + at);
    &url[..end]
}

/// Whether a server is one of AWS.
fn is_aws(server: &str) -> bool {
    let host = server.split_once("://").map_or(server, |(_, host)| host);
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    AWS_HOSTS.iter().any(|end| host.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: &str = "http://127.0.0.1:4566";
    const OTHER: &str = "http://127.0.0.1:9";
    const AT_AWS: &str = "https://sqs.eu-west-1.amazonaws.com/123456789012/q";

    #[test]
    fn aws_is_not_asked_about_queues_of_another_server() {
        let at_local = format!("{LOCAL}/000000000000/q");
        let (sqs, all) = ("AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL");
        let (lambda, logs) = ("AWS_ENDPOINT_URL_LAMBDA", "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS");
        let endpoint_of_aws = "https://vpce-1.sqs.eu-west-1.vpce.amazonaws.com";
        let refused = Err(());
        // Endpoint of SQS, address of the queue, variables; endpoints of lambda and of logs.
        type Row<'a> = (
            &'a str,
            Option<&'a str>,
            &'a str,
            &'a [(&'a str, &'a str)],
            [Result<Option<&'a str>, ()>; 2],
        );
        let rows: [Row; 9] = [
            ("AWS", None, AT_AWS, &[], [Ok(None); 2]),
            ("AWS by VPC", Some(endpoint_of_aws), AT_AWS, &[], [Ok(Some(endpoint_of_aws)); 2]),
            ("configured", Some(LOCAL), &at_local, &[], [Ok(Some(LOCAL)); 2]),
            ("SQS alone", Some(LOCAL), &at_local, &[(sqs, LOCAL)], [refused; 2]),
            (
                "AWS's for SQS alone",
                Some(endpoint_of_aws),
                AT_AWS,
                &[(sqs, endpoint_of_aws)],
                [Ok(None); 2],
            ),
            ("services of a profile", None, &at_local, &[], [refused; 2]),
            (
                "SQS and all",
                Some(LOCAL),
                &at_local,
                &[(sqs, LOCAL), (all, OTHER)],
                [Ok(Some(OTHER)); 2],
            ),
            (
                "SQS and logs",
                Some(LOCAL),
                &at_local,
                &[(sqs, LOCAL), (logs, OTHER)],
                [refused, Ok(Some(OTHER))],
            ),
            (
                "each",
                Some(LOCAL),
                &at_local,
                &[(lambda, OTHER), (logs, LOCAL)],
                [Ok(Some(OTHER)), Ok(Some(LOCAL))],
            ),
        ];
        for (name, endpoint, queue, variables, expected) in rows {
            let variable = |asked: &str| {
                let found = variables.iter().find(|(name, _)| *name == asked);
                found.map(|(_, value)| (*value).to_owned())
            };
            let endpoint = endpoint.map(str::to_owned);
            let scope = CallScope { endpoint, ..CallScope::default() };
            let scope = scope.with_servers(queue, variable);
            for (service, expected) in ["lambda", "logs"].into_iter().zip(expected) {
                let found = match scope.refusal_of(service) {
                    Some(answer) => {
                        assert_eq!(answer.kind, AnswerKind::NoEndpoint);
                        assert!(answer.reason.contains(LOCAL), "{name}: {answer}");
                        Err(())
                    }
                    None => Ok(scope.endpoint_for(service)),
                };
                assert_eq!(found, expected, "{name}: {service}");
            }
        }
    }
}
