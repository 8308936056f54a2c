//! Reading a stream, from a position on.

use std::collections::HashMap;

use redis::{
    FromRedisValue, RedisError, Value, cmd,
    streams::{StreamId, StreamRangeReply, StreamReadReply},
};
use tokio::{sync::mpsc, task::JoinHandle};

use super::{
    Address,
    connection::{Connection, reason},
    entry::Piece,
};

/// How long the bus waits for something new, in milliseconds, before it says that there is nothing.
const WAIT: usize = 1_000;

/// How many pieces are taken at once. With as many that wait that bounds what a reader holds.
const TAKEN: usize = 8;

/// What is told by whom reads a stream: what is new in it, or that it can't be read any more.
pub type News<T> = Result<T, Failed>;

/// The bus failed; that was logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed;

/// Somebody who reads a stream; stops when dropped.
#[derive(Debug)]
pub struct Reader<T> {
    news: mpsc::Receiver<News<T>>,
    task: JoinHandle<()>,
}

/// What a stream is made of.
pub trait Item: Sized + Send + 'static {
    /// What somebody wrote; `None` if it is nothing.
    fn of(fields: &HashMap<String, Value>) -> Option<Self>;
}

impl<T: Item> Reader<T> {
    /// Reads what is written to a stream from now on.
    pub fn start(address: Address, stream: String) -> Self {
        let (sender, news) = mpsc::channel(TAKEN);
        let task = tokio::spawn(async move {
            let Err(error) = read(&address, &stream, &sender).await else {
                return;
            };
            tracing::debug!(reason = reason(&error), "the bus can't be read");
            let _ = sender.send(Err(Failed)).await;
        });
        Self { news, task }
    }

    /// What is new next. Nothing is lost if this is dropped.
    ///
    /// # Errors
    /// If the bus failed. There is nothing after that.
    pub async fn next(&mut self) -> News<T> {
        self.news.recv().await.unwrap_or(Err(Failed))
    }
}

impl<T> Drop for Reader<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads until nobody wants it any more.
async fn read<T: Item>(
    address: &Address,
    stream: &str,
    news: &mpsc::Sender<News<T>>,
) -> Result<(), RedisError> {
    let mut connection = Connection::open(address).await?;
    let last = newest(&mut connection, stream).await?;
    let mut position = last.map_or("0".to_owned(), |last| last.id);
    loop {
        let mut next = cmd("XREAD");
        next.arg("COUNT").arg(TAKEN).arg("BLOCK").arg(WAIT);
        next.arg("STREAMS").arg(stream).arg(&position);
        let next: Option<StreamReadReply> = connection.ask(&next).await?;
        let ids = next.into_iter().flat_map(|reply| reply.keys);
        for StreamId { id, map, .. } in ids.flat_map(|key| key.ids) {
            position = id;
            if let Some(item) = T::of(&map)
                && news.send(Ok(item)).await.is_err()
            {
                return Ok(());
            }
        }
        if news.is_closed() {
            return Ok(());
        }
    }
}

/// What was last written to a stream, if that can be read.
pub async fn last<T: Item>(address: &Address, stream: &str) -> Option<T> {
    let mut connection = Connection::open(address).await.ok()?;
    T::of(&newest(&mut connection, stream).await.ok()??.map)
}

async fn newest(connection: &mut Connection, stream: &str) -> Result<Option<StreamId>, RedisError> {
    let mut newest = cmd("XREVRANGE");
    newest.arg(stream).arg("+").arg("-").arg("COUNT").arg(1);
    let newest: StreamRangeReply = connection.ask(&newest).await?;
    Ok(newest.ids.into_iter().next())
}

fn field<T: FromRedisValue>(fields: &HashMap<String, Value>, name: &str) -> Option<T> {
    T::from_redis_value_ref(fields.get(name)?).ok()
}

impl Item for Piece {
    fn of(fields: &HashMap<String, Value>) -> Option<Self> {
        let form = field(fields, "form")?;
        // What another form has beside it is not known.
        let number = |name: &str| field(fields, name).unwrap_or_default();
        Some(Self {
            form,
            writer: number("writer"),
            number: number("number"),
            at: number("at") as u32,
            of: number("of") as u32,
            bytes: field(fields, "bytes").unwrap_or_default(),
        })
    }
}

/// What a follower asks of whoever leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// To read the log now.
    Read,
    /// To leave it to somebody who does nothing else.
    Yield,
}

impl Ask {
    /// As it stands in the stream.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Yield => "yield",
        }
    }
}

impl Item for Ask {
    fn of(fields: &HashMap<String, Value>) -> Option<Self> {
        let name: String = field(fields, "ask")?;
        [Self::Read, Self::Yield]
            .into_iter()
            .find(|ask| ask.name() == name)
    }
}
