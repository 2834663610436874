"""matrix-nio, driven by lines of JSON as README.md describes."""

import asyncio
import hashlib
import json
import sys
import tempfile
from pathlib import Path

import nio
from nio.crypto import decrypt_attachment

WAIT_SECONDS = 60
ENCRYPTION = {"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}


class Refused(Exception):
    """The homeserver's answer was not what the request is for."""


def expect(response, kind):
    if not isinstance(response, kind):
        raise Refused(f"expected {kind.__name__}, got {response}")
    return response


class Client:
    def __init__(self, homeserver, store):
        config = nio.AsyncClientConfig(encryption_enabled=True, store_sync_tokens=False)
        self.nio = nio.AsyncClient(homeserver, store_path=store, config=config)
        self.changed = asyncio.Event()
        self.events = []
        self.syncing = None

    async def register(self, user, password):
        answer = expect(await self.nio.register(user, password), nio.RegisterResponse)
        self.nio.add_event_callback(self.keep, nio.Event)
        self.nio.add_response_callback(self.wake, nio.SyncResponse)
        await self.go_online()
        return {"user_id": answer.user_id, "device_id": answer.device_id}

    async def go_online(self):
        self.syncing = asyncio.create_task(self.nio.sync_forever(timeout=30000, full_state=True))

    async def go_offline(self):
        self.syncing.cancel()
        await asyncio.gather(self.syncing, return_exceptions=True)

    async def keep(self, room, event):
        self.events.append((room.room_id, event))
        self.changed.set()

    async def wake(self, _response):
        self.changed.set()

    async def until(self, what, condition):
        """Asks the condition again after every sync, until it returns something."""
        async with asyncio.timeout(WAIT_SECONDS):
            while not (found := condition()):
                if self.syncing.done():
                    raise Refused(f"syncing ended: {self.syncing.exception()}")
                self.changed.clear()
                try:
                    await self.changed.wait()
                except asyncio.CancelledError:
                    seen = [f"{room} {event.sender} {type(event).__name__}" for room, event in self.events]
                    print(f"nio waited for {what}; saw {seen}", file=sys.stderr)
                    raise
            return found

    async def create_room(self, invite, direct, encrypted, name=None):
        answer = await self.nio.room_create(
            name=name,
            invite=invite,
            is_direct=direct,
            preset=nio.RoomPreset.trusted_private_chat if direct else nio.RoomPreset.private_chat,
            initial_state=[ENCRYPTION] if encrypted else [],
        )
        room_id = expect(answer, nio.RoomCreateResponse).room_id
        await self.until("the new room", lambda: room_id in self.nio.rooms)
        return {"room_id": room_id}

    async def join(self, room_id):
        await self.until("an invitation", lambda: room_id in self.nio.invited_rooms)
        expect(await self.nio.join(room_id), nio.JoinResponse)
        await self.until("the joined room", lambda: room_id in self.nio.rooms)

    async def wait_for_members(self, room_id, members):
        def all_there():
            joined = {user for user, _ in self.joined(room_id)}
            return joined >= set(members)

        await self.until(f"members {members}", all_there)

    def joined(self, room_id):
        room = self.nio.rooms[room_id]
        return [(user, member) for user, member in room.users.items() if not member.invited]

    async def send(self, room_id, content):
        answer = await self.nio.room_send(room_id, "m.room.message", content, ignore_unverified_devices=True)
        return {"event_id": expect(answer, nio.RoomSendResponse).event_id}

    async def send_text(self, room_id, body):
        return await self.send(room_id, {"msgtype": "m.text", "body": body})

    async def react(self, room_id, event_id, key):
        content = {"m.relates_to": {"rel_type": "m.annotation", "event_id": event_id, "key": key}}
        answer = await self.nio.room_send(room_id, "m.reaction", content, ignore_unverified_devices=True)
        return {"event_id": expect(answer, nio.RoomSendResponse).event_id}

    async def wait_for_user(self, user_id):
        """Waits until somebody has an account."""
        async with asyncio.timeout(WAIT_SECONDS):
            while not isinstance(await self.nio.get_displayname(user_id), nio.ProfileGetDisplayNameResponse):
                await asyncio.sleep(0.2)

    async def send_picture(self, room_id, file):
        encrypted = self.nio.rooms[room_id].encrypted
        size = Path(file).stat().st_size
        with open(file, "rb") as picture:
            answer, keys = await self.nio.upload(
                picture, content_type="image/png", filename="picture.png", encrypt=encrypted, filesize=size
            )
        url = expect(answer, nio.UploadResponse).content_uri
        content = {"msgtype": "m.image", "body": "picture.png", "info": {"mimetype": "image/png", "size": size}}
        if encrypted:
            content["file"] = {"url": url, **keys}
        else:
            content["url"] = url
        return await self.send(room_id, content)

    async def received(self, room_id, sender, encrypted, kinds, fits=lambda event: True):
        def find():
            for room, event in self.events:
                if room == room_id and event.sender == sender and isinstance(event, kinds) and fits(event):
                    return event
            return None

        event = await self.until(f"{kinds} from {sender}", find)
        if bool(event.decrypted) != encrypted:
            raise Refused(f"encrypted should be {encrypted} in {event.source}")
        return event

    async def wait_for_text(self, room_id, sender, body, encrypted):
        await self.received(room_id, sender, encrypted, (nio.RoomMessageText,), lambda event: event.body == body)

    async def wait_for_notice(self, room_id, sender, containing, encrypted):
        """Waits for a notice, also as an edit of another."""
        found = await self.received(
            room_id, sender, encrypted, (nio.RoomMessageNotice,), lambda event: containing in event.body
        )
        return {"event_id": found.event_id, "body": found.body}

    async def wait_for_picture(self, room_id, sender, encrypted):
        kinds = (nio.RoomMessageImage, nio.RoomEncryptedImage)
        event = await self.received(room_id, sender, encrypted, kinds)
        picture = expect(await self.nio.download(event.url), nio.DownloadResponse).body
        if isinstance(event, nio.RoomEncryptedImage):
            picture = decrypt_attachment(picture, event.key["k"], event.hashes["sha256"], event.iv)
        return {"sha256": hashlib.sha256(picture).hexdigest()}

    async def close(self):
        if self.syncing:
            self.syncing.cancel()
        await self.nio.close()


async def main(homeserver):
    loop = asyncio.get_running_loop()
    with tempfile.TemporaryDirectory() as store:
        client = Client(homeserver, store)
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            request = json.loads(line)
            action = request.pop("do")
            if action == "stop":
                break
            try:
                answer = {"ok": await getattr(client, action)(**request)}
            except Exception as error:  # every failure belongs to the request that met it
                answer = {"error": f"{type(error).__name__}: {error}"}
            print(json.dumps(answer), flush=True)
        await client.close()


asyncio.run(main(sys.argv[1]))
