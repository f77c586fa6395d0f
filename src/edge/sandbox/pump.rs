//! Copy of bytes between two connections, in both directions.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;

/// Duplex whose two directions end apart.
pub(super) trait Duplex: Read + Write + Send + Sized + 'static {
    fn again(&self) -> io::Result<Self>;
    fn close(&self, how: Shutdown);
}

impl Duplex for TcpStream {
    fn again(&self) -> io::Result<Self> {
        self.try_clone()
    }

    fn close(&self, how: Shutdown) {
        // The other end may have closed it.
        let _ = self.shutdown(how);
    }
}

impl Duplex for UnixStream {
    fn again(&self) -> io::Result<Self> {
        self.try_clone()
    }

    fn close(&self, how: Shutdown) {
        let _ = self.shutdown(how);
    }
}

/// Passes bytes on until the server has ended its answer, or both have ended.
pub(super) fn pump(client: impl Duplex, server: impl Duplex) -> io::Result<()> {
    let (mut from_client, mut to_server) = (client.again()?, server.again()?);
    let up = std::thread::spawn(move || {
        let _ = io::copy(&mut from_client, &mut to_server);
        to_server.close(Shutdown::Write);
    });
    let (mut from_server, mut to_client) = (server, client);
    let _ = io::copy(&mut from_server, &mut to_client);
    to_client.close(Shutdown::Both);
    from_server.close(Shutdown::Both);
    let _ = up.join();
    Ok(())
}
