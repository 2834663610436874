//! The names of this server's users, to be found by how their words begin.
//!
//! The index is in memory: it is made from the rows at start and follows every change of an account or a profile. A user
//! is found by the words of their display name and of the local part of their id, without case, `ё` like `е`.

use std::collections::{BTreeMap, HashMap, HashSet};

use parking_lot::RwLock;
use roaring::RoaringBitmap;
use ruma::UserId;

use super::{profile_of, store::AccountRow};
use crate::{
    ids::UserNid,
    storage::{Result, Snapshot, Storage, tables},
};

/// Words of one name that count.
const MAX_WORDS: usize = 32;

/// The index.
#[derive(Default)]
pub(super) struct Names {
    known: RwLock<Known>,
}

#[derive(Default)]
struct Known {
    users: HashMap<UserNid, Name>,
    /// The users by each word of their names.
    by_word: BTreeMap<String, RoaringBitmap>,
}

/// What a user is called, folded for comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Name {
    /// The user id.
    pub id: String,
    /// The local part of the id.
    pub localpart: String,
    /// The display name.
    pub display_name: Option<String>,
}

/// A text as names are compared.
pub fn fold(text: &str) -> String {
    text.chars()
        .flat_map(char::to_lowercase)
        .map(|letter| if letter == 'ё' { 'е' } else { letter })
        .collect()
}

/// The words of a folded name: what stands between spaces, and the parts of that which are letters and digits.
fn words(name: &str) -> impl Iterator<Item = &str> {
    let parts = |word| str::split(word, |letter: char| !letter.is_alphanumeric());
    name.split_whitespace()
        .flat_map(move |word| std::iter::once(word).chain(parts(word)))
        .filter(|word| !word.is_empty())
}

impl Name {
    /// Whether words of it begin with all the words of a text.
    pub fn is_found_by(&self, text: &str) -> bool {
        let words = self.words();
        let text = fold(text);
        let mut asked = text.split_whitespace().map(without_server).peekable();
        asked.peek().is_some() && asked.all(|part| words.iter().any(|word| word.starts_with(part)))
    }

    fn words(&self) -> HashSet<&str> {
        let display_name = self.display_name.iter().flat_map(|name| words(name));
        words(&self.localpart)
            .chain(display_name)
            .take(MAX_WORDS)
            .collect()
    }
}

impl Known {
    fn set(&mut self, user: UserNid, name: Option<Name>) {
        if self.users.get(&user) == name.as_ref() {
            return;
        }
        if let Some(old) = self.users.remove(&user) {
            for word in old.words() {
                let is_empty = self.by_word.get_mut(word).is_some_and(|users| {
                    users.remove(user.0);
                    users.is_empty()
                });
                if is_empty {
                    self.by_word.remove(word);
                }
            }
        }
        if let Some(new) = name {
            for word in new.words() {
                self.by_word
                    .entry(word.to_owned())
                    .or_default()
                    .insert(user.0);
            }
            self.users.insert(user, new);
        }
    }

    fn with_prefix(&self, prefix: &str) -> RoaringBitmap {
        let mut users = RoaringBitmap::new();
        for (_, some) in self
            .by_word
            .range(prefix.to_owned()..)
            .take_while(|(word, _)| word.starts_with(prefix))
        {
            users |= some;
        }
        users
    }
}

impl Names {
    /// Takes in every account.
    pub(super) fn load(&self, storage: &Storage, snapshot: &Snapshot<'_>) -> Result<()> {
        let mut known = self.known.write();
        for row in tables::ACCOUNT.scan(snapshot, ())? {
            let (user, account) = row?;
            known.set(user, name_of(storage, snapshot, user, &account)?);
        }
        Ok(())
    }

    /// Takes in what changed of an account or a profile.
    pub(super) fn refresh(&self, storage: &Storage, user: UserNid) -> Result<()> {
        // Under the lock, so that of two changes the later one is read last.
        let mut known = self.known.write();
        let snapshot = storage.snapshot();
        let name = match tables::ACCOUNT.get(&snapshot, user)? {
            Some(account) => name_of(storage, &snapshot, user, &account)?,
            None => None,
        };
        known.set(user, name);
        Ok(())
    }

    /// The users of whose names words begin with all the words of a text, and how they are called.
    pub(super) fn find(&self, text: &str) -> Vec<(UserNid, Name)> {
        let known = self.known.read();
        let mut found: Option<RoaringBitmap> = None;
        for word in fold(text).split_whitespace() {
            let users = known.with_prefix(without_server(word));
            found = Some(match found {
                Some(found) => found & users,
                None => users,
            });
        }
        let users = found.unwrap_or_default();
        let named = |user| Some((UserNid(user), known.users.get(&UserNid(user))?.clone()));
        users.iter().filter_map(named).collect()
    }
}

/// The part of a user id that is searched, also of one that is not complete yet.
fn without_server(word: &str) -> &str {
    match word.strip_prefix('@') {
        Some(id) => id.split_once(':').map_or(id, |(localpart, _)| localpart),
        None => word,
    }
}

/// What a user is called, if they can be found at all.
fn name_of(
    storage: &Storage,
    snapshot: &Snapshot<'_>,
    user: UserNid,
    account: &AccountRow,
) -> Result<Option<Name>> {
    if account.deactivated || account.locked {
        return Ok(None);
    }
    let id = storage.interner().user_id(user)?;
    let profile = profile_of(snapshot, user)?;
    Ok(Some(Name::new(&id, profile.display_name())))
}

impl Name {
    /// The name of a user.
    pub fn new(id: &UserId, display_name: Option<&str>) -> Self {
        Self {
            id: fold(id.as_str()),
            localpart: fold(id.localpart()),
            display_name: display_name.map(fold),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(users: &[(u32, &str, Option<&str>)]) -> Names {
        let names = Names::default();
        for (number, id, display_name) in users {
            let id = UserId::parse(format!("@{id}:local")).unwrap();
            let name = Name::new(&id, *display_name);
            names.known.write().set(UserNid(*number), Some(name));
        }
        names
    }

    fn found(names: &Names, text: &str) -> Vec<u32> {
        names.find(text).iter().map(|(user, _)| user.0).collect()
    }

    #[test]
    fn users_are_found_by_how_words_of_their_names_begin() {
        let names = names(&[
            (1, "ivanov", Some("Иван Иванов")),
            (2, "p.petrova", Some("Алёна Петрова-Иванова")),
            (3, "guest7", None),
        ]);
        assert_eq!(found(&names, "иван"), [1, 2]);
        assert_eq!(found(&names, "ИВАН ив"), [1, 2]);
        assert_eq!(found(&names, "алена"), [2]);
        assert_eq!(found(&names, "петрова-ив"), [2]);
        assert_eq!(found(&names, "иван алё"), [2]);
        assert_eq!(found(&names, "petr"), [2]);
        assert_eq!(found(&names, "p.pet"), [2]);
        assert_eq!(found(&names, "@gue"), [3]);
        assert_eq!(found(&names, "@guest7:local"), [3]);
        assert_eq!(found(&names, "uest"), Vec::<u32>::new());
        assert_eq!(found(&names, "  "), Vec::<u32>::new());
    }

    #[test]
    fn changed_names_are_found_at_once_and_old_ones_no_longer() {
        let names = names(&[(1, "anna", Some("Old Name"))]);
        let id = UserId::parse("@anna:local").unwrap();
        names
            .known
            .write()
            .set(UserNid(1), Some(Name::new(&id, Some("New"))));
        assert_eq!(found(&names, "old"), Vec::<u32>::new());
        assert_eq!(found(&names, "new"), [1]);
        names.known.write().set(UserNid(1), None);
        assert_eq!(found(&names, "anna"), Vec::<u32>::new());
        assert!(names.known.read().by_word.is_empty());
    }
}
