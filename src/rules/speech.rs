//! Speech: the sentence of an event, and how it becomes sound.
//!
//! - [`spoken_text`]: text and names in a form that is safe for a speech engine, and short.
//! - [`sentence`]: the sentence of an event, and its sound.
//! - [`sound`]: the short tones before a sentence, computed.
//! - [`audio`]: which bytes are audio, and how long they last.
//! - [`voice`]: the request for a sentence, and its key in the cache.
//! - [`synthesis`]: what the answer of the speech API means.
//! - [`fallback`]: why a local voice speaks, and how often that is said.
//! - [`cache`]: which files of the cache are deleted.
//! - [`player`]: which program plays which format.
//! - [`settings`]: the settings of a channel of type `speech`.

pub mod audio;
pub mod cache;
pub mod fallback;
pub mod player;
pub mod sentence;
pub mod settings;
pub mod sound;
pub mod spoken_text;
pub mod synthesis;
pub mod voice;
