//! A client's connections, made anew as a browser does.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use futures::{SinkExt, StreamExt};
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message, client::IntoClientRequest},
};

use crate::{client::Client, held::Next, random::Random};

/// The server is heard every ten seconds; one that is silent for so long is given up.
const SILENCE: Duration = Duration::from_secs(40);

/// The first wait before another attempt, and the longest.
const WAITS: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(10)];

/// An address that somebody comes from, by which the balancer chooses the server.
pub fn anywhere(random: &mut Random) -> String {
    format!("10.0.{}.{}", random.below(256), random.below(256))
}

/// Connects to a balancer or a server, again and again; as from this address, else as from
/// another one each time.
pub async fn run(client: Arc<Client>, to: SocketAddr, home: Option<String>, mut random: Random) {
    let mut wait = WAITS[0];
    loop {
        let from = home.clone().unwrap_or_else(|| anywhere(&mut random));
        match connect(to, &from).await {
            Ok(socket) => match follow(socket, &client).await {
                Left::Moved => continue,
                Left::Heard => wait = WAITS[0],
                Left::Unheard => {}
            },
            // Nobody is there, or nobody behind it.
            Err(Error::Io(_) | Error::Protocol(_) | Error::ConnectionClosed) => {}
            Err(Error::Http(answer)) if answer.status().is_server_error() => {}
            Err(error) => client.fail(format!("it is refused: {error}")),
        }
        sleep(wait.mul_f64(0.5 + random.below(500) as f64 / 1000.0)).await;
        wait = (wait * 2).min(WAITS[1]);
    }
}

/// How a connection ended.
enum Left {
    /// By the client, which goes to another server.
    Moved,
    /// After something had been heard.
    Heard,
    Unheard,
}

async fn connect(to: SocketAddr, from: &str) -> Result<WebSocketStream<TcpStream>, Error> {
    let stream = TcpStream::connect(to).await?;
    let mut request = "ws://localhost/api/ws".into_client_request()?;
    let from = from.parse().expect("an address");
    request.headers_mut().insert("X-Forwarded-For", from);
    Ok(client_async(request, stream).await?.0)
}

async fn follow(mut socket: WebSocketStream<TcpStream>, client: &Client) -> Left {
    for message in client.subscriptions() {
        let sent = socket.send(Message::text(message.to_json())).await;
        if sent.is_err() {
            return Left::Unheard;
        }
    }
    let mut left = Left::Unheard;
    loop {
        let message = tokio::select! {
            () = client.moved.notified() => return Left::Moved,
            message = timeout(SILENCE, socket.next()) => message,
        };
        match message {
            Ok(Some(Ok(Message::Text(text)))) => {
                left = Left::Heard;
                if client.take(&text) == Next::ConnectAgain {
                    return left;
                }
            }
            Ok(Some(Ok(Message::Close(Some(frame))))) => {
                if ![1001, 1006, 1005].contains(&u16::from(frame.code)) {
                    client.fail(format!("it is sent away: {frame}"));
                }
            }
            Ok(Some(Ok(_))) => {}
            _ => return left,
        }
    }
}
