//! The pictures of the help: parts of screens, as wide as the pane that shows them.

use std::{path::Path, process::Command};

use anyhow::bail;
use image::imageops::{self, FilterType};

/// So wide is an article.
const WIDTH: u32 = 288;

/// A part of a screen.
struct Part {
    article: &'static str,
    screen: &'static str,
    window: (u32, u32),
    /// Its left upper corner, and its size.
    area: [u32; 4],
}

const fn part(
    article: &'static str,
    screen: &'static str,
    window: (u32, u32),
    area: [u32; 4],
) -> Part {
    Part {
        article,
        screen,
        window,
        area,
    }
}

const WIDE: (u32, u32) = (1180, 740);
/// Dialogs are hardly wider than an article here.
const NARROW: (u32, u32) = (360, 640);

/// A dialog that is high is whole here, and nothing of it is scrolled.
const TALL: (u32, u32) = (360, 800);

const PARTS: [Part; 12] = [
    part("start", "main", WIDE, [64, 0, 304, 300]),
    part("signing-in", "sign-in", NARROW, [20, 96, 320, 330]),
    part("find-person", "new-chat", NARROW, [16, 104, 328, 280]),
    part("groups", "new-group", NARROW, [28, 16, 304, 400]),
    part("messages", "direct", NARROW, [16, 276, 328, 356]),
    part("emoji", "emoji", NARROW, [8, 172, 344, 336]),
    part("files", "attach", NARROW, [16, 161, 328, 316]),
    part("search", "search", WIDE, [860, 56, 320, 290]),
    part("games", "class", NARROW, [16, 392, 328, 152]),
    part("quizzes", "quiz", TALL, [24, 64, 312, 416]),
    part("feedback", "feedback", NARROW, [24, 30, 312, 252]),
    part("verification", "verify", NARROW, [16, 124, 328, 392]),
];

/// Saves all of them in both languages.
pub(super) fn save(folder: &Path) -> anyhow::Result<()> {
    let scratch = tempfile::tempdir()?;
    let whole = scratch.path().join("screen.png");
    for part in &PARTS {
        for language in ["ru", "en"] {
            let (width, height) = part.window;
            let status = Command::new(std::env::current_exe()?)
                .args([part.screen, "--theme", "light", "--lang", language])
                .args(["--size", &format!("{width}x{height}"), "--save"])
                .arg(&whole)
                // Wherever they are drawn, the messages are of the same time of day.
                .env("TZ", "Europe/Moscow")
                .status()?;
            if !status.success() {
                bail!("{} was not drawn.", part.screen);
            }
            let [x, y, width, height] = part.area;
            let screen = image::open(&whole)?.into_rgb8();
            let picture = imageops::crop_imm(&screen, x, y, width, height).to_image();
            let height = height * WIDTH / width;
            let picture = imageops::resize(&picture, WIDTH, height, FilterType::Lanczos3);
            let name = format!("{}.{language}.png", part.article);
            crate::indexed::save(&folder.join(name), &picture);
        }
    }
    Ok(())
}
