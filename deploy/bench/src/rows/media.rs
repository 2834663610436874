//! Files and pictures.

use std::io::Cursor;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use hyper::Method;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};

use crate::{
    connection::Connection,
    meter::{Sample, closed_loop},
    stage::Stage,
    user::{User, text},
};

const WORKERS: usize = 4;
const FILE_BYTES: usize = 1024 * 1024;
const PICTURE_SIZE: (u32, u32) = (4000, 3000);

/// A user, a file, and how often it was sent. The count is written into the file: no upload repeats another, which a
/// server may store once.
type Uploader<'a> = (&'a mut User, Vec<u8>, u64);

pub(super) async fn upload(stage: &mut Stage) -> Result<Sample> {
    let mut workers = uploaders(&mut stage.users[..WORKERS], &noise());
    closed_loop(
        &stage.server,
        &mut workers,
        stage.duration,
        async |worker: &mut Uploader<'_>| {
            upload_once(worker, "application/octet-stream").await?;
            Ok(true)
        },
    )
    .await
}

pub(super) async fn download(stage: &mut Stage) -> Result<Sample> {
    let mut uploader = uploaders(&mut stage.users[..1], &noise());
    let media = upload_once(&mut uploader[0], "application/octet-stream").await?;
    let path = format!("/_matrix/client/v1/media/download/{media}");
    closed_loop(
        &stage.server,
        &mut stage.users[..WORKERS],
        stage.duration,
        async |user: &mut User| {
            let file = user.connection.get(&path).await?;
            anyhow::ensure!(
                file.len() > FILE_BYTES,
                "a download has {} bytes",
                file.len()
            );
            Ok(true)
        },
    )
    .await
}

/// A photograph is uploaded and shown small, in a timeline and as an avatar.
pub(super) async fn picture(stage: &mut Stage) -> Result<Sample> {
    let mut workers = uploaders(&mut stage.users[..2], &photograph()?);
    closed_loop(
        &stage.server,
        &mut workers,
        stage.duration,
        async |worker: &mut Uploader<'_>| {
            let media = upload_once(worker, "image/jpeg").await?;
            for query in [
                "width=640&height=480&method=scale",
                "width=96&height=96&method=crop",
            ] {
                let path = format!("/_matrix/client/v1/media/thumbnail/{media}?{query}");
                worker.0.connection.get(&path).await?;
            }
            Ok(true)
        },
    )
    .await
}

fn uploaders<'a>(users: &'a mut [User], file: &[u8]) -> Vec<Uploader<'a>> {
    users
        .iter_mut()
        .map(|user| (user, file.to_vec(), 0))
        .collect()
}

/// Uploads a file that was never uploaded before and returns `SERVER/MEDIA`.
async fn upload_once((user, file, number): &mut Uploader<'_>, kind: &str) -> Result<String> {
    *number += 1;
    // Behind a picture's end, where decoders do not look.
    let stamp = format!("{}{number:020}{:?}", user.id, std::time::SystemTime::now());
    let body: Bytes = [file.as_slice(), stamp.as_bytes()].concat().into();
    let connection: &mut Connection = &mut user.connection;
    let answer = connection
        .ok(Method::POST, "/_matrix/media/v3/upload", kind, body)
        .await?;
    let uri = text(&serde_json::from_slice(&answer)?, "content_uri")?;
    Ok(uri.strip_prefix("mxc://").context("no mxc URI")?.to_owned())
}

/// Bytes that nothing can compress.
fn noise() -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        // Marsaglia's xorshift; good enough to be incompressible.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..FILE_BYTES / 8).flat_map(|_| next()).collect()
}

fn photograph() -> Result<Vec<u8>> {
    let (width, height) = PICTURE_SIZE;
    let picture = RgbImage::from_fn(width, height, |x, y| {
        let grain = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)) >> 27;
        Rgb([(x / 16) as u8, (y / 12) as u8, ((x + y) / 28) as u8]
            .map(|value| value.saturating_add(grain as u8)))
    });
    let mut file = Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(picture).write_to(&mut file, ImageFormat::Jpeg)?;
    Ok(file.into_inner())
}
