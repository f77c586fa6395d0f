//! Faults of credentials and of the network: for each the exit status and every sentence, as
//! `tests/fixtures/aws/faults.txt` has them.
//!
//! Every row has an environment, a script and a folder of its own, so that one fault cannot show in
//! another row. Secrets are all 'hunter2'.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use crate::support::aws_api::{Answer, FakeAws};
use crate::support::poll::bench;
use crate::support::workbench::{Bench, processes_of};

/// Row of the table: a fault, the profile, variables (`None` removes one), and scripted answers.
/// `SERVER` and `SILENT` in a value are addresses, `DIR` is the folder of the row. No program listens
/// on port 9.
struct Row {
    fault: &'static str,
    profile: Option<&'static str>,
    variables: Vec<(&'static str, Option<&'static str>)>,
    script: Vec<(&'static str, Answer)>,
}

fn row(fault: &'static str) -> Row {
    Row { fault, profile: None, variables: Vec::new(), script: Vec::new() }
}

impl Row {
    fn profile(mut self, name: &'static str) -> Self {
        self.profile = Some(name);
        self
    }

    fn set(mut self, name: &'static str, value: &'static str) -> Self {
        self.variables.push((name, Some(value)));
        self
    }

    fn unset(mut self, name: &'static str) -> Self {
        self.variables.push((name, None));
        self
    }

    fn answer(mut self, key: &'static str, answer: Answer) -> Self {
        self.script.push((key, answer));
        self
    }

    /// Removes the access key of the environment.
    fn keyless(self) -> Self {
        self.unset("AWS_ACCESS_KEY_ID").unset("AWS_SECRET_ACCESS_KEY")
    }

    /// Lets the instance metadata service be asked at this address.
    fn imds(self, url: &'static str) -> Self {
        self.keyless()
            .unset("AWS_EC2_METADATA_DISABLED")
            .set("AWS_EC2_METADATA_SERVICE_ENDPOINT", url)
    }

    /// Whether the row waits for its timeout.
    fn is_silent(&self) -> bool {
        self.fault.contains("silent")
    }

    /// Asks AWS's own endpoint, through a proxy.
    fn proxy(self, url: &'static str) -> Self {
        self.unset("AWS_ENDPOINT_URL").unset("NO_PROXY").set("HTTPS_PROXY", url)
    }
}

const PROFILES: &str = include_str!("../../fixtures/aws/profiles");
const TABLE: &str = include_str!("../../fixtures/aws/faults.txt");
/// Rows at work at once.
const THREADS: usize = 12;

fn variables() -> Vec<Row> {
    const TOKEN: &str = "AWS_SESSION_TOKEN";
    vec![
        row("nothing is wrong"),
        row("access key ends with a newline").set("AWS_ACCESS_KEY_ID", "AKID\n"),
        row("access key has a space before it").set("AWS_ACCESS_KEY_ID", " AKID"),
        row("secret key ends with a newline").set("AWS_SECRET_ACCESS_KEY", "hunter2\n"),
        row("secret key ends with CR").set("AWS_SECRET_ACCESS_KEY", "hunter2\r"),
        row("session token ends with a newline").set(TOKEN, "hunter2\n"),
        row("session token has a control character").set(TOKEN, "hunter2\u{1}"),
        row("session token has a zero-width space").set(TOKEN, "hunter2\u{200b}"),
        row("access key without secret key").unset("AWS_SECRET_ACCESS_KEY"),
        row("secret key without access key").unset("AWS_ACCESS_KEY_ID"),
        row("AWS_EXECUTION_ENV has a newline").set("AWS_EXECUTION_ENV", "x\ny"),
        row("region with a space and a newline").set("AWS_REGION", "us east\n1"),
        row("region of another form").unset("AWS_ENDPOINT_URL").set("AWS_REGION", "useast1"),
        row("region of another form, another server").set("AWS_REGION", "elasticmq"),
        row("region that is not known").set("AWS_REGION", "us-esat-1").proxy("http://127.0.0.1:9"),
        row("region of a profile with a space").profile("region-odd").unset("AWS_REGION"),
        row("no region").unset("AWS_REGION"),
        row("no region, and no such profile").profile("kye").unset("AWS_REGION"),
        row("no region, and a damaged file")
            .profile("key")
            .unset("AWS_REGION")
            .set("AWS_CONFIG_FILE", "DIR/damaged"),
        row("endpoint is no URL").set("AWS_ENDPOINT_URL", "127.0.0.1:9"),
        row("endpoint has a newline").set("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:9/\n"),
        row("endpoint is empty").proxy("http://127.0.0.1:9").set("AWS_ENDPOINT_URL", ""),
        row("endpoint of SQS is empty").set("AWS_ENDPOINT_URL_SQS", ""),
        row("endpoint has a space").set("AWS_ENDPOINT_URL", "http://127.0.0.1:9/a b"),
        row("endpoint of STS is empty").profile("role").set("AWS_ENDPOINT_URL_STS", ""),
        row("endpoint of STS is no URL").profile("role").set("AWS_ENDPOINT_URL_STS", "a b"),
        row("endpoint of SSO is empty").profile("sso").set("AWS_ENDPOINT_URL_SSO", ""),
        row("endpoint of SSO is no URL").profile("sso").set("AWS_ENDPOINT_URL_SSO", "sso:443"),
        row("endpoint of a profile is empty").profile("endpoint-empty").proxy("http://127.0.0.1:9"),
        row("endpoint of a profile is no URL").profile("endpoint-odd").unset("AWS_ENDPOINT_URL"),
        row("endpoint of a section of services is empty")
            .profile("services-empty")
            .unset("AWS_ENDPOINT_URL"),
        row("the same region twice").set("DLQ_AWS_REGIONS", "us-east-1,us-east-1"),
    ]
}

fn profiles() -> Vec<Row> {
    let plain = [
        ("profile with an access key", "key"),
        ("profile that assumes a role", "role"),
        ("profile that assumes a role with a role", "third"),
        ("profile with a credential process", "process"),
        ("profile that assumes a role with a credential process", "on-process"),
        ("profile that does not exist", "production"),
        ("profile that does not exist, and one is near", "kye"),
        ("profile without credentials", "empty"),
        ("profile with half an access key", "half"),
        ("access key of a profile has a control character", "control"),
        ("source_profile that does not exist", "no-source"),
        ("source_profile without credentials", "on-empty"),
        ("source_profile with a control character", "on-control"),
        ("source_profile loop", "loop-a"),
        ("credential_source that does not exist", "wrong-source"),
        ("credential_source instance, which is switched off", "instance"),
        ("aws login", "login"),
        ("credential process fails", "process-fails"),
        ("credential process is missing", "process-missing"),
        ("credential process prints no JSON", "process-garbage"),
        ("credential process prints a newline in a token", "process-newline"),
        ("credential process prints expired credentials", "process-expired"),
        ("credential process is killed", "process-killed"),
        ("credential process never ends", "process-hangs"),
        ("credential process of a source_profile fails", "on-process-fails"),
        ("web identity token file is missing", "web"),
        ("web identity token file without a role", "web-alone"),
        ("SSO session", "sso"),
        ("SSO session is missing", "sso-missing"),
        ("SSO session of a source_profile is missing", "on-sso-missing"),
        ("SSO session has ended", "sso-ended"),
        ("SSO session is damaged", "sso-damaged"),
        ("SSO token has a newline", "sso-newline"),
        ("SSO profile without a section", "sso-lost"),
        ("SSO profile is incomplete", "sso-half"),
        ("SSO region is of another form", "sso-region"),
    ];
    let mut rows: Vec<Row> = plain.map(|(fault, name)| row(fault).profile(name).keyless()).into();
    rows.push(row("source environment, which has none").profile("environment").keyless());
    rows.push(
        row("source environment with a newline")
            .profile("environment")
            .set("AWS_SESSION_TOKEN", "hunter2\n"),
    );
    rows.push(row("AWS_PROFILE names none that exists").keyless().set("AWS_PROFILE", "production"));
    rows.push(row("configuration file is damaged").keyless().set("AWS_CONFIG_FILE", "DIR/damaged"));
    rows
}

fn places() -> Vec<Row> {
    let uri = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
    let token = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
    let file = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
    let status = |status| Answer::Body(status, "no".into());
    vec![
        row("no credentials").keyless(),
        row("AWS_PROFILE with a key that is empty").keyless().set("AWS_PROFILE", "empty"),
        row("instance role").imds("http://SERVER"),
        row("instance without a role").imds("http://SERVER").answer("imds roles", status(404)),
        row("instance metadata is silent").imds("http://SILENT"),
        row("instance metadata is closed").imds("http://127.0.0.1:9"),
        row("instance role prints an error").imds("http://SERVER").answer(
            "imds role",
            Answer::Body(
                200,
                r#"{"Code":"AssumeRoleUnauthorizedAccess","Message":"EC2 cannot assume the role"}"#
                    .into(),
            ),
        ),
        row("instance metadata refuses").imds("http://SERVER").answer("imds token", status(403)),
        row("instance role prints no JSON").imds("http://SERVER").answer("imds role", status(200)),
        row("instance metadata at no URL").imds("a b"),
        row("container endpoint is no URL").keyless().set(uri, "a b"),
        row("container endpoint is empty").keyless().set(uri, ""),
        row("container endpoint is no path")
            .keyless()
            .set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "a b"),
        row("container endpoint prints no JSON")
            .keyless()
            .set(uri, "http://SERVER/container")
            .answer("container", status(200)),
        row("container role").keyless().set(uri, "http://SERVER/container"),
        row("container endpoint answers 404")
            .keyless()
            .set(uri, "http://SERVER/container")
            .answer("container", status(404)),
        row("container endpoint is closed").keyless().set(uri, "http://127.0.0.1:9/container"),
        row("container token ends with a newline")
            .keyless()
            .set(uri, "http://SERVER/container")
            .set(token, "Bearer hunter2\n"),
        row("container token file ends with a newline")
            .keyless()
            .set(uri, "http://SERVER/container")
            .set(file, "DIR/newline-token"),
        row("container token file is missing")
            .keyless()
            .set(uri, "http://SERVER/container")
            .set(file, "DIR/no-token"),
        row("web identity token file of the environment is missing")
            .keyless()
            .set("AWS_WEB_IDENTITY_TOKEN_FILE", "DIR/no-token")
            .set("AWS_ROLE_ARN", "arn:aws:iam::1:role/a"),
        row("web identity token is refused")
            .keyless()
            .set("AWS_WEB_IDENTITY_TOKEN_FILE", "DIR/token")
            .set("AWS_ROLE_ARN", "arn:aws:iam::1:role/a")
            .answer(
                "sts AssumeRoleWithWebIdentity",
                Answer::sts_error("InvalidIdentityToken", "No OpenIDConnect provider found"),
            ),
        row("web identity token has expired")
            .keyless()
            .set("AWS_WEB_IDENTITY_TOKEN_FILE", "DIR/token")
            .set("AWS_ROLE_ARN", "arn:aws:iam::1:role/a")
            .answer(
                "sts AssumeRoleWithWebIdentity",
                Answer::sts_error("ExpiredTokenException", "Token expired: current date/time 1"),
            ),
    ]
}

fn sign_in_refusals() -> Vec<Row> {
    let user = "User: arn:aws:iam::1:user/x is not authorized to perform: sts:AssumeRole on \
                resource: arn:aws:iam::1:role/a";
    let late = "Signature expired: 20230101T000000Z is now earlier than 20230101T001500Z \
                (20230101T002000Z - 5 min.)";
    let sts = [
        ("STS denies", "AccessDenied", user),
        ("STS denies without a word", "AccessDenied", ""),
        ("STS: key has expired", "ExpiredToken", "The security token is expired"),
        ("STS: key is not known", "InvalidClientTokenId", "The security token is invalid."),
        ("STS: wrong clock", "SignatureDoesNotMatch", late),
        ("STS: wrong secret", "SignatureDoesNotMatch", "The request signature does not match"),
        ("STS: region is switched off", "RegionDisabledException", "STS is not activated"),
        ("STS throttles", "Throttling", "Rate exceeded"),
        ("STS quotes debug output", "Odd", "Some(Error { code: 1 })"),
    ];
    let sts = sts.into_iter().map(|(fault, code, message)| {
        row(fault).profile("role").answer("sts AssumeRole", Answer::sts_error(code, message))
    });
    let sso = [
        ("SSO refuses the token", 401, "UnauthorizedException", "Session token not found"),
        ("SSO refuses the role", 403, "ForbiddenException", "No access"),
        ("SSO does not know the role", 404, "ResourceNotFoundException", "No such role"),
        ("SSO throttles", 429, "TooManyRequestsException", "Slow down"),
        ("SSO fails", 500, "InternalError", "oops"),
    ];
    let sso = sso.into_iter().map(|(fault, status, code, message)| {
        let answer = Answer::sso_error(status, code, message);
        row(fault).profile("sso").answer("sso GetRoleCredentials", answer)
    });
    let mut rows: Vec<Row> = sts.chain(sso).collect();
    rows.push(
        row("STS denies, and the profile has an mfa_serial")
            .profile("mfa")
            .answer("sts AssumeRole", Answer::sts_error("AccessDenied", user)),
    );
    let portal = || Answer::Body(200, "<html>Welcome".into());
    rows.push(row("STS is a captive portal").profile("role").answer("sts AssumeRole", portal()));
    rows.push(
        row("SSO is a captive portal").profile("sso").answer("sso GetRoleCredentials", portal()),
    );
    rows.push(
        row("STS answers HTTP 403 without a code")
            .profile("role")
            .answer("sts AssumeRole", Answer::Body(403, "<html>no".into())),
    );
    rows.push(row("SSO is silent").profile("sso").answer("sso GetRoleCredentials", Answer::Silent));
    rows.push(row("STS is silent").profile("role").answer("sts AssumeRole", Answer::Silent));
    rows.push(
        row("STS is closed").profile("role").set("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9"),
    );
    rows.push(
        row("STS of a credential process denies")
            .profile("on-process")
            .answer("sts AssumeRole", Answer::sts_error("AccessDenied", user)),
    );
    rows
}

fn sqs_refusals() -> Vec<Row> {
    let user = "User: arn:aws:iam::1:user/x is not authorized to perform:";
    let denied = format!(
        "{user} sqs:listqueues on resource: arn:aws:sqs:us-east-1:1:* because no identity-based policy allows the sqs:listqueues action"
    );
    let key = format!(
        "{user} kms:Decrypt on resource: arn:aws:kms:us-east-1:1:key/k with an explicit deny in an identity-based policy"
    );
    let early = "Signature not yet current: 20230101T003000Z is still later than \
                 20230101T002500Z (20230101T002000Z + 5 min.)";
    let late = "Signature expired: 20230101T000000Z is now earlier than 20230101T001500Z \
                (20230101T002000Z - 5 min.)";
    let canonical = "The Canonical String for this request should have been 'POST hunter2'";
    let rows = [
        ("SQS denies", 403, "AccessDeniedException", denied.as_str()),
        ("SQS denies without an action", 403, "AccessDenied", "Access to the resource is denied."),
        ("KMS denies", 400, "KMS.AccessDeniedException", &key),
        ("KMS denies, older code", 400, "KmsAccessDenied", "The ciphertext refers to a key"),
        ("KMS key is switched off", 400, "KMS.DisabledException", "arn:aws:kms:k is disabled."),
        ("KMS key is missing", 400, "KmsNotFound", ""),
        ("wrong clock: late", 403, "InvalidSignatureException", late),
        ("wrong clock: early", 403, "InvalidSignatureException", early),
        ("wrong clock: expired", 400, "RequestExpired", "Request has expired."),
        ("wrong clock: skewed", 403, "RequestTimeTooSkewed", "The difference is too large."),
        ("wrong secret", 403, "SignatureDoesNotMatch", canonical),
        ("access key is not known", 403, "InvalidClientTokenId", "The token is invalid."),
        ("session token has expired", 403, "ExpiredToken", "The token is expired"),
        ("account is not opted in", 403, "OptInRequired", "You are not subscribed"),
        ("answer quotes escapes", 400, "Odd", "\u{1b}[2J\u{202e}"),
    ];
    let refused = rows.into_iter().map(|(fault, status, code, message)| {
        row(fault).answer("sqs ListQueues", Answer::sqs_error(status, code, message))
    });
    refused.collect()
}

fn network() -> Vec<Row> {
    vec![
        row("SQS is closed").set("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
        row("SQS is silent").set("AWS_ENDPOINT_URL", "http://SILENT"),
        row("SQS is a captive portal")
            .answer("sqs ListQueues", Answer::Body(200, "<html>Welcome".into())),
        row("proxy is closed").proxy("http://user:hunter2@127.0.0.1:9"),
        row("proxy is silent").proxy("http://SILENT"),
        row("proxy refuses").proxy("http://SERVER"),
        row("proxy asks for credentials")
            .proxy("http://SERVER")
            .answer("proxy CONNECT", Answer::Body(407, "no".into())),
        row("proxy is closed, by ALL_PROXY")
            .unset("AWS_ENDPOINT_URL")
            .unset("NO_PROXY")
            .set("ALL_PROXY", "127.0.0.1:9"),
        row("proxy for http is closed, endpoint is loopback")
            .set("HTTP_PROXY", "http://127.0.0.1:9"),
        row("proxy for http is closed")
            .set("HTTP_PROXY", "http://127.0.0.1:9")
            .set("AWS_ENDPOINT_URL", "http://sqs.nowhere.test"),
        row("proxy is no URL").set("HTTPS_PROXY", "http://"),
        row("proxy is no URL, with a password").set("https_proxy", "http://user:hunter2@:1"),
        row("proxy is SOCKS").set("ALL_PROXY", "socks5://127.0.0.1:9"),
    ]
}

/// Folder of a row: profiles, programs, tokens and the cache of SSO.
fn prepare(row: &Row, server: &str, silent: &str) -> Bench {
    let mut bench = bench("aws-fault", &format!("http://{server}"));
    let dir = bench.dir().display().to_string();
    bench.write("aws-config", PROFILES.replace("DIR", &dir));
    bench.write("damaged", "[profile key]\naws_access_key_id\n");
    bench.write("token", "hunter2");
    bench.write("newline-token", "hunter2\n");
    bench.write("hang", "#!/bin/sh\nsleep 600 & sleep 600\n");
    // Named by the SHA-1 of the sessions corp, ended, newline and damaged.
    let sso = |hash: &str, text: &str| {
        bench.write(&format!(".aws/sso/cache/{hash}.json"), text);
    };
    let token =
        |token: &str, end: &str| json!({"accessToken": token, "expiresAt": end}).to_string();
    let end = "2099-01-01T00:00:00Z";
    sso("ee0bfd2552fbd840c02cc48b6e823320543c450f", &token("hunter2", end));
    sso("ba92ed73c97b30bcc4639724ab6aa8ae87f92601", &token("hunter2", "2020-01-01T00:00:00Z"));
    sso("f6fd7a4346b3bb0e3124991926d729836808da54", &token("hunter2\n", end));
    sso("d9814db59cfe5e862cc98797296b9af679e71180", "hunter2");
    bench.set("HOME", &dir);
    bench.set("DLQ_MONITORING_TIMEOUT", if row.is_silent() { "500ms" } else { "10s" });
    for (name, value) in &row.variables {
        match value {
            None => bench.unset(name),
            Some(value) => {
                let value = value.replace("SERVER", server).replace("SILENT", silent);
                bench.set(name, value.replace("DIR", &dir));
            }
        }
    }
    bench
}

/// Runs `dlq-poll` in a row, and returns its exit status and standard error.
fn outcome(row: &Row, silent: &str) -> String {
    let aws = FakeAws::start(&row.script);
    let server = aws.url.trim_start_matches("http://");
    let bench = prepare(row, server, silent);
    let profile = row.profile.map(|name| ["--profile", name]);
    let output = bench.run("dlq-poll", profile.as_ref().map_or(&[], |args| args), "");
    let text = output.stderr.replace(server, "SERVER").replace(silent, "SILENT");
    let text = text.replace(&bench.dir().display().to_string(), "DIR");
    assert_eq!(processes_of(&bench), [0; 0], "{}: a process lives on", row.fault);
    let debug = ["Some(", "Error {", "{ ", "Signature=", "panicked", "hunter2"];
    let bad = debug.iter().find(|mark| text.contains(*mark) || output.text().contains(*mark));
    assert_eq!(bad, None, "{}: {text}", row.fault);
    let code = output.code();
    assert!(code < 3 && (code == 0) == text.is_empty(), "{}: {code} {text}", row.fault);
    format!("{code} {text}").trim_end().to_owned() + "\n"
}

#[test]
fn aws_faults_have_their_exit_status_and_sentence() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let tables = [
        ("Variables and places", variables()),
        ("Profiles", profiles()),
        ("Other places of credentials", places()),
        ("Refusals of STS and SSO", sign_in_refusals()),
        ("Refusals of SQS", sqs_refusals()),
        ("Network and proxies", network()),
    ];
    let rows: Vec<&Row> = tables.iter().flat_map(|(_, rows)| rows).collect();
    let (next, outcomes) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = outcome(row, &address);
                    outcomes.lock().unwrap().insert(row.fault, outcome);
                }
            });
        }
    });
    let outcomes = outcomes.into_inner().unwrap();
    assert_eq!(outcomes.len(), rows.len(), "two rows have one name");
    let head = TABLE.lines().take_while(|line| !line.is_empty());
    let mut table: String = head.map(|line| format!("{line}\n")).collect();
    for (title, rows) in &tables {
        table += &format!("\n# {title}\n");
        for row in rows {
            table += &format!("\n{}\n    {}", row.fault, outcomes[row.fault]);
        }
    }
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("aws-faults.txt");
    std::fs::write(&path, &table).unwrap();
    for (line, expected) in table.lines().zip(TABLE.lines()) {
        assert_eq!(line, expected, "tests/fixtures/aws/faults.txt differs from {}", path.display());
    }
    assert_eq!(table.lines().count(), TABLE.lines().count(), "{}", path.display());
}
