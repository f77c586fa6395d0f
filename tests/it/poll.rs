//! `dlq-poll`, on a stand-in for SQS and on a real SQS server.

mod adaptive;
mod aws_faults;
mod credentials;
mod discovery;
mod edges;
mod faults;
mod follow;
mod given;
mod options;
mod real_sqs;
mod shards;
mod state;
mod surveys;
