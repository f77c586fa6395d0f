//! Speech: one sentence is turned into audio and played.
//!
//! Promises: one voice at a time, over all processes of a user; audio of ElevenLabs is asked for once
//! and then taken from the cache; where ElevenLabs cannot speak, a local voice does, and the reason
//! is said once a day; where no file can be written, that voice speaks without one.

mod audio_cache;
mod elevenlabs;
mod playback;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use crate::config::{Channel, ChannelKind, Env, Settings};
use crate::edge::command;
use crate::error::Error;
use crate::rules::speech::audio::{AUDIO_MAX, AudioFormat};
use crate::rules::speech::fallback::{FallbackReason, SynthesisFailure};
use crate::rules::speech::player::{LocalVoice, Player};
use crate::rules::speech::settings::{SpeechEngine, SpeechSettings};
use crate::rules::speech::sound::Sound;
use crate::rules::speech::voice::Voice;
use crate::text::{safe, unknown};
use crate::{clock, config, log};
use audio_cache::{AudioCache, CacheError};
use elevenlabs::ElevenLabs;
use playback::Programs;

/// The time in which a local voice writes a sentence.
const LOCAL_DEADLINE: Duration = Duration::from_secs(20);
/// The sentence of [`Speaker::test`].
pub const TEST_SENTENCE: &str = "This is the voice of dlq tools.";

/// Everything that a sentence needs.
pub struct Speaker<'a> {
    settings: &'a SpeechSettings,
    env: &'a Env,
    /// The folder of audio.
    dir: PathBuf,
}

/// The way in which a sentence was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaidBy {
    /// `ElevenLabs`, or the program of a local voice.
    pub voice: String,
    /// Program that played the audio. None: the voice speaks itself.
    pub player: Option<Player>,
    /// Whether the audio was in the cache.
    pub is_cached: bool,
}

/// The result of a voice in [`Speaker::test`].
#[derive(Debug)]
pub struct VoiceTest {
    pub voice: String,
    pub result: Result<SaidBy, Error>,
}

/// Returns the settings of the channel of this name; without a name, those of the first channel that
/// speaks, or the defaults.
pub fn channel_settings(settings: &Settings, name: Option<&str>) -> Result<SpeechSettings, Error> {
    let channels = settings.notifications.channels.iter();
    let speaking: Vec<&Channel> =
        channels.filter(|channel| channel.kind == ChannelKind::Speech).collect();
    let Some(name) = name else {
        return Ok(speaking.first().map(|channel| channel.speech.clone()).unwrap_or_default());
    };
    let named = speaking.iter().find(|channel| channel.name == name);
    named.map(|channel| channel.speech.clone()).ok_or_else(|| {
        let names: Vec<&str> = speaking.iter().map(|channel| channel.name.as_str()).collect();
        let why = match names.as_slice() {
            [] => format!("there is no channel of type speech, so none is '{}'", safe(name)),
            names => unknown("channel of type speech", name, names),
        };
        Error::wrong(format!("option '--channel': {why}"))
    })
}

impl<'a> Speaker<'a> {
    pub fn new(
        speech: &'a SpeechSettings,
        settings: &Settings,
        env: &'a Env,
    ) -> Result<Self, Error> {
        let dir = config::cache_dir(settings, env)?.join("audio");
        Ok(Speaker { settings: speech, env, dir })
    }

    /// Says a sentence of [`crate::rules::speech::spoken_text::sentence`] after its sound.
    pub fn say(&self, text: &str, sound: Sound) -> Result<(), Error> {
        if self.settings.volume == 0 {
            log::info("the volume is 0: nothing is said");
            return Ok(());
        }
        let said = match self.open_cache()? {
            Ok(cache) => self.say_with(&cache, text, sound)?,
            Err(error) if self.settings.engine == SpeechEngine::ElevenLabs => return Err(error),
            Err(error) => {
                log::warn(&format!("a local voice speaks by itself: {error}"));
                self.say_locally(None, text, sound)?
            }
        };
        let player = said.player.map_or(String::new(), |player| format!(", played by '{player}'"));
        let cached = if said.is_cached { " from the cache" } else { "" };
        log::info(&format!("said by {}{cached}{player}", said.voice));
        Ok(())
    }

    /// Opens the cache. The inner error is that of a folder in which nothing can be written.
    fn open_cache(&self) -> Result<Result<AudioCache, Error>, Error> {
        match AudioCache::open(&self.dir) {
            Ok(cache) => Ok(Ok(cache)),
            Err(CacheError::Unusable(error)) => Ok(Err(error)),
            Err(CacheError::Busy(error)) => Err(error),
        }
    }

    fn say_with(&self, cache: &AudioCache, text: &str, sound: Sound) -> Result<SaidBy, Error> {
        let wanted = self.settings.voice().filter(|_| self.settings.engine != SpeechEngine::Local);
        let Some(voice) = wanted else { return self.say_locally(Some(cache), text, sound) };
        match self.audio(cache, &voice, text, false) {
            Ok((file, is_cached)) => {
                self.play_sound(cache, sound);
                self.play(&file).map(|player| elevenlabs_said(player, is_cached))
            }
            Err(failure) if self.settings.engine == SpeechEngine::ElevenLabs => {
                Err(Error::Failed(format!("cannot say the sentence: {failure}")))
            }
            Err(failure) => {
                report(cache, &failure);
                self.say_locally(Some(cache), text, sound)
            }
        }
    }

    /// Returns the file with the audio of a text by ElevenLabs, and whether it was in the cache. A
    /// `fresh` one is asked for whatever is known.
    fn audio(
        &self,
        cache: &AudioCache,
        voice: &Voice,
        text: &str,
        fresh: bool,
    ) -> Result<(PathBuf, bool), SynthesisFailure> {
        let key = voice.key(text);
        if let Some(file) = cache.find(&key).filter(|_| !fresh) {
            return Ok((file, true));
        }
        let format = AudioFormat::of_output(&voice.format);
        if format.is_none_or(|format| self.programs().players(format).is_empty()) {
            return Err(SynthesisFailure::new(FallbackReason::NoPlayer, ""));
        }
        let secret = self.settings.api_key().resolve(self.env).map_err(|error| {
            SynthesisFailure::new(FallbackReason::NoKey, safe(&error.to_string()))
        })?;
        let account = voice.account(secret.expose());
        let mut fallbacks = cache.fallbacks();
        if let Some(failure) = fallbacks.paused(&account, clock::now()).filter(|_| !fresh) {
            return Err(failure.clone());
        }
        let client = ElevenLabs::new(self.env, voice, &secret)?;
        match client.synthesize(text, self.settings.quota_reserve) {
            Ok((format, bytes)) => {
                let max = self.settings.cache_max_mib << 20;
                let kept = cache.keep(&key, format, &bytes, max).map_err(|error| {
                    SynthesisFailure::new(FallbackReason::Disk, error.to_string())
                })?;
                Ok((kept, false))
            }
            Err(failure) => {
                fallbacks.pause(&account, &failure, clock::now());
                log::warn_on_error(cache.keep_fallbacks(&fallbacks));
                Err(failure)
            }
        }
    }

    /// Says a text with a voice of this machine. Where no file can be written, it speaks by itself,
    /// without a sound.
    fn say_locally(
        &self,
        cache: Option<&AudioCache>,
        text: &str,
        sound: Sound,
    ) -> Result<SaidBy, Error> {
        let failed = |cause: &str| Error::Failed(format!("cannot say the sentence: {cause}"));
        let voice = self.local_voice().ok_or_else(|| failed(NO_VOICE))?;
        let of_voice = |cause: String| failed(&format!("{voice}: {cause}"));
        let language = self.settings.language.as_deref();
        let is_played =
            voice.writes_audio() && !self.programs().players(AudioFormat::Wav).is_empty();
        if let Some(cache) = cache.filter(|_| is_played) {
            let wav = synthesize_locally(&voice.command(text, language, true)).map_err(of_voice)?;
            match cache.write("local.wav", &wav) {
                Ok(file) => {
                    self.play_sound(cache, sound);
                    let player = Some(self.play(&file)?);
                    return Ok(SaidBy { voice: voice.to_string(), player, is_cached: false });
                }
                Err(error) => log::warn(&format!("{voice} speaks by itself: {error}")),
            }
        } else if let Some(cache) = cache {
            self.play_sound(cache, sound);
        }
        playback::speak(&voice.command(text, language, false)).map_err(of_voice)?;
        Ok(SaidBy { voice: voice.to_string(), player: None, is_cached: false })
    }

    /// Plays the sound before a sentence. The sentence is said without it when that fails.
    fn play_sound(&self, cache: &AudioCache, sound: Sound) {
        let Some(wav) = sound.wav() else { return };
        let played =
            cache.write(&format!("sound-{sound}.wav"), &wav).and_then(|file| self.play(&file));
        if let Err(error) = played {
            log::info(&format!("the sound '{sound}' was not played: {error}"));
        }
    }

    fn play(&self, file: &Path) -> Result<Player, Error> {
        playback::play(self.programs(), file, self.settings.volume)
            .map_err(|cause| Error::failed("play", file.display(), cause))
    }

    fn programs(&self) -> Programs<'_> {
        Programs { path: self.env.real("PATH") }
    }

    fn local_voice(&self) -> Option<LocalVoice> {
        LocalVoice::find(cfg!(target_os = "macos"), |program| self.programs().has(program))
    }

    /// Says a sentence by each voice that the engine allows, and returns the result of each. Of
    /// ElevenLabs new audio is asked for, whatever the cache has and what failed before.
    pub fn test(&self) -> Result<Vec<VoiceTest>, Error> {
        if self.settings.volume == 0 {
            return Err(Error::wrong("the volume of the channel is 0: nothing would be heard"));
        }
        let cache = self.open_cache()?;
        let mut results = Vec::new();
        let voice = self.settings.voice().filter(|_| self.settings.engine != SpeechEngine::Local);
        if let Some(voice) = voice {
            let audio = cache.as_ref().map_err(Error::clone).and_then(|cache| {
                let audio = self.audio(cache, &voice, TEST_SENTENCE, true);
                audio.map_err(|failure| Error::Failed(failure.to_string()))
            });
            let said = audio.and_then(|(file, _)| self.play(&file));
            let result = said.map(|player| elevenlabs_said(player, false));
            results.push(VoiceTest { voice: "ElevenLabs".to_owned(), result });
        }
        if self.settings.engine != SpeechEngine::ElevenLabs {
            let voice = self.local_voice().map_or("local voice".to_owned(), |one| one.to_string());
            if let Err(error) = &cache {
                log::warn(&format!("{voice} speaks by itself: {error}"));
            }
            let result = self.say_locally(cache.as_ref().ok(), TEST_SENTENCE, Sound::None);
            results.push(VoiceTest { voice, result });
        }
        Ok(results)
    }

    /// Describes what [`Speaker::say`] would do. Asks nobody, and changes nothing.
    pub fn plan(&self, text: &str, sound: Sound) -> String {
        let programs = self.programs();
        let player = |format| match programs.players(format).first() {
            Some(player) => player.to_string(),
            None => format!("none; no program here plays {format}"),
        };
        let local = || match self.local_voice() {
            Some(voice) if voice.writes_audio() => (voice.to_string(), player(AudioFormat::Wav)),
            Some(voice) => (voice.to_string(), voice.to_string()),
            None => (format!("none; {NO_VOICE}"), "none".to_owned()),
        };
        let wanted = self.settings.voice().filter(|_| self.settings.engine != SpeechEngine::Local);
        let (voice, player) = match wanted {
            _ if self.settings.volume == 0 => ("none; the volume is 0".into(), "none".into()),
            None => local(),
            Some(voice) => {
                let format = AudioFormat::of_output(&voice.format).unwrap_or(AudioFormat::Mp3);
                let how = match audio_cache::has(&self.dir, &voice.key(text)) {
                    true => "from the cache".to_owned(),
                    false => format!("by a request to {}", voice.base_url),
                };
                let asked = (format!("ElevenLabs, voice '{}', {how}", voice.id), player(format));
                match self.settings.api_key().resolve(self.env) {
                    Err(error)
                        if how != "from the cache"
                            && self.settings.engine == SpeechEngine::Auto =>
                    {
                        let (voice, player) = local();
                        (format!("{voice}, because there is no key: {error}"), player)
                    }
                    _ => asked,
                }
            }
        };
        format!("sentence: {text}\nsound: {sound}\nvoice: {}\nplayer: {player}\n", safe(&voice))
    }
}

const NO_VOICE: &str = "no voice is installed here; install espeak-ng or spd-say";

fn elevenlabs_said(player: Player, is_cached: bool) -> SaidBy {
    SaidBy { voice: "ElevenLabs".to_owned(), player: Some(player), is_cached }
}

/// Says why a local voice speaks, once a day for each reason.
fn report(cache: &AudioCache, failure: &SynthesisFailure) {
    let mut fallbacks = cache.fallbacks();
    let sentence = format!("a local voice speaks: {failure}");
    if fallbacks.is_news(failure.reason, clock::now()) {
        log::warn(&sentence);
        log::warn_on_error(cache.keep_fallbacks(&fallbacks));
    } else {
        log::info(&sentence);
    }
}

/// Returns the WAV file that a local voice writes.
fn synthesize_locally(argv: &[String]) -> Result<Vec<u8>, String> {
    let ran = command::run(argv, None, LOCAL_DEADLINE, AUDIO_MAX as u64, Stdio::null())?;
    match ran.status {
        Some(status) if !status.success() => Err(status.to_string()),
        None => Err(format!("no end within {} s", LOCAL_DEADLINE.as_secs())),
        Some(_) if AudioFormat::detect(&ran.output) != Some(AudioFormat::Wav) => {
            Err("it wrote no audio".to_owned())
        }
        Some(_) => Ok(ran.output),
    }
}
