//! Goldens of the screen, keys, and promises that hold for every frame.

mod frames;
mod goldens;
mod keys;
mod parts;
mod states;
