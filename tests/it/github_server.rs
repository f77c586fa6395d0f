//! The stand-in for GitHub, proved: by GitHub's documents, by its recorded answers, by `gh` and git.

mod faults;
mod gh;
mod git;
mod graphql;
mod recorded;
mod rest;
