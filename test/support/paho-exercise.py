"""The steps of exercise.ts with Debian's paho-mqtt: prints what was received as JSON, judges nothing."""

import json
import socket
import sys
import threading

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

PATIENCE = 15


def main(url, name, version, certificate):
    scheme, _, address = url.partition("://")
    host, _, port = address.partition(":")
    five = version == "5"
    protocol = {"3": mqtt.MQTTv31, "4": mqtt.MQTTv311, "5": mqtt.MQTTv5}[version]
    user_properties = None

    def open_client(role, will=False):
        client = mqtt.Client(
            client_id=f"{name}-{role}",
            protocol=protocol,
            transport="websockets" if scheme.startswith("ws") else "tcp",
            **({} if five else {"clean_session": True}),
        )
        if scheme in ("mqtts", "wss"):
            client.tls_set(ca_certs=certificate)
        if will:
            client.will_set(f"{name}/will", "gone", qos=1)
        connected = threading.Event()
        refused = []

        def on_connect(_client, _data, _flags, code, *_):
            if int(getattr(code, "value", code)) != 0:
                refused.append(str(code))
            connected.set()

        client.on_connect = on_connect
        client.connect(host, int(port))
        client.loop_start()
        if not connected.wait(PATIENCE) or refused:
            raise SystemExit(f"{role} was not connected: {refused}")
        return client

    def close(client):
        client.disconnect()
        client.loop_stop()

    def publish(client, topic, payload, **more):
        client.publish(topic, payload, **more).wait_for_publish(PATIENCE)

    def collect(role, topic, count, act):
        nonlocal user_properties
        lines = []
        arrived = threading.Event()
        subscribed = threading.Event()
        client = open_client(role)

        def on_message(_client, _data, message):
            nonlocal user_properties
            lines.append(
                f"{message.topic} {message.payload.decode()} q{message.qos} r{int(message.retain)}"
            )
            found = getattr(getattr(message, "properties", None), "UserProperty", None)
            if found and user_properties is None:
                user_properties = dict(found)
            if len(lines) == count:
                arrived.set()

        client.on_message = on_message
        client.on_subscribe = lambda *_: subscribed.set()
        client.subscribe(topic, qos=2)
        subscribed.wait(PATIENCE)
        act()
        if not arrived.wait(PATIENCE):
            raise SystemExit(f"{topic}: only {lines}")
        close(client)
        return sorted(lines)

    publisher = open_client("publisher", will=True)
    properties = Properties(PacketTypes.PUBLISH)
    properties.UserProperty = ("colour", "blue")
    more = {"properties": properties} if five else {}

    def publish_all():
        for qos in range(3):
            publish(publisher, f"{name}/live/{qos}", f"live {qos}", qos=qos, **more)
            publish(publisher, f"{name}/kept/{qos}", f"kept {qos}", qos=qos, retain=True)

    def cut():
        publisher.loop_stop()
        # The stream under TLS and WebSocket alike, without a word of farewell.
        fd = socket.socket(fileno=publisher.socket().fileno())
        fd.shutdown(socket.SHUT_RDWR)
        fd.detach()

    live = collect("watcher", f"{name}/live/#", 3, publish_all)
    kept = collect("late", f"{name}/kept/#", 3, lambda: None)
    will = collect("heir", f"{name}/will", 1, cut)
    sweeper = open_client("sweeper")
    for qos in range(3):
        publish(sweeper, f"{name}/kept/{qos}", b"", qos=qos, retain=True)
    close(sweeper)
    print(json.dumps({"live": live, "kept": kept, "will": will, "userProperties": user_properties}))


main(*sys.argv[1:])
