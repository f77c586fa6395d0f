//! The faults of a TLS connection in words. The library writes most of them as Rust writes a value.

/// The cause where the peer answers with something else.
pub const NOT_TLS: &str =
    "it does not speak TLS; check the port, and what answers in its place, as a proxy does";

/// The begin of each sentence about a certificate.
pub const CERTIFICATE: &str = "its certificate ";

/// Returns the fault of a certificate in words; `trust` is the remedy for an unknown issuer.
pub fn certificate_fault(fault: &str, trust: &str) -> String {
    const CLOCK: &str = "or the clock of this machine is wrong";
    let is = |words: &[&str]| words.iter().any(|word| fault.contains(word));
    if is(&["CaUsedAsEndEntity"]) {
        format!("its certificate is self-signed, and not trusted; {trust}")
    } else if is(&["UnknownIssuer", "BadSignature"]) {
        format!("its certificate is from an issuer that is not trusted; {trust}")
    } else if is(&["not valid for name", "NotValidForName", "not valid for any names"]) {
        "its certificate is that of another host; a proxy may answer in its place".into()
    } else if is(&["expired", "Expired"]) {
        format!("its certificate has expired, {CLOCK}")
    } else if is(&["not valid yet", "NotValidYet"]) {
        format!("its certificate is not valid yet, {CLOCK}")
    } else if is(&["Revoked", "revoked"]) {
        "its certificate is revoked".into()
    } else {
        "its certificate cannot be verified; its owner has to renew it".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificate_faults_are_sentences() {
        let rows = [
            ("UnknownIssuer", "from an issuer that is not trusted; do this"),
            ("BadSignature", "from an issuer that is not trusted; do this"),
            ("Other(OtherError(CaUsedAsEndEntity))", "self-signed, and not trusted; do this"),
            (
                "certificate not valid for name \"sqs\"; certificate is only valid for DnsName(\"x\")",
                "that of another host",
            ),
            ("certificate expired: verification time 9 (UNIX), but", "has expired"),
            ("NotValidYet", "the clock of this machine"),
            ("Revoked", "revoked"),
            ("Other(OtherError(UnsupportedCertVersion))", "cannot be verified"),
        ];
        for (fault, expected) in rows {
            let text = certificate_fault(fault, "do this");
            assert!(text.starts_with(CERTIFICATE) && text.contains(expected), "{text}");
            assert!(!text.contains("Name") && !text.contains("Other"), "{text}");
        }
    }
}
