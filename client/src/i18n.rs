//! Switching the language of the views. Sentences that Rust makes take the language as an argument
//! ([`crate::render::words`]); the views' own words are translated by Slint.

use crate::render::Language;

/// The name of the folder in `lang/`; English needs none, its words are in the views.
#[must_use]
pub fn code(language: Language) -> &'static str {
    match language {
        Language::Russian => "ru",
        Language::English => "",
    }
}

/// Shows all views in this language from now on. Call it after the window was made.
pub fn select(language: Language) {
    if let Err(error) = slint::select_bundled_translation(code(language)) {
        tracing::warn!(%error, "the language was not changed");
    }
}
