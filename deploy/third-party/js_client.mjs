// matrix-js-sdk, driven by lines of JSON as README.md describes.

import { createHash, webcrypto } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";

import * as sdk from "matrix-js-sdk";
import { logger } from "matrix-js-sdk/lib/logger.js";

const WAIT_MILLISECONDS = 60_000;
const ENCRYPTION = { type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } };
const homeserver = process.argv[2];
let client;

// Its log would go to the standard output, where answers are.
logger.setLevel("silent");
for (const level of ["log", "info", "debug", "trace"]) {
    console[level] = () => {};
}

/** Asks the condition again after every event, until it returns something. */
function until(what, condition) {
    const occasions = [
        sdk.ClientEvent.Room,
        sdk.ClientEvent.Sync,
        sdk.RoomEvent.Timeline,
        sdk.RoomEvent.MyMembership,
        sdk.RoomStateEvent.Members,
        sdk.MatrixEventEvent.Decrypted,
    ];
    return new Promise((resolve, reject) => {
        const ask = () => {
            const found = condition();
            if (found) {
                finish();
                resolve(found);
            }
        };
        const finish = () => {
            clearTimeout(timer);
            occasions.forEach((occasion) => client.off(occasion, ask));
        };
        const timer = setTimeout(() => {
            finish();
            reject(new Error(`waited in vain for ${what}`));
        }, WAIT_MILLISECONDS);
        occasions.forEach((occasion) => client.on(occasion, ask));
        ask();
    });
}

const sha256 = (bytes) => createHash("sha256").update(bytes).digest();
const isJoined = (roomId) => client.getRoom(roomId)?.getMyMembership() === "join";

async function received(what, roomId, sender, encrypted, fits) {
    const event = await until(what, () => {
        const events = client.getRoom(roomId)?.getLiveTimeline().getEvents() ?? [];
        return events.find((event) => event.getSender() === sender && fits(event.getContent()));
    });
    if (event.isEncrypted() !== encrypted) {
        throw new Error(`encrypted should be ${encrypted} in ${JSON.stringify(event.event)}`);
    }
    return event.getContent();
}

/** Encrypts an attachment as https://spec.matrix.org/v1.19/client-server-api/#sending-encrypted-attachments says. */
async function encryptAttachment(plain) {
    const key = await webcrypto.subtle.generateKey({ name: "AES-CTR", length: 256 }, true, ["encrypt", "decrypt"]);
    const counter = Buffer.concat([webcrypto.getRandomValues(Buffer.alloc(8)), Buffer.alloc(8)]);
    const algorithm = { name: "AES-CTR", counter, length: 64 };
    const bytes = Buffer.from(await webcrypto.subtle.encrypt(algorithm, key, plain));
    const unpadded = (data) => data.toString("base64").replaceAll("=", "");
    return {
        bytes,
        file: {
            v: "v2",
            key: await webcrypto.subtle.exportKey("jwk", key),
            iv: unpadded(counter),
            hashes: { sha256: unpadded(sha256(bytes)) },
        },
    };
}

async function decryptAttachment(bytes, file) {
    const unpadded = sha256(bytes).toString("base64").replaceAll("=", "");
    if (unpadded !== file.hashes.sha256) {
        throw new Error("the encrypted picture has another hash");
    }
    const key = await webcrypto.subtle.importKey("jwk", file.key, "AES-CTR", false, ["decrypt"]);
    const counter = Buffer.from(file.iv, "base64");
    return Buffer.from(await webcrypto.subtle.decrypt({ name: "AES-CTR", counter, length: 64 }, key, bytes));
}

async function send(roomId, content) {
    const answer = await client.sendEvent(roomId, "m.room.message", content);
    return { event_id: answer.event_id };
}

const actions = {
    async register({ user, password }) {
        const registration = sdk.createClient({ baseUrl: homeserver });
        const auth = { type: "m.login.dummy" };
        const session = await registration.registerRequest({ username: user, password, auth });
        client = sdk.createClient({
            baseUrl: homeserver,
            userId: session.user_id,
            deviceId: session.device_id,
            accessToken: session.access_token,
        });
        await client.initRustCrypto({ useIndexedDB: false });
        await client.startClient({ initialSyncLimit: 50 });
        await until("the first sync", () => client.isInitialSyncComplete());
        return { user_id: session.user_id };
    },
    async create_room({ name, invite, direct, encrypted }) {
        const { room_id } = await client.createRoom({
            name,
            invite,
            is_direct: direct,
            preset: direct ? "trusted_private_chat" : "private_chat",
            initial_state: encrypted ? [ENCRYPTION] : [],
        });
        await until("the new room", () => isJoined(room_id));
        return { room_id };
    },
    async join({ room_id }) {
        await until("an invitation", () => client.getRoom(room_id)?.getMyMembership() === "invite");
        await client.joinRoom(room_id);
        await until("the joined room", () => isJoined(room_id));
    },
    async wait_for_members({ room_id, members }) {
        await until(`members ${members}`, () =>
            members.every((user) => client.getRoom(room_id)?.getMember(user)?.membership === "join"),
        );
    },
    send_text({ room_id, body }) {
        return send(room_id, { msgtype: "m.text", body });
    },
    async send_picture({ room_id, file }) {
        const picture = await readFile(file);
        const content = {
            msgtype: "m.image",
            body: "picture.png",
            info: { mimetype: "image/png", size: picture.length },
        };
        if (await client.getCrypto().isEncryptionEnabledInRoom(room_id)) {
            const encrypted = await encryptAttachment(picture);
            const upload = await client.uploadContent(encrypted.bytes, { type: "application/octet-stream" });
            content.file = { url: upload.content_uri, ...encrypted.file };
        } else {
            const upload = await client.uploadContent(picture, { type: "image/png", name: "picture.png" });
            content.url = upload.content_uri;
        }
        return send(room_id, content);
    },
    async wait_for_text({ room_id, sender, body, encrypted }) {
        await received(body, room_id, sender, encrypted, (content) => content.body === body);
    },
    async wait_for_picture({ room_id, sender, encrypted }) {
        const fits = (content) => content.msgtype === "m.image";
        const content = await received("a picture", room_id, sender, encrypted, fits);
        const source = content.file?.url ?? content.url;
        const url = client.mxcUrlToHttp(source, undefined, undefined, undefined, false, true, true);
        const answer = await fetch(url, { headers: { Authorization: `Bearer ${client.getAccessToken()}` } });
        if (!answer.ok) {
            throw new Error(`downloading ${source}: ${answer.status} ${await answer.text()}`);
        }
        const bytes = Buffer.from(await answer.arrayBuffer());
        const picture = content.file ? await decryptAttachment(bytes, content.file) : bytes;
        return { sha256: sha256(picture).toString("hex") };
    },
};

for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line);
    if (request.do === "stop") {
        break;
    }
    let answer;
    try {
        answer = { ok: (await actions[request.do](request)) ?? null };
    } catch (error) {
        answer = { error: String(error) };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
}
client?.stopClient();
process.exit(0);
