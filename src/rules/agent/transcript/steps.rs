//! What the lines between the first and the last mean: steps for people, names of subagents, a key
//! that is not taken.

use super::fields::Fields;
use super::{Heard, Init, Progress, Transcript, caller, word};

/// What the CLI says of a key that the API does not take.
const UNAUTHORIZED: &str = "authentication_failed";

/// The model that the CLI names when it speaks in the model's place.
const SYNTHETIC: &str = "<synthetic>";

impl Transcript {
    pub(super) fn system(&mut self, fields: &Fields) -> Option<Heard> {
        self.name(fields);
        let tool = || fields.word("tool_name");
        match fields.word("subtype").as_deref() {
            Some("init") => {
                let init = Init::of(fields);
                self.init.get_or_insert_with(|| init.clone());
                Some(Heard::Init(init))
            }
            Some("api_retry") => {
                let status = fields.get::<u64>("error_status");
                if status == Some(401) || fields.word("error").as_deref() == Some(UNAUTHORIZED) {
                    return self.refused();
                }
                self.step("retrying", fields, None)
            }
            Some("permission_denied") => {
                self.deny(fields);
                self.step("denied", fields, tool())
            }
            Some("code_change_published") => {
                self.published(fields);
                self.step("pull request", fields, None)
            }
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

    pub(super) fn assistant(&mut self, fields: &Fields) -> Option<Heard> {
        self.name(fields);
        let message = fields.object("message")?;
        let blocks = message.objects("content");
        let synthetic = message.word("model").as_deref() == Some(SYNTHETIC);
        let error = fields.word("error");
        let told = |block: &Fields| {
            block.get::<String>("text").is_some_and(|text| text.contains("API Error: 401"))
        };
        if error.as_deref() == Some(UNAUTHORIZED)
            || (error.is_some() || synthetic)
                && (fields.get::<u64>("api_error_status") == Some(401) || blocks.iter().any(told))
        {
            return self.refused();
        }
        if !synthetic && error.is_none() {
            self.unauthorized = false; // The model has answered, so the key is taken after all.
        }
        let by = caller(fields);
        let (mut step, mut tool) = ("writing", None);
        for block in &blocks {
            match block.word("type").as_deref() {
                Some("thinking" | "redacted_thinking") if tool.is_none() => step = "thinking",
                Some("tool_use") => {
                    step = "tool";
                    tool = block.word("name");
                    self.called(block, by.as_deref());
                }
                _ => {}
            }
        }
        self.step(step, fields, tool)
    }

    /// Learns from a call who makes it, and which subagent it starts.
    fn called(&mut self, call: &Fields, by: Option<&str>) {
        let Some(id) = call.word("id") else { return };
        if let Some(by) = by {
            self.callers.insert(id.clone(), by.to_owned());
        }
        if matches!(call.word("name").as_deref(), Some("Agent" | "Task"))
            && let Some(name) = call.object("input").and_then(|input| input.word("subagent_type"))
        {
            self.names.insert(id, name);
        }
    }

    fn refused(&mut self) -> Option<Heard> {
        self.unauthorized = true;
        Some(Heard::Unauthorized)
    }

    /// A pull request that was opened counts more than one that was only seen; of several the
    /// last.
    fn published(&mut self, fields: &Fields) {
        let Some(url) = fields.get::<String>("url") else { return };
        let web = url.starts_with("https://") || url.starts_with("http://");
        // An address is shown and opened as it is: one that would have to be escaped is none.
        if !web || url.contains(char::is_whitespace) || word(&url) != url {
            return;
        }
        let opened = fields.word("action").as_deref() == Some("created");
        if opened || !matches!(self.pull_request, Some((true, _))) {
            self.pull_request = Some((opened, url));
        }
    }

    /// The name of the subagent that a line is about or comes from.
    fn subagent(&self, fields: &Fields) -> Option<String> {
        let known = |key: &str| self.names.get(&fields.word(key)?).cloned();
        fields
            .word("subagent_type")
            .or_else(|| known("agent_id"))
            .or_else(|| known("parent_tool_use_id"))
            .or_else(|| known("task_id"))
            .or_else(|| fields.word("task_id").and_then(|_| known("tool_use_id")))
    }

    fn step(&self, step: &str, fields: &Fields, tool: Option<String>) -> Option<Heard> {
        Some(Heard::Progress(Progress {
            step: step.to_owned(),
            subagent: self.subagent(fields),
            tool,
            cost_usd: self.cost,
        }))
    }
}
