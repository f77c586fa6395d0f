//! The profiles of the AWS configuration files: how a profile signs in, and why it cannot.
//!
//! The SDK follows a chain of profiles too, but its errors name neither the profile nor the remedy,
//! and it signs with characters that no header may have. Pure, but for reading the files.

use aws_config::profile::{Profile, ProfileSet};

use super::access_key::{PROFILE_KEYS, flaw};
use super::regions;
use crate::text::{nearest, safe, shorten};

/// The way in which a profile gets its credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chain {
    /// The profile at the end of the chain.
    pub(super) profile: String,
    pub(super) base: Base,
    /// The roles to assume, in the order in which they are assumed.
    pub(super) roles: Vec<Role>,
}

/// The first credentials of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Base {
    /// An access key in the files.
    Key,
    /// The command of a `credential_process`.
    Process(String),
    /// The file of a web identity token.
    WebIdentity(String),
    Sso {
        account: String,
        role: String,
    },
    /// A `credential_source`: environment, instance or container.
    Source(String),
}

/// A role that a profile assumes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Role {
    pub(super) profile: String,
    pub(super) arn: String,
    pub(super) external_id: Option<String>,
    pub(super) session_name: Option<String>,
    /// Whether the profile names an MFA device. No code is asked for here.
    pub(super) mfa: bool,
}

/// Loads the files that the SDK reads, with `profile` selected.
pub(super) async fn load(profile: &str) -> Result<ProfileSet, String> {
    let (fs, env, files) = Default::default();
    let selected = Some(profile.to_owned().into());
    aws_config::profile::load(&fs, &env, &files, selected).await.map_err(|error| {
        // 'error parsing PATH on line N:\n  WHY'
        let cause = super::error::innermost(&error);
        let cause = cause.split_whitespace().collect::<Vec<_>>().join(" ");
        format!("cannot read the AWS profiles: {cause}")
    })
}

/// Follows a profile to its credentials. `None`: the profile exists and names none. The error is a
/// sentence.
pub(super) fn resolve(profiles: &ProfileSet, name: &str) -> Result<Option<Chain>, String> {
    let (mut roles, mut visited): (Vec<Role>, Vec<&str>) = Default::default();
    let mut profile = profiles.get_profile(name).ok_or_else(|| missing(profiles, name))?;
    loop {
        let name = profile.name();
        visited.push(name);
        let get = |key| profile.get(key);
        let has_key = visited.len() > 1 && get("aws_access_key_id").is_some();
        let (Some(arn), None, false) = (get("role_arn"), get("web_identity_token_file"), has_key)
        else {
            break;
        };
        roles.push(Role {
            profile: name.to_owned(),
            arn: arn.to_owned(),
            external_id: get("external_id").map(str::to_owned),
            session_name: get("role_session_name").map(str::to_owned),
            mfa: get("mfa_serial").is_some(),
        });
        let next = match (get("source_profile"), get("credential_source")) {
            (Some(_), Some(_)) => {
                return Err(format!(
                    "profile '{name}' has both source_profile and credential_source; remove one"
                ));
            }
            (None, None) => {
                return Err(format!(
                    "profile '{name}' has a role_arn, and neither source_profile nor \
                     credential_source"
                ));
            }
            (Some(next), None) if next != name => next,
            _ => break,
        };
        if visited.contains(&next) {
            let chain = [visited.as_slice(), &[next]].concat().join("', '");
            return Err(format!("the source_profile of '{name}' leads back to it: '{chain}'"));
        }
        profile = profiles.get_profile(next).ok_or_else(|| {
            let hint = hint(profiles, next);
            format!("profile '{name}' has the source_profile '{next}', which does not exist{hint}")
        })?;
    }
    roles.reverse();
    // After the first profile, an access key precedes everything else.
    let own = if visited.len() > 1 { access_key(profile)? } else { None };
    let base = match own.map_or_else(|| base(profiles, profile), |own| Ok(Some(own)))? {
        Some(base) => base,
        None if visited.len() == 1 && roles.is_empty() => return Ok(None),
        None => return Err(no_credentials(profile.name())),
    };
    Ok(Some(Chain { profile: profile.name().to_owned(), base, roles }))
}

/// Returns the sentence about a profile that names no credentials.
pub(super) fn no_credentials(name: &str) -> String {
    format!(
        "profile '{name}' names no credentials: it needs an access key, a role_arn, SSO, or a \
         credential_process"
    )
}

fn base(profiles: &ProfileSet, profile: &Profile) -> Result<Option<Base>, String> {
    let (name, get) = (profile.name(), |key| profile.get(key));
    if let Some(source) = get("credential_source") {
        let known = ["Environment", "Ec2InstanceMetadata", "EcsContainer"];
        if !known.iter().any(|one| one.eq_ignore_ascii_case(source)) {
            let unknown = crate::text::unknown("credential_source", source, &known);
            return Err(format!("profile '{name}' has an {unknown}"));
        }
        return Ok(Some(Base::Source(source.to_owned())));
    }
    if let Some(file) = get("web_identity_token_file") {
        if get("role_arn").is_none() {
            return Err(format!("profile '{name}' has a web_identity_token_file and no role_arn"));
        }
        return Ok(Some(Base::WebIdentity(file.to_owned())));
    }
    let sso = ["sso_account_id", "sso_role_name", "sso_start_url", "sso_region", "sso_session"];
    if sso.into_iter().any(|key| get(key).is_some()) {
        return sso_base(profiles, profile).map(Some);
    }
    if get("login_session").is_some() {
        return Err(format!(
            "profile '{name}' is one of 'aws login', which is not supported; use a profile with \
             'credential_process = aws configure export-credentials --profile {name} --format \
             process'"
        ));
    }
    if let Some(command) = get("credential_process") {
        return Ok(Some(Base::Process(command.to_owned())));
    }
    access_key(profile)
}

fn sso_base(profiles: &ProfileSet, profile: &Profile) -> Result<Base, String> {
    let (name, get) = (profile.name(), |key| profile.get(key));
    let mut found = [get("sso_start_url"), get("sso_region")];
    if let Some(session) = get("sso_session") {
        let section = profiles.sso_session(session).ok_or_else(|| {
            let hint = match nearest(session, profiles.sso_sessions()) {
                Some(near) => format!("; did you mean '{near}'?"),
                None => String::new(),
            };
            format!(
                "profile '{name}' has the sso_session '{session}', and there is no section \
                 [sso-session {session}]{hint}"
            )
        })?;
        if found.iter().any(Option::is_some) {
            return Err(format!(
                "profile '{name}' has an sso_session and also sso_start_url or sso_region, which \
                 belong into [sso-session {session}]"
            ));
        }
        found = [section.get("sso_start_url"), section.get("sso_region")];
    }
    let pairs = [
        ("sso_account_id", get("sso_account_id")),
        ("sso_role_name", get("sso_role_name")),
        ("sso_start_url", found[0]),
        ("sso_region", found[1]),
    ];
    if let Some((key, _)) = pairs.iter().find(|(_, value)| value.is_none_or(str::is_empty)) {
        return Err(format!("profile '{name}' signs in by SSO and lacks {key}"));
    }
    if let Some(region) = found[1].filter(|region| !regions::has_form(region)) {
        let hint = regions::hint(region).unwrap_or_default();
        return Err(format!("profile '{name}' signs in by SSO: {hint}"));
    }
    let text = |at: usize| pairs[at].1.unwrap_or_default().to_owned();
    Ok(Base::Sso { account: text(0), role: text(1) })
}

fn access_key(profile: &Profile) -> Result<Option<Base>, String> {
    let name = profile.name();
    let [id, secret, token] = PROFILE_KEYS.map(|key| profile.get(key));
    match (id, secret, token) {
        (None, None, None) => return Ok(None),
        (Some(_), Some(_), _) => {}
        (None, _, _) => return Err(format!("profile '{name}' lacks aws_access_key_id")),
        (_, None, _) => return Err(format!("profile '{name}' lacks aws_secret_access_key")),
    }
    for (key, value) in PROFILE_KEYS.iter().zip([id, secret, token]) {
        if let Some(flaw) = value.and_then(flaw) {
            return Err(format!("{key} of profile '{name}' {flaw}; remove it"));
        }
    }
    Ok(Some(Base::Key))
}

/// Returns the sentence about a profile that does not exist.
pub(super) fn missing(profiles: &ProfileSet, name: &str) -> String {
    format!("profile '{name}' does not exist{}", hint(profiles, name))
}

/// Returns the nearest existing profile, or what exists.
fn hint(profiles: &ProfileSet, name: &str) -> String {
    let mut names: Vec<&str> = profiles.profiles().collect();
    names.sort_unstable();
    if let Some(near) = nearest(name, names.iter().copied()) {
        return format!("; did you mean '{near}'?");
    }
    match names.as_slice() {
        [] => "; the AWS configuration files have no profile".into(),
        [one] => format!("; the only profile is '{}'", safe(one)),
        names => {
            let shown: Vec<_> =
                names.iter().take(8).map(|name| safe(&shorten(name, 40)).into_owned()).collect();
            let more = match names.len().saturating_sub(8) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!("; the profiles are {}{more}", shown.join(", "))
        }
    }
}

#[cfg(test)]
mod tests;
