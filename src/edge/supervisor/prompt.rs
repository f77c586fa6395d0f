//! Prompt of a session, in `prompt.md`.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::agent::PreparedAgent;
use super::context::SessionContext;
use super::evidence::EvidenceSummary;
use super::files;
use super::workspace::Workspace;
use crate::clock;
use crate::edge::git::EVIDENCE;
use crate::error::Error;
use crate::rules::agent::{briefing, prompt};
use crate::store;

/// Writes the prompt, which the agent gets as its standard input.
pub(super) fn write_prompt(
    context: &SessionContext,
    agent: &PreparedAgent,
    workspace: &Workspace,
    evidence: &EvidenceSummary,
) -> Result<(), Error> {
    let (plan, cause) = (&context.plan, evidence.cause());
    let claude = agent.claude.as_ref();
    let mut incident = plan.incident.clone();
    incident.add_sample(evidence.loss.window.before);
    let background = &workspace.background;
    let briefing = briefing::brief(
        &background.contents,
        evidence.causes(),
        &background.errors,
        &background.contrast,
        &background.commits,
        clock::now(),
    );
    if let Some(sources) = &background.contents.queue.sources {
        // The events of a single queue name no source.
        let named = sources.iter().map(|source| source.name.clone());
        if incident.queue.sources.is_empty() {
            incident.queue.sources = named.collect();
        }
    }
    let facts = prompt::Facts {
        briefing: &briefing,
        divided: claude.is_some(),
        incident: &incident,
        fingerprint: cause.map(|cause| cause.fingerprint.as_str()),
        cause: background.contents.fingerprints.fingerprints.first().map(|one| one.title.as_str()),
        triage: cause.map(|cause| cause.reason.as_str()),
        evidence: workspace.has_evidence.then_some(EVIDENCE),
        nonce: &nonce()?,
        repository: plan.code.as_ref().map(|code| prompt::Repository {
            base: code.base.as_deref(),
            test_line: claude.and_then(|claude| claude.call.test_line.as_deref()),
            fix: code.fix,
        }),
        subagents: claude.map_or(&[], |claude| &claude.subagents),
        limits: prompt::RunLimits {
            turns_and_usd: claude.map(|claude| (claude.call.max_turns, plan.limits.per_run)),
            time: context.time_remaining(),
        },
    };
    let template = match claude {
        None => prompt::PLAIN,
        Some(_) if plan.resumes.is_some() => prompt::RESUME_PROMPT,
        Some(claude) => &claude.template,
    };
    let prompt = prompt::fill(template, &facts).map_err(Error::wrong)?;
    store::replace(&context.path(files::PROMPT), prompt.as_bytes())
}

/// A random word that no message can contain by intent.
fn nonce() -> Result<String, Error> {
    let path = Path::new("/dev/urandom");
    let mut bytes = [0; 16];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut bytes));
    read.map_err(|error| Error::file("read", path, &error))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
