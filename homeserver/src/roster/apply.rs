//! Making the list true.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rand::Rng;
use ruma::{OwnedUserId, UserId};
use serde::{Deserialize, Serialize};

use super::{
    Change, Person, PersonRow, Role, Roster,
    store::{self, Common},
};
use crate::{
    ApiError, ApiResult,
    ids::UserNid,
    storage::{Commit, tables},
    users::{DevicesOf, NewAccount},
};

/// Characters that nobody takes for others on paper.
const LETTERS: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";
/// Groups of characters in a printed code: as hard to guess as twelve dice thrown twice.
const GROUPS: usize = 3;
const GROUP_LENGTH: usize = 4;

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The differences that there were.
    pub changes: Vec<Change>,
    /// Memberships that were changed.
    pub memberships: usize,
}

/// A code with which somebody signs in for the first time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrintedCode {
    /// For whom.
    pub person: Person,
    /// The user id.
    pub user_id: OwnedUserId,
    /// The code: the password until they choose one.
    pub code: String,
}

impl Roster {
    /// Makes the server like a file says.
    pub async fn apply(&self, text: &str) -> ApiResult<Applied> {
        let _turn = self.inner.turn.lock().await;
        let plan = self.plan(text).await?;
        let account = self.account().await?;
        for person in &plan.people {
            self.keep_person(person).await?;
        }
        for change in &plan.changes {
            if let Change::PersonGone { person } = change {
                self.dismiss(person).await?;
            }
        }
        let memberships = self
            .arrange_rooms(account, &plan.people, &plan.classes)
            .await?;
        Ok(Applied {
            changes: plan.changes,
            memberships,
        })
    }

    /// Gives everybody of some classes, or of all, who has not signed in yet a new code. Codes given before are worthless
    /// then.
    pub async fn print_codes(&self, class: Option<&str>) -> ApiResult<Vec<PrintedCode>> {
        let _turn = self.inner.turn.lock().await;
        let entries = self.entries().await?;
        let is_of = |person: &Person, class: &str| person.classes.iter().any(|own| own == class);
        if let Some(class) = class
            && !entries.iter().any(|entry| is_of(&entry.person, class))
        {
            return Err(ApiError::not_found(format!(
                "There is nobody in a class {class}."
            )));
        }
        let unclaimed: HashMap<String, bool> = entries
            .into_iter()
            .map(|entry| (entry.person.login, !entry.claimed && !entry.gone))
            .collect();
        let people = self.inner.storage.read(store::people).await?;
        let mut codes = Vec::new();
        for (user, mut row) in people {
            let is_unclaimed = unclaimed.get(row.user_id.localpart()) == Some(&true);
            let is_wanted = class.is_none_or(|class| row.classes.iter().any(|own| own == class));
            if !(is_unclaimed && is_wanted) {
                continue;
            }
            let code = new_code();
            let hash = self.inner.users.hash_code(&code)?;
            let password = hash.clone();
            // First the row: a code that works and counts as a password of their own could not be replaced.
            row.printed = Some(hash);
            codes.push(PrintedCode {
                person: Person::from(&row),
                user_id: row.user_id.clone(),
                code,
            });
            self.write_person(user, row).await?;
            self.inner
                .users
                .update_account(user, move |account| account.password = Some(password))
                .await?;
        }
        codes.sort_by(|a, b| {
            let key = |code: &PrintedCode| {
                let person = &code.person;
                (
                    person.classes.clone(),
                    person.surname.clone(),
                    person.name.clone(),
                )
            };
            key(a).cmp(&key(b))
        });
        Ok(codes)
    }

    /// Makes an account, a name and a row be as the list says.
    async fn keep_person(&self, person: &Person) -> ApiResult {
        let users = &self.inner.users;
        let user_id = self.user_id(&person.login)?;
        let user = self.inner.storage.interner().user(&user_id)?;
        let before = self
            .inner
            .storage
            .read(move |snapshot| tables::ROSTER_PERSON.get(snapshot, user))
            .await?;
        let mut row = PersonRow {
            user_id: user_id.clone(),
            surname: person.surname.clone(),
            name: person.name.clone(),
            code: person.code.clone(),
            role: person.role,
            classes: person.classes.clone(),
            gone: false,
            printed: before.as_ref().and_then(|before| before.printed.clone()),
        };
        match users.account(&user_id).await? {
            Some(account) if account.row.deactivated => {
                return Err(ApiError::forbidden(format!(
                    "{user_id} was closed for good; give this person another login."
                )));
            }
            Some(account) => {
                if account.row.locked && before.as_ref().is_some_and(|before| before.gone) {
                    users
                        .update_account(user, |account| account.locked = false)
                        .await?;
                }
                let name = row.display_name();
                let is_renamed = before
                    .as_ref()
                    .is_some_and(|before| before.display_name() != name);
                if is_renamed {
                    users
                        .set_profile_field(user, "displayname", name.into())
                        .await?;
                }
            }
            None => {
                // Nobody knows this code: cards are printed with codes of their own.
                let hash = users.hash_code(&new_code())?;
                row.printed = Some(hash.clone());
                let new = NewAccount {
                    user_id: user_id.clone(),
                    password: Some(hash),
                    admin: false,
                    display_name: Some(row.display_name()),
                    registration_token: None,
                    accepted_terms: Vec::new(),
                };
                users.create_account(new, None).await?;
            }
        }
        if before.as_ref() != Some(&row) {
            self.write_person(user, row).await?;
        }
        Ok(())
    }

    /// Locks the account of somebody who has left.
    async fn dismiss(&self, person: &Person) -> ApiResult {
        let user_id = self.user_id(&person.login)?;
        let user = self.inner.storage.interner().user(&user_id)?;
        if let Some(account) = self.inner.users.account(&user_id).await?
            && !account.row.deactivated
        {
            let users = &self.inner.users;
            users
                .update_account(user, |account| account.locked = true)
                .await?;
            users.delete_devices(user, DevicesOf::All).await?;
        }
        let row = self
            .inner
            .storage
            .read(move |snapshot| tables::ROSTER_PERSON.get(snapshot, user))
            .await?;
        if let Some(mut row) = row {
            row.gone = true;
            self.write_person(user, row).await?;
        }
        Ok(())
    }

    async fn write_person(&self, user: UserNid, row: PersonRow) -> ApiResult {
        let commit = Commit::silent(move |batch| tables::ROSTER_PERSON.put(batch, user, &row));
        self.inner.storage.commit(commit).await?;
        Ok(())
    }

    /// Makes rooms and memberships be as the list says.
    async fn arrange_rooms(
        &self,
        account: OwnedUserId,
        people: &[Person],
        classes: &BTreeSet<String>,
    ) -> ApiResult<usize> {
        let rooms = self.class_rooms(account);
        let managed: BTreeSet<OwnedUserId> = self
            .inner
            .storage
            .read(store::people)
            .await?
            .into_iter()
            .map(|(_, row)| row.user_id)
            .collect();
        let mut everybody = BTreeMap::new();
        let mut by_class: BTreeMap<&str, BTreeMap<OwnedUserId, Role>> = BTreeMap::new();
        for person in people {
            let user_id = self.user_id(&person.login)?;
            for class in &person.classes {
                let members = by_class.entry(class).or_default();
                members.insert(user_id.clone(), person.role);
            }
            everybody.insert(user_id, person.role);
        }
        let mut changed = 0;
        let space = rooms.common(Common::Space).await?;
        changed += rooms.arrange_members(&space, &everybody, &managed).await?;
        if self.inner.config.announcements.is_some() {
            let announcements = rooms.common(Common::Announcements).await?;
            rooms.put_into(&space, &announcements).await?;
            changed += rooms
                .arrange_members(&announcements, &everybody, &managed)
                .await?;
        }
        for class in classes {
            let room = rooms.class(class).await?;
            rooms.put_into(&space, &room).await?;
            let members = by_class.remove(class.as_str()).unwrap_or_default();
            changed += rooms.arrange_members(&room, &members, &managed).await?;
        }
        rooms.archive_others(&space, classes).await?;
        Ok(changed)
    }

    fn user_id(&self, login: &str) -> ApiResult<OwnedUserId> {
        let name = self.inner.users.server_name();
        let user_id = UserId::parse(format!("@{login}:{name}"));
        user_id
            .ok()
            .filter(|user_id| user_id.validate_strict().is_ok())
            .ok_or_else(|| ApiError::invalid_param(format!("\"{login}\" cannot be a login.")))
    }
}

/// A code as it is printed: three groups of four characters.
fn new_code() -> String {
    let mut rng = rand::rng();
    let mut group = || -> String {
        (0..GROUP_LENGTH)
            .map(|_| char::from(LETTERS[rng.random_range(0..LETTERS.len())]))
            .collect()
    };
    let groups: Vec<String> = (0..GROUPS).map(|_| group()).collect();
    groups.join("-")
}
