//! The content repository.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#content-repository)

use serde_json::json;
use spec_tests::{
    covers, homeserver,
    media::{PICTURES, size},
    must::text,
};

const DOWNLOAD: &str = "/v1/media/download";

fn picture(kind: &str) -> &'static [u8] {
    let found = PICTURES.iter().find(|(other, _)| *other == kind);
    found.expect("a picture of each kind").1
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mediadownloadservernamemediaid)
#[test]
fn an_uploaded_file_comes_back_byte_for_byte() {
    covers!(
        POST "/_matrix/media/v3/upload",
        GET "/_matrix/client/v1/media/download/{serverName}/{mediaId}",
    );
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let bytes: Vec<u8> = (0..200_000_u32)
        .map(|number| (number % 251) as u8)
        .collect();
    let media = alice.upload("application/octet-stream", "data.bin", &bytes);
    let reply = bob.get(&format!("{DOWNLOAD}/{media}"));
    assert_eq!(reply.status, 200);
    assert!(reply.bytes == bytes, "other bytes came back");
    assert_eq!(reply.header("content-type"), "application/octet-stream");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#security-considerations-5)
#[test]
fn downloads_carry_headers_that_keep_browsers_safe() {
    covers!(GET "/_matrix/client/v1/media/download/{serverName}/{mediaId}");
    let alice = homeserver().register("alice");
    let media = alice.upload("text/html", "page.html", b"<script>alert(1)</script>");
    let reply = alice.get(&format!("{DOWNLOAD}/{media}"));
    let policy = reply.header("content-security-policy");
    for part in [
        "sandbox",
        "default-src 'none'",
        "script-src 'none'",
        "object-src 'self'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert_eq!(reply.header("cross-origin-resource-policy"), "cross-origin");
    assert!(
        reply
            .header("content-disposition")
            .starts_with("attachment"),
        "{:?}",
        reply.headers
    );
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#serving-inline-content)
#[test]
fn only_harmless_types_are_shown_inline() {
    covers!(GET "/_matrix/client/v1/media/download/{serverName}/{mediaId}");
    let alice = homeserver().register("alice");
    for (kind, expected) in [
        ("image/png", "inline"),
        ("text/plain", "inline"),
        ("video/mp4", "inline"),
        ("text/html", "attachment"),
        ("image/svg+xml", "attachment"),
        ("application/javascript", "attachment"),
    ] {
        let media = alice.upload(kind, "file", picture("image/png"));
        let reply = alice.get(&format!("{DOWNLOAD}/{media}"));
        let disposition = reply.header("content-disposition");
        assert!(disposition.starts_with(expected), "{kind}: {disposition}");
    }
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mediadownloadservernamemediaidfilename)
#[test]
fn the_file_name_is_that_of_the_upload_or_of_the_request() {
    covers!(
        GET "/_matrix/client/v1/media/download/{serverName}/{mediaId}",
        GET "/_matrix/client/v1/media/download/{serverName}/{mediaId}/{fileName}",
    );
    let alice = homeserver().register("alice");
    let media = alice.upload("image/png", "мой кот.png", picture("image/png"));
    let plain = alice.get(&format!("{DOWNLOAD}/{media}"));
    let encoded = "%D0%BC%D0%BE%D0%B9%20%D0%BA%D0%BE%D1%82.png";
    let disposition = plain.header("content-disposition");
    assert!(
        disposition.contains(&format!("filename*=utf-8''{encoded}")),
        "{disposition}"
    );
    let renamed = alice.get(&format!("{DOWNLOAD}/{media}/other.png"));
    let disposition = renamed.header("content-disposition");
    assert!(disposition.contains("other.png"), "{disposition}");
    assert!(renamed.bytes == picture("image/png"));
}

#[test]
fn a_file_name_cannot_break_out_of_its_header() {
    covers!(GET "/_matrix/client/v1/media/download/{serverName}/{mediaId}");
    let alice = homeserver().register("alice");
    let media = alice.upload("text/plain", "a\"; x=\"b", b"text");
    let reply = alice.get(&format!("{DOWNLOAD}/{media}"));
    let disposition = reply.header("content-disposition");
    assert!(!disposition.contains("; x=\"b"), "{disposition}");
    let control = alice.try_upload("text/plain", "a\r\nSet-Cookie: a=b", b"text");
    assert!(matches!(control.status, 200 | 400), "{control}");
    if control.status == 200 {
        let media = text(&control.ok()["content_uri"]).replace("mxc://", "");
        let reply = alice.get(&format!("{DOWNLOAD}/{media}"));
        assert_eq!((reply.status, reply.header("set-cookie")), (200, ""));
    }
}

#[test]
fn absent_media_is_not_found() {
    covers!(
        GET "/_matrix/client/v1/media/download/{serverName}/{mediaId}",
        GET "/_matrix/client/v1/media/thumbnail/{serverName}/{mediaId}",
    );
    let alice = homeserver().register("alice");
    let absent = format!("{}/nosuchmedia", alice.server.server_name());
    alice
        .get(&format!("{DOWNLOAD}/{absent}"))
        .must_fail(404, "M_NOT_FOUND");
    let thumbnail = format!("/v1/media/thumbnail/{absent}?width=32&height=32");
    alice.get(&thumbnail).must_fail(404, "M_NOT_FOUND");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mediathumbnailservernamemediaid)
#[test]
fn thumbnails_of_every_picture_format_fit_the_request() {
    covers!(GET "/_matrix/client/v1/media/thumbnail/{serverName}/{mediaId}");
    let alice = homeserver().register("alice");
    for (kind, bytes) in PICTURES {
        let media = alice.upload(kind, "picture", bytes);
        let path = format!("/v1/media/thumbnail/{media}?width=64&height=64");
        let scaled = alice.get(&format!("{path}&method=scale"));
        assert_eq!(scaled.status, 200, "{kind}: {scaled}");
        assert!(
            scaled.header("content-type").starts_with("image/"),
            "{kind}"
        );
        let (width, height) = size(&scaled.bytes).unwrap();
        let ratio = f64::from(width) / f64::from(height);
        assert!((ratio - 4.0 / 3.0).abs() < 0.05, "{kind}: {width}x{height}");
        // Never smaller than asked for: many servers have 320x240 as their smallest scaled size.
        assert!((64..=320).contains(&width), "{kind}: {width}x{height}");
        let cropped = alice.get(&format!("{path}&method=crop"));
        let (width, height) = size(&cropped.bytes).unwrap();
        assert_eq!(width, height, "{kind}: cropped to the shape asked for");
    }
}

#[test]
fn a_thumbnail_is_never_larger_than_the_picture() {
    covers!(GET "/_matrix/client/v1/media/thumbnail/{serverName}/{mediaId}");
    let alice = homeserver().register("alice");
    let media = alice.upload("image/png", "picture", picture("image/png"));
    let reply = alice.get(&format!(
        "/v1/media/thumbnail/{media}?width=2000&height=2000&method=scale"
    ));
    let (width, height) = size(&reply.bytes).unwrap();
    assert!(width <= 320 && height <= 240, "{width}x{height}");
}

#[test]
fn thumbnails_are_asked_for_properly() {
    covers!(GET "/_matrix/client/v1/media/thumbnail/{serverName}/{mediaId}");
    let alice = homeserver().register("alice");
    let media = alice.upload("image/png", "picture", picture("image/png"));
    for query in [
        "",
        "?width=32",
        "?width=many&height=32",
        "?width=-1&height=32",
        "?width=32&height=32&method=stretch",
    ] {
        let reply = alice.get(&format!("/v1/media/thumbnail/{media}{query}"));
        assert_eq!(reply.status, 400, "{query}: {reply}");
    }
}

/// What is no picture, or lies about being one, has no thumbnail and does no harm.
#[test]
fn files_that_are_no_pictures_have_no_thumbnail() {
    covers!(GET "/_matrix/client/v1/media/thumbnail/{serverName}/{mediaId}");
    let alice = homeserver().register("alice");
    for (kind, bytes) in [
        ("text/plain", b"text".as_slice()),
        ("image/png", b"not a picture"),
    ] {
        let media = alice.upload(kind, "file", bytes);
        let reply = alice.get(&format!("/v1/media/thumbnail/{media}?width=32&height=32"));
        assert!(matches!(reply.status, 400 | 404), "{kind}: {reply}");
    }
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mediaconfig)
#[test]
fn the_config_says_how_large_uploads_may_be() {
    covers!(GET "/_matrix/client/v1/media/config");
    let alice = homeserver().register("alice");
    let config = alice.get("/v1/media/config").ok();
    assert!(
        config["m.upload.size"]
            .as_u64()
            .is_some_and(|size| size >= 1024 * 1024),
        "{config}"
    );
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#content-repository)
#[test]
fn new_media_is_not_served_without_signing_in() {
    covers!(GET "/_matrix/media/v3/download/{serverName}/{mediaId}");
    let alice = homeserver().register("alice");
    let media = alice.upload("image/png", "picture", picture("image/png"));
    let server = homeserver();
    server
        .get(&format!("/_matrix/media/v3/download/{media}"))
        .must_fail(404, "M_NOT_FOUND");
    let thumbnail = format!("/_matrix/media/v3/thumbnail/{media}?width=32&height=32");
    server.get(&thumbnail).must_fail(404, "M_NOT_FOUND");
    server
        .get(&format!("{DOWNLOAD}/{media}"))
        .must_fail(401, "M_MISSING_TOKEN");
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixmediav1create)
#[test]
fn a_place_is_reserved_and_filled_once() {
    covers!(POST "/_matrix/media/v1/create", PUT "/_matrix/media/v3/upload/{serverName}/{mediaId}");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let place = alice.post("/_matrix/media/v1/create", &json!({})).ok();
    assert!(place["unused_expires_at"].as_u64().is_some());
    let media = text(&place["content_uri"]).replace("mxc://", "");
    // The one documented status above 500, so it is not sent through the usual judgement.
    let early = alice
        .request("GET", &format!("{DOWNLOAD}/{media}?timeout_ms=0"))
        .try_send()
        .unwrap();
    assert_eq!(
        (early.status, &early.json["errcode"]),
        (504, &json!("M_NOT_YET_UPLOADED"))
    );
    let path = format!("/_matrix/media/v3/upload/{media}");
    let put = |user: &spec_tests::User| {
        user.request("PUT", &path)
            .bytes("image/png", picture("image/png"))
            .send()
    };
    put(&bob).must_fail(403, "M_FORBIDDEN");
    put(&alice).ok();
    put(&alice).must_fail(409, "M_CANNOT_OVERWRITE_MEDIA");
    assert!(alice.get(&format!("{DOWNLOAD}/{media}")).bytes == picture("image/png"));
}

#[test]
fn many_people_upload_the_same_picture_and_each_has_a_copy() {
    covers!(POST "/_matrix/media/v3/upload");
    let alice = homeserver().register("alice");
    let bob = homeserver().register("bob");
    let first = alice.upload("image/png", "a.png", picture("image/png"));
    let second = bob.upload("image/jpeg", "b.jpg", picture("image/png"));
    assert_ne!(first, second);
    assert_eq!(
        alice
            .get(&format!("{DOWNLOAD}/{first}"))
            .header("content-type"),
        "image/png"
    );
    assert_eq!(
        alice
            .get(&format!("{DOWNLOAD}/{second}"))
            .header("content-type"),
        "image/jpeg"
    );
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mediathumbnailservernamemediaid)
#[test]
fn thumbnails_move_only_when_that_is_asked_for() {
    covers!(GET "/_matrix/client/v1/media/thumbnail/{serverName}/{mediaId}");
    let alice = homeserver().register("alice");
    let media = alice.upload("image/gif", "moving.gif", MOVING);
    let ask = |side: u32, animated: &str| {
        let path =
            format!("/v1/media/thumbnail/{media}?width={side}&height={side}&method=crop{animated}");
        let reply = alice.get(&path);
        assert_eq!(reply.status, 200, "{reply}");
        let kind = reply.header("content-type").to_owned();
        (kind, frames(&reply.bytes))
    };
    for side in [32, 2000] {
        for animated in ["", "&animated=false"] {
            let (kind, frames) = ask(side, animated);
            assert!(kind != "image/gif" || frames == 1, "{side} {animated}");
        }
    }
    if !homeserver().is_synapse() {
        assert_eq!(ask(32, "&animated=true"), ("image/gif".to_owned(), 3));
        assert_eq!(ask(2000, "&animated=true"), ("image/gif".to_owned(), 3));
    }
    // What cannot move is shown all the same.
    let still = alice.upload("image/jpeg", "still.jpg", picture("image/jpeg"));
    let reply = alice.get(&format!(
        "/v1/media/thumbnail/{still}?width=32&height=32&animated=true"
    ));
    assert!(
        reply.header("content-type").starts_with("image/"),
        "{reply}"
    );
}

/// A GIF of 60 by 40 pixels with three frames.
const MOVING: &[u8] = include_bytes!("../../fixtures/moving.gif");

/// How many graphic control extensions a GIF has: one for each frame.
fn frames(gif: &[u8]) -> usize {
    gif.windows(3)
        .filter(|bytes| bytes == b"\x21\xf9\x04")
        .count()
}

#[test]
fn thumbnails_are_shown_inline_under_a_name() {
    covers!(GET "/_matrix/client/v1/media/thumbnail/{serverName}/{mediaId}");
    let alice = homeserver().register("alice");
    let media = alice.upload("image/png", "picture", picture("image/png"));
    let reply = alice.get(&format!("/v1/media/thumbnail/{media}?width=32&height=32"));
    let disposition = reply.header("content-disposition");
    assert!(disposition.starts_with("inline"), "{disposition}");
}

#[test]
fn crops_have_the_shape_that_is_asked_for() {
    covers!(GET "/_matrix/client/v1/media/thumbnail/{serverName}/{mediaId}");
    if homeserver().is_synapse() {
        return;
    }
    let alice = homeserver().register("alice");
    let media = alice.upload("image/png", "picture", picture("image/png"));
    let reply = alice.get(&format!(
        "/v1/media/thumbnail/{media}?width=200&height=50&method=crop"
    ));
    assert_eq!(size(&reply.bytes), Some((200, 50)));
}

/// A header that promises more pixels than any server has memory for costs the server nothing.
#[test]
fn pictures_that_are_too_large_have_no_thumbnail() {
    covers!(GET "/_matrix/client/v1/media/thumbnail/{serverName}/{mediaId}");
    let alice = homeserver().register("alice");
    let mut bomb = picture("image/png").to_vec();
    bomb[16..24].copy_from_slice(&[0, 0, 0x40, 0, 0, 0, 0x40, 0]);
    let checksum = crc32(&bomb[12..29]);
    bomb[29..33].copy_from_slice(&checksum.to_be_bytes());
    let media = alice.upload("image/png", "bomb", &bomb);
    let reply = alice.get(&format!("/v1/media/thumbnail/{media}?width=32&height=32"));
    if homeserver().is_synapse() {
        assert!(matches!(reply.status, 400 | 404 | 413), "{reply}");
    } else {
        reply.must_fail(413, "M_TOO_LARGE");
    }
}

/// The checksum of PNG chunks.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 {
                (crc >> 1) ^ 0xedb8_8320
            } else {
                crc >> 1
            }
        })
    })
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mediadownloadservernamemediaid)
#[test]
fn parts_of_a_file_and_unchanged_files_are_told_apart() {
    covers!(GET "/_matrix/client/v1/media/download/{serverName}/{mediaId}");
    if homeserver().is_synapse() {
        return;
    }
    let alice = homeserver().register("alice");
    let media = alice.upload("text/plain", "a.txt", b"0123456789");
    let path = format!("{DOWNLOAD}/{media}?allow_remote=false&timeout_ms=0");
    let with = |name: &str, value: &str| alice.request("GET", &path).header(name, value).send();
    let part = with("Range", "bytes=2-4");
    assert_eq!((part.status, &part.bytes[..]), (206, &b"234"[..]));
    assert_eq!(part.header("content-range"), "bytes 2-4/10");
    // Whoever asks for what is not there is told in headers how much there is.
    let outside = alice
        .request("GET", &path)
        .header("Range", "bytes=10-")
        .try_send()
        .unwrap();
    assert_eq!(outside.status, 416);
    assert_eq!(outside.header("content-range"), "bytes */10");
    let etag = part.header("etag").to_owned();
    let unchanged = with("If-None-Match", &etag);
    assert_eq!((unchanged.status, unchanged.bytes.len()), (304, 0));
}
