//! Lines between start and result: progress, names of subagents, and a refused key.

use super::fields::JsonMembers;
use super::{Init, Progress, Transcript, TranscriptEvent, WRITTEN_MAX, word};

/// Tools that write a file.
const WRITES: [&str; 4] = ["Write", "Edit", "MultiEdit", "NotebookEdit"];

/// Error that the CLI reports for a refused key.
const UNAUTHORIZED: &str = "authentication_failed";

/// Beginnings of the CLI's answers to a call of what it does not have.
const NO_TOOL: &str = "No such tool available: ";
const NO_AGENT: &str = "Agent type '";

/// Model name in messages that the CLI itself writes.
const SYNTHETIC: &str = "<synthetic>";

impl Transcript {
    pub(super) fn system(&mut self, fields: &JsonMembers) -> Option<TranscriptEvent> {
        self.record_name(fields);
        let tool = || fields.word("tool_name");
        match fields.word("subtype").as_deref() {
            Some("init") => Some(TranscriptEvent::Init(Init::from_line(fields))),
            Some("api_retry") => {
                let status = fields.get::<u64>("error_status");
                if status == Some(401) || fields.word("error").as_deref() == Some(UNAUTHORIZED) {
                    return self.refused();
                }
                self.retrying = true;
                self.step("retrying", fields, None)
            }
            Some("permission_denied") => {
                self.deny(fields);
                self.step("denied", fields, tool())
            }
            Some("code_change_published") => self.step("pull request", fields, None),
            Some("task_started") => {
                let step =
                    if self.subagent(fields).is_some() { "subagent started" } else { "background" };
                self.step(step, fields, None)
            }
            Some("task_progress") => self.step("tool", fields, fields.word("last_tool_name")),
            Some("task_notification") => {
                let step = match (self.subagent(fields), fields.word("status").as_deref()) {
                    (None, _) => "background finished",
                    (_, Some("failed")) => "subagent failed",
                    (_, Some("stopped" | "killed")) => "subagent stopped",
                    _ => "subagent finished",
                };
                self.step(step, fields, None)
            }
            Some("thinking_tokens") => self.step("thinking", fields, None),
            Some("compact_boundary") => self.step("compacting", fields, None),
            Some(
                "task_updated"
                | "background_tasks_changed"
                | "status"
                | "informational"
                | "hook_started"
                | "hook_response"
                | "model_refusal_no_fallback"
                | "ui_invalidate",
            ) => None,
            _ => {
                self.unknown += 1;
                None
            }
        }
    }

    pub(super) fn assistant(&mut self, fields: &JsonMembers) -> Option<TranscriptEvent> {
        self.record_name(fields);
        let message = fields.object("message")?;
        let blocks = message.objects("content");
        let synthetic = message.word("model").as_deref() == Some(SYNTHETIC);
        let error = fields.word("error");
        let is_refusal = |block: &JsonMembers| {
            block.get::<String>("text").is_some_and(|text| text.contains("API Error: 401"))
        };
        if error.as_deref() == Some(UNAUTHORIZED)
            || (error.is_some() || synthetic)
                && (fields.get::<u64>("api_error_status") == Some(401)
                    || blocks.iter().any(is_refusal))
        {
            return self.refused();
        }
        if !synthetic && error.is_none() {
            self.unauthorized = false; // The model has answered, so the key is valid.
            (self.answered, self.retrying) = (true, false);
        }
        let (mut step, mut tool) = ("writing", None);
        for block in &blocks {
            match block.word("type").as_deref() {
                Some("thinking" | "redacted_thinking") if tool.is_none() => step = "thinking",
                Some("tool_use") => {
                    step = "tool";
                    tool = block.word("name");
                    self.record_call(block);
                }
                _ => {}
            }
        }
        self.step(step, fields, tool)
    }

    /// Records the name of the subagent that a call starts, and the file that it writes.
    fn record_call(&mut self, call: &JsonMembers) {
        if call.word("name").is_some_and(|name| WRITES.contains(&name.as_str()))
            && let Some(input) = call.object("input")
            && self.written.len() < WRITTEN_MAX
        {
            let path = |key: &str| input.get::<String>(key);
            self.written.extend(path("file_path").or_else(|| path("notebook_path")));
        }
        if matches!(call.word("name").as_deref(), Some("Agent" | "Task"))
            && let Some(id) = call.word("id")
            && let Some(name) = call.object("input").and_then(|input| input.word("subagent_type"))
        {
            self.names.insert(id, name);
        }
    }

    /// Records calls of tools, and of subagents, that the session does not offer, as denied: the CLI
    /// answers them by an error alone.
    pub(super) fn record_absent_tools(&mut self, fields: &JsonMembers) {
        let blocks = fields.object("message").map(|message| message.objects("content"));
        for block in blocks.unwrap_or_default() {
            let (Some(call), Some(text)) =
                (block.word("tool_use_id"), block.get::<String>("content"))
            else {
                continue;
            };
            if block.get::<bool>("is_error") != Some(true) {
                continue;
            }
            let text = text.trim_start_matches("<tool_use_error>").trim_start_matches("Error: ");
            let tool = match text.strip_prefix(NO_TOOL) {
                Some(rest) => {
                    let is_end = |c: char| c == '.' || c == '<' || c.is_whitespace();
                    rest.split(is_end).next().unwrap_or_default()
                }
                None if text.starts_with(NO_AGENT) && text.contains("' not found") => "Agent",
                None => continue,
            };
            self.denials.entry(call).or_insert_with(|| Some(word(tool)));
        }
    }

    fn refused(&mut self) -> Option<TranscriptEvent> {
        self.unauthorized = true;
        Some(TranscriptEvent::Unauthorized)
    }

    /// Returns the name of the subagent that a line is about or comes from.
    fn subagent(&self, fields: &JsonMembers) -> Option<String> {
        let known = |key: &str| self.names.get(&fields.word(key)?).cloned();
        fields
            .word("subagent_type")
            .or_else(|| known("agent_id"))
            .or_else(|| known("parent_tool_use_id"))
            .or_else(|| known("task_id"))
            .or_else(|| fields.word("task_id").and_then(|_| known("tool_use_id")))
    }

    fn step(
        &self,
        step: &str,
        fields: &JsonMembers,
        tool: Option<String>,
    ) -> Option<TranscriptEvent> {
        Some(TranscriptEvent::Progress(Progress {
            step: step.to_owned(),
            subagent: self.subagent(fields),
            tool,
            cost_usd: self.cost,
        }))
    }
}
