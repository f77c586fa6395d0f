//! Error texts of peers and credentials, and near misses.

use super::super::Category::{self, *};
use super::super::error_patterns::category_of_error;

#[test]
fn certificates_names_and_credentials_have_a_category() {
    let rows: [(&str, &str, Option<Category>); 39] = [
        // Certificates that are not accepted.
        (
            "",
            "Get \"https://x/v1\": tls: failed to verify certificate: x509: certificate has expired or is not yet valid",
            Some(Dependency),
        ),
        ("", "x509: certificate signed by unknown authority", Some(Dependency)),
        ("javax.net.ssl.SSLHandshakeException", "PKIX path validation failed", Some(Dependency)),
        (
            "java.security.cert.CertPathValidatorException",
            "validity check failed",
            Some(Dependency),
        ),
        ("Error", "certificate has expired", Some(Dependency)),
        ("Error", "request to https://x failed, reason: CERT_HAS_EXPIRED", Some(Dependency)),
        ("", "net::ERR_CERT_DATE_INVALID", Some(Dependency)),
        (
            "ssl.SSLCertVerificationError",
            "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed",
            Some(Dependency),
        ),
        (
            "requests.exceptions.SSLError",
            "HTTPSConnectionPool(host='x', port=443)",
            Some(Dependency),
        ),
        (
            "System.Net.Http.HttpRequestException",
            "The SSL connection could not be established, see inner exception.",
            Some(Dependency),
        ),
        (
            "System.Security.Authentication.AuthenticationException",
            "The remote certificate is invalid because of errors in the certificate chain: NotTimeValid",
            Some(Dependency),
        ),
        ("", "SSL_CTX_use_certificate: ee key too small", Some(Dependency)),
        ("", "cURL error 60: SSL certificate problem: certificate has expired", Some(Dependency)),
        ("", "invalid peer certificate: Expired", Some(Dependency)),
        ("TypeError", "fetch failed", Some(Dependency)),
        // Names and peers that are not found.
        ("socket.gaierror", "[Errno -2] Name or service not known", Some(Dependency)),
        ("Error", "getaddrinfo EAI_AGAIN db.internal", Some(Dependency)),
        ("", "cURL error 6: Could not resolve host: api.x", Some(Dependency)),
        (
            "",
            "error trying to connect: dns error: failed to lookup address information",
            Some(Dependency),
        ),
        (
            "",
            "No connection could be made because the target machine actively refused it.",
            Some(Dependency),
        ),
        ("java.net.NoRouteToHostException", "x", Some(Dependency)),
        (
            "Errno::EHOSTUNREACH",
            "No route to host - connect(2) for 10.0.0.1:5432",
            Some(Dependency),
        ),
        ("FetchError", "socket hang up", Some(Dependency)),
        // Credentials of one's own.
        (
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
            Some(Permission),
        ),
        (
            "InvalidSignatureException",
            "Signature expired: 20260101T000000Z is now earlier than",
            Some(Permission),
        ),
        (
            "botocore.exceptions.ClientError",
            "An error occurred (ExpiredToken) when calling the GetObject operation",
            Some(Permission),
        ),
        (
            "Exception",
            "An error occurred (RequestTimeTooSkewed) when calling the PutObject operation",
            Some(Permission),
        ),
        (
            "MsalServiceException",
            "The provided client secret keys for app '<id>' are expired.",
            Some(Permission),
        ),
        ("", "oauth2: \"invalid_client\"", Some(Permission)),
        ("io.jsonwebtoken.ExpiredJwtException", "x", Some(Permission)),
        ("JsonWebTokenError", "jwt expired", Some(Permission)),
        ("", "API key has expired", Some(Permission)),
        ("", "FATAL: password authentication failed for user", Some(Permission)),
        // Near misses.
        ("", "the offer has expired", None),
        ("", "reservation expired", None),
        ("", "certificate 12 not found", None),
        ("", "api key missing in order", None),
        ("TypeError", "x is not a function while the certificate has expired", Some(CodeError)),
        ("KeyError", "'access_token' expired", Some(CodeError)),
    ];
    for (class, text, expected) in rows {
        let class = Some(class).filter(|class| !class.is_empty());
        assert_eq!(category_of_error(class, Some(text)), expected, "{class:?} {text}");
    }
}
