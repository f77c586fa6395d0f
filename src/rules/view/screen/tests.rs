//! Goldens of the screen, keys, and promises that hold for every frame.

mod arguments;
mod claims;
mod decisions;
mod extremes;
mod frames;
mod goldens;
mod keys;
mod parts;
mod states;
mod verdicts;
