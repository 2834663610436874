"""Two clients by others meet on one homeserver.

python scenario.py HOMESERVER_URL NODE_MODULES_FOLDER [REGISTRATION_OF_THE_BRIDGE]
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


PASSWORD = "quite secret words"


class Client:
    """A client in a process of its own, with an account of its own or on another device of somebody's account."""

    def __init__(self, name, command, account=None):
        self.name = name
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.user = account.user if account else f"{name}-{os.getpid()}"
        action = "sign_in" if account else "register"
        session = self.do(action, user=self.user, password=PASSWORD)
        self.user_id, self.device_id = session["user_id"], session["device_id"]

    def do(self, action, **parameters):
        self.begin(action, **parameters)
        return self.end()

    def begin(self, action, **parameters):
        """Asks for something that another client has to answer before it ends."""
        self.asked = f"{action} {parameters}"
        self.process.stdin.write(json.dumps({"do": action, **parameters}) + "\n")
        self.process.stdin.flush()

    def end(self):
        line = self.process.stdout.readline()
        answer = json.loads(line) if line else {"error": "the client ended"}
        if "error" in answer:
            raise SystemExit(f"{self.name} {self.asked}: {answer['error']}")
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


def room_of(creator, *others, **options):
    """A room that everybody has joined."""
    users = [client.user_id for client in (creator, *others)]
    options = {"direct": False, "encrypted": True, "name": "Class 10b", **options}
    room_id = creator.do("create_room", invite=users[1:], **options)["room_id"]
    for client in others:
        client.do("join", room_id=room_id)
    for client in (creator, *others):
        client.do("wait_for_members", room_id=room_id, members=users)
    return room_id


def verify(asking, asked, **request):
    """Two devices compare emoji."""
    asking.do("request_verification", **request)
    asked.do("accept_verification")
    asking.begin("begin_emoji")
    asked.begin("await_emoji")
    if asking.end()["emoji"] != asked.end()["emoji"]:
        raise SystemExit(f"{asking.name} and {asked.name} see different emoji")
    for client in (asking, asked):
        client.do("confirm_emoji")
    for client in (asking, asked):
        client.do("end_verification")


def own_devices(first, second):
    """A second device is verified with emoji, gets the secrets, and is signed out."""
    for client in (first, second):
        client.do("wait_for_devices", user_id=first.user_id, devices=[first.device_id, second.device_id])
    verify(second, first, user_id=first.user_id, device_id=first.device_id)
    for client in (first, second):
        for device in (first, second):
            client.do("wait_for_trusted_device", user_id=first.user_id, device_id=device.device_id)
    second.do("wait_for_secrets")
    second.do("sign_out")
    first.do("wait_for_devices", user_id=first.user_id, devices=[first.device_id])


def two_people(first, second):
    """Two people verify each other with emoji in a direct chat."""
    room_id = room_of(first, second, direct=True)
    verify(first, second, user_id=second.user_id, room_id=room_id)
    first.do("wait_for_trusted_user", user_id=second.user_id)
    second.do("wait_for_trusted_user", user_id=first.user_id)


def backup(first, friend, new_device, recovery_key):
    """A new device reads old messages with keys from the backup."""
    room_id = room_of(first, friend)
    for sender in (first, friend):
        sender.do("send_text", room_id=room_id, body=f"old words of {sender.name}")
    expected = {"room_id": room_id, "sender": friend.user_id, "encrypted": True}
    first.do("wait_for_text", body=f"old words of {friend.name}", **expected)
    first.do("wait_for_backup", room_id=room_id, keys=2)
    device = new_device()
    imported = device.do("recover", recovery_key=recovery_key)["imported"]
    if imported < 2:
        raise SystemExit(f"{imported} keys came from the backup")
    device.do("wait_for_text", body=f"old words of {friend.name}", **expected)
    return device


def offline(sender, receiver):
    """A device that was offline gets the keys of all that was said meanwhile."""
    room_id = room_of(sender, receiver)
    receiver.do("go_offline")
    # Of these, nio reads what comes after its key: as many messages as one answer of /sync may have.
    words = [f"message {number}" for number in range(90)]
    for body in words:
        sender.do("discard_room_key", room_id=room_id)
        sender.do("send_text", room_id=room_id, body=body)
    receiver.do("go_online")
    expected = {"room_id": room_id, "sender": sender.user_id, "encrypted": True}
    for body in words[-5:]:
        receiver.do("wait_for_text", body=body, **expected)


def game(player, encrypted):
    """A game against Fialka's room bot, by text and by reaction, to its end."""
    bot = "@bot:" + player.user_id.split(":", 1)[1]
    player.do("wait_for_user", user_id=bot)
    room_id = player.do("create_room", invite=[bot], direct=False, encrypted=encrypted, name="Games")["room_id"]
    player.do("wait_for_members", room_id=room_id, members=[bot])
    seen = {"room_id": room_id, "sender": bot, "encrypted": encrypted}
    player.do("wait_for_notice", containing="!games", **seen)
    player.do("send_text", room_id=room_id, body="!start tictactoe bot hard")
    board = player.do("wait_for_notice", containing="To move", **seen)["event_id"]
    player.do("react", room_id=room_id, event_id=board, key="2️⃣")
    player.do("wait_for_notice", containing="❌", **seen)
    player.do("send_text", room_id=room_id, body="!resign")
    player.do("wait_for_notice", containing="bot (hard) wins", **seen)


def main(homeserver, node_modules, registration=None):
    node = Path(node_modules, "node", "bin", "node")
    clients = []

    def start(name, *command, account=None):
        clients.append(Client(name, [*command, homeserver], account))
        return clients[-1]

    def play(what, scene):
        began = time.monotonic()
        result = scene()
        print(f"ok  {what}  {time.monotonic() - began:.1f} s", flush=True)
        return result

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
            kind = "encrypted" if encrypted else "plain"
            for creator, other in ((nio, js), (js, nio)):
                what = f"direct chat by {creator.name}, {kind}"
                play(what, lambda: meet(creator, [other], picture, direct=True, encrypted=encrypted))
            play(f"group of three, {kind}", lambda: meet(js, [nio, third], picture, False, encrypted))

            play(f"a game against the bot, {kind}", lambda: game(third, encrypted))

        def device_of(account, name):
            return start(name, str(node), str(script), account=account)

        recovery_key = play("cross-signing and backup set up", lambda: js.do("set_up_encryption"))["recovery_key"]
        play("own device verified and signed out", lambda: own_devices(js, device_of(js, "js-b")))
        friend = device_of(None, "friend")
        friend.do("set_up_encryption")
        play("two people verify each other", lambda: two_people(js, friend))
        play("keys from the backup", lambda: backup(js, friend, lambda: device_of(js, "js-c"), recovery_key))
        play("messages for a device that was offline", lambda: offline(js, third))
        for client in clients:
            client.stop()
    if registration:
        bridge = [sys.executable, str(HERE / "bridge.py"), homeserver, registration]
        if subprocess.run(bridge).returncode:
            raise SystemExit("the bridge failed")


main(*sys.argv[1:])
