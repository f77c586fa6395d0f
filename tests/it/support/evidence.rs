//! Evidence bundles in a state folder, without an SQS server.

use std::collections::BTreeMap;

use dlq::event::{Cause, Event, Queue, QueueSampled};
use dlq::rules::evidence::bundle::{
    Fingerprints, Group, Logs, QueueFacts, Sampled, Timeline, files,
};

use super::event_lines::seconds_ago;
use super::workbench::Bench;

/// Creates a cause with these messages.
pub fn cause(item: &str, kind: &str, title: &str, messages: &[&str]) -> Group {
    Group {
        item: item.into(),
        id: format!("{item:0>16}"),
        version: 1,
        title: title.into(),
        kind: kind.into(),
        producer: "sqs".into(),
        payload: "text".into(),
        count: messages.len() as u64,
        messages: messages.iter().map(|id| (*id).to_owned()).collect(),
        distinct: 1,
        ..Group::default()
    }
}

fn message(id: &str, cause: &Group) -> Sampled {
    Sampled {
        id: id.into(),
        message_id: format!("message {id}"),
        fingerprint: cause.id.clone(),
        untrusted: true,
        sent_at: Some(seconds_ago(60)),
        first_received_at: None,
        receives: Some(3),
        source_arn: None,
        system: BTreeMap::new(),
        attributes: BTreeMap::new(),
        attribute_types: BTreeMap::new(),
        sns: None,
        wrapped: Vec::new(),
        form: "text".into(),
        size: 4,
        body: "text".into(),
    }
}

/// Writes evidence into the state folder and returns its `queue.sampled` line.
pub fn sampled(bench: &Bench, queue: &str, incident: &str, causes: Vec<Group>) -> String {
    let write = |name: &str, content: String| {
        bench.write(&format!("state/evidence/{incident}/1/{name}"), content)
    };
    let messages =
        causes.iter().flat_map(|cause| cause.messages.iter().map(move |id| message(id, cause)));
    let lines = messages.map(|message| serde_json::to_string(&message).unwrap() + "\n");
    let folder = write(files::MESSAGES, lines.collect()).parent().unwrap().display().to_string();
    write(files::QUEUE, serde_json::to_string(&QueueFacts::default()).unwrap());
    write(files::TIMELINE, serde_json::to_string(&Timeline::default()).unwrap());
    write(files::LOGS, serde_json::to_string(&Logs::default()).unwrap());
    let summaries = |group: &Group| Cause {
        id: group.id.clone(),
        count: group.count,
        title: group.title.clone(),
        kind: group.kind.clone(),
    };
    let data = QueueSampled {
        queue: Queue { name: queue.into(), ..Queue::default() },
        taken: Some(causes.iter().map(|cause| cause.count).sum()),
        depth: Some(3),
        refused: None,
        detail: None,
        fingerprints: causes.iter().map(summaries).collect(),
        overseen: 0,
        expires_before: None,
        bundle: Some(folder),
    };
    write(
        files::FINGERPRINTS,
        serde_json::to_string(&Fingerprints { fingerprints: causes }).unwrap(),
    );
    let event = Event::new(format!("sampled-{incident}"), queue, seconds_ago(0), data);
    String::from_utf8(event.of_incident(incident.to_owned()).line()).unwrap()
}
