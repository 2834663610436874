//! Every screen looks as it did: the gallery's screens in both themes and both languages, drawn with the software
//! renderer and compared with small pictures of them in `tests/pictures/kept`.
//!
//! A picture that differs is left in `target/tmp/pictures` beside what was expected. When the change is meant, look at
//! it and keep the new ones with `UPDATE_PICTURES=1 cargo test -p client --test pictures`.
#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

#[path = "../window/focus.rs"]
mod focus;
mod indexed;
#[path = "../shown/mod.rs"]
mod shown;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use client::view::{HelpAdapter, SettingsAdapter};
use i_slint_backend_testing::mock_elapsed_time;
use image::{RgbImage, RgbaImage, imageops};
use shown::{Shown, screens};
use slint::ComponentHandle;

/// The pictures are this much smaller than the window.
const SHRINK: u32 = 4;
/// A pixel counts when one of its colours is this far off; keeping few colours costs up to half of it.
const TOLERANCE: u8 = 48;
/// So many may differ in a picture: the width of a number, the edge of a letter.
const DIFFERENT: usize = 40;
/// The time zone of the pictures.
const ZONE: &str = "MSK-3";

#[test]
fn every_screen_looks_as_it_did() {
    // The zone is read when the process starts.
    if std::env::var("TZ").as_deref() != Ok(ZONE) {
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "every_screen_looks_as_it_did", "--nocapture"])
            .env("TZ", ZONE)
            .status()
            .unwrap();
        assert!(status.success(), "some pictures differ; see above");
        return;
    }
    shown::begin();

    let mut different = Vec::new();
    for screen in screens::NAMES {
        let shown = Shown::new(screen);
        // What is asked, answered and scrolled to takes a few turns.
        frame(&shown);
        frame(&shown);
        nobody_writes(&shown);
        for (theme, look) in [(1, "light"), (2, "dark")] {
            for (language, code) in [(0, "ru"), (1, "en")] {
                let name = format!("{screen}-{look}-{code}");
                let drawn = draw(&shown, theme, language);
                if let Some(pixels) = compare(&name, &drawn) {
                    different.push(format!("{name}: {pixels} pixels"));
                }
            }
        }
        shown.ui.window().hide().unwrap();
    }
    assert!(
        different.is_empty(),
        "These look different (see {}):\n{}",
        scratch().display(),
        different.join("\n")
    );
}

/// The field of a room that opens has the keyboard, and something else in most pictures is to be looked at.
fn nobody_writes(shown: &Shown) {
    if focus::focused(&shown.ui).is_some_and(|said| said == "Message" || said == "Сообщение")
    {
        shown.ui.window().invoke_take_keys();
    }
}

fn frame(shown: &Shown) -> RgbImage {
    mock_elapsed_time(Duration::from_millis(500));
    slint::platform::update_timers_and_animations();
    let picture = shown.ui.window().window().take_snapshot().unwrap();
    let (width, height) = (picture.width(), picture.height());
    let picture = RgbaImage::from_raw(width, height, picture.as_bytes().to_vec()).unwrap();
    let picture = image::DynamicImage::from(picture).into_rgb8();
    imageops::thumbnail(&picture, width / SHRINK, height / SHRINK)
}

/// Changes the theme and the language as in the settings.
fn draw(shown: &Shown, theme: i32, language: i32) -> RgbImage {
    let settings = shown.ui.window().global::<SettingsAdapter>();
    settings.invoke_theme_chosen(theme);
    settings.invoke_language_chosen(language);
    // What the program measures of itself differs from run to run.
    settings.set_memory("57 MB".into());
    shown
        .ui
        .window()
        .global::<HelpAdapter>()
        .set_version("Fialka".into());
    frame(shown);
    frame(shown)
}

/// How many pixels differ, when too many do.
fn compare(name: &str, drawn: &RgbImage) -> Option<usize> {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/pictures/kept")
        .join(format!("{name}.png"));
    let expected = image::open(&kept).ok().map(|picture| picture.into_rgb8());
    let count = expected
        .as_ref()
        .filter(|expected| expected.dimensions() == drawn.dimensions())
        .map_or(drawn.pixels().len(), |expected| {
            let pairs = expected.pixels().zip(drawn.pixels());
            pairs.filter(|(a, b)| is_far(a.0, b.0)).count()
        });
    if count <= DIFFERENT {
        return None;
    }
    if std::env::var_os("UPDATE_PICTURES").is_some() {
        indexed::save(&kept, drawn);
        return None;
    }
    let scratch = scratch();
    fs::create_dir_all(&scratch).unwrap();
    drawn.save(scratch.join(format!("{name}.png"))).unwrap();
    if let Some(expected) = expected {
        let file = scratch.join(format!("{name}-expected.png"));
        expected.save(file).unwrap();
    }
    Some(count)
}

fn is_far(a: [u8; 3], b: [u8; 3]) -> bool {
    a.iter().zip(b).any(|(a, b)| a.abs_diff(b) > TOLERANCE)
}

fn scratch() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("pictures")
}
