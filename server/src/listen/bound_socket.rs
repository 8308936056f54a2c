//! The address that a server has, before it answers there.

use std::{io, net::SocketAddr};

use tokio::net::{TcpListener, TcpSocket};

/// An address that is bound: nobody else has it, and whoever connects is refused, until it is
/// [listened on](Self::listen).
///
/// Another program may bind it, too, as long as neither listens: that one of the two is refused
/// which listens second.
#[derive(Debug)]
pub struct BoundSocket {
    socket: TcpSocket,
    /// With the port that was free, where none was asked for.
    address: SocketAddr,
    setting: &'static str,
}

/// An address that can't be listened on.
#[derive(Debug, thiserror::Error)]
#[error("{setting} is \"{address}\", which can't be listened on (choose another port)")]
pub struct Taken {
    setting: &'static str,
    address: SocketAddr,
    source: io::Error,
}

impl BoundSocket {
    /// Binds the address of a setting.
    ///
    /// # Errors
    /// If somebody listens there, or this program may not.
    pub fn at(setting: &'static str, address: SocketAddr) -> Result<Self, Taken> {
        let bound = bind(address).map(|(socket, address)| Self {
            socket,
            address,
            setting,
        });
        bound.map_err(|source| Taken {
            setting,
            address,
            source,
        })
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Has clients come from now on.
    ///
    /// # Errors
    /// If somebody else has listened first.
    pub fn listen(self) -> Result<TcpListener, Taken> {
        // The system's limit is what counts.
        let listening = self.socket.listen(u32::MAX);
        listening.map_err(|source| Taken {
            setting: self.setting,
            address: self.address,
            source,
        })
    }
}

fn bind(address: SocketAddr) -> io::Result<(TcpSocket, SocketAddr)> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    // As connections of a server before it may be closing still.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    let address = socket.local_addr()?;
    Ok((socket, address))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;

    const SETTING: &str = "ROWCAST_ADDR";

    fn bound(address: &str) -> BoundSocket {
        BoundSocket::at(SETTING, address.parse().expect("an address")).expect("a free port")
    }

    #[tokio::test]
    async fn who_comes_before_it_is_listened_on_is_refused_and_not_kept_waiting() {
        let socket = bound("127.0.0.1:0");
        let address = socket.address();
        let refused = TcpStream::connect(address).await.expect_err("refused");
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        let listener = socket.listen().expect("nobody else listens");
        assert_eq!(listener.local_addr().expect("its address"), address);
        TcpStream::connect(address).await.expect("a connection");
    }

    #[tokio::test]
    async fn of_two_who_want_an_address_the_second_one_is_told_which() {
        let (first, address) = {
            let first = bound("127.0.0.1:0");
            let address = first.address();
            (first, address)
        };
        let told = format!("{SETTING} is \"{address}\", which can't be listened on");
        let late = BoundSocket::at(SETTING, address).expect("nobody listens yet");
        let listener = first.listen().expect("nobody else listens");
        for taken in [
            late.listen().map(drop).expect_err("it is taken"),
            BoundSocket::at(SETTING, address)
                .map(drop)
                .expect_err("it is taken"),
        ] {
            assert!(taken.to_string().contains(&told), "{taken}");
            assert_eq!(taken.source.kind(), io::ErrorKind::AddrInUse);
        }
        drop(listener);
        let again = BoundSocket::at(SETTING, address).expect("nobody listens any more");
        again.listen().expect("nobody else listens");
    }

    #[tokio::test]
    async fn all_addresses_are_those_of_both_kinds() {
        if std::net::TcpListener::bind("[::1]:0").is_err() {
            // There is but one kind here.
            return;
        }
        let socket = bound("[::]:0");
        let port = socket.address().port();
        let _listener = socket.listen().expect("nobody else listens");
        let here = TcpStream::connect(("127.0.0.1", port)).await;
        here.expect("a connection");
    }
}
