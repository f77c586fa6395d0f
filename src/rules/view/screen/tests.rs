//! Goldens of the screen, keys, and promises that hold for every frame.

mod claims;
mod extremes;
mod frames;
mod goldens;
mod keys;
mod parts;
mod states;
mod verdicts;
