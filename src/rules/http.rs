//! The answer to an HTTP request, and the reasons for none.
//!
//! Promises: no text here shows the path, the query or the user of a URL, or the value of a header.

use std::fmt;
use std::time::Duration;

use crate::time::Timestamp;

/// The longest pause that `Retry-After` can ask for.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(86_400);

/// The answer to a request, of any status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    pub status: u16,
    /// Headers with names in lower case, in their order. Values that are not text are left out.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Whether the body ended within its limits of size and time, and without an error.
    pub is_whole: bool,
}

/// The reasons for which a request has no answer. Each has a cause that names the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestError {
    /// The request can never be sent: its URL or one of its headers is refused.
    Refused(String),
    /// No byte of the body was sent: the request had no effect.
    Unsent(String),
    /// The peer may have received the request.
    Unknown(String),
}

impl HttpAnswer {
    /// Returns the first header of a name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Returns the pause that `Retry-After` asks for: a number of seconds, or an HTTP date.
    pub fn retry_after(&self, now: Timestamp) -> Option<Duration> {
        let value = self.header("retry-after")?.trim();
        let seconds = value.bytes().all(|byte| byte.is_ascii_digit()).then(|| value.parse().ok());
        let span = match seconds {
            Some(seconds) => Duration::from_secs(seconds?),
            None => Timestamp::parse_http_date(value)?.since(now),
        };
        Some(span.min(RETRY_AFTER_MAX))
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RequestError::Refused(cause) | RequestError::Unsent(cause) => f.write_str(cause),
            RequestError::Unknown(cause) => write!(f, "{cause}; it may have arrived"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date_within_a_day() {
        let now = Timestamp::parse("1994-11-06T08:49:07Z").unwrap();
        let rows = [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(30)),
            ("Sun, 06 Nov 1994 08:49:37 +0000", Some(30)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("Sun, 06 Nov 2094 08:49:37 GMT", None),
            ("999999999", Some(86_400)),
            ("99999999999999999999999", None),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
            ("Sat, 06 Nov 1994 08:49:37 GMT", None),
            ("Tue, 08 Nov 1994 08:49:37 GMT", Some(86_400)),
        ];
        for (value, seconds) in rows {
            let headers = vec![("retry-after".to_owned(), value.to_owned())];
            let answer = HttpAnswer { status: 429, headers, body: Vec::new(), is_whole: true };
            assert_eq!(answer.retry_after(now), seconds.map(Duration::from_secs), "{value:?}");
        }
        let answer = HttpAnswer { status: 429, headers: vec![], body: vec![], is_whole: true };
        assert_eq!(answer.retry_after(now), None);
    }
}
