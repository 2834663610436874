//! Every screen looks as it did: the gallery's screens in both themes and both languages, drawn with the software
//! renderer and compared with small pictures of them in `tests/pictures/kept`.
//!
//! A picture that differs is left in `target/tmp/pictures` beside what was expected. When the change is meant, look at
//! it and keep the new ones with `UPDATE_PICTURES=1 cargo test -p client --test pictures`.
#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

#[path = "../../examples/gallery/faces.rs"]
mod faces;
mod indexed;
#[path = "../../examples/gallery/samples.rs"]
mod samples;
#[path = "../../examples/gallery/screens.rs"]
mod screens;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    rc::Rc,
    time::Duration,
};

use client::{
    bridge::command::Commands,
    settings::Settings,
    view::{HelpAdapter, SettingsAdapter, Ui},
};
use i_slint_backend_testing::{TestingBackend, TestingBackendOptions, mock_elapsed_time};
use image::{RgbImage, RgbaImage, imageops};
use slint::{ComponentHandle, LogicalSize, Timer};
use tempfile::TempDir;

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
    let backend = TestingBackend::new(TestingBackendOptions {
        mock_time: true,
        threading: false,
        renderer_name: Some("software".into()),
    });
    slint::platform::set_platform(Box::new(backend)).unwrap();
    client::view::stop_clock(samples::NOW);

    let mut different = Vec::new();
    for screen in screens::NAMES {
        let shown = Shown::new(screen);
        for (theme, look) in [(1, "light"), (2, "dark")] {
            for (language, code) in [(0, "ru"), (1, "en")] {
                let name = format!("{screen}-{look}-{code}");
                let drawn = shown.draw(theme, language);
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

/// A window with one screen, which changes its theme and its language as in the settings.
struct Shown {
    ui: Rc<Ui>,
    _session: Timer,
    _folder: TempDir,
}

impl Shown {
    fn new(screen: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::load(folder.path());
        let (width, height) = screens::size(screen).unwrap();
        let (commands, receiver) = Commands::channel();
        let ui = Rc::new(Ui::new(commands, settings).unwrap());
        ui.window()
            .window()
            .set_size(LogicalSize::new(width, height));
        ui.window().show().unwrap();
        let session = screens::fill(&ui, receiver, screen);
        let shown = Self {
            ui,
            _session: session,
            _folder: folder,
        };
        // What is asked, answered and scrolled to takes a few turns.
        shown.frame();
        shown.frame();
        shown
    }

    fn frame(&self) -> RgbImage {
        mock_elapsed_time(Duration::from_millis(500));
        slint::platform::update_timers_and_animations();
        let picture = self.ui.window().window().take_snapshot().unwrap();
        let (width, height) = (picture.width(), picture.height());
        let picture = RgbaImage::from_raw(width, height, picture.as_bytes().to_vec()).unwrap();
        let picture = image::DynamicImage::from(picture).into_rgb8();
        imageops::thumbnail(&picture, width / SHRINK, height / SHRINK)
    }

    fn draw(&self, theme: i32, language: i32) -> RgbImage {
        let settings = self.ui.window().global::<SettingsAdapter>();
        settings.invoke_theme_chosen(theme);
        settings.invoke_language_chosen(language);
        // What the program measures of itself differs from run to run.
        settings.set_memory("57 MB".into());
        self.ui
            .window()
            .global::<HelpAdapter>()
            .set_version("Fialka".into());
        self.frame();
        self.frame()
    }
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
