//! dlq-lambda - private program of deploy/lambda: handles the events of AWS Lambda
//!
//! Not for people. Lambda starts it as `bootstrap`, without words (edge/lambda.rs).

use std::process::ExitCode;

use dlq::config;
use dlq::edge::lambda::{self, NAME};
use dlq::error::Error;
use dlq::log;
use dlq::tool::{self, ExitOutcome};
use dlq::wire;

fn main() -> ExitCode {
    tool::run_private(NAME, run)
}

fn run(words: &[String]) -> Result<ExitOutcome, Error> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["--version"] => wire::print(format!("{NAME} {}\n", env!("CARGO_PKG_VERSION")).as_bytes())?,
        [] => {
            let mut env = config::process_env()?;
            let settings = config::load(None, &mut env)?;
            log::set_format(settings.logging.format);
            log::set_least(settings.logging.level);
            lambda::run(&settings, &env)?;
        }
        _ => {
            let why =
                "AWS Lambda starts this program; it has no options for people, see deploy/lambda";
            return Err(Error::wrong(why));
        }
    }
    Ok(ExitOutcome::Done)
}
