//! The voice of ElevenLabs: the request for a sentence, and the key of its audio in the cache. Pure.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// Everything but the sentence that shapes the sound.
#[derive(Debug, Clone, PartialEq)]
pub struct Voice {
    /// Base URL without a slash at its end.
    pub base_url: String,
    /// Id of the voice.
    pub id: String,
    pub model: String,
    /// Output format, such as `mp3_44100_128`.
    pub format: String,
    pub settings: VoiceSettings,
    /// Code of the language, such as `en`.
    pub language: Option<String>,
    pub seed: Option<u32>,
}

/// Settings of a voice; those that are absent are the voice's own.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct VoiceSettings {
    pub stability: Option<f64>,
    pub similarity_boost: Option<f64>,
    pub style: Option<f64>,
    pub speed: Option<f64>,
}

impl Voice {
    /// Returns the URL that turns a sentence into audio.
    pub fn url(&self) -> String {
        let Voice { base_url, id, format, .. } = self;
        format!("{base_url}/v1/text-to-speech/{id}?output_format={format}")
    }

    /// Returns the URL of the subscription, which restricted keys may not read.
    pub fn subscription_url(&self) -> String {
        format!("{}/v1/user/subscription", self.base_url)
    }

    /// Returns the body of the request, in JSON.
    pub fn body(&self, text: &str) -> String {
        let VoiceSettings { stability, similarity_boost, style, speed } = self.settings;
        let settings = [
            ("stability", stability),
            ("similarity_boost", similarity_boost),
            ("style", style),
            ("speed", speed),
        ];
        let settings = settings.into_iter().filter_map(|(name, value)| Some((name, json!(value?))));
        let settings: Map<String, Value> =
            settings.map(|(name, value)| (name.to_owned(), value)).collect();
        let mut body = json!({"text": text, "model_id": self.model});
        if !settings.is_empty() {
            body["voice_settings"] = settings.into();
        }
        if let Some(language) = &self.language {
            body["language_code"] = json!(language);
        }
        if let Some(seed) = self.seed {
            body["seed"] = json!(seed);
        }
        body.to_string()
    }

    /// Returns the key of the audio of a sentence: the SHA-256 of all that shapes it.
    pub fn key(&self, text: &str) -> String {
        hex(&json!([self.url(), self.body(text)]).to_string())
    }

    /// Returns a name of the account and server that are asked: another key is another account.
    pub fn account(&self, secret: &str) -> String {
        hex(&json!([self.base_url, secret]).to_string())[..16].to_owned()
    }
}

fn hex(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn voice() -> Voice {
        Voice {
            base_url: "https://api.elevenlabs.io".into(),
            id: "21m00Tcm4TlvDq8ikWAM".into(),
            model: "eleven_flash_v2_5".into(),
            format: "mp3_44100_128".into(),
            settings: VoiceSettings::default(),
            language: None,
            seed: None,
        }
    }

    #[test]
    fn request_has_what_is_configured_and_no_more() {
        let plain = voice();
        let url = "https://api.elevenlabs.io/v1/text-to-speech/21m00Tcm4TlvDq8ikWAM?output_format=mp3_44100_128";
        assert_eq!(plain.url(), url);
        assert_eq!(plain.body("\"Hi\""), r#"{"model_id":"eleven_flash_v2_5","text":"\"Hi\""}"#);
        let settings = VoiceSettings { stability: Some(0.5), speed: Some(1.1), ..plain.settings };
        let full = Voice { settings, language: Some("en".into()), seed: Some(7), ..plain };
        let body: Value = serde_json::from_str(&full.body("Hi")).unwrap();
        let settings = json!({"stability": 0.5, "speed": 1.1});
        assert_eq!(
            body,
            json!({"text": "Hi", "model_id": "eleven_flash_v2_5", "voice_settings": settings,
                "language_code": "en", "seed": 7})
        );
    }

    /// Requests that the Python SDK of ElevenLabs, version 2.78.0, has sent to a server on loopback. Its
    /// headers are those of `edge/speech/elevenlabs.rs`, some about itself, and `accept-encoding`.
    #[test]
    fn request_is_that_of_the_official_sdk() {
        let plain = voice();
        let all = VoiceSettings {
            stability: Some(0.5),
            similarity_boost: Some(0.75),
            style: Some(0.0),
            speed: Some(1.1),
        };
        let full =
            Voice { settings: all, language: Some("en".into()), seed: Some(7), ..plain.clone() };
        let rows = [
            (
                &plain,
                "Hello, world",
                "/v1/text-to-speech/21m00Tcm4TlvDq8ikWAM?output_format=mp3_44100_128",
                r#"{"text":"Hello, world","model_id":"eleven_flash_v2_5"}"#,
            ),
            (
                &full,
                "\"Grüße\" 5 < 6 & ☂",
                "/v1/text-to-speech/21m00Tcm4TlvDq8ikWAM?output_format=mp3_44100_128",
                r#"{"text":"\"Grüße\" 5 < 6 & ☂","model_id":"eleven_flash_v2_5","language_code":"en","voice_settings":{"stability":0.5,"similarity_boost":0.75,"style":0.0,"speed":1.1},"seed":7}"#,
            ),
        ];
        for (voice, text, target, body) in rows {
            assert_eq!(voice.url(), format!("{}{target}", voice.base_url));
            let ours: Value = serde_json::from_str(&voice.body(text)).unwrap();
            assert_eq!(ours, serde_json::from_str::<Value>(body).unwrap());
        }
        assert_eq!(plain.subscription_url(), format!("{}/v1/user/subscription", plain.base_url));
    }

    #[test]
    fn cache_key_differs_by_all_that_shapes_the_sound() {
        let plain = voice();
        let with = |change: fn(&mut Voice)| {
            let mut voice = plain.clone();
            change(&mut voice);
            voice.key("Hi")
        };
        let keys: BTreeSet<String> = [
            plain.key("Hi"),
            plain.key("Hi."),
            plain.key("hi"),
            with(|voice| voice.base_url = "https://api.eu.elevenlabs.io".into()),
            with(|voice| voice.id = "other".into()),
            with(|voice| voice.model = "eleven_v3".into()),
            with(|voice| voice.format = "mp3_22050_32".into()),
            with(|voice| voice.settings.stability = Some(0.5)),
            with(|voice| voice.settings.similarity_boost = Some(0.5)),
            with(|voice| voice.settings.style = Some(0.5)),
            with(|voice| voice.settings.speed = Some(0.5)),
            with(|voice| voice.language = Some("en".into())),
            with(|voice| voice.seed = Some(0)),
        ]
        .into();
        assert_eq!(keys.len(), 13);
        assert_eq!(plain.key("Hi"), voice().key("Hi"));
        assert!(
            keys.iter().all(|key| key.len() == 64 && key.chars().all(|c| c.is_ascii_hexdigit()))
        );
        assert_ne!(plain.account("a"), plain.account("b"));
    }
}
