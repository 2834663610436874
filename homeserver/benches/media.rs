//! What files cost: the processor time of an upload, and of a photograph with its thumbnails.
//!
//! `cargo bench -p homeserver --bench media` runs this. Bodies come in the pieces that a connection gives.

use std::{io::Cursor, path::Path, time::Duration};

use anyhow::{Context as _, anyhow};
use axum::body::Body;
use bytes::Bytes;
use homeserver::{
    Config,
    clock::SystemClock,
    ids::UserNid,
    media::{Fit, Media, ThumbnailRequest, Upload},
    outbound::Outbound,
    storage::{OpenOptions, Storage},
};
use image::{ImageFormat, Rgb, RgbImage};
use ruma::OwnedMxcUri;

/// Bytes of a piece.
const PIECE: usize = 64 * 1024;
const UPLOADS: u32 = 200;
const PHOTOGRAPHS: u32 = 10;

fn open(folder: &Path) -> anyhow::Result<Media> {
    let text = "server_name = \"bench.example\"\ndata_dir = \"/nowhere\"";
    let config = Config::parse(text, [])?;
    let storage = Storage::open(&folder.join("db"), OpenOptions::default())?;
    let outbound = Outbound::open(&config.outbound)?;
    let clock = SystemClock::shared();
    Ok(Media::open(
        storage,
        clock,
        outbound,
        &config,
        &folder.join("media"),
    )?)
}

async fn upload(media: &Media, content_type: &str, bytes: Bytes) -> anyhow::Result<OwnedMxcUri> {
    let pieces: Vec<Result<Bytes, std::io::Error>> = (0..bytes.len())
        .step_by(PIECE)
        .map(|at| Ok(bytes.slice(at..bytes.len().min(at + PIECE))))
        .collect();
    let upload = Upload {
        uploader: UserNid(1),
        content_type: Some(content_type.to_owned()),
        filename: None,
        announced_size: Some(bytes.len() as u64),
        body: Body::from_stream(futures::stream::iter(pieces)),
    };
    media
        .upload(upload)
        .await
        .map_err(|error| anyhow!("{error}"))
}

async fn thumbnail(media: &Media, uri: &OwnedMxcUri) -> anyhow::Result<()> {
    let (server_name, media_id) = uri.parts()?;
    let stored = media
        .find(server_name, media_id, Duration::ZERO)
        .await
        .map_err(|error| anyhow!("{error}"))?;
    let request = ThumbnailRequest {
        width: 320,
        height: 240,
        fit: Fit::Scale,
        animated: false,
    };
    media
        .thumbnail(stored, request)
        .await
        .map_err(|error| anyhow!("{error}"))?;
    Ok(())
}

/// Something like a photograph of 12 megapixels: shapes with noise. `number` makes each another one.
fn photograph(number: u32) -> anyhow::Result<Bytes> {
    let mut seed = number;
    let picture = RgbImage::from_fn(4000, 3000, |x, y| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let shape = (x as f32 / 97.0).sin() * 60.0 + (y as f32 / 53.0).cos() * 50.0;
        let tone = |offset: f32| {
            (128.0 + shape + offset + (seed >> 24) as f32 / 11.0).clamp(0.0, 255.0) as u8
        };
        Rgb([tone(0.0), tone(10.0), tone(-20.0)])
    });
    let mut bytes = Vec::new();
    picture.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Jpeg)?;
    Ok(bytes.into())
}

/// Milliseconds of processor time that this process has had.
fn processor_time() -> anyhow::Result<f64> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = text.rsplit_once(')').context("/proc/self/stat")?;
    let ticks: u64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    // A hundred ticks a second on every Linux that runs this.
    Ok(ticks as f64 * 10.0)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let media = open(folder.path())?;
    let before = processor_time()?;
    for number in 0..UPLOADS {
        let mut bytes = vec![0; 1024 * 1024];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        upload(&media, "application/octet-stream", bytes.into()).await?;
    }
    let each = (processor_time()? - before) / f64::from(UPLOADS);
    println!("upload of 1 MiB: {each:.2} ms of processor time");

    let photographs = (0..PHOTOGRAPHS)
        .map(photograph)
        .collect::<anyhow::Result<Vec<_>>>()?;
    let before = processor_time()?;
    for bytes in photographs {
        let uri = upload(&media, "image/jpeg", bytes).await?;
        thumbnail(&media, &uri).await?;
    }
    let each = (processor_time()? - before) / f64::from(PHOTOGRAPHS);
    println!("photograph of 12 megapixels with thumbnails: {each:.0} ms of processor time");
    Ok(())
}
