// matrix-js-sdk, driven by lines of JSON as README.md describes.

import { createHash, webcrypto } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";

import * as sdk from "matrix-js-sdk";
import { CryptoEvent, decodeRecoveryKey, VerificationPhase, VerifierEvent } from "matrix-js-sdk/lib/crypto-api/index.js";
import { logger } from "matrix-js-sdk/lib/logger.js";

const WAIT_MILLISECONDS = 60_000;
const ENCRYPTION = { type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } };
const homeserver = process.argv[2];
let client;
/** The private key of the user's secret storage, once the user has typed it in. */
let secretStorageKey;
/** The verification that is going on. */
let verification = {};

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
        CryptoEvent.VerificationRequestReceived,
        CryptoEvent.DevicesUpdated,
        CryptoEvent.UserTrustStatusChanged,
        CryptoEvent.KeysChanged,
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

/** Begins to sync on a device that has just signed in. */
async function start(session) {
    client = sdk.createClient({
        baseUrl: homeserver,
        userId: session.user_id,
        deviceId: session.device_id,
        accessToken: session.access_token,
        cryptoCallbacks: {
            getSecretStorageKey: async ({ keys }) => secretStorageKey && [Object.keys(keys)[0], secretStorageKey],
        },
    });
    await client.initRustCrypto({ useIndexedDB: false });
    client.on(CryptoEvent.VerificationRequestReceived, (request) => (verification = { request }));
    await client.startClient({ initialSyncLimit: 50 });
    await until("the first sync", () => client.isInitialSyncComplete());
    return { user_id: session.user_id, device_id: session.device_id };
}

/** Asks again until a question to the server is answered with something. */
async function eventually(what, ask) {
    const deadline = Date.now() + WAIT_MILLISECONDS;
    for (;;) {
        const found = await ask();
        if (found) {
            return found;
        }
        if (Date.now() > deadline) {
            throw new Error(`waited in vain for ${what}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 200));
    }
}

/** Follows a verification until both sides see its emoji. */
async function showEmoji(verifier) {
    verification.verifier = verifier;
    verification.done = verifier.verify();
    const sas =
        verifier.getShowSasCallbacks() ??
        (await new Promise((resolve, reject) => {
            verifier.once(VerifierEvent.ShowSas, resolve);
            verification.done.catch(reject);
        }));
    verification.sas = sas;
    return { emoji: sas.sas.emoji.map(([picture]) => picture) };
}

const actions = {
    async register({ user, password }) {
        const registration = sdk.createClient({ baseUrl: homeserver });
        const auth = { type: "m.login.dummy" };
        return start(await registration.registerRequest({ username: user, password, auth }));
    },
    async sign_in({ user, password }) {
        const login = sdk.createClient({ baseUrl: homeserver });
        const identifier = { type: "m.id.user", user };
        return start(await login.loginRequest({ type: "m.login.password", identifier, password }));
    },
    async sign_out() {
        client.stopClient();
        await client.logout(true);
    },
    /** Makes cross-signing keys, secret storage and a key backup; answers with what the user would write down. */
    async set_up_encryption() {
        const crypto = client.getCrypto();
        // The first keys need no password.
        await crypto.bootstrapCrossSigning({ authUploadDeviceSigningKeys: (upload) => upload(null) });
        const recovery = await crypto.createRecoveryKeyFromPassphrase();
        secretStorageKey = recovery.privateKey;
        await crypto.bootstrapSecretStorage({ createSecretStorageKey: async () => recovery, setupNewKeyBackup: true });
        if (!(await crypto.isCrossSigningReady()) || !(await crypto.isSecretStorageReady())) {
            throw new Error("encryption is not set up");
        }
        return { recovery_key: recovery.encodedPrivateKey };
    },
    async wait_for_backup({ room_id, keys }) {
        const ask = async (path) => {
            const headers = { Authorization: `Bearer ${client.getAccessToken()}` };
            const answer = await fetch(`${homeserver}/_matrix/client/v3/room_keys/${path}`, { headers });
            return answer.json();
        };
        await eventually(`${keys} keys of ${room_id} in the backup`, async () => {
            const { version } = await ask("version");
            const { sessions } = await ask(`keys/${encodeURIComponent(room_id)}?version=${version}`);
            return Object.keys(sessions ?? {}).length >= keys;
        });
    },
    /** Signs this device with the keys in secret storage, and fetches the room keys from the backup. */
    async recover({ recovery_key }) {
        secretStorageKey = decodeRecoveryKey(recovery_key);
        const crypto = client.getCrypto();
        // The private keys are taken only once the public ones are known.
        await eventually("the user's keys", () => crypto.userHasCrossSigningKeys(client.getUserId(), true));
        await crypto.bootstrapCrossSigning({});
        await crypto.loadSessionBackupPrivateKeyFromSecretStorage();
        const { imported } = await crypto.restoreKeyBackup();
        return { imported };
    },
    async request_verification({ user_id, device_id, room_id }) {
        const crypto = client.getCrypto();
        const request = room_id
            ? await crypto.requestVerificationDM(user_id, room_id)
            : await crypto.requestDeviceVerification(user_id, device_id);
        verification = { request };
    },
    async accept_verification() {
        await until("a verification request", () => verification.request);
        await verification.request.accept();
    },
    async begin_emoji() {
        const { request } = verification;
        await eventually("the acceptance", () => request.phase === VerificationPhase.Ready);
        return showEmoji(await request.startVerification("m.sas.v1"));
    },
    async await_emoji() {
        const { request } = verification;
        return showEmoji(await eventually("the other side", () => request.verifier));
    },
    async confirm_emoji() {
        await verification.sas.confirm();
    },
    async end_verification() {
        await verification.done;
        await eventually("the end", () => verification.request.phase === VerificationPhase.Done);
        verification = {};
    },
    async wait_for_trusted_user({ user_id }) {
        await eventually(`trust in ${user_id}`, async () => {
            const status = await client.getCrypto().getUserVerificationStatus(user_id);
            return status.isCrossSigningVerified();
        });
    },
    async wait_for_trusted_device({ user_id, device_id }) {
        await eventually(`trust in ${device_id}`, async () => {
            const status = await client.getCrypto().getDeviceVerificationStatus(user_id, device_id);
            return status?.crossSigningVerified;
        });
    },
    async wait_for_secrets() {
        const crypto = client.getCrypto();
        await eventually("the private keys of another device", async () => {
            const { privateKeysCachedLocally } = await crypto.getCrossSigningStatus();
            return Object.values(privateKeysCachedLocally).every((has) => has);
        });
    },
    async wait_for_devices({ user_id, devices }) {
        await eventually(`the devices ${devices}`, async () => {
            const known = (await client.getCrypto().getUserDeviceInfo([user_id])).get(user_id);
            const ids = [...(known?.keys() ?? [])];
            return ids.length === devices.length && devices.every((device) => ids.includes(device));
        });
    },
    /** The next message is encrypted with a new key, which every device has to be sent. */
    async discard_room_key({ room_id }) {
        await client.getCrypto().forceDiscardSession(room_id);
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
