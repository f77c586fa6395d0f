//! Support code of the tests: throw-away folders, stand-ins for servers, and readers of output.

pub mod claude_api;
pub mod http;
#[cfg(feature = "aws")]
pub mod poll;
#[cfg(feature = "aws")]
pub mod sqs_api;
#[cfg(feature = "aws")]
pub mod sqs_server;
pub mod stream;
pub mod workbench;
