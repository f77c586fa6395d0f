//! Client of the agent's sandbox that asks for a run of the tests, shows its output and ends with its
//! exit status.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;

use super::test_server::{END, OUTPUT};
use super::{INSIDE, socket};
use crate::error::Error;
use crate::wire;

/// Runs the tests; returns their exit status.
pub fn run() -> Result<u8, Error> {
    let failed = |error: io::Error| Error::failed("run", "the tests", error);
    let server = UnixStream::connect(format!("{INSIDE}/{}", socket::TESTS)).map_err(failed)?;
    read_answer(server, &mut |bytes| wire::print(bytes))
}

/// Reads frames up to the last one, and returns the exit status in it.
pub(super) fn read_answer(
    mut server: UnixStream,
    show: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
) -> Result<u8, Error> {
    let failed = |error: io::Error| Error::failed("run", "the tests", error);
    loop {
        let mut head = [0; 2];
        server.read_exact(&mut head).map_err(failed)?;
        match head[0] {
            END => return Ok(head[1]),
            OUTPUT => {}
            _ => return Err(Error::failed("run", "the tests", "the answer is of another version")),
        }
        let mut rest = [0; 3];
        server.read_exact(&mut rest).map_err(failed)?;
        let length = u32::from_be_bytes([head[1], rest[0], rest[1], rest[2]]);
        let mut bytes = vec![0; length as usize];
        server.read_exact(&mut bytes).map_err(failed)?;
        show(&bytes)?;
    }
}
