//! Sentences about credentials that could not be fetched. Pure.
//!
//! Errors of the SDK end in Rust's debug format, name no profile, and may quote what a provider
//! printed. Only the code and the message of a service are taken from them.

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sqs::error::ErrorMetadata;

use super::error::{chain, clock_fault, denial, first_line, innermost, is_denial, plain_code};
use super::http::Unanswered;
use super::profiles::{Base, Chain};
use crate::clock;

/// Returns the sentence when no place has credentials.
pub(super) fn none_found(tried: &[String]) -> String {
    format!(
        "none found; give --profile, set AWS_PROFILE or AWS_ACCESS_KEY_ID, or run 'aws configure'; \
         tried {}",
        tried.join(", ")
    )
}

/// Returns why the instance metadata service has no credentials.
pub(super) fn no_instance_role(error: &CredentialsError) -> &'static str {
    let says = |part: &str| chain(error).any(|cause| cause.to_string().contains(part));
    if says("disabled by AWS_EC2_METADATA_DISABLED") {
        "AWS_EC2_METADATA_DISABLED switches it off"
    } else if says("received 404 from IMDS") || says("(code: 404)") {
        "it has no role for this instance"
    } else {
        "it did not answer"
    }
}

/// Returns the sentence about the error of a provider; `signing` is what the profile configures.
pub(super) fn refusal(error: &CredentialsError, signing: Option<&Chain>) -> String {
    if let Some(Chain { profile, base: Base::Source(source), roles }) = signing
        && (answer(error).is_none() || roles.is_empty())
    {
        let why = match source.eq_ignore_ascii_case("Ec2InstanceMetadata") {
            true => format!(": {}", no_instance_role(error)),
            false => String::new(),
        };
        return format!(
            "profile '{profile}' has the credential_source '{source}', which gave none{why}"
        );
    }
    let unanswered = chain(error).find_map(|cause| cause.downcast_ref::<Unanswered>());
    if let Some(unanswered) = unanswered {
        return format!("cannot reach {unanswered}");
    }
    if let Some((code, message)) = answer(error) {
        return service_refusal(&code, &message, signing);
    }
    let texts: Vec<String> = chain(error).map(ToString::to_string).collect();
    let says = |part: &str| texts.iter().any(|text| text.contains(part));
    if says("timed out") || says("timeout occurred") {
        return match service(signing) {
            Some(service) => format!("{service} did not answer in time"),
            None => "no answer in time".into(),
        };
    }
    if let Some(Chain { profile, base: Base::Sso { .. }, .. }) = signing {
        if says("token has expired") {
            return sso_login(profile);
        }
        if says("/sso/cache/") || says("SSO token") || says("access_token") {
            return format!("no SSO session: run 'aws sso login --profile {profile}'");
        }
    }
    match (error, plain(&innermost(error)), service(signing)) {
        (CredentialsError::ProviderTimedOut(_), ..) => "no answer in time".into(),
        (_, Some(text), _) => text,
        (_, None, Some(service)) => format!("the answer is not one of {service}"),
        (_, None, None) => "the answer cannot be read".into(),
    }
}

/// Returns the service that is asked last.
fn service(signing: Option<&Chain>) -> Option<&'static str> {
    match (&signing?.base, signing?.roles.as_slice()) {
        (Base::Sso { .. }, []) => Some("SSO"),
        (Base::Source(_) | Base::Key, []) => None,
        _ => Some("STS"),
    }
}

/// Returns code and message of the answer of a service.
fn answer(error: &CredentialsError) -> Option<(String, String)> {
    let generic = chain(error).find_map(|cause| cause.downcast_ref::<ErrorMetadata>());
    if let Some(meta) = generic {
        let code = plain_code(meta.code().unwrap_or_default());
        return Some((code.to_owned(), meta.message().unwrap_or_default().to_owned()));
    }
    // Modelled errors read 'ExpiredTokenException: message'.
    let text = innermost(error);
    let (code, message) = text.split_once(": ").unwrap_or((&text, ""));
    let modelled = code.ends_with("Exception") && code.chars().all(|c| c.is_ascii_alphanumeric());
    modelled.then(|| (code.to_owned(), message.to_owned()))
}

/// Returns the sentence about the refusal of STS or SSO.
fn service_refusal(code: &str, message: &str, signing: Option<&Chain>) -> String {
    let shown = if code.is_empty() { "an error without a code".into() } else { first_line(code) };
    let says = match plain(message) {
        Some(text) if !text.is_empty() => format!("{shown}: {text}"),
        _ => shown,
    };
    let Some(Chain { profile, base, roles }) = signing else { return says };
    let sso = ["Unauthorized", "Forbidden", "ResourceNotFound", "InvalidRequest", "InvalidGrant"];
    if let Base::Sso { account, role } = base
        && sso.iter().any(|start| code.starts_with(start))
    {
        return match code {
            "ForbiddenException" | "ResourceNotFoundException" => {
                format!("SSO refuses the role '{role}' in account '{account}' ({says})")
            }
            _ => sso_login(profile),
        };
    }
    if let Some(fault) = clock_fault(code, message, None, clock::now()) {
        return fault;
    }
    let whose = match base {
        Base::WebIdentity(file) => format!("the web identity token in '{file}'"),
        _ => format!("the credentials of profile '{profile}'"),
    };
    match code {
        _ if is_denial(code) => {
            let asked = || Some(format!("sts:AssumeRole on {}", roles.last()?.arn));
            let what = denial(message).or_else(asked);
            let what = what.map_or_else(String::new, |what| format!(": {what}"));
            let mfa = roles.iter().find(|role| role.mfa).map(|role| {
                let name = &role.profile;
                format!(
                    "; profile '{name}' has an mfa_serial, and no code is asked for here: export \
                     what 'aws configure export-credentials --profile {name} --format env' prints"
                )
            });
            format!("STS denies {whose}{what}{}", mfa.unwrap_or_default())
        }
        "ExpiredToken" | "ExpiredTokenException" => {
            format!("AWS says that {whose} expired ({code})")
        }
        "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "SignatureDoesNotMatch"
        | "InvalidIdentityToken"
        | "InvalidIdentityTokenException" => {
            format!("AWS does not accept {whose} ({code})")
        }
        _ => format!("{} answered {says}", service(signing).unwrap_or("STS")),
    }
}

fn sso_login(profile: &str) -> String {
    format!(
        "the SSO session of profile '{profile}' has ended: run 'aws sso login --profile {profile}'"
    )
}

/// Returns the first line of a text, or the HTTP status in it. `None` for Rust's debug format, and
/// for the words of a parser.
fn plain(text: &str) -> Option<String> {
    if let Some((_, status)) = text.split_once("StatusCode(") {
        return Some(format!("HTTP {}", status.chars().take(3).collect::<String>()));
    }
    let marks = ["Some(", "Err(", "Error {", "{ ", "Error at offset", "error parsing XML"];
    (!marks.iter().any(|mark| text.contains(mark))).then(|| first_line(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_of_the_metadata_service_is_no_status() {
        let error = |text: &str| CredentialsError::not_loaded(text.to_owned());
        let silent = "dispatch failure: 127.0.0.1:40404 did not answer";
        let rows = [
            (silent, "it did not answer"),
            ("received 404 from IMDS", "it has no role for this instance"),
            ("error response from IMDS (code: 404). x", "it has no role for this instance"),
            ("error response from IMDS (code: 500). x", "it did not answer"),
            (
                "IMDS disabled by AWS_EC2_METADATA_DISABLED env var set to `true`",
                "AWS_EC2_METADATA_DISABLED switches it off",
            ),
        ];
        for (text, sentence) in rows {
            assert_eq!(no_instance_role(&error(text)), sentence, "{text}");
        }
    }
}
