//! Messages in one line, for the room list and for what a reply answers.

use super::{
    Language, size,
    words::{choose, notice_of},
};
use crate::rows::{Preview, PreviewKind};

/// The second line of a room in the list, without the sender; also what a reply answers.
#[must_use]
pub fn preview(language: Language, kind: &PreviewKind) -> String {
    let [russian, english] = match kind {
        PreviewKind::Text(text) => return text.clone(),
        PreviewKind::File(name) => return name.clone(),
        PreviewKind::Notice {
            actor,
            target,
            notice,
        } => {
            return notice_of(language, actor, target.as_deref(), notice);
        }
        PreviewKind::Audio(Some(seconds)) => {
            let length = size::duration(*seconds);
            return choose(language, "Голосовое, ", "Voice message, ").to_owned() + length.as_str();
        }
        PreviewKind::Audio(None) => ["Голосовое", "Voice message"],
        PreviewKind::Picture => ["Картинка", "Picture"],
        PreviewKind::Video => ["Видео", "Video"],
        PreviewKind::Deleted => ["Сообщение удалено", "Message deleted"],
        PreviewKind::Encrypted => ["Зашифрованное сообщение", "Encrypted message"],
        PreviewKind::Entered => ["Вы теперь в чате", "You joined"],
        PreviewKind::Unknown => ["Сообщение нового вида", "A newer kind of message"],
    };
    choose(language, russian, english).to_owned()
}

/// Who stands before a preview: `Вы: `, `София: ` or nothing. A whole name would leave no room for what was said.
#[must_use]
pub fn preview_sender(language: Language, preview: &Preview) -> String {
    if preview.own {
        return choose(language, "Вы: ", "You: ").to_owned();
    }
    preview
        .sender
        .as_ref()
        .map(|sender| format!("{}: ", first_name(sender)))
        .unwrap_or_default()
}

/// A first word of a letter or two is an initial or a title, which says nothing alone.
fn first_name(name: &str) -> &str {
    match name.split_once(' ') {
        Some((first, _)) if first.chars().count() > 2 && !first.ends_with('.') => first,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::first_name;

    #[test]
    fn a_line_has_room_for_a_first_name() {
        assert_eq!(first_name("Игорь Павлович Лысенко"), "Игорь");
        assert_eq!(first_name("А. С. Пушкин"), "А. С. Пушкин");
        assert_eq!(first_name("anna"), "anna");
    }
}
