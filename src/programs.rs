//! The programs: name, usage and options of each.

use crate::args::{COLOR, Opt, Requirement, ValueKind};
use crate::event::ToolName;
use crate::journal::filter::INCIDENT_MIN;
use crate::rules::health::feature::AwsFeature;
use crate::rules::speech::sound::Sound;
use crate::tool::Tool;

/// Every program, in the order of a pipeline.
pub static ALL: [&Tool; 13] = [
    &POLL,
    &PURGE,
    &PEEK,
    &INVESTIGATE,
    &PRS,
    &REDRIVE,
    &NOTIFY,
    &METRICS,
    &LOG,
    &STATUS,
    &SAY,
    &DASH,
    &DOCTOR,
];

const PROFILE: Opt =
    Opt::setting("profile", "NAME", "aws.profile", "ask with the credentials of this profile")
        .group("where to ask");
const REGION: Opt =
    Opt::setting("region", "NAME", "aws.region", "ask in this region").group("where to ask");
const ENDPOINT_URL: Opt =
    Opt::setting("endpoint-url", "URL", "aws.endpoint_url", "ask this server instead of AWS")
        .group("where to ask");

const QUIET: Opt = Opt::flag("quiet", "leave out what it costs to receive all messages")
    .short('q')
    .conflicts(&["verbose"]);

const REPEAT: &str = "go on; how often; for N rounds";
const SELECT: &str = "poll, or leave out; may be repeated";

pub static POLL: Tool = Tool {
    name: ToolName::Poll,
    usage: "usage: dlq-poll [options]

Finds dead-letter queues, reads their depth, and prints an event for each change.
Makes one round, for cron, or round after round with --follow.

",
    options: &[
        Opt::flag("follow", "make round after round").group(REPEAT),
        Opt::setting("interval", "30s", "monitoring.check_interval", "make a round this often")
            .group(REPEAT),
        Opt::valued("rounds", "N", ValueKind::Least(1), "end after N rounds").group(REPEAT),
        Opt::text("queue", "NAME|URL|ARN", "poll this queue, without discovery").repeatable(),
        Opt::setting("match", "GLOB", "monitoring.match", "poll queues of such names only")
            .repeatable()
            .group(SELECT),
        Opt::setting("exclude", "GLOB", "monitoring.exclude", "leave out queues of such names")
            .repeatable()
            .group(SELECT),
        Opt::setting("shard", "I/N", "monitoring.shard", "poll the I-th of N shards of the queues")
            .conflicts(&["queue", "lint"]),
        Opt::setting(
            "discover",
            "HOW",
            "monitoring.discover",
            "find queues by redrive policy, by name, or both (redrive|name|both)",
        ),
        Opt::flag("refresh", "look for queues now, whatever the cache holds"),
        Opt::flag("all", "print queue.polled for every queue"),
        Opt::flag("list", "print the queues that were found, with depth and sources, and end")
            .conflicts(&["queue"]),
        Opt::flag("lint", "print problems of the queues' settings, and end").conflicts(&["queue"]),
        Opt::flag("check", "exit with 1 when a queue is raised or could not be read"),
        PROFILE,
        REGION,
        ENDPOINT_URL,
        Opt::setting("concurrency", "32", "monitoring.concurrency", "requests under way at once"),
        Opt::flag("dry-run", "write nothing; print the events that a real run would cause")
            .short('n'),
    ],
    takes_operands: false,
    notes: "
environment: AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL, DLQ_CONFIG, DLQ_STATE_DIR
See dlq-poll(1), dlq(7), dlq-config(5).
",
};

const CHOSEN: &str = "only messages of these causes; whose body matches";

pub static PURGE: Tool = Tool {
    name: ToolName::Purge,
    usage: "usage: dlq-purge [options] QUEUE
       dlq-purge --archive-only [options] QUEUE...
       dlq-poll | dlq-purge --archive-only [options] | ...

Archives the dead letters of a queue, then deletes exactly those, after it has asked for the name of
the queue. With --archive-only it deletes nothing; in a pipe it passes every line on, and archives
the messages of each queue that is about to lose some.

",
    options: &[
        Opt::text("fingerprint", "ID", "only messages of this cause").repeatable().group(CHOSEN),
        Opt::text("match", "REGEX", "only messages whose body matches").group(CHOSEN),
        Opt::flag("archive-only", "archive messages, each once, and delete none").conflicts(&[
            "fingerprint",
            "match",
            "confirm",
            "hard",
            "reason",
        ]),
        Opt::flag("hard", "let SQS delete everything, without an archive")
            .conflicts(&["fingerprint", "match"]),
        Opt::text("confirm", "NAME", "go on without the question; with --hard: 'hard NAME'")
            .requires(Requirement::OneOperand("queue")),
        Opt::text("reason", "TEXT", "the reason, for the archive and the record"),
        Opt::text("account", "NAME", "look for the queue in this account only"),
        PROFILE,
        REGION,
        ENDPOINT_URL,
        Opt::flag("dry-run", "receive, archive and delete nothing; print the event it would cause")
            .short('n'),
        QUIET,
    ],
    takes_operands: true,
    notes: "
environment: AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL, DLQ_CONFIG, DLQ_STATE_DIR
See dlq-purge(1), dlq(7), dlq-config(5).
",
};

pub static PEEK: Tool = Tool {
    name: ToolName::Peek,
    usage: "usage: dlq-peek [options] QUEUE...
       dlq-poll | dlq-peek [options] | ...

Receives a few dead letters, puts them back, and files them as evidence. Deletes, moves and sends
nothing; each message is received once more. In a pipe it passes every line on, and peeks at the
queue of each incident that begins or grows.

",
    options: &[
        Opt::flag("messages", "print the messages, redacted, instead of queue.sampled")
            .conflicts(&["dry-run"])
            .requires(Requirement::Operand("a queue")),
        Opt::flag("raw", "with --messages: print them unredacted, secrets included")
            .requires(Requirement::Option("messages")),
        Opt::setting("max", "10", "evidence.max_messages", "receive at most so many messages"),
        Opt::setting(
            "visibility",
            "60s",
            "evidence.visibility",
            "hide the messages this long, unless they are put back before",
        ),
        Opt::flag("allow-fifo", "also peek at FIFO queues: their message groups wait meanwhile")
            .overriding("evidence.allow_fifo"),
        Opt::text("incident", "ID", "file the evidence under this incident")
            .requires(Requirement::OneOperand("queue")),
        Opt::text("account", "NAME", "look for the queue in this account only"),
        PROFILE,
        REGION,
        ENDPOINT_URL,
        Opt::flag("dry-run", "receive and write nothing; print the event it would cause")
            .short('n'),
    ],
    takes_operands: true,
    notes: "
A queue and incident is peeked at twice at most. Queues with messages in flight or with a redrive
policy of their own are not peeked at.
environment: AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL, DLQ_CONFIG, DLQ_STATE_DIR
See dlq-peek(1), dlq(7), dlq-config(5).
",
};

pub static INVESTIGATE: Tool = Tool {
    name: ToolName::Investigate,
    usage: "usage: dlq-poll | dlq-investigate [options] | dlq-notify

Passes every event on, tracks the open incidents, and starts an investigation of
each eligible one, under a supervisor of its own.

",
    options: &[
        Opt::flag("no-wait", "end with the input; investigations go on without the filter"),
        Opt::flag("dry-run", "start nothing, write nothing; print the events it would cause")
            .short('n'),
        Opt::text("explain", "QUEUE", "print which rules allow or refuse its investigation"),
        Opt::text("retry", "QUEUE", "investigate again, ignoring the cooldown; reads no input")
            .conflicts(&["explain", "dry-run"]),
        Opt::text("resume", "SESSION", "go on with an ended session; reads no input")
            .conflicts(&["explain", "retry", "dry-run"]),
        Opt::text("stop", "SESSION", "stop a session and print its events; reads no input")
            .conflicts(&["explain", "retry", "resume", "dry-run"]),
        Opt::text("prove", "SESSION", "run the tests of its fix again on the base as it is now")
            .conflicts(&["explain", "retry", "resume", "stop", "dry-run"]),
    ],
    takes_operands: false,
    notes: "
environment: DLQ_CONFIG, DLQ_STATE_DIR, DLQ_AUTO_INVESTIGATION_*
See dlq-investigate(1), dlq-events(5), dlq-config(5).
",
};

pub static PRS: Tool = Tool {
    name: ToolName::Prs,
    usage: "usage: dlq-poll | dlq-investigate | dlq-prs [options] | dlq-notify
       dlq-prs [--once|--follow] [options]
       dlq-prs --open SESSION [options]

Opens a draft pull request for each fix that was proven, once for each cause, and watches pull
requests: prints an event for each change, and reminds. In a pipe it passes every line on;
without one it only watches: one look, or look after look with --follow.

",
    options: &[
        Opt::flag("once", "make one look, and end; reads no input").conflicts(&["follow"]),
        Opt::flag("follow", "make look after look; reads no input"),
        Opt::setting("interval", "60s", "github.interval", "look this often"),
        Opt::text("open", "SESSION", "open the pull request of this session, also after a refusal")
            .conflicts(&["once", "follow"]),
        Opt::flag("open-due", "open those that are due, as the stream does, and end")
            .conflicts(&["once", "follow", "open"]),
        Opt::flag("dry-run", "write and open nothing; print what would be opened").short('n'),
    ],
    takes_operands: false,
    notes: "
environment: GH_TOKEN, GITHUB_TOKEN, GH_ENTERPRISE_TOKEN, DLQ_CONFIG, DLQ_STATE_DIR
See dlq-prs(1), dlq(7), dlq-config(5).
",
};

const MEANT: &str = "which messages, all together";
const HOW_MANY: &str = "of which age at least, or at most; at most so many";
const STEPS: &str = "the first messages; how many next; how many a second";
const WAITS: &str = "time for returns; of Lambda; to hide messages";

pub static REDRIVE: Tool = Tool {
    name: ToolName::Redrive,
    usage: "usage: dlq-redrive plan [options] QUEUE > PLAN
       dlq-redrive apply [options] QUEUE|PLAN|-     dlq-redrive apply --resume ID [PLAN]
       dlq-redrive verify [options] ID|QUEUE        dlq-redrive restore [--id ID] ARCHIVE
       dlq-prs | dlq-redrive --auto | dlq-notify
Puts dead letters back where they came from: one, then ten, then the rest; archives each first, and
stops when they die again.

",
    options: &[
        Opt::text("fingerprint", "ID", "messages of this cause").repeatable().group(MEANT),
        Opt::text("id", "ID", "the message of this id").repeatable().group(MEANT),
        Opt::text("match", "REGEX", "messages whose body matches").group(MEANT),
        Opt::text("attribute", "NAME=TEXT", "messages with this attribute")
            .repeatable()
            .group(MEANT),
        Opt::valued("older", "SPAN", ValueKind::Span, "messages of at least this age")
            .group(HOW_MANY),
        Opt::valued("newer", "SPAN", ValueKind::Span, "messages of at most this age")
            .group(HOW_MANY),
        Opt::valued("limit", "N", ValueKind::Least(1), "at most so many").group(HOW_MANY),
        Opt::text("to", "QUEUE", "send all of them to this queue, instead of their own source"),
        Opt::flag("force", "also what a verdict advises against"),
        Opt::valued("canary", "N", ValueKind::Between(0, 10_000), "the first messages")
            .group(STEPS),
        Opt::valued("ramp", "N", ValueKind::Between(0, 100_000), "the next messages").group(STEPS),
        Opt::valued("rate", "N", ValueKind::Between(1, 10_000), "at most so many a second")
            .group(STEPS),
        Opt::valued("wait", "SPAN", ValueKind::Span, "watch for returns this long").group(WAITS),
        Opt::valued("batch-window", "SPAN", ValueKind::Span, "the consumer is a Lambda function")
            .group(WAITS),
        Opt::valued("hold", "SPAN", ValueKind::Span, "hide messages this long").group(WAITS),
        Opt::flag("no-verify", "end with the last message; 'verify' can follow"),
        Opt::text("reason", "TEXT", "why, for the archive and the events"),
        Opt::text("resume", "ID", "go on with an interrupted redrive"),
        Opt::flag("native", "apply: let SQS move the whole queue, without canary and archive")
            .conflicts(&["resume", "limit", "fingerprint", "id", "match", "attribute"]),
        Opt::flag("auto", "in a pipe: redrive when our fix is deployed").group(AUTO),
        Opt::flag("due", "what --auto would do now").conflicts(&["auto"]).group(AUTO),
        PROFILE,
        REGION,
        ENDPOINT_URL,
        Opt::flag("dry-run", "move nothing; print what would be").short('n'),
        QUIET,
    ],
    takes_operands: true,
    notes: "See dlq-redrive(1), dlq(7), dlq-config(5).\n",
};

const AUTO: &str = "redrive when our fix is deployed: in a pipe; once, now";

const CONSOLE: &str = "notices on a terminal: one line each; with a symbol";

pub static NOTIFY: Tool = Tool {
    name: ToolName::Notify,
    usage: "usage: dlq-notify [options] < EVENTS

Passes every event on unchanged, and notifies people of those that matter,
through the channels of the configuration.

",
    options: &[
        Opt::flag("dry-run", "notify on the console only, and record nothing").short('n'),
        Opt::flag("json", "print the lines also when standard output is a terminal"),
        Opt::flag("plain", "one line a notice on a terminal, too").group(CONSOLE),
        Opt::flag("symbols", "a symbol before each severity on a terminal")
            .conflicts(&["plain"])
            .group(CONSOLE),
        COLOR,
        Opt::valued("drain", "SPAN", ValueKind::Span, "deliver for so long after the end of input"),
        Opt::text("explain", "EVENT", "print what decided about an event, by its id").conflicts(&[
            "check-heartbeat",
            "dry-run",
            "test-channel",
        ]),
        Opt::flag("check-heartbeat", "notify when rounds are missing; read no input")
            .conflicts(&["dry-run", "test-channel"]),
        Opt::text("test-channel", "NAME", "send one test notice through this channel, and end"),
    ],
    takes_operands: false,
    notes: "
environment: DLQ_CONFIG, DLQ_STATE_DIR, NO_COLOR
See dlq-notify(1), dlq-config(5).
",
};

pub static METRICS: Tool = Tool {
    name: ToolName::Metrics,
    usage: "usage: dlq-poll | ... | dlq-notify | dlq-metrics [options]
       dlq-metrics [--once] [options]

Passes every event on, and gives metrics to Prometheus and CloudWatch: counters by the journal,
gauges by the state. Without a pipe it prints them, or writes the file, and ends; with --listen
it serves until a signal.

",
    options: &[
        Opt::setting("textfile", "PATH", "metrics.textfile", "write them to this file, whole"),
        Opt::setting(
            "listen",
            "127.0.0.1:9187",
            "metrics.listen",
            "serve /metrics, /healthz and /readyz at this address",
        ),
        Opt::flag("emf", "print lines for CloudWatch in place of the events that are passed"),
        Opt::flag("once", "give them away once, and end; reads no input"),
        Opt::flag("dry-run", "write nothing; print them as they are now").short('n'),
    ],
    takes_operands: false,
    notes: "
environment: DLQ_CONFIG, DLQ_STATE_DIR
See dlq-metrics(1), dlq(7), dlq-config(5).
",
};

pub static LOG: Tool = Tool {
    name: ToolName::Log,
    usage: "usage: dlq-log [options]

Prints the journal, oldest first: in sentences on a terminal, else its lines. On
a terminal, --incident tells one incident as a story. With several conditions an
event has to meet all of them.

",
    options: &[
        Opt::flag("follow", "print what is added, until the reader closes the pipe").short('f'),
        Opt::valued("since", "AGE", ValueKind::Span, "only events of the last 30m, 1h or 7d"),
        Opt::valued("type", "GLOB", ValueKind::Glob, "only events of such a type: 'queue.*'")
            .repeatable(),
        Opt::valued("queue", "GLOB", ValueKind::Glob, "only events about such a queue")
            .repeatable(),
        Opt::valued(
            "incident",
            "ID",
            ValueKind::Prefix(INCIDENT_MIN),
            "only events of this incident, by 8 or more characters",
        ),
        Opt::flag("json", "print the lines also when standard output is a terminal"),
        COLOR,
    ],
    takes_operands: false,
    notes: "
environment: DLQ_CONFIG, DLQ_STATE_DIR, NO_COLOR
See dlq-log(1), dlq-events(5).
",
};

const FORM: &str = "the form of the text";
const END: &str = "end an acknowledgement or a snooze; a silence";

pub static STATUS: Tool = Tool {
    name: ToolName::Status,
    usage: "usage: dlq-status [options] [incidents|queues|spend|prs]
       dlq-status --ack INCIDENT [SPAN] | --silence GLOB SPAN

Shows the open incidents, the investigations and their cost, or a part as dlq-dash has it.
Starts nothing. Some options record what dlq-notify then does not send.

",
    options: &[
        Opt::flag("json", "print one JSON object with everything on record"),
        Opt::flag(
            "summary",
            "print one line for a prompt; exit with 1 when a part is unknown or old",
        )
        .conflicts(&["json", "watch", "ack", "snooze", "silence", "unack", "unsilence"]),
        Opt::flag(
            "watch",
            "show what changes, until a signal; elsewhere than on a terminal, print it",
        )
        .conflicts(&["ack", "snooze", "silence", "unack", "unsilence"]),
        Opt::flag("ascii", "use ASCII characters only").group(FORM),
        COLOR.group(FORM),
        Opt::valued(
            "ack",
            "INCIDENT",
            ValueKind::Prefix(INCIDENT_MIN),
            "an incident is taken care of, for 24h",
        )
        .conflicts(&["snooze", "silence", "unack", "unsilence"]),
        Opt::text("snooze", "owner/repo#12", "the same of a pull request, for SPAN").conflicts(&[
            "silence",
            "unack",
            "unsilence",
        ]),
        Opt::valued("silence", "GLOB", ValueKind::Glob, "send nothing about such queues, for SPAN")
            .conflicts(&["unack", "unsilence"]),
        Opt::text("reason", "TEXT", "why the queues are silenced")
            .requires(Requirement::Option("silence")),
        Opt::text("unack", "KEY", "end an acknowledgement or a snooze")
            .conflicts(&["unsilence"])
            .group(END),
        Opt::text("unsilence", "GLOB", "end a silence").group(END),
    ],
    takes_operands: true,
    notes: "
environment: DLQ_CONFIG, DLQ_STATE_DIR, NO_COLOR
See dlq-status(1), dlq-dash(1), dlq(7).
",
};

pub static SAY: Tool = Tool {
    name: ToolName::Say,
    usage: "usage: dlq-say [options] SENTENCE
       dlq-say [options] < SENTENCE
       dlq-say --test [--channel NAME]

Says one sentence aloud, by ElevenLabs where a channel of type speech names a
voice, else by a voice of this machine. One process speaks at a time.

",
    options: &[
        Opt::text("channel", "NAME", "use the settings of this channel of type speech"),
        Opt::valued("sound", "NAME", ValueKind::Words(&SOUNDS), "play this sound first"),
        Opt::flag("test", "say one sentence by each voice, and print the result of each")
            .conflicts(&["sound", "dry-run"]),
        Opt::flag("dry-run", "say nothing; print what would be said, and how").short('n'),
    ],
    takes_operands: true,
    notes: "
environment: DLQ_CONFIG, ELEVENLABS_API_KEY, XDG_CACHE_HOME, PATH
See dlq-say(1), dlq-config(5).
",
};

pub static DASH: Tool = Tool {
    name: ToolName::Dash,
    usage: "usage: dlq-dash [options]
       dlq-log --follow | dlq-dash [options]

Shows on a full screen what is dying, who works on it, and what will be lost first:
by the events on standard input, else by the journal. '?' lists the keys.

",
    options: &[
        Opt::flag("once", "print a view as plain text, and end").conflicts(&["write"]),
        Opt::valued("view", "NAME", ValueKind::Words(&VIEWS), "begin with this view"),
        Opt::valued(
            "width",
            "N",
            ValueKind::Between(40, 500),
            "with --once: the columns, 100 by default",
        )
        .requires(Requirement::Option("once")),
        Opt::text("replay", "FILE", "play recorded events; with --once, all of them at once")
            .conflicts(&["write"]),
        Opt::valued("speed", "N", ValueKind::Between(1, 100_000), "play N times as fast as it was")
            .requires(Requirement::Option("replay"))
            .conflicts(&["once"]),
        Opt::flag("write", "allow the keys that act: i, x, a, z, R; each asks first"),
        Opt::flag("ascii", "draw with ASCII characters only"),
        Opt::flag("emoji", "draw with emoji, each two cells wide").conflicts(&["ascii"]),
        COLOR,
    ],
    takes_operands: false,
    notes: "
environment: DLQ_CONFIG, DLQ_STATE_DIR, NO_COLOR, TERM
See dlq-dash(1), dlq(7).
",
};

pub static DOCTOR: Tool = Tool {
    name: ToolName::Doctor,
    usage: "usage: dlq-doctor [options]

Checks AWS and its permissions, the clock, the investigator, GitHub, the channels, the clones, the
state folder and the machine, side by side, and names the remedy of what fails. Every check ends.

",
    options: &[
        Opt::flag("send", "send a test notice through each channel").conflicts(&["dry-run"]),
        Opt::flag("json", "print the event health.checked instead of a table"),
        Opt::valued("limit", "8s", ValueKind::SpanBetween(1, 3600), "the time for the checks"),
        Opt::flag("policy", "print the IAM policy of the enabled features, and check nothing")
            .conflicts(&["send", "json", "dry-run", "bundle"]),
        Opt::valued(
            "feature",
            "NAME",
            ValueKind::Words(&FEATURES),
            "with --policy: of this one, too",
        )
        .repeatable()
        .requires(Requirement::Option("policy")),
        Opt::text("bundle", "FILE", "write an archive for support, too, without secrets and names")
            .conflicts(&["dry-run"]),
        Opt::flag("keep-names", "with --bundle: leave the names of queues and accounts in it")
            .requires(Requirement::Option("bundle")),
        PROFILE,
        REGION,
        ENDPOINT_URL,
        Opt::flag("dry-run", "write nothing: neither the state folder nor the journal").short('n'),
    ],
    takes_operands: false,
    notes: "
environment: AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL, DLQ_CONFIG, DLQ_STATE_DIR
See dlq-doctor(1), dlq(7), dlq-config(5).
",
};

/// The names of features.
const FEATURES: [&str; AwsFeature::ALL.len()] = {
    let mut names = [""; AwsFeature::ALL.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = AwsFeature::ALL[at].as_str();
        at += 1;
    }
    names
};

/// The names of views.
const VIEWS: [&str; 4] = ["overview", "analytics", "investigations", "incidents"];

/// The names of sounds.
const SOUNDS: [&str; Sound::ALL.len()] = {
    let mut names = [""; Sound::ALL.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = Sound::ALL[at].as_str();
        at += 1;
    }
    names
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Given, ParseExit};

    #[test]
    fn tables_refuse_wrong_usage() {
        let rows: [(&Tool, &str, &str); 10] = [
            (&PEEK, "--max 1 --max 2 q", "option '--max' is given twice"),
            (&POLL, "--concurrency 1 --concurrency 2", "option '--concurrency' is given twice"),
            (&POLL, "--list --queue q", "option '--list' cannot be combined with '--queue'"),
            (
                &POLL,
                "--discover x",
                "option '--discover': expected both, redrive or name, found 'x'",
            ),
            (
                &INVESTIGATE,
                "--stop s --explain q",
                "option '--stop' cannot be combined with '--explain'",
            ),
            (&INVESTIGATE, "-n --retry q", "option '--retry' cannot be combined with '--dry-run'"),
            (
                &NOTIFY,
                "--color red",
                "option '--color': expected auto, always or never, found 'red'",
            ),
            (&LOG, "x", "unexpected argument 'x'"),
            (
                &DASH,
                "--once --width 39",
                "option '--width': expected a whole number from 40 to 500, found '39'",
            ),
            (
                &DASH,
                "--once --width 501",
                "option '--width': expected a whole number from 40 to 500, found '501'",
            ),
        ];
        for (tool, line, sentence) in rows {
            let words: Vec<_> = line.split(' ').map(Into::into).collect();
            let result = Given::new(tool.options).read(words, tool.takes_operands);
            assert_eq!(result, Err(ParseExit::Wrong(sentence.into())), "{line}");
        }
    }
}
