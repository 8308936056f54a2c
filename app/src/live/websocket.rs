//! The transport of choice: compact messages over one WebSocket.

use std::{cell::Cell, rc::Rc};

use rowcast_protocol::{message::ClientMessage, version::WIRE_VERSION};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{BinaryType, CloseEvent, MessageEvent, WebSocket};

use super::connection::Subscription;
use super::transport::{Closed, Listener, Signal, Transport};

/// The close code of a server whose build or wire version is another.
const OTHER_BUILD: u16 = 4001;

/// The close code of a server that whoever reads the page is not signed in to any more.
const SIGNED_OUT: u16 = 4002;

/// A WebSocket, open or opening.
pub struct WebSocketTransport {
    socket: WebSocket,
    // The socket calls these for as long as it is not closed.
    _opened: Closure<dyn FnMut(JsValue)>,
    _message: Closure<dyn FnMut(MessageEvent)>,
    _closed: Closure<dyn FnMut(CloseEvent)>,
}

impl WebSocketTransport {
    /// Opens a WebSocket to the server that the page of `build` came from.
    pub fn open(build: &str, listener: Listener) -> Result<Self, JsValue> {
        let socket = WebSocket::new(&format!(
            "/api/ws?encoding=postcard&wire={WIRE_VERSION}&build={build}"
        ))?;
        socket.set_binary_type(BinaryType::Arraybuffer);
        let was_open = Rc::new(Cell::new(false));
        let opened = Closure::<dyn FnMut(JsValue)>::new({
            let (listener, was_open) = (listener.clone(), was_open.clone());
            move |_| {
                was_open.set(true);
                listener(Signal::Opened);
            }
        });
        let message = Closure::<dyn FnMut(MessageEvent)>::new({
            let (listener, socket) = (listener.clone(), socket.clone());
            let mut accepted = false;
            move |event: MessageEvent| {
                // One that is turned down is opened too, and hears nothing but why.
                if !accepted {
                    accepted = true;
                    listener(Signal::Following);
                }
                let bytes = js_sys::Uint8Array::new(&event.data()).to_vec();
                match postcard::from_bytes(&bytes) {
                    Ok(message) => listener(Signal::Message(message)),
                    // A server that speaks otherwise is none to listen to.
                    Err(_) => drop(socket.close()),
                }
            }
        });
        let closed = Closure::<dyn FnMut(CloseEvent)>::new(move |event: CloseEvent| {
            listener(Signal::Closed(match event.code() {
                OTHER_BUILD => Closed::OtherBuild,
                SIGNED_OUT => Closed::SignedOut,
                _ if was_open.get() => Closed::Lost,
                _ => Closed::Refused,
            }));
        });
        socket.set_onopen(Some(opened.as_ref().unchecked_ref()));
        socket.set_onmessage(Some(message.as_ref().unchecked_ref()));
        socket.set_onclose(Some(closed.as_ref().unchecked_ref()));
        Ok(Self {
            socket,
            _opened: opened,
            _message: message,
            _closed: closed,
        })
    }

    fn send(&self, message: &ClientMessage) {
        // One that can't send is about to report that it closed.
        if self.socket.ready_state() == WebSocket::OPEN
            && let Ok(bytes) = postcard::to_allocvec(message)
        {
            let _ = self.socket.send_with_u8_array(&bytes);
        }
    }
}

impl Transport for WebSocketTransport {
    fn subscribe(&mut self, id: u32, subscription: &Subscription) {
        self.send(&ClientMessage::Subscribe {
            id,
            table: subscription.table.clone(),
            query: subscription.query.clone(),
            cursor: subscription.cursor.clone(),
        });
    }

    fn unsubscribe(&mut self, id: u32) {
        self.send(&ClientMessage::Unsubscribe { id });
    }
}

impl Drop for WebSocketTransport {
    fn drop(&mut self) {
        self.socket.set_onopen(None);
        self.socket.set_onmessage(None);
        self.socket.set_onclose(None);
        // Closing what is closed already does nothing.
        let _ = self.socket.close();
    }
}
