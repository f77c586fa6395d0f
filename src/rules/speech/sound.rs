//! Sounds before a sentence: which kind an event has, and the tones of each, computed.
//!
//! Promises: a sound is a WAV file in memory of less than a second; pull requests of ours and of
//! others sound different. Pure.

use std::f64::consts::TAU;

use crate::words::words;

words! {
    /// The kinds of sounds.
    Sound {
        /// A problem: two falling tones, twice.
        Alarm = "alarm",
        /// The end of a problem: two rising tones.
        Relief = "relief",
        /// A pull request that dlq-tools opened.
        OurPullRequest = "ours",
        /// A pull request of somebody else.
        OtherPullRequest = "others",
        /// A merge: a rising chord.
        Celebration = "celebration",
        /// Silence.
        None = "none",
    }
}

/// The samples of a second.
const RATE: u32 = 22_050;
/// The loudest sample: softer than speech.
const PEAK: f64 = 0.35 * i16::MAX as f64;
/// The time in which a tone begins and ends, in seconds, so that it does not click.
const EDGE: f64 = 0.012;

impl Sound {
    /// Returns the tones: frequency in hertz (0: a pause) and length in milliseconds.
    const fn tones(self) -> &'static [(f64, u32)] {
        match self {
            Sound::Alarm => &[(880.0, 110), (659.3, 150), (0.0, 60), (880.0, 110), (659.3, 150)],
            Sound::Relief => &[(523.3, 120), (784.0, 200)],
            Sound::OurPullRequest => &[(587.3, 90), (740.0, 90), (880.0, 140)],
            Sound::OtherPullRequest => &[(440.0, 130), (0.0, 40), (440.0, 130)],
            Sound::Celebration => &[(523.3, 110), (659.3, 110), (784.0, 110), (1046.5, 320)],
            Sound::None => &[],
        }
    }

    /// Returns the sound as a WAV file; None for silence.
    pub fn wav(self) -> Option<Vec<u8>> {
        let tones = self.tones();
        let mut samples: Vec<u8> = Vec::new();
        for &(frequency, milliseconds) in tones {
            let count = RATE * milliseconds / 1000;
            let length = f64::from(count) / f64::from(RATE);
            for at in 0..count {
                let time = f64::from(at) / f64::from(RATE);
                let edge = (time.min(length - time) / EDGE).min(1.0);
                let level = (TAU * frequency * time).sin() * edge * PEAK;
                samples.extend((level as i16).to_le_bytes());
            }
        }
        (!tones.is_empty()).then(|| wav(&samples))
    }
}

/// Returns a WAV file of 16-bit samples of one channel.
fn wav(samples: &[u8]) -> Vec<u8> {
    let size = samples.len() as u32;
    let mut file = Vec::with_capacity(samples.len() + 44);
    file.extend(b"RIFF");
    file.extend((size + 36).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16u32.to_le_bytes());
    file.extend([1u16, 1].iter().flat_map(|word| word.to_le_bytes())); // PCM, one channel
    file.extend([RATE, RATE * 2].iter().flat_map(|word| word.to_le_bytes()));
    file.extend([2u16, 16].iter().flat_map(|word| word.to_le_bytes())); // bytes and bits of a sample
    file.extend(b"data");
    file.extend(size.to_le_bytes());
    file.extend(samples);
    file
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::rules::speech::audio::{AudioFormat, duration};

    #[test]
    fn sounds_are_short_wav_files_and_differ() {
        let mut files = Vec::new();
        for sound in Sound::ALL {
            let Some(wav) = sound.wav() else {
                assert_eq!(sound, Sound::None);
                continue;
            };
            assert_eq!(AudioFormat::detect(&wav), Some(AudioFormat::Wav), "{sound}");
            let length = duration(&wav).unwrap();
            assert!(
                length > Duration::from_millis(200) && length < Duration::from_secs(1),
                "{sound}: {length:?}"
            );
            assert!(!files.contains(&wav), "{sound} equals another sound");
            files.push(wav);
        }
        assert_eq!(files.len(), 5);
    }
}
