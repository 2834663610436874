use std::{io::Cursor, sync::Arc, time::Duration};

use axum::body::Body;
use http_body_util::BodyExt;
use image::{ImageFormat, RgbImage};
use ruma::{MxcUri, OwnedMxcUri, server_name};

use super::{ladder::Fit, *};
use crate::{ApiResult, clock::ManualClock, ids::UserNid, storage::OpenOptions};

struct Fixture {
    folder: tempfile::TempDir,
    storage: Storage,
    media: Media,
    clock: Arc<ManualClock>,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(&folder.path().join("db"), OpenOptions::default()).unwrap();
        let clock = ManualClock::at(1_000);
        let media = open(&folder, &storage, &clock);
        Self {
            clock,
            folder,
            storage,
            media,
        }
    }

    async fn upload(&self, bytes: impl Into<Body>) -> ApiResult<OwnedMxcUri> {
        let upload = Upload {
            uploader: UserNid(1),
            content_type: Some("text/plain".to_owned()),
            filename: Some("a.txt".to_owned()),
            announced_size: None,
            body: bytes.into(),
        };
        self.media.upload(upload).await
    }

    async fn find(&self, uri: &MxcUri) -> ApiResult<Stored> {
        let (server_name, media_id) = uri.parts().unwrap();
        self.media.find(server_name, media_id, Duration::ZERO).await
    }

    fn files(&self, below: &str) -> usize {
        let mut folders = vec![self.folder.path().join("media").join(below)];
        let mut count = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    count += 1;
                }
            }
        }
        count
    }
}

fn open(folder: &tempfile::TempDir, storage: &Storage, clock: &Arc<ManualClock>) -> Media {
    let path = folder.path().join("media");
    open_with(storage, clock, &path, "")
}

fn open_with(storage: &Storage, clock: &Arc<ManualClock>, path: &Path, settings: &str) -> Media {
    let text = format!(
        "server_name = \"b.example\"\ndata_dir = \"/nowhere\"\n[media]\nmax_upload = 1000000\n{settings}"
    );
    let config = Config::parse(&text, []).unwrap();
    let clock = Arc::clone(clock);
    let outbound = Outbound::open(&config.outbound).unwrap();
    Media::open(storage.clone(), clock, outbound, &config, path).unwrap()
}

async fn content(file: &File, range: std::ops::Range<u64>) -> Vec<u8> {
    file.read(range)
        .await
        .unwrap()
        .collect()
        .await
        .unwrap()
        .to_bytes()
        .to_vec()
}

#[tokio::test]
async fn uploaded_file_is_found_again_after_a_restart() {
    let fixture = Fixture::new();
    let uri = fixture.upload("hello").await.unwrap();
    let media = open(&fixture.folder, &fixture.storage, &fixture.clock);
    let (server_name, media_id) = uri.parts().unwrap();
    let stored = media
        .find(server_name, media_id, Duration::ZERO)
        .await
        .unwrap();
    assert_eq!(stored.row.filename.as_deref(), Some("a.txt"));
    assert_eq!(content(&stored.file, 0..5).await, b"hello");
    assert_eq!(content(&stored.file, 1..3).await, b"el");
}

#[tokio::test]
async fn same_content_is_stored_once() {
    let fixture = Fixture::new();
    let first = fixture.upload("hello").await.unwrap();
    let second = fixture.upload("hello").await.unwrap();
    assert_ne!(first, second);
    assert_eq!(fixture.files(""), 1);
}

#[tokio::test]
async fn file_of_many_pieces_arrives_whole() {
    let fixture = Fixture::new();
    let pieces: Vec<Result<Vec<u8>, std::io::Error>> =
        (0..9).map(|n| Ok(vec![n; 100_000])).collect();
    let uri = fixture
        .upload(Body::from_stream(futures::stream::iter(pieces)))
        .await
        .unwrap();
    let stored = fixture.find(&uri).await.unwrap();
    assert_eq!(stored.row.size, 900_000);
    let bytes = content(&stored.file, 0..900_000).await;
    assert!((0..9).all(|n| bytes[n * 100_000..][..100_000] == vec![n as u8; 100_000]));
}

#[tokio::test]
async fn file_beyond_the_limit_is_refused_and_leaves_nothing() {
    let fixture = Fixture::new();
    let error = fixture.upload(vec![0; 1_000_001]).await.unwrap_err();
    assert_eq!(error.status(), 413);
    assert_eq!(fixture.files(""), 0);
}

#[tokio::test]
async fn file_that_breaks_off_leaves_nothing() {
    let fixture = Fixture::new();
    let pieces = [Ok("half"), Err(std::io::Error::other("gone"))];
    let error = fixture
        .upload(Body::from_stream(futures::stream::iter(pieces)))
        .await
        .unwrap_err();
    assert_eq!(error.status(), 400);
    assert_eq!(fixture.files(""), 0);
}

#[tokio::test]
async fn file_without_a_row_is_removed_at_the_start() {
    let fixture = Fixture::new();
    let kept = fixture.upload("kept").await.unwrap();
    let path = fixture.folder.path().join("media/ab/ab");
    std::fs::create_dir_all(&path).unwrap();
    std::fs::write(path.join("ab".repeat(32)), "orphan").unwrap();
    std::fs::write(fixture.folder.path().join("media/tmp/7"), "half").unwrap();
    let media = open(&fixture.folder, &fixture.storage, &fixture.clock);
    assert_eq!(fixture.files(""), 1);
    let (server_name, media_id) = kept.parts().unwrap();
    assert!(
        media
            .find(server_name, media_id, Duration::ZERO)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn ids_that_are_paths_are_not_found() {
    let fixture = Fixture::new();
    for id in ["", "..", "../db", "a/b", "a\0"] {
        let error = fixture
            .media
            .find(server_name!("b.example"), id, Duration::ZERO)
            .await
            .unwrap_err();
        assert_eq!(error.status(), 404);
    }
}

#[tokio::test]
async fn thumbnails_are_made_once_for_all_who_ask() {
    let fixture = Fixture::new();
    let mut bytes = Vec::new();
    RgbImage::new(1000, 500)
        .write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png)
        .unwrap();
    let uri = fixture.upload(bytes).await.unwrap();
    let stored = fixture.find(&uri).await.unwrap();
    let request = ThumbnailRequest {
        width: 300,
        height: 200,
        fit: Fit::Scale,
        animated: false,
    };
    let media = Arc::new(fixture.media.clone());
    let asked = (0..5).map(|_| media.thumbnail(stored.clone(), request));
    let thumbnails = futures::future::try_join_all(asked).await.unwrap();
    // One of each usual size.
    assert_eq!(fixture.files("thumbnails"), 7);
    for thumbnail in thumbnails {
        let bytes = content(&thumbnail.file, 0..thumbnail.file.size).await;
        let picture = image::load_from_memory(&bytes).unwrap();
        assert_eq!((picture.width(), picture.height()), (320, 160));
        assert_eq!(thumbnail.content_type, "image/png");
    }
}

#[tokio::test]
async fn thumbnail_of_a_text_is_refused() {
    let fixture = Fixture::new();
    let uri = fixture.upload("hello").await.unwrap();
    let stored = fixture.find(&uri).await.unwrap();
    let request = ThumbnailRequest {
        width: 30,
        height: 20,
        fit: Fit::Crop,
        animated: false,
    };
    let error = fixture.media.thumbnail(stored, request).await.unwrap_err();
    assert_eq!(error.status(), 400);
}

#[tokio::test]
async fn reserved_address_is_filled_once_and_whoever_waits_gets_the_file() {
    let fixture = Fixture::new();
    let (uri, _) = fixture.media.reserve(UserNid(1)).await.unwrap();
    let (server_name, media_id) = uri.parts().unwrap();
    let fill = |user: u32| {
        let upload = Upload {
            uploader: UserNid(user),
            content_type: None,
            filename: None,
            announced_size: None,
            body: "hello".into(),
        };
        fixture.media.fill(server_name, media_id.to_owned(), upload)
    };
    assert_eq!(fixture.find(&uri).await.unwrap_err().status(), 504);
    assert_eq!(fill(2).await.unwrap_err().status(), 403);
    let patience = Duration::from_secs(20);
    let waiting = fixture.media.find(server_name, media_id, patience);
    let (found, filled) = tokio::join!(waiting, fill(1));
    filled.unwrap();
    assert_eq!(found.unwrap().row.size, 5);
    assert_eq!(fill(1).await.unwrap_err().status(), 409);
}

#[tokio::test]
async fn nobody_reserves_without_end() {
    let fixture = Fixture::new();
    for _ in 0..100 {
        fixture.media.reserve(UserNid(1)).await.unwrap();
    }
    assert_eq!(
        fixture
            .media
            .reserve(UserNid(1))
            .await
            .unwrap_err()
            .status(),
        429
    );
    assert!(fixture.media.reserve(UserNid(2)).await.is_ok());
    fixture.clock.advance(Duration::from_secs(25 * 60 * 60));
    assert!(fixture.media.reserve(UserNid(1)).await.is_ok());
}

#[tokio::test]
async fn contents_in_a_bucket_without_an_address_go_once_they_are_old() {
    let mut fixture = Fixture::new();
    let bucket = Bucket::in_memory();
    let blobs = Blobs::open(&fixture.folder.path().join("media")).unwrap();
    let inner = Arc::get_mut(&mut fixture.media.inner).unwrap();
    inner.contents = Contents::new(blobs, Some(bucket.clone()));
    fixture.upload("kept").await.unwrap();
    let kept = bucket.names().await;
    let orphan = [0xab; 32];
    bucket.content(&orphan).put("lost".into()).await.unwrap();
    bucket
        .thumbnail(&orphan, "32x32-crop")
        .put("small".into())
        .await
        .unwrap();
    let other = bucket.content(&[0xcd; 32]);
    other.put("lost too".into()).await.unwrap();
    // By this clock, everything in the bucket was written in the future.
    assert_eq!(fixture.media.remove_orphans().await.unwrap(), 0);
    fixture.clock.advance(Duration::from_secs(4_000_000_000));
    assert_eq!(fixture.media.remove_orphans().await.unwrap(), 2);
    assert_eq!(bucket.names().await, kept);
}
