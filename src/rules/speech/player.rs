//! The programs that play and speak: which one for which format, and how each is called.
//!
//! Promises: text and paths are arguments that no program reads as options. Pure.

use std::time::Duration;

use super::audio::AudioFormat;
use crate::words::words;

words! {
    /// Programs that play a file, in the order in which they are tried.
    Player {
        /// macOS.
        Afplay = "afplay",
        Mpv = "mpv",
        /// Ends at once with status 0 when it could not play.
        Ffplay = "ffplay",
        /// PipeWire.
        PwPlay = "pw-play",
        /// PulseAudio.
        Paplay = "paplay",
        /// ALSA. Plays any file but WAV as noise.
        Aplay = "aplay",
    }
}

words! {
    /// Programs that turn text into speech on this machine.
    LocalVoice {
        /// macOS; other systems have programs of this name that do something else.
        Say = "say",
        EspeakNg = "espeak-ng",
        /// Speech Dispatcher.
        SpdSay = "spd-say",
    }
}

impl Player {
    fn plays(self, format: AudioFormat) -> bool {
        match (self, format) {
            (Player::Aplay, _) => format == AudioFormat::Wav,
            (Player::Afplay, _) => format != AudioFormat::Ogg,
            _ => true,
        }
    }

    /// Returns the command that plays a file, given by its absolute path, at a volume of 0 to 100.
    pub fn command(self, file: &str, volume: u8) -> Vec<String> {
        let share = f64::from(volume) / 100.0;
        let options = match self {
            Player::Afplay => vec!["-v".to_owned(), format!("{share}")],
            Player::Mpv => {
                let quiet = ["--no-config", "--no-video", "--no-terminal", "--really-quiet"];
                let quiet = quiet.iter().map(|&option| option.to_owned());
                quiet.chain([format!("--volume={volume}"), "--".to_owned()]).collect()
            }
            Player::Ffplay => {
                let quiet = ["-nodisp", "-autoexit", "-loglevel", "error", "-volume"];
                let quiet = quiet.iter().map(|&option| option.to_owned());
                quiet.chain([volume.to_string(), "-i".to_owned()]).collect()
            }
            Player::PwPlay => vec![format!("--volume={share}")],
            Player::Paplay => vec![format!("--volume={}", (share * 65_536.0) as u32)],
            Player::Aplay => vec!["--quiet".to_owned()],
        };
        let program = self.as_str().to_owned();
        [program].into_iter().chain(options).chain([file.to_owned()]).collect()
    }
}

/// Whether a player that ended with status 0 can have played audio of this length: it needs most of
/// that time. Without a sound device [`Player::Ffplay`] ends at once.
pub fn can_have_played(length: Option<Duration>, took: Duration) -> bool {
    length.is_none_or(|length| took >= length * 4 / 5)
}

/// Returns the installed players of a format, in the order in which they are tried.
pub fn players(format: AudioFormat, is_installed: impl Fn(&str) -> bool) -> Vec<Player> {
    let all = Player::ALL.into_iter();
    all.filter(|player| player.plays(format) && is_installed(player.as_str())).collect()
}

impl LocalVoice {
    /// Returns the first voice that is installed.
    pub fn find(is_macos: bool, is_installed: impl Fn(&str) -> bool) -> Option<Self> {
        let mut all = LocalVoice::ALL.into_iter();
        all.find(|voice| (*voice != LocalVoice::Say || is_macos) && is_installed(voice.as_str()))
    }

    /// Whether the program writes audio to standard output, which a player plays. The others speak.
    pub fn writes_audio(self) -> bool {
        self == LocalVoice::EspeakNg
    }

    /// Returns the command for a text of [`super::spoken_text::sentence`], which begins with a letter
    /// or a digit. `to_stdout`, where possible, writes audio instead of speaking.
    pub fn command(self, text: &str, language: Option<&str>, to_stdout: bool) -> Vec<String> {
        let mut words = vec![self.as_str()];
        match self {
            LocalVoice::Say => {}
            LocalVoice::EspeakNg => {
                words.extend(language.into_iter().flat_map(|language| ["-v", language]));
                words.extend(to_stdout.then_some("--stdout"));
                words.push("--");
            }
            LocalVoice::SpdSay => {
                words.push("--wait");
                words.extend(language.into_iter().flat_map(|language| ["--language", language]));
                words.push("--");
            }
        }
        words.push(text);
        words.into_iter().map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn players_are_those_of_the_format_in_order() {
        use Player::{Afplay, Aplay, Ffplay, Mpv, Paplay, PwPlay};
        let all = |_: &str| true;
        let rows: [(AudioFormat, &[Player]); 3] = [
            (AudioFormat::Wav, &[Afplay, Mpv, Ffplay, PwPlay, Paplay, Aplay]),
            (AudioFormat::Mp3, &[Afplay, Mpv, Ffplay, PwPlay, Paplay]),
            (AudioFormat::Ogg, &[Mpv, Ffplay, PwPlay, Paplay]),
        ];
        for (format, expected) in rows {
            assert_eq!(players(format, all), expected, "{format}");
        }
        assert_eq!(players(AudioFormat::Mp3, |name| name == "aplay"), []);
    }

    #[test]
    fn player_needs_the_time_of_the_audio() {
        let rows = [
            (Some(2000), 2100, true),
            (Some(2000), 1600, true),
            (Some(2000), 1599, false),
            (Some(2000), 100, false),
            (Some(0), 0, true),
            (None, 0, true),
        ];
        for (length, took, expected) in rows {
            let length = length.map(Duration::from_millis);
            assert_eq!(can_have_played(length, Duration::from_millis(took)), expected, "{took}");
        }
    }

    #[test]
    fn command_ends_with_the_file() {
        let rows = [
            (Player::Afplay, "afplay -v 0.5 /a b"),
            (
                Player::Mpv,
                "mpv --no-config --no-video --no-terminal --really-quiet --volume=50 -- /a b",
            ),
            (Player::Ffplay, "ffplay -nodisp -autoexit -loglevel error -volume 50 -i /a b"),
            (Player::PwPlay, "pw-play --volume=0.5 /a b"),
            (Player::Paplay, "paplay --volume=32768 /a b"),
            (Player::Aplay, "aplay --quiet /a b"),
        ];
        for (player, expected) in rows {
            let command = player.command("/a b", 50);
            assert_eq!(command.join(" "), expected);
            assert_eq!(command.last().map(String::as_str), Some("/a b"));
        }
    }

    #[test]
    fn local_voice_is_first_of_the_system() {
        let rows: [(bool, &[&str], Option<LocalVoice>); 5] = [
            (true, &["say", "espeak-ng"], Some(LocalVoice::Say)),
            (false, &["say", "espeak-ng", "spd-say"], Some(LocalVoice::EspeakNg)),
            (false, &["say", "spd-say"], Some(LocalVoice::SpdSay)),
            (false, &["say"], None),
            (true, &[], None),
        ];
        for (is_macos, installed, expected) in rows {
            let found = LocalVoice::find(is_macos, |name| installed.contains(&name));
            assert_eq!(found, expected, "{installed:?}");
        }
        let rows = [
            (LocalVoice::Say, None, true, "say Hi"),
            (LocalVoice::EspeakNg, None, false, "espeak-ng -- Hi"),
            (LocalVoice::EspeakNg, Some("pt"), true, "espeak-ng -v pt --stdout -- Hi"),
            (LocalVoice::SpdSay, Some("pt"), true, "spd-say --wait --language pt -- Hi"),
        ];
        for (voice, language, to_stdout, expected) in rows {
            assert_eq!(voice.command("Hi", language, to_stdout).join(" "), expected);
        }
    }
}
