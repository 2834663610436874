//! Which control has the keyboard.

use client::view::Ui;
use i_slint_core::{
    accessibility::AccessibleStringProperty,
    item_tree::{ItemRc, ParentItemTraversalMode},
    window::WindowInner,
};
use slint::{ComponentHandle, SharedString};

/// What something says of itself, if it says anything.
pub(crate) fn label(item: &ItemRc) -> Option<SharedString> {
    let said = item.accessible_string_property(AccessibleStringProperty::Label)?;
    (!said.is_empty()).then_some(said)
}

/// What the control says that has the keyboard.
pub(crate) fn focused(ui: &Ui) -> Option<SharedString> {
    let inner = WindowInner::from_pub(ui.window().window());
    let mut item = inner.focus_item.borrow().upgrade()?;
    loop {
        if let Some(said) = label(&item) {
            return Some(said);
        }
        item = item.parent_item(ParentItemTraversalMode::StopAtPopups)?;
    }
}
