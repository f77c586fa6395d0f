//! The client of ElevenLabs: a sentence becomes audio.
//!
//! Promises: one request at a time, and a second attempt only where the service is busy or fails;
//! the key is in one header and in no message. Never: keeps or plays an answer that is not audio.

use std::time::Duration;

use crate::config::{Env, SecretValue};
use crate::edge::http::{Client, Method, Request};
use crate::log;
use crate::rules::http::HttpAnswer;
use crate::rules::speech::audio::{AUDIO_MAX, AudioFormat};
use crate::rules::speech::fallback::{FallbackReason, SynthesisFailure};
use crate::rules::speech::synthesis::{is_quota_short, judge};
use crate::rules::speech::voice::Voice;
use crate::store::{self, BlockingWait};

/// The time for a request: speech that comes later is no news.
const DEADLINE: Duration = Duration::from_secs(15);
/// The pause before the second attempt.
const PAUSE: Duration = Duration::from_secs(1);

/// The client, with the voice and the key.
pub(super) struct ElevenLabs<'a> {
    client: Client,
    voice: &'a Voice,
    key: &'a SecretValue,
}

impl<'a> ElevenLabs<'a> {
    pub(super) fn new(
        env: &Env,
        voice: &'a Voice,
        key: &'a SecretValue,
    ) -> Result<Self, SynthesisFailure> {
        let client = Client::new(env)
            .map_err(|error| SynthesisFailure::new(FallbackReason::Network, error.to_string()))?;
        Ok(ElevenLabs { client, voice, key })
    }

    /// Returns audio for a text. With a `reserve`, the text is not sent when fewer characters of the
    /// subscription would be left.
    pub(super) fn synthesize(
        &self,
        text: &str,
        reserve: Option<u64>,
    ) -> Result<(AudioFormat, Vec<u8>), SynthesisFailure> {
        if let Some(reserve) = reserve {
            self.check_quota(text, reserve)?;
        }
        match self.attempt(text) {
            Err(failure) if failure.reason.is_brief() => {
                log::info(&format!("{failure}; a second attempt follows"));
                store::sleep(BlockingWait::Network, PAUSE);
                self.attempt(text)
            }
            result => result,
        }
    }

    fn attempt(&self, text: &str) -> Result<(AudioFormat, Vec<u8>), SynthesisFailure> {
        let body = self.voice.body(text);
        let answer = self.send(Method::Post, &self.voice.url(), body.as_bytes())?;
        if answer.status == 200 && !answer.is_whole {
            let why = "the audio was cut, or is over 10 MiB";
            return Err(SynthesisFailure::new(FallbackReason::NotAudio, why));
        }
        let format = judge(answer.status, answer.header("content-type"), &answer.body);
        let format = format.map_err(|failure| SynthesisFailure {
            // A server could repeat the key.
            detail: failure.detail.replace(self.key.expose(), "[secret]"),
            ..failure
        })?;
        Ok((format, answer.body))
    }

    fn check_quota(&self, text: &str, reserve: u64) -> Result<(), SynthesisFailure> {
        let answer = self.send(Method::Get, &self.voice.subscription_url(), b"")?;
        match is_quota_short(answer.status, &answer.body, text, reserve) {
            Some(true) => {
                let why = format!("fewer than {reserve} characters would be left");
                Err(SynthesisFailure::new(FallbackReason::Quota, why))
            }
            Some(false) => Ok(()),
            None => {
                log::info(
                    "the subscription cannot be read with this key: its quota is not checked",
                );
                Ok(())
            }
        }
    }

    fn send(&self, method: Method, url: &str, body: &[u8]) -> Result<HttpAnswer, SynthesisFailure> {
        let headers = [
            ("xi-api-key", self.key.expose()),
            ("content-type", "application/json"),
            ("accept", "*/*"),
        ];
        let headers = if method == Method::Post { &headers[..] } else { &headers[..1] };
        let request = Request {
            method,
            url,
            headers,
            body,
            deadline: DEADLINE,
            answer_max: AUDIO_MAX as u64,
        };
        let failed = |cause: String| SynthesisFailure::new(FallbackReason::Network, cause);
        self.client.send(&request).map_err(|error| failed(error.to_string()))
    }
}
