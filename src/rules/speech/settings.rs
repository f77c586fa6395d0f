//! Settings of a channel of type `speech`.

use super::voice::{Voice, VoiceSettings};
use crate::secret::Secret;
use crate::words::words;

words! {
    /// Choice between ElevenLabs and a voice of this machine.
    SpeechEngine {
        /// ElevenLabs where it is configured and answers, else a local voice.
        Auto = "auto",
        /// ElevenLabs alone.
        ElevenLabs = "elevenlabs",
        /// A local voice alone.
        Local = "local",
    }
}

/// Voice, format and limits of a channel.
#[derive(Debug, Clone, PartialEq)]
pub struct SpeechSettings {
    pub engine: SpeechEngine,
    /// Id of the voice. None: ElevenLabs is not asked.
    pub voice: Option<String>,
    pub model: String,
    /// Output format, one of [`super::audio::AudioFormat::of_output`].
    pub format: String,
    pub settings: VoiceSettings,
    pub language: Option<String>,
    pub seed: Option<u32>,
    /// Base URL without a slash at its end.
    pub base_url: String,
    /// Key of the API. None: see [`SpeechSettings::key`].
    pub api_key: Option<Secret>,
    /// 0 to 100; 0: nothing is said.
    pub volume: u8,
    pub cache_max_mib: u64,
    /// Characters of the subscription that are left to others. None: the subscription is not read.
    pub quota_reserve: Option<u64>,
}

impl Default for SpeechSettings {
    fn default() -> Self {
        SpeechSettings {
            engine: SpeechEngine::Auto,
            voice: None,
            model: "eleven_flash_v2_5".into(),
            format: "mp3_44100_128".into(),
            settings: VoiceSettings::default(),
            language: None,
            seed: None,
            base_url: "https://api.elevenlabs.io".into(),
            api_key: None,
            volume: 100,
            cache_max_mib: 64,
            quota_reserve: None,
        }
    }
}

impl SpeechSettings {
    /// Returns the reference to the key of the API.
    pub fn api_key(&self) -> Secret {
        self.api_key.clone().unwrap_or_else(|| Secret::Env("ELEVENLABS_API_KEY".into()))
    }

    /// Returns the voice of ElevenLabs, if one is configured.
    pub fn voice(&self) -> Option<Voice> {
        Some(Voice {
            base_url: self.base_url.clone(),
            id: self.voice.clone()?,
            model: self.model.clone(),
            format: self.format.clone(),
            settings: self.settings,
            language: self.language.clone(),
            seed: self.seed,
        })
    }
}
