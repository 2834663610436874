//! Which control has the keyboard.

use i_slint_core::{
    accessibility::AccessibleStringProperty,
    item_tree::{ItemRc, ParentItemTraversalMode},
    window::WindowInner,
};
use slint::{ComponentHandle, SharedString};

use crate::window::Window;

/// What something says of itself.
pub(crate) fn label(item: &ItemRc) -> Option<SharedString> {
    item.accessible_string_property(AccessibleStringProperty::Label)
}

/// What the control says that has the keyboard.
pub(crate) fn focused(window: &Window) -> Option<SharedString> {
    let inner = WindowInner::from_pub(window.ui.window().window());
    let mut item = inner.focus_item.borrow().upgrade()?;
    loop {
        if let Some(said) = label(&item) {
            return Some(said);
        }
        item = item.parent_item(ParentItemTraversalMode::StopAtPopups)?;
    }
}
