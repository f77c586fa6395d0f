//! The table of all metrics: name, kind, labels, unit and meaning.
//!
//! dlq-metrics(1) has the same table, which a test compares.

/// The kinds of metrics.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MetricKind {
    /// A sum that only grows.
    Counter,
    /// A value that goes up and down.
    Gauge,
    /// Counts by upper bounds, with sum and count.
    Histogram(&'static [f64]),
}

impl MetricKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram(_) => "histogram",
        }
    }
}

/// Upper bounds of a round, in seconds.
const ROUND: MetricKind =
    MetricKind::Histogram(&[0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0]);
/// Upper bounds of an investigation, in seconds.
const INVESTIGATION: MetricKind =
    MetricKind::Histogram(&[30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0]);
/// Upper bounds of the steps of an incident, in seconds: from a minute to two weeks.
const STEP: MetricKind = MetricKind::Histogram(&[
    60.0,
    300.0,
    900.0,
    1800.0,
    3600.0,
    14_400.0,
    43_200.0,
    86_400.0,
    259_200.0,
    604_800.0,
    1_209_600.0,
]);
const COUNTER: MetricKind = MetricKind::Counter;
const GAUGE: MetricKind = MetricKind::Gauge;

/// Labels of the metrics of a queue.
const QUEUE: &[&str] = &["queue", "region", "account"];
const BOUND: &[&str] = &["queue", "region", "account", "bound"];

/// Declares the metrics: variant, name, kind, labels, unit, help.
macro_rules! metrics {
    ($($name:ident = $wire:literal $kind:ident $labels:expr, $unit:literal, $help:literal;)*) => {
        /// A metric.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Metric { $(#[doc = $help] $name,)* }

        impl Metric {
            pub const ALL: &[Metric] = &[$(Metric::$name,)*];

            pub const fn name(self) -> &'static str {
                match self { $(Metric::$name => $wire,)* }
            }

            pub const fn kind(self) -> MetricKind {
                match self { $(Metric::$name => $kind,)* }
            }

            /// Returns the names of the labels.
            pub const fn labels(self) -> &'static [&'static str] {
                match self { $(Metric::$name => $labels,)* }
            }

            /// Returns the unit: `seconds`, `bytes`, `usd`, or what is counted.
            pub const fn unit(self) -> &'static str {
                match self { $(Metric::$name => $unit,)* }
            }

            pub const fn help(self) -> &'static str {
                match self { $(Metric::$name => $help,)* }
            }
        }
    };
}

metrics! {
    BuildInfo = "dlq_build_info" GAUGE &["version"], "1", "The version of dlq-metrics, as a label.";
    Events = "dlq_events_total" COUNTER &["type"], "events", "Events in the journal, by type.";
    JournalGaps = "dlq_journal_gaps_total" COUNTER &[], "gaps",
        "Parts of the journal that were rotated away, or damaged, before they were counted.";
    JournalBadLines = "dlq_journal_bad_lines_total" COUNTER &[], "lines",
        "Lines of the journal that are no events.";
    Errors = "dlq_errors_total" COUNTER &["source", "kind"], "errors",
        "Failures, by the noun of their event and by the words of their reason.";
    Rounds = "dlq_rounds_total" COUNTER &[], "rounds", "Rounds of dlq-poll that have finished.";
    RoundDuration = "dlq_round_duration_seconds" ROUND &[], "seconds", "Duration of the rounds.";
    AwsRequests = "dlq_aws_requests_total" COUNTER &[], "requests",
        "Requests that the rounds have made, retries included.";
    LastRound = "dlq_last_round_timestamp_seconds" GAUGE &["selection"], "seconds",
        "End of the newest round, by what it asked.";
    LastRoundQueues = "dlq_last_round_queues" GAUGE &["selection"], "queues",
        "Queues that the newest round has polled.";
    LastRoundUnreadable = "dlq_last_round_unreadable_queues" GAUGE &["selection"], "queues",
        "Queues that the newest round could not read.";
    LastRoundUnseen = "dlq_last_round_unlisted_scopes" GAUGE &["selection"], "scopes",
        "Accounts, regions and redrive policies that the newest round could not read.";
    PollingCost = "dlq_polling_cost_usd_per_month" GAUGE &["selection"], "usd",
        "Cost of the requests of a month of such rounds.";
    IncidentsRaised = "dlq_incidents_raised_total" COUNTER &[], "incidents",
        "Incidents that have begun.";
    IncidentsCleared = "dlq_incidents_cleared_total" COUNTER &["cause"], "incidents",
        "Incidents that have ended, by cause.";
    IncidentsOpen = "dlq_incidents_open" GAUGE &[], "incidents", "Queues with an open incident.";
    IncidentSteps = "dlq_incident_step_seconds" STEP &["step"], "seconds",
        "Time of incidents to their steps; detect: before the raise, the others: since.";
    MessagesMissing = "dlq_messages_missing_total" COUNTER &["why"], "messages",
        "Messages that have gone and that nobody is known to have moved.";
    ExpiryWarnings = "dlq_expiry_warnings_total" COUNTER &["tier"], "warnings",
        "Warnings that messages will be lost, by tier.";
    QueueDepth = "dlq_queue_depth" GAUGE QUEUE, "messages",
        "Messages of a dead-letter queue that is not quiet; absent when unknown.";
    QueueInFlight = "dlq_queue_in_flight" GAUGE QUEUE, "messages",
        "Messages that somebody has received and not deleted; absent when unknown.";
    QueueUnreadable = "dlq_queue_unreadable" GAUGE QUEUE, "1",
        "1 when the newest reading of the queue failed.";
    QueueIncident = "dlq_queue_incident_open" GAUGE QUEUE, "1",
        "1 while the queue has an open incident.";
    QueueLoss = "dlq_queue_loss_timestamp_seconds" GAUGE BOUND, "seconds",
        "Earliest and latest moment of the first loss of a message; absent when unknown.";
    QueueTimeToLoss = "dlq_queue_time_to_loss_seconds" GAUGE QUEUE, "seconds",
        "Time until a message may be lost, at the moment of this text; absent when unknown.";
    QueuesUnreadable = "dlq_queues_unreadable" GAUGE &[], "queues",
        "Queues whose newest reading failed.";
    QueuesWithoutSeries = "dlq_queues_without_series" GAUGE &[], "queues",
        "Queues beyond the limit on series.";
    ScopesFailing = "dlq_scopes_failing" GAUGE &[], "scopes",
        "Accounts, regions and named queues that cannot be polled.";
    Samples = "dlq_samples_total" COUNTER &["result"], "passes",
        "Passes of dlq-peek: taken, or the reason of a refusal.";
    SampledMessages = "dlq_sampled_messages_total" COUNTER &[], "messages",
        "Messages that dlq-peek has received and put back.";
    InvestigationsStarted = "dlq_investigations_started_total" COUNTER &[], "investigations",
        "Agents that were started.";
    Investigations = "dlq_investigations_total" COUNTER &["outcome"], "investigations",
        "Investigations that have ended, by outcome.";
    InvestigationFailures = "dlq_investigation_failures_total" COUNTER &["reason"], "investigations",
        "Investigations that ended without a result, by reason.";
    InvestigationSkips = "dlq_investigation_skips_total" COUNTER &["reason"], "decisions",
        "Decisions against an investigation, by reason.";
    InvestigationDuration = "dlq_investigation_duration_seconds" INVESTIGATION &["outcome"], "seconds",
        "Duration of the investigations.";
    InvestigationsRunning = "dlq_investigations_running" GAUGE &[], "investigations",
        "Investigations whose supervisor runs.";
    Verdicts = "dlq_verdicts_total" COUNTER &["status"], "verdicts",
        "Results of investigations, by status.";
    AgentCpu = "dlq_agents_cpu_seconds" GAUGE &[], "seconds",
        "Processor time of the agents that run, as far as they were sampled.";
    AgentMemory = "dlq_agents_resident_memory_bytes" GAUGE &[], "bytes",
        "Resident memory of the agents that run, as far as they were sampled.";
    Spend = "dlq_spend_usd_total" COUNTER &["outcome"], "usd",
        "Reported cost of the investigations that have ended.";
    SpendUnknown = "dlq_spend_unknown_total" COUNTER &["outcome"], "investigations",
        "Investigations that have ended and whose cost is unknown.";
    SpendDay = "dlq_spend_day_usd" GAUGE &[], "usd", "Cost of the last 24 hours.";
    SpendDayReserved = "dlq_spend_day_reserved_usd" GAUGE &[], "usd",
        "Money that is reserved for investigations that run.";
    SpendDayLimit = "dlq_spend_day_limit_usd" GAUGE &[], "usd", "Limit of 24 hours.";
    PullRequests = "dlq_pull_requests_total" COUNTER &["event"], "events",
        "Events of pull requests: opened, merged, closed and so on.";
    PullRequestRefusals = "dlq_pull_request_refusals_total" COUNTER &["reason"], "fixes",
        "Fixes that have not become a pull request, by reason.";
    PullRequestsOpen = "dlq_pull_requests_open" GAUGE &["origin", "waiting_on"], "pull requests",
        "Open pull requests that are watched.";
    PullRequestLook = "dlq_pull_request_look_timestamp_seconds" GAUGE &[], "seconds",
        "End of the newest look at the pull requests.";
    Notices = "dlq_notices_total" COUNTER &["channel", "result"], "notices",
        "Notices: sent, failed, held, escalated.";
    NoticeAttempts = "dlq_notice_attempts_total" COUNTER &["channel"], "attempts",
        "Attempts to deliver the notices that were sent or have failed.";
    OutboxWaiting = "dlq_outbox_notices" GAUGE &["channel"], "notices",
        "Notices that are not delivered yet; absent for a channel that cannot be read.";
    OutboxOldest = "dlq_outbox_oldest_timestamp_seconds" GAUGE &[], "seconds",
        "Moment since which the oldest of them waits; absent without one.";
    Moves = "dlq_moves_total" COUNTER &["kind", "outcome"], "moves",
        "Redrives, purges, archivings and restores that have ended.";
    MovedMessages = "dlq_moved_messages_total" COUNTER &["kind"], "messages",
        "Messages that they have moved, deleted or archived.";
    ReturnedMessages = "dlq_returned_messages_total" COUNTER &[], "messages",
        "Messages that have died again after a redrive.";
    ParkedMessages = "dlq_parked_messages_total" COUNTER &[], "messages",
        "Messages that are only in an archive, because they died again twice.";
    MovesRunning = "dlq_moves_running" GAUGE &["kind"], "moves", "Moves that are under way.";
    DocumentUnreadable = "dlq_state_document_unreadable" GAUGE &["document"], "1",
        "1 when a document of the state, or its folder, cannot be read.";
    StateBytes = "dlq_state_bytes" GAUGE &[], "bytes", "Size of the files of the state.";
    StateFreeBytes = "dlq_state_free_bytes" GAUGE &[], "bytes",
        "Space that is free where the state is.";
    ProcessCpu = "process_cpu_seconds_total" COUNTER &[], "seconds",
        "Processor time of dlq-metrics.";
    ProcessMemory = "process_resident_memory_bytes" GAUGE &[], "bytes",
        "Resident memory of dlq-metrics.";
    ProcessDescriptors = "process_open_fds" GAUGE &[], "descriptors",
        "Open file descriptors of dlq-metrics.";
    ProcessStart = "process_start_time_seconds" GAUGE &[], "seconds", "Start of dlq-metrics.";
}

/// Values of labels whose series are there before the first event, so that the first one is an increase.
/// Those of two labels are separated as in `document.rs`.
const OUTCOMES: &[&str] = &["completed", "failed", "timed_out", "stopped"];
const LOSSES: &[&str] = &["retention", "unexplained", "cannot_tell"];
const MOVES: &[&str] = &[
    "redrive\u{1f}completed",
    "redrive\u{1f}unverified",
    "redrive\u{1f}aborted",
    "purge\u{1f}completed",
    "purge\u{1f}partly",
];

impl Metric {
    /// Returns the metric of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Metric::ALL.iter().copied().find(|metric| metric.name() == name)
    }

    /// Returns how many stored units one unit has: sums are stored as whole milliseconds and
    /// micro-dollars, so that they are exact.
    pub const fn stored_units(self) -> f64 {
        match self.unit().as_bytes() {
            b"seconds" => 1e3,
            b"usd" => 1e6,
            _ => 1.0,
        }
    }

    /// Returns whether the sum is folded from the journal.
    pub fn is_folded(self) -> bool {
        self.kind() != MetricKind::Gauge && !self.name().starts_with("process_")
    }

    /// Returns the keys of the series that begin with 0; of a metric without labels, the only one.
    pub fn first_labels(self) -> &'static [&'static str] {
        match self {
            Metric::Investigations => OUTCOMES,
            Metric::MessagesMissing => LOSSES,
            Metric::Moves => MOVES,
            _ if self.labels().is_empty() => &[""],
            _ => &[],
        }
    }

    /// Returns whether the series are as many as the queues.
    pub fn is_of_queue(self) -> bool {
        self.labels().first() == Some(&"queue")
    }
}
