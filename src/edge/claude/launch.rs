//! Launch of Claude Code: its subagents, MCP servers, home folder and credential.
//!
//! Promises: the model's credential is readable once, from a named pipe that is removed when Claude
//! Code has read it. Tools start only after the model's first answer, so no tool finds the
//! credential in a file, an argument or the environment. An API key is printed by a command
//! (`apiKeyHelper`); a token comes through a file descriptor. Without a credential Claude Code uses
//! the user's own login in the user's home folder.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use super::agent_files;
use crate::config::{Claude, Env, SecretValue};
use crate::edge::command;
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

/// Files and credential that were loaded and validated before the launch.
pub struct PreparedClaude {
    /// The model's credential; `None` for the user's own login.
    credential: Option<SecretValue>,
    /// Template of the prompt.
    pub template: String,
    /// Subagents that this session can use.
    pub subagents: Vec<Subagent>,
    /// The one shell line that it may run: the tests.
    pub test_line: Option<String>,
    /// Names of its MCP servers.
    servers: Vec<String>,
}

/// Checks the program and loads all that it needs. `has_code` says whether the session works on
/// code, whose tests the command `tests` runs. An error says why the program cannot be used.
pub fn prepare(
    program: &str,
    settings: &Claude,
    credential: Option<SecretValue>,
    has_code: bool,
    tests: Option<&[String]>,
) -> Result<PreparedClaude, String> {
    if let Some(why) =
        invocation::unsupported_reason(&ask(program, "--version"), &ask(program, "--help"))
    {
        return Err(format!("'{}' is not supported: {}", safe(program), safe(&why)));
    }
    if settings.dangerously_skip_permissions && rustix::process::geteuid().is_root() {
        return Err("dangerously_skip_permissions: not as root; run it as another user".into());
    }
    let in_key = |key: &'static str| move |error: Error| format!("{key}: {error}");
    let credential = match (credential, &settings.auth) {
        (None, Some(auth)) => Some(auth.resolve(&Env::default()).map_err(in_key("auth"))?),
        (credential, _) => credential,
    };
    // With a credential its home folder is empty, and tests may need the user's.
    let home = credential.as_ref().and_then(|_| std::env::var("HOME").ok());
    let test_line = tests.map(|argv| invocation::test_line(argv, home.as_deref()));
    let test_line = test_line.transpose()?;
    let template = agent_files::template(settings.prompt_file.as_deref());
    let template = template.map_err(in_key("prompt_file"))?;
    let own = settings.agents_dir.as_deref().map(agent_files::load).transpose();
    let own = own.map_err(in_key("agents_dir"))?;
    let all = merged(builtin(), own.unwrap_or_default())?;
    let subagents = useful(all, has_code, test_line.is_some());
    let servers = match &settings.mcp_config {
        None => Vec::new(),
        Some(path) => {
            let wrong = |why: String| format!("mcp_config '{}': {why}", path.display());
            let text = agent_files::text(path, MCP_MAX).map_err(in_key("mcp_config"))?;
            invocation::mcp_servers(&text).map_err(wrong)?
        }
    };
    Ok(PreparedClaude { credential, template, subagents, test_line, servers })
}

/// Output of the program for one option; empty when it cannot be run.
fn ask(program: &str, option: &str) -> String {
    let argv = [program.to_owned(), option.to_owned()];
    let ran = command::run(&argv, None, ANSWER, ANSWER_MAX, Stdio::null());
    ran.map(|ran| String::from_utf8_lossy(&ran.output).into_owned()).unwrap_or_default()
}

/// Permissions, limits and conversation of one launch.
pub struct Launch<'a> {
    /// Path of the program.
    pub program: &'a str,
    /// The `claude` section of the configuration.
    pub settings: &'a Claude,
    /// Loaded files and credential.
    pub prepared: &'a PreparedClaude,
    /// Limit of this run.
    pub budget_usd: f64,
    /// Session in which the conversation began.
    pub conversation: &'a str,
    /// Whether an earlier conversation is resumed.
    pub resumed: bool,
    /// Whether it may change files.
    pub fix: bool,
}

/// Paths that a launch uses.
pub struct LaunchPaths {
    /// Folder of the session in which the conversation began; its homes are in it.
    pub conversation: PathBuf,
    /// Named pipe for the credential.
    pub credential: PathBuf,
    /// File of subagents.
    pub agents: PathBuf,
    /// File that a hook creates, which proves that hooks run.
    pub hooked: PathBuf,
}

/// Command line and environment of a launch.
pub struct CommandLine {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Variables for this program alone.
    pub environment: Vec<(&'static str, OsString)>,
    /// Pipe that the program inherits open, with a token in it.
    pub token_pipe: Option<String>,
}

impl<'a> Launch<'a> {
    /// Permissions and limits of the call. Paths are missing: [`Launch::command_line`] adds them.
    pub fn invocation(&self) -> Invocation<'a> {
        let PreparedClaude { subagents, test_line, servers, .. } = self.prepared;
        Invocation {
            program: self.program,
            model: &self.settings.model,
            max_turns: self.settings.max_turns,
            budget_usd: self.budget_usd,
            conversation: self.conversation,
            resumed: self.resumed,
            agents: (!subagents.is_empty()).then_some(""),
            test_line: test_line.as_deref(),
            fix: self.fix,
            mcp: (!servers.is_empty()).then_some(("", &servers[..])),
            key_program: None,
            hooks: ("", ""),
            unchecked: self.settings.dangerously_skip_permissions,
        }
    }

    /// Makes the folders and files of the launch and starts to offer the credential.
    pub fn command_line(&self, paths: &LaunchPaths) -> Result<CommandLine, Error> {
        let folder = |name: &str| {
            let folder = paths.conversation.join(name);
            store::make_dir(&folder).map(|()| folder)
        };
        let mut environment: Vec<(&'static str, OsString)> =
            vec![("TMPDIR", folder("tmp")?.into())];
        environment.extend(invocation::environment().map(|(name, value)| (name, value.into())));
        if let Some(url) = &self.settings.base_url {
            environment.push(("ANTHROPIC_BASE_URL", url.into()));
        }
        let (mut token_pipe, mut key_program) = (None, None);
        if let Some(credential) = &self.prepared.credential {
            // Its shell reads the startup files of the home folder, which may hold secrets.
            environment.push(("HOME", folder("home")?.into()));
            environment.push(("CLAUDE_CONFIG_DIR", folder("claude")?.into()));
            let path = offer_credential(&paths.credential, credential.clone())?;
            match invocation::is_token(credential.expose()) {
                true => token_pipe = Some(path),
                false => {
                    let words = ["cat".to_owned(), path];
                    key_program = Some(prompt::command_line(&words).map_err(Error::wrong)?);
                }
            }
        }
        let PreparedClaude { subagents, servers, .. } = self.prepared;
        let call = self.invocation();
        let json = to_json(subagents, &call.granted()).to_string();
        store::replace(&paths.agents, json.as_bytes())?;
        let agents = paths.agents.display().to_string();
        let agents = (!subagents.is_empty()).then_some(agents.as_str());
        let mcp = self.settings.mcp_config.as_ref().map(|path| path.display().to_string());
        let mcp = mcp.as_deref().map(|path| (path, &servers[..]));
        let hooked = paths.hooked.display().to_string();
        let own = std::env::current_exe()
            .map_err(|error| Error::failed("find", "this program", error))?;
        let hooks = (own.to_str().unwrap_or_default(), hooked.as_str());
        let call = Invocation { agents, mcp, key_program: key_program.as_deref(), hooks, ..call };
        Ok(CommandLine { argv: call.argv(), environment, token_pipe })
    }
}

/// Makes a pipe that gives the credential to its first reader only, and returns its path.
fn offer_credential(path: &Path, credential: SecretValue) -> Result<String, Error> {
    let failed = |cause: String| Error::failed("make pipe", path.display(), cause);
    let _ = std::fs::remove_file(path);
    let argv = ["mkfifo", "-m", "600", "--"].map(str::to_owned);
    let argv = [&argv[..], &[path.display().to_string()]].concat();
    let ran = command::run(&argv, None, ANSWER, 0, Stdio::null()).map_err(failed)?;
    if !ran.status.is_some_and(|status| status.success()) {
        return Err(failed("mkfifo failed".into()));
    }
    let pipe = path.to_owned();
    // The thread waits for a reader; without one it ends with this process.
    std::thread::spawn(move || write_credential(&pipe, &credential));
    Ok(path.display().to_string())
}

fn write_credential(path: &Path, credential: &SecretValue) {
    let Ok(mut pipe) = OpenOptions::new().write(true).open(path) else { return };
    let _ = std::fs::remove_file(path);
    // Without a credential the model refuses the agent, and the session reports that.
    if pipe.write_all(credential.expose().as_bytes()).is_err() {
        return;
    }
    // Claude Code reopens the pipe by its descriptor: a writer must stay until it has read.
    while rustix::io::ioctl_fionread(&pipe).is_ok_and(|unread| unread > 0) {
        store::sleep(BlockingWait::Command, UNREAD);
    }
}
