//! Message move tasks: SQS itself moves all messages of a dead-letter queue.

use aws_sdk_sqs::Client;

use super::Sqs;
use super::client::Priority;
use crate::rules::queue::reading::ReadError;
use crate::time::Timestamp;

/// A message move task as of now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoveTaskState {
    /// The handle, which cancels it; only a running one has it.
    pub handle: Option<String>,
    /// `RUNNING`, `COMPLETED`, `CANCELLING`, `CANCELLED` or `FAILED`.
    pub status: String,
    /// The destination; none for the source queues.
    pub destination: Option<String>,
    pub moved: u64,
    /// The messages to move, as of the start.
    pub to_move: Option<u64>,
    pub failure: Option<String>,
    pub started_at: Timestamp,
}

impl Sqs {
    /// Starts a task, to the source queues or to one destination. `rate` is in messages a second.
    /// Returns its handle.
    pub fn start_move_task(
        &self,
        scope: usize,
        dlq_arn: &str,
        destination: Option<&str>,
        rate: Option<i32>,
    ) -> Result<String, ReadError> {
        let send = |client: Client| {
            let request = client.start_message_move_task().source_arn(dlq_arn);
            let request = request.set_destination_arn(destination.map(str::to_owned));
            request.set_max_number_of_messages_per_second(rate).send()
        };
        let answer = self.sync(|clients| clients.request(scope, Priority::Foreground, send))?;
        answer.task_handle.ok_or_else(|| ReadError::Other("the answer has no task".into()))
    }

    /// Cancels a task. Returns how many messages it has moved, which stay where they are.
    pub fn cancel_move_task(&self, scope: usize, handle: &str) -> Result<u64, ReadError> {
        let send = |client: Client| client.cancel_message_move_task().task_handle(handle).send();
        let answer = self.sync(|clients| clients.request(scope, Priority::Foreground, send))?;
        Ok(u64::try_from(answer.approximate_number_of_messages_moved).unwrap_or(0))
    }

    /// Returns the last ten tasks of a dead-letter queue in full, the newest first.
    pub fn move_task_states(
        &self,
        scope: usize,
        dlq_arn: &str,
    ) -> Result<Vec<MoveTaskState>, ReadError> {
        let send = |client: Client| {
            client.list_message_move_tasks().source_arn(dlq_arn).max_results(10).send()
        };
        let answer = self.sync(|clients| clients.request(scope, Priority::Foreground, send))?;
        let tasks = answer.results.unwrap_or_default().into_iter().map(|task| MoveTaskState {
            handle: task.task_handle,
            status: task.status.unwrap_or_default(),
            destination: task.destination_arn,
            moved: u64::try_from(task.approximate_number_of_messages_moved).unwrap_or(0),
            to_move: task
                .approximate_number_of_messages_to_move
                .and_then(|count| u64::try_from(count).ok()),
            failure: task.failure_reason,
            started_at: Timestamp::from_millis(task.started_timestamp),
        });
        Ok(tasks.collect())
    }
}
