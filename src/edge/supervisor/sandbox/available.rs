//! Sandbox of a session before its start: whether this machine has one, and what it needs.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::Plan;
use super::super::context::SessionContext;
use super::super::environment::Variables;
use super::{LOGIN, SessionSandbox};
use crate::clock;
use crate::edge::proxy::Proxies;
use crate::edge::sandbox::{Bubblewrap, relay};
use crate::log;
use crate::rules::sandbox::arguments::Mount;
use crate::rules::sandbox::login;
use crate::rules::sandbox::mode::{SandboxDecision, SandboxMode, judge};
use crate::rules::sandbox::program::{BoundProgram, bound};
use crate::rules::sandbox::refusal::Unavailable;
use crate::rules::sandbox::upstream::Upstream;

/// Bytes of a program that are read to tell what it is.
const HEAD: u64 = 256;
/// Longest file of a login.
const LOGIN_MAX: u64 = 64 << 10;

/// Decides whether the agent of a session runs in a sandbox; an error says why it does not run at
/// all.
pub(in crate::edge::supervisor) fn decide(
    context: &SessionContext,
    program: &str,
    has_credential: bool,
    variables: &Variables,
) -> Result<Option<SessionSandbox>, String> {
    let (mode, plan) = (context.plan.claude.sandbox, &context.plan);
    if mode == SandboxMode::Off {
        return Ok(None);
    }
    let found = find(context, program, has_credential, variables);
    match judge(mode, found.as_ref().map(drop), runs_code(plan)) {
        SandboxDecision::Sandboxed => Ok(found.ok()),
        SandboxDecision::Refused(why) => Err(why),
        SandboxDecision::Bare(why) => {
            why.iter().for_each(|why| log::warn(why));
            Ok(None)
        }
    }
}

/// Decides whether an agent of the user's own runs, which has no sandbox: nobody knows which servers
/// and files it needs. An error says why not.
pub(in crate::edge::supervisor) fn decide_without(context: &SessionContext) -> Result<(), String> {
    let why = Unavailable::because("an agent of your own has none", "use the agent 'claude'");
    match judge(context.plan.claude.sandbox, Err(&why), runs_code(&context.plan)) {
        SandboxDecision::Refused(why) => Err(why),
        // Its report says that it ran without one.
        SandboxDecision::Sandboxed | SandboxDecision::Bare(_) => Ok(()),
    }
}

/// Returns whether an agent may change code, or runs it.
fn runs_code(plan: &Plan) -> bool {
    plan.code.as_ref().is_some_and(|code| code.fix || code.test_command.is_some())
}

fn find(
    context: &SessionContext,
    program: &str,
    has_credential: bool,
    variables: &Variables,
) -> Result<SessionSandbox, Unavailable> {
    let path = std::env::var("PATH").ok();
    let bubblewrap = Bubblewrap::find(path.as_deref())?;
    let base_url = context.plan.claude.base_url.as_deref();
    let upstream = Upstream::parse(base_url)
        .ok_or_else(|| Unavailable::because("'base_url' names no server", "correct it"))?;
    let route = route(upstream, variables)?;
    let program = find_program(Path::new(program))?;
    let login = match has_credential {
        true => None,
        false => Some(find_login(&context.plan)?),
    };
    let mut paths = Vec::new();
    for path in &context.plan.claude.sandbox_paths {
        let from = source(context, "sandbox_paths", path)?;
        paths.push(Mount::ReadOnly { from, to: path.display().to_string() });
    }
    paths.extend(program.mount());
    Ok(SessionSandbox { bubblewrap, route, program, login, paths })
}

/// Returns the way to the server: direct, or by the proxy of the user's environment.
fn route(upstream: Upstream, variables: &Variables) -> Result<relay::ModelRoute, Unavailable> {
    let variable = |name: &str| {
        let found = variables.iter().find(|(known, _)| known == name);
        found.and_then(|(_, value)| value.clone().into_string().ok())
    };
    let proxies = Proxies::from_variables(variable)
        .map_err(|error| Unavailable::because(error.to_string(), "correct it"))?;
    let scheme = if upstream.tls { "https" } else { "http" };
    let (_, proxy) = proxies.route(&format!("{scheme}://{}:{}", upstream.host, upstream.port));
    let url = proxy.as_ref().map(|proxy| proxy.url.as_str());
    relay::ModelRoute::to(upstream, url).ok_or_else(|| {
        Unavailable::because("the proxy is asked by https://", "name one by http://")
    })
}

fn find_program(path: &Path) -> Result<BoundProgram, Unavailable> {
    let unreadable = |error: std::io::Error| {
        Unavailable::because(format!("'{}' cannot be read: {error}", path.display()), "correct it")
    };
    let real = path.canonicalize().map_err(unreadable)?;
    let mut head = Vec::new();
    let read = File::open(&real).and_then(|file| file.take(HEAD).read_to_end(&mut head));
    read.map_err(unreadable)?;
    bound(&real.display().to_string(), &head)
}

/// Returns the file of the user's own login, when it lasts for the session.
fn find_login(plan: &Plan) -> Result<PathBuf, Unavailable> {
    const REMEDY: &str = "set auto_investigation.auth";
    let folder = std::env::var_os("HOME").map(|home| Path::new(&home).join(".claude"));
    let path = folder.map(|folder| folder.join(LOGIN)).and_then(|path| path.canonicalize().ok());
    let missing = || Unavailable::because("claude has no login in a file", REMEDY);
    let path = path.ok_or_else(missing)?;
    let text = crate::config::read_file(&path, LOGIN_MAX).ok().and_then(Result::ok);
    let text = text.ok_or_else(missing)?;
    match login::lasts(&text, clock::now(), Duration::from_millis(plan.timeout_ms)) {
        true => Ok(path),
        false => Err(Unavailable::because(
            "the login of claude ends before the investigation, and a sandbox cannot renew it",
            format!("run 'claude' once, or {REMEDY}"),
        )),
    }
}

/// Returns a path of the configuration as a source of a mount.
pub(super) fn source(
    context: &SessionContext,
    key: &str,
    path: &Path,
) -> Result<String, Unavailable> {
    let shown = path.display();
    let real = path.canonicalize().map_err(|error| {
        let cause = crate::error::io_cause(&error);
        Unavailable::because(format!("'{shown}' of '{key}': {cause}"), "correct it")
    })?;
    let state = context.store.dir();
    let state = state.canonicalize().unwrap_or_else(|_| state.to_owned());
    if state.starts_with(&real) || real.starts_with(&state) {
        return Err(Unavailable::because(
            format!("'{shown}' of '{key}' holds the state folder, or lies in it"),
            "name a folder without it",
        ));
    }
    real.into_os_string().into_string().map_err(|_| {
        Unavailable::because(format!("'{shown}' of '{key}' is not UTF-8"), "rename it")
    })
}
