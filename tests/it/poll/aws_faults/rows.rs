//! The rows of the table: faults and how they are made.

use serde_json::json;

use crate::support::aws_api::Answer;

/// Row of the table: a fault, the profile, variables (`None` removes one), and scripted answers.
/// `SERVER`, `SILENT` and `TLS` in a value are addresses, `DIR` is the folder of the row. No program
/// listens on port 9.
pub struct Row {
    pub fault: &'static str,
    pub profile: Option<&'static str>,
    pub variables: Vec<(&'static str, Option<&'static str>)>,
    pub script: Vec<(&'static str, Answer)>,
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
    pub fn is_silent(&self) -> bool {
        self.fault.contains("silent")
    }

    /// Asks AWS's own endpoint, through a proxy.
    fn proxy(self, url: &'static str) -> Self {
        self.unset("AWS_ENDPOINT_URL").unset("NO_PROXY").set("HTTPS_PROXY", url)
    }
}

/// Returns the rows by the titles of their sections.
pub fn tables() -> Vec<(&'static str, Vec<Row>)> {
    vec![
        ("Variables and places", variables()),
        ("Profiles", profiles()),
        ("Other places of credentials", places()),
        ("Refusals of STS and SSO", sign_in_refusals()),
        ("Refusals of SQS", sqs_refusals()),
        ("Network and proxies", network()),
    ]
}

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
        row("region is a zone").unset("AWS_ENDPOINT_URL").set("AWS_REGION", "us-east-1a"),
        row("region without a direction").unset("AWS_ENDPOINT_URL").set("AWS_REGION", "moon-1"),
        row("region without a direction, another server").set("AWS_REGION", "moon-1"),
        row("region is a zone, another server").set("AWS_REGION", "us-east-1a"),
        row("region of another form, endpoint of AWS")
            .set("AWS_ENDPOINT_URL", "https://vpce-1.sqs.us-east-1.vpce.amazonaws.com")
            .set("AWS_REGION", "useast1"),
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
    let mut rows: Vec<Row> = refused.collect();
    let dated = [
        ("wrong clock: expired, and the answer is dated", "RequestExpired"),
        ("wrong clock: skewed, and the answer is dated", "RequestTimeTooSkewed"),
    ];
    rows.extend(dated.map(|(fault, code)| {
        let body = json!({"__type": code, "message": "Request has expired."}).to_string();
        row(fault).answer("sqs ListQueues", Answer::Ahead(400, body))
    }));
    rows
}

fn network() -> Vec<Row> {
    vec![
        row("SQS is closed").set("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
        row("SQS is silent").set("AWS_ENDPOINT_URL", "http://SILENT"),
        row("SQS is a captive portal")
            .answer("sqs ListQueues", Answer::Body(200, "<html>Welcome".into())),
        row("certificate of SQS is self-signed").set("AWS_ENDPOINT_URL", "https://TLS"),
        row("certificate of STS is self-signed")
            .profile("role")
            .set("AWS_ENDPOINT_URL_STS", "https://TLS"),
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
        row("proxy is a word, by HTTPS_PROXY").set("HTTPS_PROXY", "notaurl"),
        row("proxy is a word, by http_proxy").set("http_proxy", "notaurl"),
        row("proxy is a word, by ALL_PROXY").set("ALL_PROXY", "notaurl"),
        row("proxy is no URL, with a password").set("https_proxy", "http://user:hunter2@:1"),
        row("proxy is SOCKS").set("ALL_PROXY", "socks5://127.0.0.1:9"),
    ]
}
