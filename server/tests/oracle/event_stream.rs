//! A client's event stream: one subscription.

use std::{io, sync::Arc};

use rowcast_protocol::ApiError;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    sync::{mpsc::UnboundedReceiver, watch},
    time::sleep,
};

use super::{
    client::{BACKOFF, Command, Next, Shared, Wanted},
    socket,
};

/// Follows one query, over one connection after another, until its commands end.
pub async fn run(
    address: String,
    wanted: Wanted,
    mut commands: UnboundedReceiver<Command>,
    shared: Arc<Shared>,
    mut paused: watch::Receiver<bool>,
) {
    loop {
        tokio::select! {
            command = commands.recv() => match command {
                Some(_) => {}
                None => return,
            },
            // However it ends, the next one resumes.
            _ = follow(&address, &wanted, &shared, &mut paused) => {}
        }
        sleep(BACKOFF).await;
    }
}

async fn follow(
    address: &str,
    wanted: &Wanted,
    shared: &Shared,
    paused: &mut watch::Receiver<bool>,
) -> io::Result<()> {
    let mut stream = socket::open(address).await?;
    let cursor = shared.cursor(wanted.nth);
    // A cursor may come in either way.
    let (header, parameter) = match cursor {
        Some(cursor) if wanted.nth.is_multiple_of(2) => {
            (format!("Last-Event-ID: {cursor}\r\n"), String::new())
        }
        Some(cursor) => (String::new(), format!("&cursor={cursor}")),
        None => Default::default(),
    };
    let Wanted { table, query, .. } = wanted;
    let head = format!(
        "GET /api/live/{table}?{query}{parameter} HTTP/1.1\r\nHost: {address}\r\n{header}\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    let mut stream = BufReader::new(stream);
    let status = line(&mut stream).await?;
    if !status.starts_with("HTTP/1.1 200") {
        return refused(stream, wanted, shared).await;
    }
    let mut name = String::new();
    loop {
        if paused.wait_for(|paused| !paused).await.is_err() {
            return Ok(());
        }
        let line = line(&mut stream).await?;
        if let Some(event) = line.strip_prefix("event: ") {
            event.clone_into(&mut name);
        } else if let Some(data) = line.strip_prefix("data: ")
            && shared.take(wanted.nth, &name, data) == Next::ConnectAgain
        {
            return Ok(());
        }
    }
}

/// The answer was a status: an error, unless it is one that passes.
async fn refused(
    mut stream: BufReader<TcpStream>,
    wanted: &Wanted,
    shared: &Shared,
) -> io::Result<()> {
    let mut length = 0;
    loop {
        let line = line(&mut stream).await?.to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().unwrap_or(0);
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let text = String::from_utf8_lossy(&body);
    let error: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let code = error["error"]["code"].as_str().unwrap_or_default();
    if !matches!(
        code,
        "database_unavailable" | "too_busy" | "catalog_changed"
    ) {
        let error = ApiError::new(code, text.clone(), "");
        shared.refused(wanted.nth, &error);
    }
    Ok(())
}

async fn line(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    line.truncate(line.trim_end_matches(['\r', '\n']).len());
    Ok(line)
}
