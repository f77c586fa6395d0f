//! Support code of the tests: throw-away folders, stand-ins for servers, and readers of output.

#[cfg(feature = "aws")]
pub mod aws_api;
#[cfg(feature = "aws")]
pub mod aws_logs;
pub mod claude_api;
pub mod claude_cli;
pub mod claude_stub;
pub mod elevenlabs;
#[cfg(feature = "aws")]
pub mod encoding;
pub mod event_lines;
pub mod evidence;
pub mod http;
pub mod investigate;
pub mod json_schema;
#[cfg(feature = "aws")]
pub mod peek;
#[cfg(feature = "aws")]
pub mod poll;
pub mod requirement;
#[cfg(feature = "aws")]
pub mod sqs_api;
#[cfg(feature = "aws")]
pub mod sqs_server;
pub mod terminal;
pub mod workbench;
