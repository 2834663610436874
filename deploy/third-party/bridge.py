"""A bridge made with mautrix, and a person who talks to somebody on the other network through it.

python bridge.py HOMESERVER_URL REGISTRATION_FILE
"""

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from mautrix.api import Method
from mautrix.appservice import AppService, ASStateStore
from mautrix.client import Client
from mautrix.client.state_store import MemoryStateStore
from mautrix.types import (
    EventType,
    MessageType,
    PaginationDirection,
    ReceiptEvent,
    RoomCreatePreset,
    RoomDirectoryVisibility,
    TextMessageEventContent,
    TypingEvent,
)

WAIT_SECONDS = 60


class Store(ASStateStore, MemoryStateStore):
    """What the bridge knows of rooms and of its users."""

    def __init__(self):
        ASStateStore.__init__(self)
        MemoryStateStore.__init__(self)
        self.users = set()

    async def is_registered(self, user_id):
        return user_id in self.users

    async def registered(self, user_id):
        self.users.add(user_id)


class Bridge:
    """The bridge with all that it was told."""

    def __init__(self, homeserver, registration):
        self.domain = "localhost"
        self.seen = []
        self.service = AppService(
            server=homeserver,
            domain=self.domain,
            as_token=registration["as_token"],
            hs_token=registration["hs_token"],
            bot_localpart=registration["sender_localpart"],
            id=registration["id"],
            query_user=self.query_user,
            query_alias=self.query_alias,
            state_store=Store(),
            ephemeral_events=True,
        )
        self.service.matrix_event_handler(self.note)
        self.port = urlsplit(registration["url"]).port

    async def note(self, event):
        self.seen.append(event)

    def ghost(self, name):
        return self.service.intent.user(f"@bridge_{name}:{self.domain}")

    async def query_user(self, user_id):
        await self.service.intent.user(user_id).ensure_registered()
        return {}

    async def query_alias(self, alias):
        await self.service.intent.create_room(
            alias_localpart=alias[1:].split(":")[0],
            visibility=RoomDirectoryVisibility.PUBLIC,
            preset=RoomCreatePreset.PUBLIC,
        )
        return {}

    async def until(self, what, fits):
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            found = next((event for event in self.seen if fits(event)), None)
            if found:
                return found
            if time.monotonic() > deadline:
                raise SystemExit(f"the bridge waited in vain for {what}")
            await asyncio.sleep(0.05)


async def register(homeserver, name):
    """A person with a device."""
    person = Client(base_url=homeserver)
    body = {"username": name, "password": "quite secret words", "auth": {"type": "m.login.dummy"}}
    account = await person.api.request(Method.POST, "_matrix/client/v3/register", body)
    person.mxid, person.api.token = account["user_id"], account["access_token"]
    return person


def expect(condition, what):
    if not condition:
        raise SystemExit(f"not so: {what}")


async def ghosts(bridge):
    """A user of the other network has a name and a picture here."""
    ghost = bridge.ghost("anna")
    await ghost.set_displayname("Анна")
    picture = await ghost.upload_media(b"\x89PNG\r\n\x1a\n", mime_type="image/png", async_upload=True)
    await ghost.set_avatar_url(picture)
    profile = await bridge.service.intent.get_profile(ghost.mxid)
    expect((profile.displayname, profile.avatar_url) == ("Анна", picture), f"the ghost's profile {profile}")


async def portal(bridge, person):
    """A room of the other network: messages both ways, those of yesterday with their time, receipts and typing."""
    bot, ghost = bridge.service.intent, bridge.ghost("anna")
    room_id = await bot.create_room(name="Portal", invitees=[person.mxid])
    await ghost.ensure_joined(room_id)
    await person.join_room_by_id(room_id)
    yesterday = int(time.time() * 1000) - 86_400_000
    words = TextMessageEventContent(msgtype=MessageType.TEXT, body="words of yesterday")
    event_id = await ghost.send_message_event(room_id, EventType.ROOM_MESSAGE, words, timestamp=yesterday)
    expect((await person.get_event(room_id, event_id)).timestamp == yesterday, "the message is of yesterday")
    said = await person.send_text(room_id, "Добрый день!")
    await bridge.until("the person's message", lambda event: getattr(event, "event_id", None) == said)
    await ghost.react(room_id, said, "👍")
    await ghost.mark_read(room_id, said)
    await person.send_receipt(room_id, event_id)
    await person.set_typing(room_id, timeout=10_000)
    await bridge.until("a receipt", lambda event: isinstance(event, ReceiptEvent))
    await bridge.until("typing", lambda event: isinstance(event, TypingEvent))
    history = await bot.get_messages(room_id, PaginationDirection.BACKWARD, limit=50)
    expect({event_id, said} <= {event.event_id for event in history.events}, "both messages are in the history")
    members = await bot.get_joined_members(room_id)
    expect(set(members) == {bot.mxid, ghost.mxid, person.mxid}, f"the members {members}")
    return room_id


async def names(bridge, person):
    """Rooms and users are made when somebody names them."""
    alias = f"#bridge_{os.getpid()}:{bridge.domain}"
    await person.join_room(alias)
    late = bridge.ghost(f"late_{os.getpid()}").mxid
    room_id = await person.create_room(invitees=[late], is_direct=True)
    await bridge.until("the invitation", lambda event: getattr(event, "state_key", None) == late)
    await bridge.ghost(f"late_{os.getpid()}").join_room_by_id(room_id)


async def puppet(bridge, person, room_id):
    """What the person says on the other network comes from their own account."""
    own = bridge.service.intent.user(person.mxid)
    event_id = await own.send_text(room_id, "from the other network")
    expect((await person.get_event(room_id, event_id)).sender == person.mxid, "the message is the person's own")


async def main(homeserver, registration):
    bridge = Bridge(homeserver, json.loads(Path(registration).read_text()))
    await bridge.service.start("127.0.0.1", bridge.port)
    person = await register(homeserver, f"puppet-{os.getpid()}")
    scenes = {
        "the bridge is called by the server": bridge.service.ping_self,
        "a user of the other network": lambda: ghosts(bridge),
        "rooms and users made on demand": lambda: names(bridge, person),
    }
    for what, scene in scenes.items():
        await scene()
        print(f"ok  {what}", flush=True)
    room_id = await portal(bridge, person)
    print("ok  a room of the other network", flush=True)
    await puppet(bridge, person, room_id)
    print("ok  the person's own words from the other network", flush=True)
    await person.api.session.close()
    await bridge.service.stop()


asyncio.run(main(*sys.argv[1:]))
