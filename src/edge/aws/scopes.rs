//! The scopes of a configuration.

use aws_sdk_sqs::config::Credentials;

use super::Scope;
use super::client::ScopeClient;
use crate::config::{Aws, Env};
use crate::error::Error;

/// Returns the scopes of a configuration: every account in every region.
pub fn scopes(aws: &Aws, env: &Env) -> Vec<Scope> {
    let access_key = access_key(env);
    let mut scopes = Vec::new();
    let mut add =
        |account: &str, profile: Option<&String>, one: Option<&String>, many: &[String]| {
            let regions = if many.is_empty() { vec![one] } else { many.iter().map(Some).collect() };
            scopes.extend(regions.into_iter().map(|region| Scope {
                account: account.to_owned(),
                profile: profile.cloned(),
                region: region.cloned(),
                endpoint: aws.endpoint_url.clone(),
                access_key: access_key.clone(),
            }));
        };
    if aws.accounts.is_empty() {
        let account = aws.profile.as_deref().unwrap_or_default();
        add(account, aws.profile.as_ref(), aws.region.as_ref(), &aws.regions);
    }
    for account in &aws.accounts {
        let name = account.name.as_ref().unwrap_or(&account.profile);
        let (one, many) = match (&account.region, account.regions.as_slice()) {
            (None, []) => (aws.region.as_ref(), aws.regions.as_slice()),
            (one, many) => (one.as_ref(), many),
        };
        add(name, Some(&account.profile), one, many);
    }
    scopes
}

/// Returns the scope of a table. Its own keys come first, then those of `aws`.
#[cfg(feature = "dynamodb")]
pub fn table_scope(table: &crate::config::DynamodbTable, aws: &Aws, env: &Env) -> Scope {
    Scope {
        account: String::new(),
        profile: table.profile.clone().or_else(|| aws.profile.clone()),
        region: table.region.clone().or_else(|| aws.region.clone()),
        endpoint: table.endpoint_url.clone(),
        access_key: access_key(env),
    }
}

/// Removes scopes that are the same as an earlier one. Two names for one account are an error: the
/// queues would have the first name only, and a rule for the second would never match.
pub(super) fn without_repeats(scopes: Vec<ScopeClient>) -> Result<Vec<ScopeClient>, Error> {
    let mut kept: Vec<ScopeClient> = Vec::with_capacity(scopes.len());
    for one in scopes {
        let key = |one: &ScopeClient| (one.profile(), one.region.clone(), one.endpoint.clone());
        match kept.iter().find(|other| key(other) == key(&one)) {
            None => kept.push(one),
            Some(other) if other.scope.account == one.scope.account => {}
            Some(other) => {
                return Err(Error::wrong(format!(
                    "aws.accounts: '{}' and '{}' are both the profile '{}' in region '{}'; remove \
                     one of them",
                    other.scope.account,
                    one.scope.account,
                    one.profile().unwrap_or_default(),
                    one.region
                )));
            }
        }
    }
    Ok(kept)
}

/// Returns the access key of a `.env` file. The SDK reads one in the real environment itself.
fn access_key(env: &Env) -> Option<Credentials> {
    if env.real("AWS_ACCESS_KEY_ID").is_some() {
        return None;
    }
    let (id, secret) = (env.get("AWS_ACCESS_KEY_ID")?, env.get("AWS_SECRET_ACCESS_KEY")?);
    let token = env.get("AWS_SESSION_TOKEN").map(str::to_owned);
    Some(Credentials::new(id, secret, token, None, ".env"))
}

/// Removes configured lists of accounts or regions when an option names one of them.
pub fn narrow(aws: &mut Aws, given: impl Fn(&str) -> bool) {
    if given("profile") {
        aws.accounts.clear();
    }
    if given("region") {
        aws.regions.clear();
        for account in &mut aws.accounts {
            (account.region, account.regions) = (None, Vec::new());
        }
    }
}
