//! Chains of profiles, and the sentences about broken ones.

// The types that replace these are in a crate of their own.
#[allow(deprecated)]
use aws_config::profile::profile_file::{ProfileFileKind, ProfileFiles};

use super::*;

const FILE: &str = "
[default]
region = eu-west-1
[profile key]
aws_access_key_id = AKID
aws_secret_access_key = s
[profile half]
aws_access_key_id = AKID
[profile control]
aws_access_key_id = AKID
aws_secret_access_key = hunter2\u{1}
[profile spaced]
aws_access_key_id = AK ID
aws_secret_access_key = hunter2
[profile role]
role_arn = arn:aws:iam::1:role/a
source_profile = key
external_id = e
role_session_name = n
[profile third]
role_arn = arn:aws:iam::1:role/b
source_profile = role
mfa_serial = arn:aws:iam::1:mfa/me
[profile self]
role_arn = arn:aws:iam::1:role/a
source_profile = self
aws_access_key_id = AKID
aws_secret_access_key = s
[profile key-and-role]
role_arn = arn:aws:iam::1:role/a
source_profile = none
aws_access_key_id = AKID
aws_secret_access_key = s
[profile on-key-and-role]
role_arn = arn:aws:iam::1:role/a
source_profile = key-and-role
[profile loop-a]
role_arn = arn:aws:iam::1:role/a
source_profile = loop-b
[profile loop-b]
role_arn = arn:aws:iam::1:role/b
source_profile = loop-a
[profile no-source]
role_arn = arn:aws:iam::1:role/a
[profile two-sources]
role_arn = arn:aws:iam::1:role/a
source_profile = key
credential_source = Environment
[profile typo]
role_arn = arn:aws:iam::1:role/a
source_profile = kye
[profile on-empty]
role_arn = arn:aws:iam::1:role/a
source_profile = empty
[profile empty]
output = json
[profile instance]
role_arn = arn:aws:iam::1:role/a
credential_source = Ec2InstanceMetadata
[profile wrong-source]
role_arn = arn:aws:iam::1:role/a
credential_source = Ec2Instance
[profile process]
credential_process = /bin/keys --for me
[profile on-process]
role_arn = arn:aws:iam::1:role/a
source_profile = process
[profile web]
role_arn = arn:aws:iam::1:role/a
web_identity_token_file = /run/token
[profile web-alone]
web_identity_token_file = /run/token
[profile sso]
sso_session = corp
sso_account_id = 1
sso_role_name = Ops
[profile sso-old]
sso_start_url = https://x
sso_region = eu-west-1
sso_account_id = 1
sso_role_name = Ops
[profile sso-lost]
sso_session = crop
sso_account_id = 1
sso_role_name = Ops
[profile sso-both]
sso_session = corp
sso_region = eu-west-1
sso_account_id = 1
sso_role_name = Ops
[profile sso-half]
sso_session = corp
sso_account_id = 1
[sso-session corp]
sso_start_url = https://x
sso_region = eu-west-1
[profile login]
login_session = arn:aws:iam::1:user/me
";

#[allow(deprecated)]
fn profiles() -> ProfileSet {
    let files = ProfileFiles::builder().with_contents(ProfileFileKind::Config, FILE).build();
    let (fs, env) = Default::default();
    let loaded = aws_config::profile::load(&fs, &env, &files, None);
    futures_util::FutureExt::now_or_never(loaded).unwrap().unwrap()
}

#[test]
fn profile_is_followed_to_its_base() {
    let profiles = profiles();
    let sso = || Base::Sso { account: "1".into(), role: "Ops".into() };
    let rows = [
        ("key", "key", Base::Key, vec![]),
        ("role", "key", Base::Key, vec!["role"]),
        ("third", "key", Base::Key, vec!["role", "third"]),
        ("self", "self", Base::Key, vec!["self"]),
        ("on-key-and-role", "key-and-role", Base::Key, vec!["on-key-and-role"]),
        ("instance", "instance", Base::Source("Ec2InstanceMetadata".into()), vec!["instance"]),
        ("process", "process", Base::Process("/bin/keys --for me".into()), vec![]),
        ("on-process", "process", Base::Process("/bin/keys --for me".into()), vec!["on-process"]),
        ("web", "web", Base::WebIdentity("/run/token".into()), vec![]),
        ("sso", "sso", sso(), vec![]),
        ("sso-old", "sso-old", sso(), vec![]),
    ];
    for (name, end, base, roles) in rows {
        let chain = resolve(&profiles, name).unwrap().unwrap();
        let assumed: Vec<&str> = chain.roles.iter().map(|role| role.profile.as_str()).collect();
        assert_eq!((chain.profile.as_str(), chain.base, assumed), (end, base, roles), "{name}");
    }
    let third = resolve(&profiles, "third").unwrap().unwrap();
    assert!(!third.roles[0].mfa && third.roles[1].mfa);
    let role = &third.roles[0];
    let options = (role.external_id.as_deref(), role.session_name.as_deref());
    assert_eq!(options, (Some("e"), Some("n")));
    assert_eq!(resolve(&profiles, "default"), Ok(None));
    assert_eq!(resolve(&profiles, "empty"), Ok(None));
}

#[test]
fn broken_profile_is_named_with_what_it_lacks() {
    let profiles = profiles();
    let list = "the profiles are control, default, empty, half, instance, key, key-and-role, login \
                and 21 more";
    let unlisted = format!("profile 'production' does not exist; {list}");
    let rows = [
        ("production", unlisted.as_str()),
        ("procces", "profile 'procces' does not exist; did you mean 'process'?"),
        ("half", "profile 'half' lacks aws_secret_access_key"),
        ("control", "aws_secret_access_key of profile 'control' contains a control character"),
        ("spaced", "aws_access_key_id of profile 'spaced' contains a space or a line break"),
        ("loop-a", "the source_profile of 'loop-b' leads back to it: 'loop-a', 'loop-b', 'loop-a'"),
        (
            "no-source",
            "profile 'no-source' has a role_arn, and neither source_profile nor credential_source",
        ),
        (
            "two-sources",
            "profile 'two-sources' has both source_profile and credential_source; remove one",
        ),
        (
            "typo",
            "profile 'typo' has the source_profile 'kye', which does not exist; did you mean 'key'?",
        ),
        ("on-empty", "profile 'empty' names no credentials: it needs an access key"),
        ("wrong-source", "profile 'wrong-source' has an unknown credential_source 'Ec2Instance'"),
        ("web-alone", "profile 'web-alone' has a web_identity_token_file and no role_arn"),
        (
            "sso-lost",
            "profile 'sso-lost' has the sso_session 'crop', and there is no section [sso-session \
             crop]; did you mean 'corp'?",
        ),
        ("sso-both", "profile 'sso-both' has an sso_session and also sso_start_url or sso_region"),
        ("sso-half", "profile 'sso-half' signs in by SSO and lacks sso_role_name"),
        ("login", "profile 'login' is one of 'aws login', which is not supported; use a profile"),
    ];
    for (name, expected) in rows {
        let sentence = resolve(&profiles, name).unwrap_err();
        assert!(sentence.starts_with(expected), "{name}: {sentence}");
        assert!(!sentence.contains("hunter2"), "{sentence}");
    }
}
