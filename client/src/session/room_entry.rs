//! Who may enter a room: whoever is invited, or whoever has its address; and whether the server's directory shows it.

use matrix_sdk::{
    Room,
    ruma::{
        RoomAliasId, UserId, api::client::room::Visibility, events::StateEventType,
        events::room::power_levels::RoomPowerLevels, room::JoinRule,
    },
};

use crate::bridge::{trouble::Trouble, update::Answer};

/// So many addresses are tried where others have the first.
const TRIES: usize = 50;
/// Longer addresses nobody types.
const LONGEST: usize = 40;

/// What others enter by, `None` where nobody could without an invitation.
pub(super) fn address(room: &Room) -> Option<String> {
    match (room.join_rule()?, room.canonical_alias()) {
        (
            JoinRule::Public | JoinRule::Restricted(_) | JoinRule::KnockRestricted(_),
            Some(alias),
        ) => Some(alias.to_string()),
        (JoinRule::Public, None) => {
            let server = room.own_user_id().server_name();
            Some(room.room_id().matrix_to_uri_via([server]).to_string())
        }
        _ => None,
    }
}

/// Whether somebody may say who enters. Rooms of a class are entered by other rules, which stay.
pub(super) fn can_open(room: &Room, levels: &RoomPowerLevels, user: &UserId) -> bool {
    let rights = [
        StateEventType::RoomJoinRules,
        StateEventType::RoomCanonicalAlias,
    ];
    let is_plain = matches!(room.join_rule(), Some(JoinRule::Public | JoinRule::Invite));
    is_plain
        && rights
            .into_iter()
            .all(|right| levels.user_can_send_state(user, right))
}

/// Lets everybody in who has the address, which the room gets if it has none; or only those who are invited.
pub(super) async fn set_open(room: &Room, open: bool) -> Result<Answer, Trouble> {
    let settings = room.privacy_settings();
    if open {
        if room.canonical_alias().is_none() {
            give_address(room).await?;
        }
        settings.update_join_rule(JoinRule::Public).await?;
    } else {
        settings.update_join_rule(JoinRule::Invite).await?;
        // Whoever found it there could not enter.
        if settings.get_room_visibility().await? == Visibility::Public {
            settings.update_room_visibility(Visibility::Private).await?;
        }
    }
    Ok(Answer::Done)
}

/// Shows the room in the server's directory, or takes it out.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#published-room-directory)
pub(super) async fn set_listed(room: &Room, listed: bool) -> Result<Answer, Trouble> {
    let visibility = match listed {
        true => Visibility::Public,
        false => Visibility::Private,
    };
    room.privacy_settings()
        .update_room_visibility(visibility)
        .await?;
    Ok(Answer::Done)
}

/// Whether the server's directory shows the room.
pub(super) async fn is_listed(room: &Room) -> Result<Answer, Trouble> {
    let visibility = room.privacy_settings().get_room_visibility().await?;
    Ok(Answer::Listed(visibility == Visibility::Public))
}

/// Makes an address of the room's name, with a number where others have it.
async fn give_address(room: &Room) -> Result<(), Trouble> {
    let settings = room.privacy_settings();
    let name = latin(&room.name().unwrap_or_default());
    let server = room.own_user_id().server_name();
    for number in 1..=TRIES {
        let alias = match number {
            1 => format!("#{name}:{server}"),
            _ => format!("#{name}-{number}:{server}"),
        };
        let alias = RoomAliasId::parse(alias).map_err(|error| Trouble::Other(error.to_string()))?;
        if settings
            .publish_room_alias_in_room_directory(&alias)
            .await?
        {
            let others = room.alt_aliases();
            settings.update_canonical_alias(Some(alias), others).await?;
            return Ok(());
        }
    }
    Err(Trouble::Other(format!("{name} is taken {TRIES} times")))
}

/// A name in Latin letters, digits and hyphens, which everybody can type.
fn latin(name: &str) -> String {
    let mut address = String::new();
    for letter in name.to_lowercase().chars() {
        let piece = match letter {
            'a'..='z' | '0'..='9' => letter.to_string(),
            'ъ' | 'ь' => continue,
            _ => of_cyrillic(letter).unwrap_or("-").to_owned(),
        };
        if piece != "-" || !(address.is_empty() || address.ends_with('-')) {
            address.push_str(&piece);
        }
        if address.len() >= LONGEST {
            break;
        }
    }
    match address.trim_end_matches('-') {
        "" => "chat".to_owned(),
        address => address.to_owned(),
    }
}

fn of_cyrillic(letter: char) -> Option<&'static str> {
    let latin = match letter {
        'а' => "a",
        'б' => "b",
        'в' => "v",
        'г' => "g",
        'д' => "d",
        'е' | 'ё' | 'э' => "e",
        'ж' => "zh",
        'з' => "z",
        'и' => "i",
        'й' | 'ы' => "y",
        'к' => "k",
        'л' => "l",
        'м' => "m",
        'н' => "n",
        'о' => "o",
        'п' => "p",
        'р' => "r",
        'с' => "s",
        'т' => "t",
        'у' => "u",
        'ф' => "f",
        'х' => "kh",
        'ц' => "ts",
        'ч' => "ch",
        'ш' => "sh",
        'щ' => "shch",
        'ю' => "yu",
        'я' => "ya",
        _ => return None,
    };
    Some(latin)
}

#[cfg(test)]
mod tests {
    use super::latin;

    #[test]
    fn an_address_can_be_typed_on_every_keyboard() {
        assert_eq!(latin("Фотоклуб «Вспышка»"), "fotoklub-vspyshka");
        assert_eq!(latin("  ИС-21: объявления!"), "is-21-obyavleniya");
        assert_eq!(latin("🎲 ♟"), "chat");
        assert!(latin(&"щ".repeat(200)).len() < 48);
    }
}
