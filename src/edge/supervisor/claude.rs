//! Launch of Claude Code: its subagents, MCP servers, home folder and credential.
//!
//! Promises: the model's credential is readable once, from a named pipe that is removed when Claude
//! Code has read it. Tools start only after the model's first answer, so no tool finds the
//! credential in a file, an argument or the environment. An API key is printed by a command
//! (`apiKeyHelper`); a token comes through a file descriptor. Without a credential Claude Code uses
//! the user's own login in the user's home folder.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::context::SessionContext;
use super::environment::Variables;
use super::sandbox::{self, SessionSandbox};
use super::workspace::Workspace;
use super::{agent_files, files};
use crate::config::{Env, SecretValue};
use crate::edge::command;
use crate::edge::sandbox::SELF;
use crate::error::Error;
use crate::rules::agent::invocation;
use crate::rules::agent::invocation::Invocation;
use crate::rules::agent::prompt;
use crate::rules::agent::subagent::{Subagent, builtin, merged, to_json, useful};
use crate::store::{self, BlockingWait};
use crate::text::safe;

/// Deadline of `--version`, `--help` and `mkfifo`, which take a tenth of a second.
const ANSWER: Duration = Duration::from_secs(20);
const ANSWER_MAX: u64 = 256 << 10;
/// Interval of the checks whether the credential was read.
const UNREAD: Duration = Duration::from_millis(2);
/// Longest file of MCP servers, in bytes.
const MCP_MAX: usize = 256 << 10;

/// A call of Claude Code, and the files and the credential that were loaded for it.
pub(super) struct PreparedClaude<'a> {
    /// The model's credential; `None` for the user's own login.
    credential: Option<SecretValue>,
    /// Template of the prompt.
    pub(super) template: String,
    /// Subagents that this session can use.
    pub(super) subagents: Vec<Subagent>,
    /// Permissions, limits and conversation.
    pub(super) call: Invocation<'a>,
    pub(super) sandbox: Option<SessionSandbox>,
}

/// Checks the program and loads all that it needs. An error says why the program cannot be used.
pub(super) fn prepare<'a>(
    context: &'a SessionContext,
    program: &'a str,
    credential: Option<SecretValue>,
    variables: &Variables,
) -> Result<PreparedClaude<'a>, String> {
    if let Some(why) =
        invocation::unsupported_reason(&ask(program, "--version"), &ask(program, "--help"))
    {
        return Err(format!("'{}' is not supported: {}", safe(program), safe(&why)));
    }
    let plan = &context.plan;
    let (settings, code) = (&plan.claude, plan.code.as_ref());
    if settings.dangerously_skip_permissions && rustix::process::geteuid().is_root() {
        return Err("dangerously_skip_permissions: not as root; run it as another user".into());
    }
    let in_key = |key: &'static str| move |error: Error| format!("{key}: {error}");
    let credential = match (credential, &settings.auth) {
        (None, Some(auth)) => Some(auth.resolve(&Env::default()).map_err(in_key("auth"))?),
        (credential, _) => credential,
    };
    let sandbox = sandbox::decide(context, program, credential.is_some(), variables)?;
    // With a credential its home folder is empty, and tests may need the user's.
    let home = credential.as_ref().and_then(|_| std::env::var("HOME").ok());
    let tests = code.and_then(|code| code.test_command.as_deref());
    let test_line = match &sandbox {
        Some(_) => tests.map(|_| sandbox::TEST_LINE.to_owned()),
        None => tests.map(|argv| invocation::test_line(argv, home.as_deref())).transpose()?,
    };
    let template = agent_files::template(settings.prompt_file.as_deref());
    let template = template.map_err(in_key("prompt_file"))?;
    let own = settings.agents_dir.as_deref().map(agent_files::load).transpose();
    let own = own.map_err(in_key("agents_dir"))?;
    let all = merged(builtin(), own.unwrap_or_default());
    let all = all.map_err(|why| format!("agents_dir: {why}"))?;
    let subagents = useful(all, code.is_some(), test_line.is_some(), true);
    let mcp = settings.mcp_config.as_deref().map(mcp_servers).transpose()?;
    let own = std::env::current_exe().map_err(|error| format!("cannot find itself: {error}"))?;
    let path = |name: &str| context.path(name).display().to_string();
    let (program, hooks) = match &sandbox {
        // Where the sandbox has it, and in a folder that can be written there.
        Some(sandbox) => {
            let made = context.conversation_folder().join(files::TEMPORARY).join(files::HOOKED);
            (sandbox.program(), (SELF.to_owned(), made.display().to_string()))
        }
        None => (program.to_owned(), (own.display().to_string(), path(files::HOOKED))),
    };
    let call = Invocation {
        program,
        model: &settings.model,
        max_turns: settings.max_turns,
        budget_usd: plan.limits.per_run.dollars(),
        conversation: plan.resumes.as_deref().unwrap_or(context.session),
        resumed: plan.resumes.is_some(),
        agents: (!subagents.is_empty()).then(|| path(files::AGENTS)),
        test_line,
        fix: code.is_some_and(|code| code.fix),
        mcp,
        hooks,
        unchecked: settings.dangerously_skip_permissions,
    };
    Ok(PreparedClaude { credential, template, subagents, call, sandbox })
}

/// Path of a file of MCP servers, and the names of the servers.
fn mcp_servers(path: &Path) -> Result<(String, Vec<String>), String> {
    let text = agent_files::text(path, MCP_MAX).map_err(|error| format!("mcp_config: {error}"))?;
    let path = path.display().to_string();
    let names = invocation::mcp_servers(&text);
    names.map_err(|why| format!("mcp_config '{path}': {why}")).map(|names| (path, names))
}

/// Output of the program for one option; empty when it cannot be run.
fn ask(program: &str, option: &str) -> String {
    let argv = [program.to_owned(), option.to_owned()];
    let ran = command::run(&argv, None, ANSWER, ANSWER_MAX, Stdio::null());
    ran.map(|ran| String::from_utf8_lossy(&ran.output).into_owned()).unwrap_or_default()
}

impl PreparedClaude<'_> {
    /// Makes the folders and files of the call, starts to offer the credential, and adds arguments
    /// and environment to the command that starts Claude Code.
    pub(super) fn complete(
        &self,
        command: &mut Command,
        context: &SessionContext,
        workspace: &Workspace,
    ) -> Result<(), Error> {
        let folder = |name: &str| {
            let folder = context.conversation_folder().join(name);
            store::make_dir(&folder).map(|()| folder)
        };
        command.env("TMPDIR", folder(files::TEMPORARY)?).envs(invocation::ENVIRONMENT);
        command.envs(context.plan.claude.base_url.as_ref().map(|url| ("ANTHROPIC_BASE_URL", url)));
        if let Some(sandbox) = &self.sandbox {
            // A server without TLS has the address of the relay there.
            command.envs(sandbox.variables());
        }
        let has_login = self.sandbox.as_ref().is_some_and(SessionSandbox::has_login);
        if self.credential.is_some() || has_login {
            // Its shell reads the startup files of the home folder, which may hold secrets.
            command.env("HOME", folder(files::HOME)?);
            command.env("CLAUDE_CONFIG_DIR", folder(files::CONFIGURATION)?);
        }
        let mut key_program = None;
        let mut readable = vec![context.path(files::AGENTS)];
        if let Some(credential) = &self.credential {
            let is_token = invocation::is_token(credential.expose());
            let offer = match self.sandbox.is_some() && !is_token {
                true => CredentialOffer::Once,
                false => CredentialOffer::ToReader,
            };
            let path = offer_credential(&context.path(files::KEY), credential.clone(), offer)?;
            if is_token {
                command.args(["--pipe", &path]);
            } else {
                readable.push(context.path(files::KEY));
                let words = match offer {
                    // Claude Code asks several times for a key that was refused. The mount of a sandbox
                    // keeps the pipe, which has no writer then: a program that waits for one would hang.
                    CredentialOffer::Once => vec![
                        "dd".to_owned(),
                        format!("if={path}"),
                        "iflag=nonblock".to_owned(),
                        "status=none".to_owned(),
                        "bs=65536".to_owned(),
                        "count=1".to_owned(),
                    ],
                    CredentialOffer::ToReader => vec!["cat".to_owned(), path.clone()],
                };
                key_program = Some(prompt::command_line(&words).map_err(Error::wrong)?);
            }
        }
        let json = to_json(&self.subagents, &self.call.granted()).to_string();
        store::replace(&context.path(files::AGENTS), json.as_bytes())?;
        readable.extend(context.plan.claude.mcp_config.clone());
        // One that an earlier session of the conversation has left proves nothing.
        let made = Path::new(&self.call.hooks.1);
        store::remove(made).map_err(|error| Error::file("remove", made, &error))?;
        let mut before = Vec::new();
        if let Some(sandbox) = &self.sandbox {
            let words;
            (words, before) = sandbox.enter(context, workspace, &readable)?;
            command.args(words);
        }
        command.arg("--").args(before).args(self.call.argv(key_program.as_deref()));
        Ok(())
    }
}

/// The way in which a pipe gives the credential to its first reader.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CredentialOffer {
    /// Written when a reader has opened the pipe.
    ToReader,
    /// In the pipe from the beginning, so that a reader need not wait. Linux only.
    Once,
}

/// Makes a pipe that gives the credential to its first reader only, and returns its path.
fn offer_credential(
    path: &Path,
    credential: SecretValue,
    offer: CredentialOffer,
) -> Result<String, Error> {
    let failed = |cause: String| Error::failed("make pipe", path.display(), cause);
    let _ = std::fs::remove_file(path);
    let argv = ["mkfifo", "-m", "600", "--"].map(str::to_owned);
    let argv = [&argv[..], &[path.display().to_string()]].concat();
    let ran = command::run(&argv, None, ANSWER, 0, Stdio::null()).map_err(failed)?;
    if !ran.status.is_some_and(|status| status.success()) {
        return Err(failed("mkfifo failed".into()));
    }
    let pipe = path.to_owned();
    if offer == CredentialOffer::Once {
        // Opened for both, which waits for nobody.
        let opened = OpenOptions::new().read(true).write(true).open(path);
        let mut filled = opened.map_err(|error| failed(error.to_string()))?;
        let written = filled.write_all(credential.expose().as_bytes());
        written.map_err(|error| failed(error.to_string()))?;
        std::thread::spawn(move || {
            keep_until_read(&filled);
            let _ = std::fs::remove_file(&pipe);
        });
    } else {
        // The thread waits for a reader; without one it ends with this process.
        std::thread::spawn(move || write_credential(&pipe, &credential));
    }
    Ok(path.display().to_string())
}

fn write_credential(path: &Path, credential: &SecretValue) {
    let Ok(mut pipe) = OpenOptions::new().write(true).open(path) else { return };
    let _ = std::fs::remove_file(path);
    // Without a credential the model refuses the agent, and the session reports that.
    if pipe.write_all(credential.expose().as_bytes()).is_ok() {
        keep_until_read(&pipe);
    }
}

fn keep_until_read(pipe: &File) {
    // Claude Code reopens the pipe by its descriptor: a writer must stay until it has read.
    while rustix::io::ioctl_fionread(pipe).is_ok_and(|unread| unread > 0) {
        store::sleep(BlockingWait::Command, UNREAD);
    }
}
