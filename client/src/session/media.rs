//! Pictures for the screen and files for the disk.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use matrix_sdk::{
    Client,
    media::{MediaFormat, MediaRequestParameters, MediaThumbnailSettings},
    ruma::{UInt, events::room::MediaSource},
};
use tokio::{sync::Semaphore, task::AbortHandle};

use super::{
    animation,
    media_cache::{MediaCache, PictureKey},
    outbox::Outbox,
    picture, player,
};
use crate::{
    bridge::{
        command::{MediaCommand, RequestId},
        pixels::Pixels,
        trouble::Trouble,
        update::{Answer, PictureSize, Update},
    },
    rows::MediaKey,
};

/// Decoded pictures kept here, for a moment: the views keep those they show. Enough for faces, which are shown in more
/// than one outline.
const CACHE_BYTES: usize = 1 << 20;
/// Pictures loaded at the same time: more would make the first one late.
const AT_ONCE: usize = 4;
/// Larger files are not loaded to see whether they move.
const ANIMATION_BYTES: usize = 16 << 20;
/// Where the SDK keeps files that are still being sent.
const SEND_QUEUE_SERVER: &str = "send-queue.localhost";

/// Loads every picture once, however many rows ask for it.
#[derive(Clone)]
pub(super) struct MediaLoader {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    outbox: Outbox,
    /// Where sounds are while they are played; it goes with the account.
    sounds: PathBuf,
    cache: Mutex<MediaCache>,
    waiting: Mutex<HashMap<PictureKey, Vec<RequestId>>>,
    slots: Semaphore,
    moving: Mutex<HashMap<MediaKey, AbortHandle>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        for task in lock(&self.moving).values() {
            task.abort();
        }
    }
}

impl MediaLoader {
    pub(super) fn new(client: Client, outbox: Outbox, sounds: PathBuf) -> Self {
        let cache = Mutex::new(MediaCache::new(CACHE_BYTES));
        let (waiting, slots) = (Mutex::default(), Semaphore::new(AT_ONCE));
        Self {
            inner: Arc::new(Inner {
                client,
                outbox,
                sounds,
                cache,
                waiting,
                slots,
                moving: Mutex::default(),
            }),
        }
    }

    /// Carries out a command; the answer comes when it is done.
    pub(super) async fn carry_out(&self, request: RequestId, command: MediaCommand) {
        match command {
            MediaCommand::Thumbnail {
                media,
                max_width,
                max_height,
            } => {
                self.show(
                    request,
                    (
                        media,
                        PictureSize::Thumbnail {
                            max_width,
                            max_height,
                        },
                    ),
                )
                .await;
            }
            MediaCommand::Full { media } => self.show(request, (media, PictureSize::Full)).await,
            MediaCommand::Animate {
                media,
                max_width,
                max_height,
            } => {
                self.animate(media, (max_width, max_height));
                self.inner.outbox.answer(request, Ok(Answer::Done)).await;
            }
            MediaCommand::Still { media } => {
                if let Some(task) = lock(&self.inner.moving).remove(&media) {
                    task.abort();
                }
                self.inner.outbox.answer(request, Ok(Answer::Done)).await;
            }
            MediaCommand::Play { media, mime_type } => {
                let inner = self.inner.clone();
                self.inner.outbox.answer_later(request, async move {
                    inner.play(media, mime_type).await?;
                    Ok(Answer::Done)
                });
            }
            MediaCommand::Save { media, path } => {
                let client = self.inner.client.clone();
                self.inner
                    .outbox
                    .answer_later(request, save(client, media, path));
            }
        }
    }

    fn animate(&self, media: MediaKey, fit: (u32, u32)) {
        let (client, outbox) = (self.inner.client.clone(), self.inner.outbox.clone());
        let shown = media.clone();
        // Only what the frames need: the task must not keep the loader alive.
        let task = tokio::spawn(async move {
            if let Err(trouble) = animate(&client, &outbox, &shown, fit).await {
                tracing::info!(?trouble, "a picture does not move");
            }
        });
        let before = lock(&self.inner.moving).insert(media, task.abort_handle());
        if let Some(before) = before {
            before.abort();
        }
    }

    async fn show(&self, request: RequestId, key: PictureKey) {
        let cached = lock(&self.inner.cache).get(&key);
        if let Some(pixels) = cached {
            self.inner.deliver(&key, pixels).await;
            self.inner.outbox.answer(request, Ok(Answer::Done)).await;
            return;
        }
        let is_first = {
            let mut waiting = lock(&self.inner.waiting);
            let requests = waiting.entry(key.clone()).or_default();
            requests.push(request);
            requests.len() == 1
        };
        if is_first {
            let inner = self.inner.clone();
            tokio::spawn(async move { inner.load(key).await });
        }
    }
}

impl Inner {
    async fn load(&self, key: PictureKey) {
        let result = self.fetch(&key).await;
        if let Ok(pixels) = &result {
            lock(&self.cache).insert(key.clone(), pixels.clone());
            self.deliver(&key, pixels.clone()).await;
        }
        let requests = lock(&self.waiting).remove(&key).unwrap_or_default();
        let result = result.map(|_| Answer::Done);
        for request in requests {
            self.outbox.answer(request, result.clone()).await;
        }
    }

    async fn fetch(&self, (media, size): &PictureKey) -> Result<Pixels, Trouble> {
        // The semaphore is never closed.
        let _slot = self
            .slots
            .acquire()
            .await
            .map_err(|error| Trouble::Other(error.to_string()))?;
        let source = source_of(media)?;
        let PictureSize::Thumbnail {
            max_width,
            max_height,
        } = *size
        else {
            let bytes = self.bytes(source, MediaFormat::File).await?;
            return picture::decode(bytes, None).await;
        };
        let fit = Some((max_width, max_height));
        if is_on_server(&source) {
            // Some servers make no thumbnails of some formats: then the file itself is made small.
            let settings =
                MediaThumbnailSettings::new(UInt::from(max_width), UInt::from(max_height));
            if let Ok(bytes) = self
                .bytes(source.clone(), MediaFormat::Thumbnail(settings))
                .await
                && let Ok(pixels) = picture::decode(bytes, fit).await
            {
                return Ok(pixels);
            }
        }
        picture::decode(self.bytes(source, MediaFormat::File).await?, fit).await
    }

    async fn bytes(&self, source: MediaSource, format: MediaFormat) -> Result<Vec<u8>, Trouble> {
        let request = MediaRequestParameters { source, format };
        Ok(self
            .client
            .media()
            .get_media_content(&request, true)
            .await?)
    }

    async fn play(&self, media: MediaKey, mime_type: Option<String>) -> Result<(), Trouble> {
        let bytes = self.bytes(source_of(&media)?, MediaFormat::File).await?;
        let folder = self.sounds.clone();
        let played =
            tokio::task::spawn_blocking(move || player::play(&folder, bytes, mime_type.as_deref()));
        played
            .await
            .map_err(|error| Trouble::Other(error.to_string()))?
    }

    async fn deliver(&self, (media, size): &PictureKey, pixels: Pixels) {
        self.outbox
            .send(Update::Picture {
                media: media.clone(),
                size: *size,
                pixels,
            })
            .await;
    }
}

/// Shows frame after frame.
async fn animate(
    client: &Client,
    outbox: &Outbox,
    media: &MediaKey,
    fit: (u32, u32),
) -> Result<(), Trouble> {
    let request = MediaRequestParameters {
        source: source_of(media)?,
        format: MediaFormat::File,
    };
    let bytes = client.media().get_media_content(&request, true).await?;
    if bytes.len() > ANIMATION_BYTES {
        return Err(Trouble::TooLarge(None));
    }
    let mut frames = animation::play(bytes, fit);
    while let Some((pixels, delay)) = frames.recv().await {
        let media = media.clone();
        outbox.send(Update::Frame { media, pixels }).await;
        tokio::time::sleep(delay).await;
    }
    Ok(())
}

/// The server can make a thumbnail of what it can read and has.
fn is_on_server(source: &MediaSource) -> bool {
    match source {
        MediaSource::Plain(uri) => uri
            .server_name()
            .is_ok_and(|server| server != SEND_QUEUE_SERVER),
        MediaSource::Encrypted(_) => false,
    }
}

fn source_of(media: &MediaKey) -> Result<MediaSource, Trouble> {
    serde_json::from_str(media.as_str()).map_err(|_| Trouble::NotFound)
}

async fn save(client: Client, media: MediaKey, path: PathBuf) -> Result<Answer, Trouble> {
    let request = MediaRequestParameters {
        source: source_of(&media)?,
        format: MediaFormat::File,
    };
    let bytes = client.media().get_media_content(&request, true).await?;
    // Whole or not at all: a reader must not find half a file under the wanted name.
    let part = path.with_added_extension("part");
    let written = async {
        tokio::fs::write(&part, bytes).await?;
        tokio::fs::rename(&part, &path).await
    };
    written.await.map_err(|error| {
        tracing::info!(%error, "a file cannot be saved");
        Trouble::FileUnreadable
    })?;
    Ok(Answer::Done)
}

/// The data behind these locks is whole after every line, so a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
