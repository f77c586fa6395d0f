//! The investigator: the program and arguments that the configuration names.

use crate::config::{Agent, AutoInvestigation};

/// The program and its arguments.
pub fn argv(settings: &AutoInvestigation) -> Vec<String> {
    match &settings.agent {
        Agent::Named(name) => claude(name, settings.model.as_deref()),
        Agent::Command(argv) => argv.clone(),
    }
}

/// The investigator that this version knows by name, with no tools and no settings of its own:
/// it reasons about what the prompt says.
fn claude(name: &str, model: Option<&str>) -> Vec<String> {
    let fixed =
        ["-p", "--output-format", "text", "--restricted", "--tools", "", "--setting-sources", ""];
    let more = ["--strict-mcp-config", "--permission-prompts", "none", "--disable-slash-commands"];
    let model = model.into_iter().flat_map(|model| ["--model", model]);
    [name].into_iter().chain(fixed).chain(more).chain(model).map(str::to_owned).collect()
}
