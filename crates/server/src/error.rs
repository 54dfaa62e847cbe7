//! What can go wrong when a server starts.

use std::io;
use std::net::SocketAddr;

/// A server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address can be reached from elsewhere, and everybody there would be let in.
    #[error(
        "{0} can be reached from other machines: set a token with --token or FLIGHTREC_TOKEN, or listen on a loopback \
         address such as 127.0.0.1"
    )]
    NeedsToken(SocketAddr),
    /// The token cannot stand in a header.
    #[error("the token must be one or more printable ASCII characters without spaces")]
    BadToken,
    /// The address is taken, or is none of this machine.
    #[error("cannot listen on {address}; is another server running there? Port 0 takes any free port")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
}
