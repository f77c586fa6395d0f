//! The lines that one invocation writes, in the forms of Lambda.

use serde_json::{Value, json};

use super::{GATEWAY, Ids, LINES, LogEvent, LogForm, Sent, TIMEOUT, World, moment};

/// Writes the lines of one invocation.
pub(super) struct LineWriter<'w, 'a> {
    pub(super) world: &'w mut World<'a>,
    pub(super) stream: &'w str,
    pub(super) request: &'w str,
}

impl LineWriter<'_, '_> {
    fn put(&mut self, at: f64, text: String) {
        let event =
            LogEvent { at: moment(at), stream: self.stream.into(), id: String::new(), text };
        self.world.events.push(event);
    }

    fn platform(&mut self, at: f64, kind: &str, text: String, more: Value) {
        if self.world.mix.form == LogForm::Task {
            return;
        }
        let mut record = json!({"requestId": self.request});
        record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let line =
            json!({"time": moment(at), "type": format!("platform.{kind}"), "record": record});
        self.put(at, if self.world.mix.form == LogForm::Json { line.to_string() } else { text });
    }

    pub(super) fn start(&mut self, at: f64, is_cold: bool) {
        if is_cold {
            let text = "INIT_START Runtime Version: python:3.12.v41";
            self.platform(at - 0.05, "initStart", text.into(), json!({}));
        }
        let text = format!("START RequestId: {} Version: $LATEST", self.request);
        self.platform(at, "start", text, json!({}));
    }

    /// Writes the event with the ids of all messages.
    pub(super) fn batch<'m>(&mut self, at: f64, ids: impl Iterator<Item = &'m str>) {
        let record = |id| json!({"messageId": id, "eventSource": "aws:sqs"});
        let records: Vec<Value> = ids.map(record).collect();
        self.line(at, "INFO", &format!("event {}", json!({"Records": records})), None);
    }

    /// Writes what the code logs about any message. Returns when it is done with it.
    pub(super) fn processing(&mut self, mut at: f64, message: &Sent) -> f64 {
        let order = message.order;
        let subject = match self.world.mix.ids {
            Ids::Start | Ids::Both => format!("message {}", message.id),
            Ids::None | Ids::Event => format!("ord-{order:06}"),
        };
        self.line(at, "INFO", &format!("processing {subject}"), None);
        for line in 0..LINES {
            at += self.world.random.within(0.02, 0.2) / LINES as f64;
            self.line(at, "DEBUG", &format!("step {line} of ord-{order:06} ok, no error"), None);
        }
        if self.world.random.unit() < self.world.mix.handled {
            self.line(at, "ERROR", "PaymentGateway answered 503, will retry", Some(GATEWAY));
        }
        at
    }

    pub(super) fn failed(&mut self, at: f64, id: &str, error: (&str, &str)) {
        let is_named = self.world.mix.ids == Ids::Both;
        let subject = if is_named { format!("message {id}") } else { "record".into() };
        self.line(at, "ERROR", &format!("failed to process {subject}"), Some(error));
    }

    fn line(&mut self, at: f64, level: &str, text: &str, error: Option<(&str, &str)>) {
        let request = self.request;
        let tail = error.map(|(class, text)| format!("\n{class}: {text}")).unwrap_or_default();
        let line = match self.world.mix.form {
            LogForm::Task => format!("{} {level} {text}{tail}", moment(at)),
            LogForm::Text => format!("[{level}]\t{}\t{request}\t{text}{tail}", moment(at)),
            LogForm::Node => format!("{}\t{request}\t{level}\t{text}{tail}", moment(at)),
            LogForm::Json => {
                let mut line = json!({"timestamp": moment(at), "level": level, "requestId": request, "message": text});
                if let Some((class, text)) = error {
                    let stack = ["  File \"/var/task/index.py\", line 41, in handle"];
                    line["errorType"] = json!(class);
                    line["errorMessage"] = json!(text);
                    line["stackTrace"] = json!(stack);
                }
                line.to_string()
            }
        };
        self.put(at, line);
    }

    pub(super) fn unhandled(&mut self, at: f64, (class, text): (&str, &str)) {
        let line = match self.world.mix.form {
            LogForm::Json => return self.line(at, "ERROR", "", Some((class, text))),
            LogForm::Task => return self.line(at, "ERROR", "unhandled", Some((class, text))),
            LogForm::Node => {
                let stack =
                    [format!("{class}: {text}"), "    at handler (/var/task/index.js:7:19)".into()];
                let error = json!({"errorType": class, "errorMessage": text, "stack": stack});
                format!("{}\t{}\tERROR\tInvoke Error \t{error}", moment(at), self.request)
            }
            LogForm::Text => format!(
                "[ERROR] {class}: {text}\nTraceback (most recent call last):\n\u{a0}\u{a0}File \
                 \"/var/task/index.py\", line 12, in handler\n\u{a0}\u{a0}\u{a0}\u{a0}charge(record)"
            ),
        };
        self.put(at, line);
    }

    pub(super) fn timed_out(&mut self, at: f64) {
        let text =
            format!("{} {} Task timed out after {TIMEOUT:.2} seconds\n", moment(at), self.request);
        self.platform(at, "runtimeDone", text, json!({"status": "timeout"}));
    }

    pub(super) fn killed(&mut self, at: f64) {
        let text = format!(
            "RequestId: {} Error: Runtime exited with error: signal: killed\nRuntime.ExitError\n",
            self.request
        );
        self.platform(
            at,
            "runtimeDone",
            text,
            json!({"status": "error", "errorType": "Runtime.ExitError"}),
        );
    }

    pub(super) fn report(&mut self, at: f64, start: f64, end: Option<&str>) {
        let request = self.request;
        if matches!(self.world.mix.form, LogForm::Text | LogForm::Node) {
            self.put(at, format!("END RequestId: {request}"));
        }
        let (status, text) = match end {
            None => ("success", ""),
            Some("Task timed out") => ("timeout", "\tStatus: timeout"),
            Some("Runtime exited") => ("error", "\tStatus: error\tError Type: Runtime.ExitError"),
            // A text report does not say that an exception was not handled.
            Some(_) => ("error", ""),
        };
        let more = match end {
            Some("Runtime exited") => json!({"status": status, "errorType": "Runtime.ExitError"}),
            _ => json!({"status": status}),
        };
        let report = format!(
            "REPORT RequestId: {request}\tDuration: {:.2} ms\tMax Memory Used: 61 MB{text}\t",
            (at - start) * 1000.0
        );
        self.platform(at, "report", report, more);
    }
}
