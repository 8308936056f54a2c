//! A client's WebSocket.

use std::{net::SocketAddr, sync::Arc};

use futures::{SinkExt, StreamExt};
use rowcast_protocol::message::ClientMessage;
use tokio::{
    net::{TcpSocket, TcpStream},
    sync::{mpsc::UnboundedReceiver, watch},
    time::sleep,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message},
};

use super::client::{BACKOFF, Command, Next, Shared, Wanted};

/// What waits for a client that does not read waits at the server, not in between.
const RECEIVE_BUFFER: u32 = 16 * 1024;

/// Follows what it is told to, over one connection after another.
pub async fn run(
    address: String,
    mut commands: UnboundedReceiver<Command>,
    shared: Arc<Shared>,
    mut paused: watch::Receiver<bool>,
) {
    let mut wanted = Vec::new();
    loop {
        if let Ok(socket) = connect(&address).await
            && let Ok(End::Unwanted) =
                follow(socket, &mut wanted, &mut commands, &shared, &mut paused).await
        {
            return;
        }
        // However the connection ended, the next one resumes.
        sleep(BACKOFF).await;
    }
}

/// A connection to the server.
pub async fn open(address: &str) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    let address: SocketAddr = address.parse().expect("the server's address");
    socket.connect(address).await
}

enum End {
    Unwanted,
    Broken,
}

async fn connect(address: &str) -> Result<WebSocketStream<TcpStream>, Error> {
    let stream = open(address).await?;
    Ok(client_async(format!("ws://{address}/api/ws"), stream)
        .await?
        .0)
}

async fn follow(
    mut socket: WebSocketStream<TcpStream>,
    wanted: &mut Vec<Wanted>,
    commands: &mut UnboundedReceiver<Command>,
    shared: &Shared,
    paused: &mut watch::Receiver<bool>,
) -> Result<End, Error> {
    for wanted in wanted.iter() {
        subscribe(&mut socket, wanted, shared).await?;
    }
    loop {
        let reads = !*paused.borrow_and_update();
        tokio::select! {
            biased;
            command = commands.recv() => match command {
                None => return Ok(End::Unwanted),
                Some(Command::Disconnect) => return Ok(End::Broken),
                Some(Command::Follow(new)) => {
                    subscribe(&mut socket, &new, shared).await?;
                    wanted.push(new);
                }
                Some(Command::Leave(nth)) => {
                    wanted.retain(|other| other.nth != nth);
                    let message = ClientMessage::Unsubscribe { id: id(nth) };
                    socket.send(Message::text(message.to_json())).await?;
                }
            },
            _ = paused.changed() => {}
            message = socket.next(), if reads => match message.transpose()? {
                Some(Message::Text(text)) => {
                    if take(shared, &text) == Next::ConnectAgain {
                        return Ok(End::Broken);
                    }
                }
                Some(_) => {}
                None => return Ok(End::Broken),
            }
        }
    }
}

async fn subscribe(
    socket: &mut WebSocketStream<TcpStream>,
    wanted: &Wanted,
    shared: &Shared,
) -> Result<(), Error> {
    let message = ClientMessage::Subscribe {
        id: id(wanted.nth),
        table: wanted.table.clone(),
        query: wanted.query.clone(),
        cursor: shared.cursor(wanted.nth),
    };
    socket.send(Message::text(message.to_json())).await
}

fn take(shared: &Shared, text: &str) -> Next {
    let message: serde_json::Value = serde_json::from_str(text).expect("JSON");
    let id = message["id"].as_u64().expect("a number") as usize;
    shared.take(id - 1, message["type"].as_str().expect("a type"), text)
}

fn id(nth: usize) -> u32 {
    nth as u32 + 1
}
