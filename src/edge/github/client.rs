//! Requests to a GitHub server, in REST and GraphQL.
//!
//! Promises: nothing is asked before the end of a limit; a limit of one kind (REST, GraphQL) does not
//! stop the other; a token that has ended is fetched anew once; the token is in the header of the
//! request and nowhere else.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use serde_json::Value;

use super::token;
use crate::clock;
use crate::config::{Env, Github, SecretValue};
use crate::edge::git::askpass::USER;
use crate::edge::http::{Client, Method, Request};
use crate::error::Error;
use crate::rules::http::{HttpAnswer, RequestError};
use crate::rules::pull_request::answer::{GithubAnswer, meaning};
use crate::rules::pull_request::document::{RequestPause, SeenLimits};
use crate::rules::pull_request::query::{QueryAnswer, QueryFault, read_answer, viewer_body};
use crate::rules::pull_request::server::{GithubServer, server};
use crate::store::{self, BlockingWait};
use crate::text::safe;
use crate::time::{Timestamp, show_span};

/// The time for one request.
const DEADLINE: Duration = Duration::from_secs(20);
/// The bytes of an answer. A page of 25 pull requests has about 200 KB.
const ANSWER_MAX: u64 = 8 << 20;
/// The longest limit that is waited for in the middle of an act.
const WAIT_MAX: Duration = Duration::from_secs(20);
/// The tries after a fault of the server, of requests that change nothing.
const TRIES: u32 = 3;
/// The requests of a run.
const REQUESTS_MAX: u64 = 500;
const TRY_PAUSE: Duration = Duration::from_millis(500);

/// The version of the API that is spoken.
const VERSION: &str = "2022-11-28";

/// The kinds of requests that GitHub limits apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    Rest,
    Graphql,
}

impl RequestKind {
    pub const fn word(self) -> &'static str {
        match self {
            RequestKind::Rest => "rest",
            RequestKind::Graphql => "graphql",
        }
    }
}

/// A request that has no answer to go on with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GithubError {
    /// A limit on requests.
    Limited {
        until: Timestamp,
    },
    /// The token is not valid, also after it was fetched anew.
    Unauthorized,
    /// A pull request, or a page, is too much for the server.
    TooWide,
    /// The peer may have received the request.
    Unknown(String),
    Failed(String),
}

impl fmt::Display for GithubError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GithubError::Limited { until } => write!(f, "GitHub limits requests until {until}"),
            GithubError::Unauthorized => f.write_str("the token is not valid (401)"),
            GithubError::TooWide => f.write_str("GitHub gives up on the request"),
            GithubError::Unknown(why) => write!(f, "{why}; it may have arrived"),
            GithubError::Failed(why) => f.write_str(why),
        }
    }
}

/// A client for one server.
pub struct GithubClient<'a> {
    http: Client,
    pub server: GithubServer,
    settings: &'a Github,
    env: &'a Env,
    token: RefCell<SecretValue>,
    is_renewed: Cell<bool>,
    /// The limits in force, by kind; those of earlier runs are given.
    pauses: RefCell<BTreeMap<String, RequestPause>>,
    /// The kinds of requests that had an answer behind their last limit.
    answered: RefCell<BTreeSet<String>>,
    requests: Cell<u64>,
}

impl<'a> GithubClient<'a> {
    /// Fetches the token; sends no request.
    pub fn open(
        settings: &'a Github,
        env: &'a Env,
        pauses: BTreeMap<String, RequestPause>,
    ) -> Result<Self, Error> {
        let server = server(settings.host.as_deref(), settings.endpoint.as_deref());
        let token = RefCell::new(token::fetch(settings, &server, env)?);
        let http = Client::new(env)?;
        let (pauses, requests) = (RefCell::new(pauses), Cell::new(0));
        Ok(GithubClient {
            http,
            server,
            settings,
            env,
            token,
            is_renewed: Cell::new(false),
            pauses,
            answered: RefCell::default(),
            requests,
        })
    }

    /// Returns the token, for git. It is another one after a 401.
    pub fn token(&self) -> SecretValue {
        self.token.borrow().clone()
    }

    /// Fetches the token anew, because a server has not accepted it. Returns false when that was done
    /// before.
    pub fn renew(&self) -> Result<bool, Error> {
        if self.is_renewed.replace(true) {
            return Ok(false);
        }
        *self.token.borrow_mut() = token::fetch(self.settings, &self.server, self.env)?;
        Ok(true)
    }

    /// Returns the limits that were met, for later runs.
    pub fn limits(&self) -> SeenLimits {
        let (pauses, answered) = (self.pauses.borrow().clone(), self.answered.borrow().clone());
        SeenLimits { pauses, answered }
    }

    /// Sends a request in REST. `path` begins with a slash. A body makes it one that changes something,
    /// which is not repeated after a fault.
    pub fn rest(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(GithubAnswer, HttpAnswer), GithubError> {
        let rest = &self.server.rest;
        let answered = self.ask(RequestKind::Rest, method, &format!("{rest}{path}"), body)?;
        // A repository that was renamed: the request has had no effect there.
        let place = match &answered {
            (GithubAnswer::Unknown { status: 307 | 308 }, raw) => raw.header("location"),
            _ => None,
        };
        match place.filter(|place| place.starts_with(&format!("{rest}/"))) {
            Some(place) => self.ask(RequestKind::Rest, method, place, body),
            None => Ok(answered),
        }
    }

    /// Asks for something in REST, and reads it. None: it is not there, or may not be seen.
    pub fn get(&self, path: &str) -> Result<Option<Value>, GithubError> {
        let (answer, raw) = self.rest(Method::Get, path, None)?;
        match answer {
            GithubAnswer::Success => match serde_json::from_slice(&raw.body) {
                Ok(value) => Ok(Some(value)),
                Err(_) => Err(GithubError::Failed("the answer is not JSON".into())),
            },
            GithubAnswer::NotFound => Ok(None),
            other => Err(GithubError::Failed(in_words(&other))),
        }
    }

    /// Sends a query in GraphQL, which changes nothing.
    pub fn query(&self, body: &Value) -> Result<QueryAnswer, GithubError> {
        let url = self.server.graphql.clone();
        let (answer, raw) = self.ask(RequestKind::Graphql, Method::Post, &url, Some(body))?;
        match answer {
            GithubAnswer::Success => {}
            // The gateway gives up on wide queries in this way.
            GithubAnswer::ServerFault { status: 502 | 504 } => return Err(GithubError::TooWide),
            other => return Err(GithubError::Failed(in_words(&other))),
        }
        match read_answer(&raw.body) {
            Ok(read) => {
                if let Some(until) = read.budget.and_then(|budget| budget.pause(clock::now())) {
                    let pause = RequestPause { until, count: 0 };
                    self.pauses.borrow_mut().insert(RequestKind::Graphql.word().into(), pause);
                }
                Ok(read)
            }
            Err(QueryFault::TooWide) => Err(GithubError::TooWide),
            Err(QueryFault::RateLimited) => {
                let spent = HttpAnswer { status: 429, ..raw };
                Err(self.limited(RequestKind::Graphql, &spent))
            }
            Err(QueryFault::Refused(why)) => Err(GithubError::Failed(why)),
            Err(QueryFault::Malformed) => {
                Err(GithubError::Failed("the answer is not one of GitHub".into()))
            }
        }
    }

    /// Returns the account of the token. None: the token may not say.
    ///
    /// The tokens of apps and of Actions may not ask in REST, and may in GraphQL.
    pub fn login(&self) -> Result<Option<String>, GithubError> {
        let (answer, raw) = self.rest(Method::Get, "/user", None)?;
        match answer {
            GithubAnswer::Success => {
                let own: Value = serde_json::from_slice(&raw.body).unwrap_or_default();
                own["login"].as_str().map_or_else(
                    || Err(GithubError::Failed("the answer is not one of GitHub".into())),
                    |login| Ok(Some(login.to_owned())),
                )
            }
            GithubAnswer::Forbidden { .. } | GithubAnswer::NotFound => {
                match self.query(&viewer_body()) {
                    Ok(answer) => Ok(answer.login.map(|login| match login.ends_with("[bot]") {
                        true => login,
                        false => login + "[bot]",
                    })),
                    Err(GithubError::Failed(_)) => Ok(None),
                    Err(error) => Err(error),
                }
            }
            other => Err(GithubError::Failed(in_words(&other))),
        }
    }

    /// Sends a request until it has an answer to go on with.
    fn ask(
        &self,
        kind: RequestKind,
        method: Method,
        url: &str,
        body: Option<&Value>,
    ) -> Result<(GithubAnswer, HttpAnswer), GithubError> {
        let is_safe = method == Method::Get || kind == RequestKind::Graphql;
        let mut tries = 0;
        loop {
            tries += 1;
            self.wait_for(kind)?;
            let sent = self.send(method, url, body);
            let is_last = !is_safe || tries >= TRIES;
            let raw = match sent {
                Ok(raw) => self.without_token(raw),
                Err(RequestError::Refused(why)) => return Err(GithubError::Failed(why)),
                Err(RequestError::Unknown(why)) if is_last && !is_safe => {
                    return Err(GithubError::Unknown(why));
                }
                Err(RequestError::Unsent(why) | RequestError::Unknown(why)) if is_last => {
                    return Err(GithubError::Failed(why));
                }
                Err(_) => {
                    store::sleep(BlockingWait::Network, TRY_PAUSE * tries);
                    continue;
                }
            };
            let known = self.pauses.borrow().get(kind.word()).map_or(0, |pause| pause.count);
            match meaning(&raw, known, clock::now()) {
                GithubAnswer::Limited { .. } => {
                    let limit = self.limited(kind, &raw);
                    if is_last {
                        return Err(limit);
                    }
                }
                GithubAnswer::Unauthorized => {
                    let renewed = self.renew();
                    if !renewed.map_err(|error| GithubError::Failed(error.to_string()))? {
                        return Err(GithubError::Unauthorized);
                    }
                    tries -= 1;
                }
                // A wide query is made narrower by the caller.
                GithubAnswer::ServerFault { status }
                    if !(is_last || kind == RequestKind::Graphql && status >= 502) =>
                {
                    store::sleep(BlockingWait::Network, TRY_PAUSE * tries);
                }
                answer => {
                    if answer == GithubAnswer::Success {
                        self.pauses.borrow_mut().remove(kind.word());
                        self.answered.borrow_mut().insert(kind.word().to_owned());
                    }
                    return Ok((answer, raw));
                }
            }
        }
    }

    fn send(
        &self,
        method: Method,
        url: &str,
        body: Option<&Value>,
    ) -> Result<HttpAnswer, RequestError> {
        let count = self.requests.get() + 1;
        self.requests.set(count);
        if count > REQUESTS_MAX {
            return Err(RequestError::Refused(format!(
                "more than {REQUESTS_MAX} requests in one run"
            )));
        }
        let authorization = format!("Bearer {}", self.token.borrow().expose());
        let bytes = body.map(Value::to_string).unwrap_or_default();
        let headers = [
            ("accept", "application/vnd.github+json"),
            ("authorization", authorization.as_str()),
            ("content-type", "application/json"),
            ("x-github-api-version", VERSION),
        ];
        self.http.send(&Request {
            method,
            url,
            headers: &headers,
            body: bytes.as_bytes(),
            deadline: DEADLINE,
            answer_max: ANSWER_MAX,
        })
    }

    /// Returns an answer without the token, which an error page may repeat: sentences of a server stand in
    /// messages and events.
    fn without_token(&self, answer: HttpAnswer) -> HttpAnswer {
        let token = self.token.borrow();
        match std::str::from_utf8(&answer.body) {
            Ok(text) if text.contains(token.expose()) => {
                let body = token.hidden_in(text, USER).into_bytes();
                HttpAnswer { body, ..answer }
            }
            _ => answer,
        }
    }

    /// Waits for the end of a limit that is near; any other is an error.
    fn wait_for(&self, kind: RequestKind) -> Result<(), GithubError> {
        let Some(pause) = self.pauses.borrow().get(kind.word()).copied() else { return Ok(()) };
        let left = pause.until.since(clock::now());
        if left > WAIT_MAX {
            return Err(GithubError::Limited { until: pause.until });
        }
        store::sleep(BlockingWait::Network, left);
        Ok(())
    }

    /// Records a limit.
    fn limited(&self, kind: RequestKind, raw: &HttpAnswer) -> GithubError {
        let mut pauses = self.pauses.borrow_mut();
        let count = pauses.get(kind.word()).map_or(0, |pause| pause.count);
        let now = clock::now();
        let until = match meaning(raw, count, now) {
            GithubAnswer::Limited { until } => until,
            _ => now.plus(WAIT_MAX),
        };
        pauses
            .insert(kind.word().to_owned(), RequestPause { until, count: count.saturating_add(1) });
        self.answered.borrow_mut().remove(kind.word());
        GithubError::Limited { until }
    }
}

/// Returns an answer that is none to go on with, in words.
pub fn in_words(answer: &GithubAnswer) -> String {
    match answer {
        GithubAnswer::Success => "it has succeeded".into(),
        GithubAnswer::Limited { until } => format!("GitHub limits requests until {until}"),
        GithubAnswer::Unauthorized => "the token is not valid (401)".into(),
        GithubAnswer::Forbidden { sentence, permissions: None } => {
            format!("GitHub refuses: {sentence}")
        }
        GithubAnswer::Forbidden { sentence, permissions: Some(needed) } => {
            format!("GitHub refuses: {sentence}; the token needs {needed}")
        }
        GithubAnswer::NotFound => "it is not there, or the token may not see it".into(),
        GithubAnswer::Invalid(why) => format!("GitHub refuses: {}", safe(&why.to_string())),
        GithubAnswer::ServerFault { status } => format!("GitHub failed (status {status})"),
        GithubAnswer::Unknown { status } => format!("an answer of no known form (status {status})"),
    }
}

/// Returns how long a limit lasts, for people.
pub fn lasts(until: Timestamp) -> String {
    show_span(until.since(clock::now()))
}
