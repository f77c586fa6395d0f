//! What Claude Code is given beside a prompt: its subagents, its servers, a home of its own, and the
//! model's credential.
//!
//! The credential is handed out once, through a pipe that is gone when it was read: the answer of
//! the model that starts a tool comes later, so no tool finds it, in no file, argument or
//! environment. A key is said by a program (apiKeyHelper), a token comes by a descriptor. Without
//! either there is the user's own login, in the user's own home.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::workspace::Place;
use super::{Supervisor, files};
use crate::config::{Env, SecretValue};
use crate::edge::claude::agent_files;
use crate::edge::command;
use crate::edge::supervisor::agent_program::Program;
use crate::error::Error;
use crate::rules::agent::invocation;
use crate::rules::agent::invocation::Invocation;
use crate::rules::agent::prompt;
use crate::rules::agent::subagent::{Subagent, builtin, merged, to_json, useful};
use crate::store;

/// `--version` and `--help` take a tenth of a second.
const ANSWER: Duration = Duration::from_secs(20);
const ANSWER_MAX: u64 = 256 << 10;
/// How often it is looked whether the credential was read.
const UNREAD: Duration = Duration::from_millis(2);
/// The longest file of MCP servers, in bytes.
const MCP_MAX: usize = 256 << 10;

/// An agent that will do, and what was read for it.
pub(super) struct Ready<'a> {
    pub(super) program: &'a Program,
    /// The model's credential, when it is the tool's to give.
    key: Option<SecretValue>,
    /// The template of its prompt, and its subagents; of Claude Code only.
    pub(super) template: String,
    pub(super) subagents: Vec<Subagent>,
    /// The line by which it runs the tests.
    pub(super) test_line: Option<String>,
    /// The names of its MCP servers.
    servers: Vec<String>,
}

impl Supervisor<'_> {
    /// The agent; an error says why it will not do. What it is given is read now, before anything
    /// is received or spent.
    pub(super) fn fit(&self, key: Option<SecretValue>) -> Result<Option<Ready<'_>>, String> {
        let Some(program) = &self.plan.agent else { return Ok(None) };
        let mut ready = Ready {
            program,
            key,
            template: String::new(),
            subagents: Vec::new(),
            test_line: None,
            servers: Vec::new(),
        };
        if !program.claude {
            return Ok(Some(ready));
        }
        let name = ready.name();
        let said = |option: &str| {
            let argv = [name.to_owned(), option.to_owned()];
            let ran = command::run(&argv, None, ANSWER, ANSWER_MAX, Stdio::null());
            ran.map(|ran| String::from_utf8_lossy(&ran.output).into_owned()).unwrap_or_default()
        };
        if let Some(why) = invocation::unsupported_reason(&said("--version"), &said("--help")) {
            let safe = crate::text::safe;
            return Err(format!("'{}' will not do: {}", safe(name), safe(&why)));
        }
        let claude = &self.plan.claude;
        if claude.dangerously_skip_permissions && rustix::process::geteuid().is_root() {
            return Err("dangerously_skip_permissions: not as root; run it as another user".into());
        }
        if let (None, Some(auth)) = (&ready.key, &claude.auth) {
            let wrong = |error: Error| format!("auth: {error}");
            ready.key = Some(auth.resolve(&Env::default()).map_err(wrong)?);
        }
        let code = self.plan.code.as_ref();
        // Its own home is empty, and tests may need the user's.
        let home = ready.key.as_ref().and_then(|_| std::env::var("HOME").ok());
        let line = |argv: &Vec<String>| invocation::test_line(argv, home.as_deref());
        ready.test_line = code.and_then(|code| code.test_command.as_ref()).map(line).transpose()?;
        let of = |key: &'static str| move |error: Error| format!("{key}: {error}");
        let template = agent_files::template(claude.prompt_file.as_deref());
        ready.template = template.map_err(of("prompt_file"))?;
        let own = claude.agents_dir.as_deref().map(agent_files::load).transpose();
        let own = own.map_err(of("agents_dir"))?;
        let all = merged(builtin(), own.unwrap_or_default())?;
        ready.subagents = useful(all, code.is_some(), ready.test_line.is_some());
        if let Some(path) = &claude.mcp_config {
            let wrong = |why: String| format!("mcp_config '{}': {why}", path.display());
            let text = agent_files::text(path, MCP_MAX).map_err(of("mcp_config"))?;
            ready.servers = invocation::mcp_servers(&text).map_err(wrong)?;
        }
        Ok(Some(ready))
    }

    /// Writes the prompt.
    pub(super) fn brief(
        &self,
        ready: &Ready,
        place: &Place,
        known: &super::evidence::Known,
    ) -> Result<(), Error> {
        let evidence = place.evidence.then_some(super::workspace::EVIDENCE);
        let prompt = if !ready.program.claude {
            prompt::plain_prompt(&self.plan.incident, evidence)
        } else if self.plan.resumes.is_some() {
            prompt::GO_ON.to_owned()
        } else {
            let code = self.plan.code.as_ref();
            let facts = prompt::Facts {
                incident: &self.plan.incident,
                fingerprint: known.cause().map(|cause| cause.fingerprint.as_str()),
                cause: known.cause().map(|cause| cause.title.as_str()),
                triage: known.cause().map(|cause| cause.reason.as_str()),
                evidence,
                nonce: &nonce()?,
                repository: code.map(|code| prompt::Repository {
                    base: code.base.as_deref(),
                    test_line: ready.test_line.as_deref(),
                    fix: code.fix,
                }),
                subagents: &ready.subagents,
            };
            prompt::fill(&ready.template, &facts).map_err(Error::wrong)?
        };
        store::replace(&self.folder.join(files::PROMPT), prompt.as_bytes())
    }

    /// The program with its arguments, and what is in its environment for it alone.
    pub(super) fn claude(
        &self,
        ready: &Ready,
        command: &mut Command,
    ) -> Result<Vec<String>, Error> {
        let folder = |name: &str| {
            let folder = self.conversation_folder().join(name);
            store::make_dir(&folder).map(|()| folder)
        };
        command.env("TMPDIR", folder("tmp")?).envs(invocation::environment());
        if let Some(url) = &self.plan.claude.base_url {
            command.env("ANTHROPIC_BASE_URL", url);
        }
        let mut program = None;
        if let Some(key) = &ready.key {
            // A shell of it reads what stands in the home folder, and there may be secrets there.
            command.env("HOME", folder("home")?).env("CLAUDE_CONFIG_DIR", folder("claude")?);
            let token = invocation::is_token(key.expose());
            let path = self.hand_out(key.clone())?;
            match token {
                true => drop(command.args(["--pipe", &path])),
                false => {
                    let words = ["cat".to_owned(), path];
                    program = Some(prompt::command_line(&words).map_err(Error::wrong)?);
                }
            }
        }
        let agents = self.folder.join(files::AGENTS);
        let call = self.invocation(ready);
        let json = to_json(&ready.subagents, &call.granted()).to_string();
        store::replace(&agents, json.as_bytes())?;
        let agents = agents.display().to_string();
        let agents = (!ready.subagents.is_empty()).then_some(agents.as_str());
        let mcp = self.plan.claude.mcp_config.as_ref().map(|path| path.display().to_string());
        let mcp = mcp.as_deref().map(|path| (path, &ready.servers[..]));
        let hooked = self.folder.join(files::HOOKED).display().to_string();
        let own = std::env::current_exe()
            .map_err(|error| Error::failed("find", "this program", error))?;
        let hooks = (own.to_str().unwrap_or_default(), hooked.as_str());
        Ok(Invocation { agents, mcp, key_program: program.as_deref(), hooks, ..call }.argv())
    }

    /// How it is called, as far as that says what it may do.
    pub(super) fn invocation<'a>(&'a self, ready: &'a Ready) -> Invocation<'a> {
        let claude = &self.plan.claude;
        Invocation {
            program: ready.name(),
            model: &claude.model,
            max_turns: claude.max_turns,
            budget_usd: self.plan.limits.per_run,
            conversation: self.plan.resumes.as_deref().unwrap_or(self.session),
            resumed: self.plan.resumes.is_some(),
            agents: (!ready.subagents.is_empty()).then_some(""),
            test_line: ready.test_line.as_deref(),
            fix: self.plan.code.as_ref().is_some_and(|code| code.fix),
            mcp: (!ready.servers.is_empty()).then_some(("", &ready.servers[..])),
            key_program: None,
            hooks: ("", ""),
            unchecked: claude.dangerously_skip_permissions,
        }
    }

    /// A pipe that has the credential, for the first who reads, and for nobody after that.
    fn hand_out(&self, key: SecretValue) -> Result<String, Error> {
        let path = self.folder.join(files::KEY);
        let failed = |cause: String| Error::failed("make pipe", path.display(), cause);
        let _ = std::fs::remove_file(&path);
        let argv = ["mkfifo", "-m", "600", "--"].map(str::to_owned);
        let argv = [&argv[..], &[path.display().to_string()]].concat();
        let ran = command::run(&argv, None, ANSWER, 0, Stdio::null()).map_err(failed)?;
        if !ran.status.is_some_and(|status| status.success()) {
            return Err(failed("mkfifo has failed".into()));
        }
        let pipe = path.clone();
        // It waits for a reader, and ends with this process when there is none.
        std::thread::spawn(move || give(&pipe, &key));
        Ok(path.display().to_string())
    }
}

impl Ready<'_> {
    pub(super) fn name(&self) -> &str {
        self.program.argv.first().map_or("claude", String::as_str)
    }
}

fn give(path: &Path, key: &SecretValue) {
    let Ok(mut pipe) = OpenOptions::new().write(true).open(path) else { return };
    let _ = std::fs::remove_file(path);
    // Without a key the agent is refused, and that is told.
    if pipe.write_all(key.expose().as_bytes()).is_err() {
        return;
    }
    // Who is handed a descriptor opens the pipe a second time, which takes somebody who writes.
    while rustix::io::ioctl_fionread(&pipe).is_ok_and(|unread| unread > 0) {
        std::thread::sleep(UNREAD);
    }
}

/// A word that nobody can guess.
fn nonce() -> Result<String, Error> {
    let path = Path::new("/dev/urandom");
    let mut bytes = [0; 16];
    let read = std::fs::File::open(path)
        .and_then(|mut file| std::io::Read::read_exact(&mut file, &mut bytes));
    read.map_err(|error| Error::file("read", path, &error))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
