//! Which renderer draws the window.
//!
//! The software renderer needs the least memory and works everywhere. The other one needs a graphics driver; when a start
//! with it ends before anything was drawn, the program draws without it from then on.

use std::{
    cell::Cell,
    fs, io,
    path::{Path, PathBuf},
};

use crate::settings::Settings;

/// There from the start with the graphics driver until it has drawn something.
const MARK: &str = "renderer-starting";

/// A start with one of the renderers.
pub struct Attempt {
    mark: PathBuf,
    software: bool,
    gave_up: bool,
    /// The mark is gone.
    drawn: Cell<bool>,
}

impl Attempt {
    /// Chooses the renderer; `safe_mode` is for the one that always works.
    #[must_use]
    pub fn begin(data_dir: &Path, settings: &Settings, safe_mode: bool) -> Self {
        let mark = data_dir.join(MARK);
        let gave_up = mark.exists();
        if gave_up {
            settings.change(|choices| choices.software_rendering = true);
            done(fs::remove_file(&mark));
        }
        let software = safe_mode || settings.get().software_rendering;
        if !software {
            done(fs::write(&mark, ""));
        }
        Self {
            mark,
            software,
            gave_up,
            drawn: Cell::new(software),
        }
    }

    /// What Slint calls the renderer.
    #[must_use]
    pub fn renderer(&self) -> &'static str {
        match self.software {
            true => "software",
            false => "femtovg",
        }
    }

    /// Whether the graphics driver has failed the last time.
    #[must_use]
    pub fn gave_up(&self) -> bool {
        self.gave_up
    }

    /// The window is on the screen, or nobody wanted to see it.
    pub fn succeed(&self) {
        if !self.drawn.replace(true) {
            done(fs::remove_file(&self.mark));
        }
    }
}

fn done(result: io::Result<()>) {
    if let Err(error) = result {
        tracing::warn!(%error, "the start of the renderer is not noted");
    }
}

#[cfg(test)]
mod tests {
    use super::{Attempt, Settings};

    #[test]
    fn a_driver_that_draws_nothing_is_not_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::load(folder.path());
        settings.change(|choices| choices.software_rendering = false);
        let begin = || Attempt::begin(folder.path(), &settings, false);

        let good = begin();
        assert_eq!((good.renderer(), good.gave_up()), ("femtovg", false));
        good.succeed();
        let bad = begin();
        assert_eq!((bad.renderer(), bad.gave_up()), ("femtovg", false));
        let after = begin();
        assert_eq!((after.renderer(), after.gave_up()), ("software", true));
        assert!(settings.get().software_rendering);
        let later = begin();
        assert_eq!((later.renderer(), later.gave_up()), ("software", false));
    }

    #[test]
    fn safe_mode_leaves_the_choice_alone() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::load(folder.path());
        settings.change(|choices| choices.software_rendering = false);
        let safe = Attempt::begin(folder.path(), &settings, true);
        assert_eq!((safe.renderer(), safe.gave_up()), ("software", false));
        assert!(!settings.get().software_rendering);
    }
}
