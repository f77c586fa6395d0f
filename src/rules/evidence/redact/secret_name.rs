//! Names of secrets: the value of `password` is a secret, whatever it looks like.
//!
//! Promises: case, `-`, `_` and `.` in a name do not matter, and its end decides: `dbPassword` and
//! `X-Api-Key` are secret names, `tokenCount` and `author` are not.

/// Limit on the length of a name, counted from its end.
pub(super) const NAME_MAX: usize = 64;
/// Minimum length of a random value.
const RANDOM_MIN: usize = 16;
/// Secret names at the end of any name, in the singular and the plural.
const SECRET_ENDS: [&str; 75] = [
    "accesskey",
    "accesskeyid",
    "accountkey",
    "apikey",
    "authkey",
    "authorization",
    "backupcode",
    "clientassertion",
    "clientkey",
    "codeverifier",
    "connectsid",
    "contrasea",
    "contrasena",
    "cookie",
    "credential",
    "csrf",
    "cvc",
    "cvv",
    "deploykey",
    "encryptionkey",
    "functionkey",
    "functionskey",
    "hmackey",
    "kennwort",
    "keypass",
    "licensekey",
    "magiclink",
    "masterkey",
    "mfaseed",
    "mnemonic",
    "motdepasse",
    "mothersmaidenname",
    "onetimecode",
    "otpcode",
    "otpseed",
    "passcode",
    "passkey",
    "passphrase",
    "passwd",
    "password",
    "passwordhash",
    "passwort",
    "privatekey",
    "privatekeyid",
    "privatemac",
    "psw",
    "pwd",
    "pword",
    "recoverycode",
    "recoveryphrase",
    "rediscliauth",
    "secret",
    "secretkey",
    "secretstring",
    "secretvalue",
    "securityanswer",
    "securitycode",
    "seedphrase",
    "senha",
    "serverkey",
    "servicekey",
    "sessid",
    "sessionid",
    "sharedkey",
    "signingkey",
    "sshkey",
    "storagekey",
    "storepass",
    "subscriptionkey",
    "token",
    "totpseed",
    "verificationcode",
    "wachtwoord",
    "webhookkey",
    "xsrf",
];
/// Secret names that also end harmless words (`compass`), and must be a word of their own.
const SECRET_WORDS: [&str; 11] =
    ["cpf", "cred", "iban", "otp", "pass", "pin", "psk", "pw", "session", "ssn", "totp"];
/// Names whose value is secret if it looks random: signatures of webhooks, credentials of registries.
const OFTEN_SECRET_WORDS: [&str; 19] = [
    "algoliakey",
    "auth",
    "connectionstring",
    "datadogkey",
    "dsn",
    "googlekey",
    "hmac",
    "hmacsha",
    "mailgunkey",
    "openaikey",
    "refresh",
    "salt",
    "seed",
    "sendgridkey",
    "sig",
    "signature",
    "signaturesha",
    "stripekey",
    "twiliokey",
];
/// Secret names in the query of a URL only.
pub(super) const QUERY_NAMES: [&str; 4] = ["sid", "sig", "signature", "xamzsignature"];
/// Names in the query of a URL whose value is secret if it looks random.
pub(super) const QUERY_RANDOM_NAMES: [&str; 2] = ["assertion", "code"];
/// Values that are no secret under any name.
pub(super) const EMPTY_VALUES: [&[u8]; 8] =
    [b"null", b"true", b"false", b"none", b"None", b"True", b"False", b"undefined"];

/// Letters and digits of a name in lower case, without trailing digits and version: `api_key_v2`.
pub(super) struct NormalizedName {
    pub(super) text: String,
    /// Offsets of the words in `text`.
    words: Vec<usize>,
}

impl NormalizedName {
    pub(super) fn read(name: &[u8]) -> Self {
        let name = &name[name.len().saturating_sub(NAME_MAX)..];
        let mut read =
            NormalizedName { text: String::with_capacity(name.len()), words: Vec::new() };
        let mut last = b' ';
        for byte in name {
            if byte.is_ascii_alphanumeric() {
                let hump = last.is_ascii_lowercase() && byte.is_ascii_uppercase();
                if hump || !last.is_ascii_alphanumeric() {
                    read.words.push(read.text.len());
                }
                read.text.push(char::from(byte.to_ascii_lowercase()));
            }
            last = *byte;
        }
        let end = read.text.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        let is_version = end < read.text.len()
            && read.text[..end].ends_with('v')
            && read.words.contains(&(end - 1));
        read.text.truncate(end - usize::from(is_version));
        read
    }

    pub(super) fn is_secret(&self) -> bool {
        let text = self.text.as_str();
        // Fast path: the last letter.
        let is_end = |text: &str, name: &str| {
            name.as_bytes().last() == text.as_bytes().last() && text.ends_with(name)
        };
        let ends = |text: &str| SECRET_ENDS.iter().any(|name| is_end(text, name));
        ends(text)
            || text.strip_suffix('s').is_some_and(ends)
            || SECRET_WORDS.iter().any(|name| self.ends_in_word(name))
            || text == "xamzsignature"
    }

    pub(super) fn is_often_secret(&self) -> bool {
        OFTEN_SECRET_WORDS.iter().any(|name| self.ends_in_word(name))
    }

    /// Returns whether the value extends to the end of the line.
    pub(super) fn is_of_line(&self) -> bool {
        self.text.ends_with("authorization") || self.text.ends_with("cookie")
    }

    /// Returns whether a number under this name is a count: `max_tokens`.
    pub(super) fn is_count(&self) -> bool {
        self.text.ends_with("tokens")
    }

    fn ends_in_word(&self, word: &str) -> bool {
        self.text.as_bytes().last() == word.as_bytes().last()
            && self.text.strip_suffix(word).is_some_and(|rest| self.words.contains(&rest.len()))
    }
}

/// Returns whether values under this name are secret.
pub(super) fn is_secret_name(name: &str) -> bool {
    NormalizedName::read(name.as_bytes()).is_secret()
}

/// Returns whether values under this name are secret if they look random.
pub(super) fn is_often_secret(name: &str) -> bool {
    NormalizedName::read(name.as_bytes()).is_often_secret()
}

/// Returns whether a number under this name is a count.
pub(super) fn is_count(name: &str) -> bool {
    NormalizedName::read(name.as_bytes()).is_count()
}

/// Returns whether a text is the name of an HTTP header with a secret value.
pub(super) fn is_header(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let is_name = name.len() <= NAME_MAX && name.bytes().all(plain);
    let read = NormalizedName::read(name.as_bytes());
    is_name
        && (read.is_of_line() || name.contains('-') && (read.is_secret() || read.is_often_secret()))
}

/// Returns whether a value looks random: long, without spaces, with letters and digits, neither a
/// URL nor a time.
pub(super) fn is_random(value: &[u8]) -> bool {
    value.len() >= RANDOM_MIN
        && value.iter().all(|byte| is_of_random(*byte))
        && value.iter().any(u8::is_ascii_digit)
        && value.iter().any(u8::is_ascii_alphabetic)
        && !value.windows(3).any(|three| three == b"://")
        && !is_time(value)
}

/// Returns whether a value begins as `2026-11-29T`.
fn is_time(value: &[u8]) -> bool {
    let form = b"0000-00-00T";
    let fits = |(byte, form): (&u8, &u8)| match form {
        b'0' => byte.is_ascii_digit(),
        form => byte == form,
    };
    value.iter().zip(form).all(fits)
}

/// Returns whether a byte can be part of a random value, such as `t=1764300000,v1=5257a8…`.
pub(super) fn is_of_random(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=_-.,:%~".contains(&byte)
}
