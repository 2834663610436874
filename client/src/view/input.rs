//! What Slint does not bring from the window system: shortcuts under a Cyrillic layout, files let go over the window,
//! and whether anybody looks at it.

use std::{
    cell::{Cell, RefCell},
    path::PathBuf,
    rc::Rc,
    time::Duration,
};

use i_slint_core::window::WindowInner;
use slint::{
    ComponentHandle, SharedString, Timer,
    platform::WindowEvent as SlintEvent,
    winit_030::{
        EventResult, WinitWindowAccessor,
        winit::{
            event::{ElementState, KeyEvent, WindowEvent},
            keyboard::{Key, KeyCode, PhysicalKey},
        },
    },
};

use super::{AppAdapter, AppWindow};

/// Several files let go at once come one by one.
const GATHER: Duration = Duration::from_millis(60);

/// What is told of the window.
pub(super) struct Handlers {
    /// It is on its screen, whose scale factor is known now.
    pub(super) shown: Box<dyn Fn()>,
    pub(super) files: Box<dyn Fn(Vec<PathBuf>)>,
    pub(super) away: Box<dyn Fn(bool)>,
    /// Something was pressed.
    pub(super) stirred: Box<dyn Fn()>,
}

/// Listens to the window.
pub(super) fn listen(window: &AppWindow, handlers: Handlers) {
    let handlers = Rc::new(handlers);
    let control = Cell::new(false);
    let dropped: Rc<RefCell<Vec<PathBuf>>> = Rc::default();
    let gather = Timer::default();
    let weak = window.as_weak();
    let is_shown = Cell::new(false);
    window.window().on_winit_window_event(move |slint, event| {
        if !is_shown.replace(true) {
            let handlers = handlers.clone();
            Timer::single_shot(Duration::ZERO, move || (handlers.shown)());
        }
        let is_pressed = matches!(
            event,
            WindowEvent::KeyboardInput { .. }
                | WindowEvent::Ime(_)
                | WindowEvent::MouseInput { .. }
        );
        if is_pressed {
            (handlers.stirred)();
        }
        if matches!(event, WindowEvent::KeyboardInput { .. })
            && let Some(window) = weak.upgrade()
        {
            keep_keys(&window);
        }
        match event {
            WindowEvent::ModifiersChanged(modifiers) => {
                control.set(modifiers.state().control_key());
            }
            WindowEvent::KeyboardInput {
                event,
                is_synthetic: false,
                ..
            } if control.get() => {
                if let Some(letter) = latin(event) {
                    let text = SharedString::from(letter);
                    let event = match event.state {
                        ElementState::Pressed => SlintEvent::KeyPressed { text },
                        ElementState::Released => SlintEvent::KeyReleased { text },
                    };
                    if let Err(error) = slint.dispatch_event_with_result(event) {
                        tracing::debug!(%error, "a shortcut was not taken");
                    }
                    return EventResult::PreventDefault;
                }
            }
            WindowEvent::Focused(focused) => (handlers.away)(!focused),
            WindowEvent::HoveredFile(_) => set_dropping(&weak, true),
            WindowEvent::HoveredFileCancelled => set_dropping(&weak, false),
            WindowEvent::DroppedFile(path) => {
                set_dropping(&weak, false);
                dropped.borrow_mut().push(path.clone());
                let (dropped, handlers) = (dropped.clone(), handlers.clone());
                gather.start(slint::TimerMode::SingleShot, GATHER, move || {
                    (handlers.files)(dropped.take());
                });
            }
            _ => {}
        }
        EventResult::Propagate
    });
}

/// Gives the keyboard to the window where what had it is gone, such as a reaction under a message that is no longer drawn:
/// no shortcut would work until the next click.
pub(super) fn keep_keys(window: &AppWindow) {
    let inner = WindowInner::from_pub(window.window());
    let focus = inner.focus_item.borrow().upgrade();
    let is_lost = focus.is_none_or(|item| !item.is_visible());
    if is_lost && inner.active_popups().is_empty() {
        window.invoke_take_keys();
    }
}

/// Makes the window no larger than its screen: what is outside cannot be reached.
pub(super) fn fit_to_screen(window: &AppWindow) {
    let window = window.window();
    let screen = window.with_winit_window(|window| window.current_monitor());
    let Some(screen) = screen.flatten().map(|screen| screen.size()) else {
        return;
    };
    let size = window.size();
    let (width, height) = (size.width.min(screen.width), size.height.min(screen.height));
    if width > 0 && height > 0 && (width, height) != (size.width, size.height) {
        window.set_size(slint::PhysicalSize::new(width, height));
    }
}

fn set_dropping(window: &slint::Weak<AppWindow>, dropping: bool) {
    if let Some(window) = window.upgrade() {
        window.global::<AppAdapter>().set_dropping(dropping);
    }
}

/// The Latin letter on a key that types another alphabet, or a capital: Ctrl+С copies wherever С is, with Caps Lock too.
fn latin(event: &KeyEvent) -> Option<char> {
    let Key::Character(text) = &event.logical_key else {
        return None;
    };
    let mut letters = text.chars();
    if let (Some(letter @ 'A'..='Z'), None) = (letters.next(), letters.next()) {
        return Some(letter.to_ascii_lowercase());
    }
    if text.is_ascii() {
        return None;
    }
    let PhysicalKey::Code(code) = event.physical_key else {
        return None;
    };
    LETTERS
        .iter()
        .find(|(other, _)| *other == code)
        .map(|(_, letter)| *letter)
}

const LETTERS: [(KeyCode, char); 28] = [
    (KeyCode::KeyA, 'a'),
    (KeyCode::KeyB, 'b'),
    (KeyCode::KeyC, 'c'),
    (KeyCode::KeyD, 'd'),
    (KeyCode::KeyE, 'e'),
    (KeyCode::KeyF, 'f'),
    (KeyCode::KeyG, 'g'),
    (KeyCode::KeyH, 'h'),
    (KeyCode::KeyI, 'i'),
    (KeyCode::KeyJ, 'j'),
    (KeyCode::KeyK, 'k'),
    (KeyCode::KeyL, 'l'),
    (KeyCode::KeyM, 'm'),
    (KeyCode::KeyN, 'n'),
    (KeyCode::KeyO, 'o'),
    (KeyCode::KeyP, 'p'),
    (KeyCode::KeyQ, 'q'),
    (KeyCode::KeyR, 'r'),
    (KeyCode::KeyS, 's'),
    (KeyCode::KeyT, 't'),
    (KeyCode::KeyU, 'u'),
    (KeyCode::KeyV, 'v'),
    (KeyCode::KeyW, 'w'),
    (KeyCode::KeyX, 'x'),
    (KeyCode::KeyY, 'y'),
    (KeyCode::KeyZ, 'z'),
    (KeyCode::Slash, '/'),
    (KeyCode::Equal, '='),
];
