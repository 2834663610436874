//! What somebody sees first: the whole form on a small screen, and a question that does not hide behind the tour.
#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

#[path = "window/focus.rs"]
mod focus;
mod shown;

use std::{ops::ControlFlow, time::Duration};

use client::{
    bridge::update::Update,
    rows::{VerificationRow, VerificationStage},
    view::{OnboardingAdapter, SettingsAdapter},
};
use focus::{focused, label};
use i_slint_backend_testing::mock_elapsed_time;
use i_slint_core::{item_tree::ItemRc, window::WindowInner};
use shown::Shown;
use slint::{ComponentHandle, LogicalSize};

/// The smallest screen that classrooms have.
const SMALL: (f32, f32) = (1024.0, 600.0);

#[test]
fn the_first_minutes_need_no_scrolling_and_hide_no_question() {
    shown::begin();
    for screen in ["server", "servers", "sign-in", "register"] {
        for language in [0, 1] {
            the_form_fits_a_small_screen(screen, language);
        }
    }
    a_question_comes_before("tour-1");
    a_question_comes_before("welcome");
}

fn the_form_fits_a_small_screen(screen: &str, language: i32) {
    let shown = Shown::new(screen);
    let window = shown.ui.window();
    window.window().set_size(LogicalSize::new(SMALL.0, SMALL.1));
    window
        .global::<SettingsAdapter>()
        .invoke_language_chosen(language);
    let adapter = window.global::<OnboardingAdapter>();
    let long = "The server could not be reached, and this sentence about it is so long that it needs two lines.";
    adapter.set_user_error(long.into());
    adapter.set_password_error(long.into());
    adapter.set_error(long.into());
    settle(&shown);
    // What lies outside the scrolled part counts as invisible.
    let below: Vec<_> = items(&shown, |_| true)
        .into_iter()
        .filter_map(|item| {
            let bottom = item.map_to_window(item.geometry().origin).y + item.geometry().height();
            let said = label(&item)?;
            (bottom > SMALL.1).then(|| format!("{said} ends at {bottom}"))
        })
        .collect();
    assert!(below.is_empty(), "{screen} {language}: {below:#?}");
    window.window().hide().unwrap();
}

/// Another computer asks for a comparison while somebody is welcomed here.
fn a_question_comes_before(screen: &str) {
    let shown = Shown::new(screen);
    settle(&shown);
    let before = focused(&shown.ui);
    assert!(before.is_some(), "{screen} takes the keyboard");
    let ask = |stage: Option<VerificationStage>| {
        let row = stage.map(|stage| VerificationRow {
            name: String::new(),
            stage,
        });
        shown.ui.apply(Update::Verification(row));
        settle(&shown);
    };
    ask(Some(VerificationStage::Asked));
    // The last button of the question, in whichever language.
    let words = ["Compare", "Сверить"];
    let answer = focused(&shown.ui).unwrap_or_default();
    assert!(
        words.contains(&&*answer),
        "{screen}: the keyboard is at {answer}"
    );
    let on_top = shown_last(&shown);
    assert!(
        words.contains(&&*on_top),
        "{screen}: {on_top} covers the question"
    );
    ask(None);
    assert_eq!(focused(&shown.ui), before, "{screen} goes on");
    shown.ui.window().window().hide().unwrap();
}

fn settle(shown: &Shown) {
    for _ in 0..3 {
        mock_elapsed_time(Duration::from_millis(250));
        slint::platform::update_timers_and_animations();
        shown.ui.window().window().take_snapshot().unwrap();
    }
}

fn items(shown: &Shown, wanted: impl Fn(&ItemRc) -> bool) -> Vec<ItemRc> {
    let mut found = Vec::new();
    let inner = WindowInner::from_pub(shown.ui.window().window());
    let root = ItemRc::new_root(inner.component());
    let ended: Option<()> = root.visit_descendants(|item| {
        if wanted(item) {
            found.push(item.clone());
        }
        ControlFlow::Continue(())
    });
    assert!(ended.is_none());
    found
}

/// What is drawn after everything else, of what says something.
fn shown_last(shown: &Shown) -> String {
    let items = items(shown, ItemRc::is_visible);
    items
        .iter()
        .rev()
        .find_map(label)
        .unwrap_or_default()
        .to_string()
}
