//! Audio: the format of bytes by what they hold, whether an answer is audio, and how long it lasts.
//!
//! Promises: what is no audio is never taken for it because its name or its type says so. Pure.

use std::time::Duration;

use crate::words::words;

words! {
    /// Formats that players read, by the extension of their files.
    AudioFormat {
        Mp3 = "mp3",
        Wav = "wav",
        Ogg = "ogg",
    }
}

/// The smallest and the largest audio that is taken, in bytes.
const LEAST: usize = 256;
/// The largest audio that is taken: 10 minutes of the usual format.
pub const AUDIO_MAX: usize = 10 << 20;

impl AudioFormat {
    /// Returns the format of a file by its first bytes.
    pub fn detect(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WAVE") {
            return Some(AudioFormat::Wav);
        }
        if bytes.starts_with(b"OggS") {
            return Some(AudioFormat::Ogg);
        }
        let is_mp3 = bytes.starts_with(b"ID3") || Mp3Frame::read(bytes).is_some();
        is_mp3.then_some(AudioFormat::Mp3)
    }

    /// Returns the format of an output format of ElevenLabs, such as `mp3_44100_128`. Raw formats
    /// (`pcm_16000`, `ulaw_8000`) are no files: no player knows their rate.
    pub fn of_output(format: &str) -> Option<Self> {
        let codec = format.split('_').next()?;
        match codec {
            "mp3" => Some(AudioFormat::Mp3),
            "wav" => Some(AudioFormat::Wav),
            "opus" => Some(AudioFormat::Ogg),
            _ => None,
        }
    }
}

/// Checks that an answer of HTTP is audio, by its type, its size and its first bytes. The error is
/// the reason.
pub fn check(content_type: Option<&str>, body: &[u8]) -> Result<AudioFormat, String> {
    let kind = content_type.unwrap_or_default().trim().to_ascii_lowercase();
    if !kind.starts_with("audio/") {
        let kind = if kind.is_empty() { "nothing" } else { &kind };
        return Err(format!("not audio: its type is {}", crate::text::shorten(kind, 60)));
    }
    match body.len() {
        length if length < LEAST => Err(format!("not audio: it has {length} bytes")),
        length if length > AUDIO_MAX => Err("not audio of a sentence: over 10 MiB".to_owned()),
        _ => AudioFormat::detect(body).ok_or_else(|| "not audio: unknown first bytes".to_owned()),
    }
}

/// Returns how long audio lasts; None when its headers do not tell. Of MP3, the bit rate of the
/// first frame is taken for that of all.
pub fn duration(bytes: &[u8]) -> Option<Duration> {
    match AudioFormat::detect(bytes)? {
        AudioFormat::Wav => {
            let rate = u64::from(little(bytes, 28)?);
            let length = (bytes.len() as u64).saturating_sub(44);
            (rate > 0).then(|| Duration::from_millis(length * 1000 / rate))
        }
        AudioFormat::Mp3 => {
            let audio = bytes.get(id3_length(bytes)..)?;
            let frame = Mp3Frame::read(audio)?;
            Some(Duration::from_millis(audio.len() as u64 * 8 / frame.kilobits))
        }
        // Opus counts in 1/48000 s, in the header of each page.
        AudioFormat::Ogg => {
            let last = bytes.windows(4).rposition(|four| four == b"OggS")?;
            let position = bytes.get(last + 6..last + 14)?.try_into().ok()?;
            Some(Duration::from_millis(u64::from_le_bytes(position) / 48))
        }
    }
}

fn little(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// Returns the bytes of the ID3 tag that stands before the first frame.
fn id3_length(bytes: &[u8]) -> usize {
    match bytes.get(..10) {
        Some(head) if head.starts_with(b"ID3") => {
            10 + head[6..].iter().fold(0, |size, byte| size << 7 | usize::from(byte & 0x7f))
        }
        _ => 0,
    }
}

/// The header of a frame of MPEG audio, layer III.
struct Mp3Frame {
    /// Bit rate, in kilobits a second.
    kilobits: u64,
}

impl Mp3Frame {
    /// Reads the header: eleven bits of synchronisation, version, layer, bit rate and sample rate.
    fn read(bytes: &[u8]) -> Option<Self> {
        const V1: [u64; 15] = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
        const V2: [u64; 15] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
        let &[0xff, second, third, _] = bytes.get(..4)? else { return None };
        // Layer III only: a byte order mark of UTF-16 (FF FE) would be layer I.
        let is_layer3 = second & 0xe6 == 0xe2;
        let version = second >> 3 & 3;
        let rates = if version == 3 { V1 } else { V2 };
        let kilobits = *rates.get(usize::from(third >> 4))?;
        let is_valid = is_layer3 && version != 1 && kilobits > 0 && third >> 2 & 3 != 3;
        is_valid.then_some(Mp3Frame { kilobits })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a body that begins with these bytes and is long enough.
    fn body(start: &[u8]) -> Vec<u8> {
        let mut body = start.to_vec();
        body.resize(4096, 0);
        body
    }

    const MP3: [u8; 4] = [0xff, 0xfb, 0x90, 0xc4];

    #[test]
    fn format_is_known_by_first_bytes() {
        let rows: [(&str, &[u8], Option<AudioFormat>); 13] = [
            ("ID3", b"ID3\x04", Some(AudioFormat::Mp3)),
            ("MPEG 1 layer III", &MP3, Some(AudioFormat::Mp3)),
            ("MPEG 2 layer III", &[0xff, 0xf3, 0x40, 0], Some(AudioFormat::Mp3)),
            ("MPEG 2.5 layer III", &[0xff, 0xe3, 0x40, 0], Some(AudioFormat::Mp3)),
            ("WAV", b"RIFF\0\0\0\0WAVE", Some(AudioFormat::Wav)),
            ("Ogg", b"OggS", Some(AudioFormat::Ogg)),
            ("RIFF of another kind", b"RIFF\0\0\0\0AVI ", None),
            ("UTF-16", &[0xff, 0xfe, b'{', 0], None),
            ("JSON", b"{\"detail\":{}}", None),
            ("HTML", b"<html>", None),
            ("text", b"string", None),
            ("an invalid bit rate", &[0xff, 0xfb, 0xf0, 0xc4], None),
            ("nothing", b"", None),
        ];
        for (rule, bytes, expected) in rows {
            assert_eq!(AudioFormat::detect(bytes), expected, "{rule}");
        }
    }

    #[test]
    fn answer_is_audio_by_type_size_and_content() {
        let rows = [
            ("audio", Some("audio/mpeg"), body(&MP3), ""),
            ("a type in capitals with parameters", Some("Audio/MPEG; a=b"), body(b"ID3"), ""),
            ("no type", None, body(&MP3), "type is nothing"),
            ("JSON", Some("application/json"), body(&MP3), "application/json"),
            ("a short body", Some("audio/mpeg"), b"string".to_vec(), "6 bytes"),
            ("text", Some("audio/mpeg"), body(b"<html>"), "unknown first bytes"),
            ("a long body", Some("audio/mpeg"), vec![0xff; AUDIO_MAX + 1], "10 MiB"),
        ];
        for (rule, kind, body, refusal) in rows {
            let checked = check(kind, &body);
            assert_eq!(checked.is_ok(), refusal.is_empty(), "{rule}: {checked:?}");
            assert!(checked.err().unwrap_or_default().contains(refusal), "{rule}");
        }
    }

    #[test]
    fn output_format_names_its_codec() {
        let rows = [
            ("mp3_44100_128", Some(AudioFormat::Mp3)),
            ("wav_44100", Some(AudioFormat::Wav)),
            ("opus_48000_32", Some(AudioFormat::Ogg)),
            ("pcm_16000", None),
            ("ulaw_8000", None),
            ("", None),
        ];
        for (format, expected) in rows {
            assert_eq!(AudioFormat::of_output(format), expected, "{format}");
        }
    }

    #[test]
    fn duration_is_that_of_headers() {
        let mut tagged = b"ID3\x04\0\0\0\0\x02\0".to_vec(); // a tag of 256 bytes
        tagged.resize(266, 0);
        tagged.extend(body(&MP3));
        let mut ogg = b"OggS\0\0".to_vec();
        ogg.extend(96_000u64.to_le_bytes());
        let rows = [
            ("4096 bytes of 128 kbit/s", body(&MP3), Some(256)),
            ("the same behind a tag", tagged, Some(256)),
            ("Opus", ogg, Some(2000)),
            ("a tag alone", b"ID3\x04\0\0\0\0\x7f\x7f".to_vec(), None),
            ("no audio", body(b"{"), None),
        ];
        for (rule, bytes, expected) in rows {
            assert_eq!(duration(&bytes), expected.map(Duration::from_millis), "{rule}");
        }
    }
}
