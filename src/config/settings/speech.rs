//! Reader of the keys of a channel of type `speech`.

use super::Channel;
use crate::config::keys::Trust::{Anyone, Owner};
use crate::config::keys::{keys, read_entry};
use crate::config::value::{Field, Result};
use crate::rules::speech::audio::AudioFormat;
use crate::rules::speech::settings::SpeechEngine;
use crate::rules::speech::voice::VoiceSettings;
use crate::secret::Secret;

const VOICE_ID: &str = "the id of a voice such as 21m00Tcm4TlvDq8ikWAM";
const FORMAT: &str = "an output format that begins with mp3_, wav_ or opus_";
const LANGUAGE: &str = "the code of a language such as en";

keys! {
    SPEECH for channel: Channel [speech] in "notifications.channels[]";
    /// Voice that speaks: auto, elevenlabs or local.
    engine: SpeechEngine = "auto", file Anyone => choice(&SpeechEngine::ALL, SpeechEngine::as_str);
    /// Id of the voice at ElevenLabs; without it, a voice of this machine speaks.
    voice: Option<String> = none, file Owner("send sentences to another machine") =>
        text_like(VOICE_ID, is_word);
    /// Model of ElevenLabs, by its id.
    model: String = "eleven_flash_v2_5", file Anyone => text();
    /// Output format of ElevenLabs.
    format: String = "mp3_44100_128", file Anyone => text_like(FORMAT, is_format);
    /// Settings of the voice; without one, that of the voice at ElevenLabs.
    settings: VoiceSettings = {}, file Anyone => voice_settings();
    /// Language of the voice, as a code such as en.
    language: Option<String> = none, file Anyone => text_like(LANGUAGE, is_word);
    /// Number with which ElevenLabs repeats a sound, as far as it can.
    seed: Option<u32> = none, file Anyone => whole(0..=4_294_967_295);
    /// Base URL of the API, for a regional host or a stand-in.
    base_url: String = "https://api.elevenlabs.io", file Owner("name the server that gets the key") => base_url();
    /// Key of the API; without it, ELEVENLABS_API_KEY.
    api_key: Option<Secret> = none, file Owner("choose which secret is sent") => secret();
    /// Volume; 0 mutes the channel.
    volume: u8 = "100", file Anyone => whole(0..=100);
    /// Size of the cache of audio, in MiB.
    cache_max_mib: u64 = "64", file Anyone => whole(0..=10_240);
    /// Characters of the subscription that are left for other uses; with it, the subscription is
    /// read before a new sentence.
    quota_reserve: Option<u64> = none, file Anyone => whole(0..=1_000_000_000);
}

keys! {
    VOICE_SETTINGS for entry: VoiceSettings [] in "notifications.channels[].settings";
    /// Evenness of the voice.
    stability: Option<f64> = none, file Anyone => real(0.0..=1.0);
    /// Likeness to the original voice.
    similarity_boost: Option<f64> = none, file Anyone => real(0.0..=1.0);
    /// Exaggeration of the style.
    style: Option<f64> = none, file Anyone => real(0.0..=1.0);
    /// Speed of the speech.
    speed: Option<f64> = none, file Anyone => real(0.5..=2.0);
}

impl Field<'_> {
    fn voice_settings(&self) -> Result<VoiceSettings> {
        read_entry(VOICE_SETTINGS, self)
    }

    /// Reads a URL that a key may be sent to, without the slash at its end.
    fn base_url(&self) -> Result<String> {
        let url = self.https_url()?;
        if url.contains(['?', '#']) {
            return Err(self.problem("expected a URL without a query"));
        }
        Ok(url.trim_end_matches('/').to_owned())
    }
}

/// A word that becomes part of a URL and an argument of a program.
fn is_word(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    text.len() <= 64 && !text.starts_with('-') && text.chars().all(allowed)
}

fn is_format(text: &str) -> bool {
    is_word(text) && text.contains('_') && AudioFormat::of_output(text).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::value::Source;
    use crate::config::yaml::{Value, outside_file};
    use crate::rules::speech::settings::SpeechSettings;

    /// The defaults of the type are those of the documents.
    #[test]
    fn defaults_are_those_of_the_table() {
        let mut channel = Channel::default();
        for key in SPEECH {
            let Some(default) = key.spec.default.filter(|default| *default != "{}") else {
                continue;
            };
            let node = outside_file(Value::Text(default.to_owned()));
            let source = Source { is_variable: true, trusted: true };
            let field = Field { path: key.spec.path.into(), line: 0, node: &node, source };
            (key.set)(&mut channel, &field).unwrap_or_else(|error| panic!("{}", error.text));
        }
        assert_eq!(channel.speech, SpeechSettings::default());
    }
}
