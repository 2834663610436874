"""Two clients by others meet on one homeserver.

python scenario.py HOMESERVER_URL NODE_MODULES_FOLDER
"""

import hashlib
import itertools
import json
import os
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

HERE = Path(__file__).parent


class Client:
    """A client in a process of its own."""

    def __init__(self, name, command):
        self.name = name
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.user_id = self.do("register", user=f"{name}-{os.getpid()}", password="quite secret words")["user_id"]

    def do(self, action, **parameters):
        self.process.stdin.write(json.dumps({"do": action, **parameters}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        answer = json.loads(line) if line else {"error": "the client ended"}
        if "error" in answer:
            raise SystemExit(f"{self.name} {action} {parameters}: {answer['error']}")
        return answer["ok"]

    def stop(self):
        self.process.communicate(json.dumps({"do": "stop"}) + "\n", timeout=30)


def png(width, height, colour):
    """A picture of one colour, so that none has to be stored."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = (b"\0" + bytes(colour) * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def meet(creator, others, picture, direct, encrypted):
    """One room in which everybody writes and sends a picture, and everybody else sees it."""
    everybody = [creator, *others]
    users = [client.user_id for client in everybody]
    name = {} if direct else {"name": "Class 10b"}
    room_id = creator.do("create_room", invite=users[1:], direct=direct, encrypted=encrypted, **name)["room_id"]
    for client in others:
        client.do("join", room_id=room_id)
    for client in everybody:
        client.do("wait_for_members", room_id=room_id, members=users)
    digest = hashlib.sha256(picture.read_bytes()).hexdigest()
    for sender, receiver in itertools.permutations(everybody, 2):
        body = f"Добрый день, {receiver.name}! This is {sender.name}."
        sender.do("send_text", room_id=room_id, body=body)
        expected = {"room_id": room_id, "sender": sender.user_id, "encrypted": encrypted}
        receiver.do("wait_for_text", body=body, **expected)
        sender.do("send_picture", room_id=room_id, file=str(picture))
        seen = receiver.do("wait_for_picture", **expected)["sha256"]
        if seen != digest:
            raise SystemExit(f"{receiver.name} got another picture than {sender.name} sent")


def main(homeserver, node_modules):
    node = Path(node_modules, "node", "bin", "node")
    clients = []

    def start(name, *command):
        clients.append(Client(name, [*command, homeserver]))
        return clients[-1]

    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder, "picture.png")
        picture.write_bytes(png(320, 200, (120, 60, 200)))
        # Node looks for packages beside the script.
        script = Path(node_modules, "..", "js_client.mjs").resolve()
        script.write_bytes((HERE / "js_client.mjs").read_bytes())
        nio = start("nio", sys.executable, str(HERE / "nio_client.py"))
        js = start("js", str(node), str(script))
        third = start("nio-2", sys.executable, str(HERE / "nio_client.py"))
        for encrypted in (False, True):
            for creator, other in ((nio, js), (js, nio)):
                what = f"direct chat by {creator.name}, {'encrypted' if encrypted else 'plain'}"
                began = time.monotonic()
                meet(creator, [other], picture, direct=True, encrypted=encrypted)
                print(f"ok  {what}  {time.monotonic() - began:.1f} s", flush=True)
            began = time.monotonic()
            meet(js, [nio, third], picture, direct=False, encrypted=encrypted)
            kind = "encrypted" if encrypted else "plain"
            print(f"ok  group of three, {kind}  {time.monotonic() - began:.1f} s", flush=True)
        for client in clients:
            client.stop()


main(*sys.argv[1:])
