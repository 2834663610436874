//! Every screen can be walked with the Tab key alone, and every control on it says what it is.
#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

mod shown;

use std::{ops::ControlFlow, time::Duration};

use i_slint_backend_testing::mock_elapsed_time;
use i_slint_core::{
    accessibility::AccessibleStringProperty,
    item_tree::{ItemRc, ParentItemTraversalMode},
    items::AccessibleRole,
    window::WindowInner,
};
use shown::{Shown, screens};
use slint::{
    ComponentHandle, SharedString,
    platform::{Key, WindowEvent},
};

/// No screen has more stops than this.
const STOPS: usize = 200;

/// What people act on.
const CONTROLS: [AccessibleRole; 9] = [
    AccessibleRole::Button,
    AccessibleRole::Checkbox,
    AccessibleRole::Combobox,
    AccessibleRole::Slider,
    AccessibleRole::Spinbox,
    AccessibleRole::Tab,
    AccessibleRole::TextInput,
    AccessibleRole::Switch,
    AccessibleRole::RadioButton,
];

#[test]
fn every_screen_is_walked_by_tab_and_every_control_says_what_it_is() {
    shown::begin();
    let mut faults = Vec::new();
    for screen in screens::NAMES {
        let shown = Shown::new(screen);
        shown.settle();
        let controls = shown.controls();
        assert!(!controls.is_empty(), "{screen} has no controls");
        let nameless = controls.iter().filter(|item| label(item).is_empty());
        faults.extend(nameless.map(|item| format!("{screen}: no label: {}", place(item))));
        let reached = shown.walk();
        let missed = controls
            .iter()
            .filter(|item| is_enabled(item) && !reached.contains(item));
        faults.extend(missed.map(|item| format!("{screen}: not reached: {}", place(item))));
        shown.ui.window().hide().unwrap();
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What somebody at the keyboard sees and does.
trait Walk {
    fn settle(&self);
    fn draw(&self);
    fn inner(&self) -> &WindowInner;
    fn controls(&self) -> Vec<ItemRc>;
    fn walk(&self) -> Vec<ItemRc>;
}

impl Walk for Shown {
    fn settle(&self) {
        for _ in 0..3 {
            mock_elapsed_time(Duration::from_millis(250));
            self.draw();
        }
    }

    /// Rows are made and laid out when they are drawn.
    fn draw(&self) {
        slint::platform::update_timers_and_animations();
        self.ui.window().window().take_snapshot().unwrap();
    }

    fn inner(&self) -> &WindowInner {
        WindowInner::from_pub(self.ui.window().window())
    }

    /// The controls one can see.
    fn controls(&self) -> Vec<ItemRc> {
        let mut found = Vec::new();
        let root = ItemRc::new_root(self.inner().component());
        let ended: Option<()> = root.visit_descendants(|item| {
            if item.is_visible() && is_control(item) {
                found.push(item.clone());
            }
            ControlFlow::Continue(())
        });
        assert!(ended.is_none());
        found
    }

    /// Presses Tab until the focus comes back to where it has been, and tells which controls had it.
    fn walk(&self) -> Vec<ItemRc> {
        let mut stops: Vec<ItemRc> = Vec::new();
        let mut reached = Vec::new();
        let tab = SharedString::from(Key::Tab);
        for _ in 0..STOPS {
            for event in [
                WindowEvent::KeyPressed { text: tab.clone() },
                WindowEvent::KeyReleased { text: tab.clone() },
            ] {
                self.ui.window().window().dispatch_event(event);
            }
            let Some(stop) = self.inner().focus_item.borrow().upgrade() else {
                continue;
            };
            // A list of suggestions takes the first Tab.
            if stops.last() == Some(&stop) {
                continue;
            }
            if stops.contains(&stop) {
                break;
            }
            reached.extend(control_around(&stop));
            stops.push(stop);
        }
        reached
    }
}

fn is_control(item: &ItemRc) -> bool {
    item.is_accessible() && CONTROLS.contains(&item.accessible_role())
}

/// What has the focus may be a part of the control.
fn control_around(item: &ItemRc) -> Option<ItemRc> {
    let mut item = Some(item.clone());
    while let Some(here) = item {
        if is_control(&here) {
            return Some(here);
        }
        item = here.parent_item(ParentItemTraversalMode::StopAtPopups);
    }
    None
}

fn label(item: &ItemRc) -> SharedString {
    item.accessible_string_property(AccessibleStringProperty::Label)
        .unwrap_or_default()
}

fn is_enabled(item: &ItemRc) -> bool {
    let enabled = item.accessible_string_property(AccessibleStringProperty::Enabled);
    enabled.is_none_or(|enabled| enabled != "false")
}

fn place(item: &ItemRc) -> String {
    let at = item.map_to_window(item.geometry().origin);
    let role = item.accessible_role();
    format!("{role:?} “{}” at {}×{}", label(item), at.x, at.y)
}
