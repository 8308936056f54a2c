"""The fifty largest open orders, live: Flask-SocketIO over LISTEN/NOTIFY.

A trigger notifies; what has queued up is answered by one query, and its rows go to everybody.
"""
from gevent import monkey

monkey.patch_all()

import os

import psycopg
from flask import Flask
from flask_socketio import SocketIO, emit
from psycopg.rows import dict_row

QUERY = """
    SELECT id, title, status, amount, seq FROM orders
    WHERE status = 'open' ORDER BY amount DESC, id LIMIT 50
"""

app = Flask(__name__)
socketio = SocketIO(app, async_mode="gevent")


def connect():
    return psycopg.connect(os.environ["DATABASE_URL"], autocommit=True, row_factory=dict_row)


@socketio.on("connect")
def on_connect():
    with connect() as connection:
        emit("orders", connection.execute(QUERY).fetchall())


def follow():
    with connect() as listener, connect() as reader:
        listener.execute("LISTEN orders")
        while True:
            for _ in listener.notifies(stop_after=1):
                pass
            socketio.emit("orders", reader.execute(QUERY).fetchall())


if __name__ == "__main__":
    socketio.start_background_task(follow)
    socketio.run(app, host="127.0.0.1", port=int(os.environ["PORT"]))
