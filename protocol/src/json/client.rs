//! What a client says, in JSON.

use serde_json::{Map, Value};

use crate::{ApiError, cell::write_json_string, message::ClientMessage};

impl ClientMessage {
    /// Reads a WebSocket text message. An absent `query` is the empty one; members that mean
    /// nothing here are passed over.
    pub fn from_json(text: &str) -> Result<Self, ApiError> {
        let message: Map<String, Value> = serde_json::from_str(text)
            .map_err(|error| invalid(format!("the message is no JSON object: {error}")))?;
        let kind =
            string(&message, "type")?.ok_or_else(|| invalid("the message has no type".into()))?;
        match kind {
            "subscribe" => Ok(Self::Subscribe {
                id: id(&message)?,
                table: string(&message, "table")?
                    .ok_or_else(|| invalid("subscribe has no table".into()))?
                    .into(),
                query: string(&message, "query")?.unwrap_or_default().into(),
                cursor: string(&message, "cursor")?.map(Into::into),
            }),
            "unsubscribe" => Ok(Self::Unsubscribe { id: id(&message)? }),
            _ => Err(invalid(format!(
                "there is no message type {:?}",
                kind.chars().take(60).collect::<String>()
            ))),
        }
    }

    /// The text that [`ClientMessage::from_json`] reads.
    pub fn to_json(&self) -> String {
        let mut out = Vec::new();
        match self {
            Self::Subscribe {
                id,
                table,
                query,
                cursor,
            } => {
                out.extend_from_slice(b"{\"type\":\"subscribe\",\"id\":");
                out.extend_from_slice(id.to_string().as_bytes());
                out.extend_from_slice(b",\"table\":");
                write_json_string(table, &mut out);
                out.extend_from_slice(b",\"query\":");
                write_json_string(query, &mut out);
                if let Some(cursor) = cursor {
                    out.extend_from_slice(b",\"cursor\":");
                    write_json_string(cursor, &mut out);
                }
                out.push(b'}');
            }
            Self::Unsubscribe { id } => {
                out.extend_from_slice(b"{\"type\":\"unsubscribe\",\"id\":");
                out.extend_from_slice(id.to_string().as_bytes());
                out.push(b'}');
            }
        }
        // Whole strings went in, so it is UTF-8.
        String::from_utf8(out).unwrap_or_default()
    }
}

/// The `id` of a message that may be wrong otherwise, so that the answer can carry it.
pub fn message_id(text: &str) -> Option<u32> {
    let message: Map<String, Value> = serde_json::from_str(text).ok()?;
    id(&message).ok()
}

fn id(message: &Map<String, Value>) -> Result<u32, ApiError> {
    message
        .get("id")
        .ok_or_else(|| invalid("the message has no id".into()))?
        .as_u64()
        .and_then(|id| u32::try_from(id).ok())
        .ok_or_else(|| invalid("id is not a whole number from 0 to 4294967295".into()))
}

fn string<'a>(message: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, ApiError> {
    match message.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(invalid(format!("{name} is not a string"))),
    }
}

fn invalid(message: String) -> ApiError {
    ApiError::new(
        "invalid_message",
        message,
        r#"{"type":"subscribe","id":1,"table":"orders","query":"status=eq.open"} or {"type":"unsubscribe","id":1}"#,
    )
}
