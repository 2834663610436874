//! What is known of one user: their devices, and what follows from them.

use std::{collections::HashMap, time::Duration};

use ruma::OwnedDeviceId;

use crate::ids::StreamPos;

/// How long after its last poll a device counts as connected.
pub(super) const CONNECTED_FOR: Duration = Duration::from_secs(30);
/// How long after the last thing they did a user counts as there.
pub(super) const IDLE_AFTER: Duration = Duration::from_secs(5 * 60);
/// How long what another server says of its user holds, unless it says so again.
pub(super) const ELSEWHERE_FOR: Duration = Duration::from_secs(30 * 60);
/// How long after the last thing they did a user counts as active just now.
pub(super) const ACTIVE_FOR: Duration = Duration::from_secs(60);

/// Whether somebody is there, in the order in which one device outweighs another.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#presence)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Not connected, or not showing it.
    #[default]
    Offline,
    /// Connected, but doing nothing.
    Unavailable,
    /// There.
    Online,
    /// There, but not to be disturbed.
    /// [MSC3026](https://github.com/matrix-org/matrix-spec-proposals/pull/3026)
    Busy,
}

impl State {
    /// From the word that clients use.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "offline" => Self::Offline,
            "unavailable" => Self::Unavailable,
            "online" => Self::Online,
            "busy" | "org.matrix.msc3026.busy" => Self::Busy,
            _ => return None,
        })
    }

    /// The word that clients are told.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::Unavailable => "unavailable",
            Self::Online => "online",
            Self::Busy => "org.matrix.msc3026.busy",
        }
    }
}

/// What others are shown of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Whether they are there.
    pub state: State,
    /// Whether they do something just now.
    pub currently_active: bool,
    /// What they say about it.
    pub status_msg: Option<String>,
}

/// A device that polls or did lately.
struct Device {
    /// What it wants to be shown.
    wish: State,
    /// Whether the user said so, and not only the poll.
    is_said: bool,
    /// Its polls under way.
    polls: u32,
    /// When it was last heard of.
    seen: Duration,
}

impl Device {
    fn is_connected(&self, now: Duration) -> bool {
        self.polls > 0 || now.saturating_sub(self.seen) < CONNECTED_FOR
    }
}

/// What the server of a user elsewhere says.
struct Elsewhere {
    shown: Shown,
    /// Until when it holds.
    until: Duration,
}

/// What is known of a user.
#[derive(Default)]
pub(super) struct OfUser {
    elsewhere: Option<Elsewhere>,
    devices: HashMap<OwnedDeviceId, Device>,
    status_msg: Option<String>,
    /// When they last did something.
    pub(super) last_active: Duration,
    /// What others were told last.
    pub(super) shown: Shown,
    /// When that was.
    pub(super) changed: StreamPos,
}

impl OfUser {
    /// A device begins a poll.
    pub(super) fn begin_poll(&mut self, device: &OwnedDeviceId, wish: State, now: Duration) {
        let before = self.devices.get(device);
        let before = before.filter(|device| device.is_connected(now));
        // A device that comes, or says that its user came back.
        let comes = before.map_or(State::Offline, |device| device.wish) < wish;
        let device = self.device(device, now);
        device.polls += 1;
        device.seen = now;
        // A poll that is not to show its user does not contradict what the user said.
        let stands = device.is_said && wish == State::Offline;
        // Polling goes on while somebody is busy, and says nothing about that.
        if !stands && (device.wish != State::Busy || wish == State::Offline) {
            device.wish = wish;
        }
        device.is_said = stands;
        if comes && wish > State::Unavailable {
            self.last_active = now;
        }
    }

    /// A device ends a poll.
    pub(super) fn end_poll(&mut self, device: &OwnedDeviceId, now: Duration) {
        if let Some(device) = self.devices.get_mut(device) {
            device.polls = device.polls.saturating_sub(1);
            device.seen = now;
        }
    }

    /// A user says how they are.
    pub(super) fn set(
        &mut self,
        device: &OwnedDeviceId,
        state: State,
        status_msg: Option<String>,
        now: Duration,
    ) {
        let device = self.device(device, now);
        device.wish = state;
        device.is_said = true;
        device.seen = now;
        self.status_msg = status_msg;
        if state > State::Unavailable {
            self.last_active = now;
        }
    }

    /// A user does something with a device.
    pub(super) fn act(&mut self, device: &OwnedDeviceId, now: Duration) {
        self.last_active = now;
        if let Some(device) = self.devices.get_mut(device)
            && device.wish == State::Unavailable
        {
            device.wish = State::Online;
        }
    }

    /// What another server says of its user.
    pub(super) fn set_elsewhere(&mut self, shown: Shown, active_ago: Duration, now: Duration) {
        self.last_active = now.saturating_sub(active_ago);
        self.elsewhere = Some(Elsewhere {
            shown,
            until: now + ELSEWHERE_FOR,
        });
    }

    /// How long ago they did something; the longest time there is where nobody knows.
    pub(super) fn active_ago(&self, now: Duration) -> Duration {
        match self.last_active.is_zero() {
            true => Duration::MAX,
            false => now.saturating_sub(self.last_active),
        }
    }

    /// What there is to show at a time.
    pub(super) fn at(&self, now: Duration) -> Shown {
        if let Some(elsewhere) = &self.elsewhere {
            return match now < elsewhere.until {
                true => elsewhere.shown.clone(),
                false => Shown::default(),
            };
        }
        let idle_for = now.saturating_sub(self.last_active);
        let states = self
            .devices
            .values()
            .filter(|device| device.is_connected(now))
            .map(|device| match device.wish {
                State::Online if idle_for >= IDLE_AFTER => State::Unavailable,
                wish => wish,
            });
        let state = states.max().unwrap_or_default();
        Shown {
            state,
            currently_active: state == State::Online && idle_for < ACTIVE_FOR,
            status_msg: self.status_msg.clone(),
        }
    }

    /// Forgets devices that are gone.
    pub(super) fn forget_gone(&mut self, now: Duration) {
        self.devices.retain(|_, device| device.is_connected(now));
    }

    fn device(&mut self, id: &OwnedDeviceId, now: Duration) -> &mut Device {
        self.devices.entry(id.clone()).or_insert(Device {
            wish: State::Offline,
            is_said: false,
            polls: 0,
            seen: now,
        })
    }
}

#[cfg(test)]
mod tests {
    use ruma::owned_device_id;

    use super::*;

    const NOW: Duration = Duration::from_secs(1_000);

    fn later(seconds: u64) -> Duration {
        NOW + Duration::from_secs(seconds)
    }

    fn polling(wish: State) -> OfUser {
        let mut user = OfUser::default();
        user.begin_poll(&owned_device_id!("PHONE"), wish, NOW);
        user
    }

    #[test]
    fn who_polls_is_online_then_idle_and_gone_when_the_polls_end() {
        let mut user = polling(State::Online);
        assert_eq!(user.at(NOW).state, State::Online);
        assert!(user.at(NOW).currently_active);
        assert!(!user.at(later(61)).currently_active);
        assert_eq!(user.at(later(299)).state, State::Online);
        assert_eq!(user.at(later(300)).state, State::Unavailable);
        user.end_poll(&owned_device_id!("PHONE"), later(400));
        assert_eq!(user.at(later(429)).state, State::Unavailable);
        assert_eq!(user.at(later(430)).state, State::Offline);
    }

    #[test]
    fn doing_something_brings_an_idle_user_back() {
        let mut user = polling(State::Online);
        user.begin_poll(&owned_device_id!("PHONE"), State::Online, later(400));
        assert_eq!(
            user.at(later(400)).state,
            State::Unavailable,
            "polling is nothing"
        );
        user.act(&owned_device_id!("PHONE"), later(400));
        assert_eq!(user.at(later(400)).state, State::Online);
        let mut away = polling(State::Unavailable);
        assert_eq!(away.at(NOW).state, State::Unavailable);
        away.act(&owned_device_id!("PHONE"), NOW);
        assert_eq!(away.at(NOW).state, State::Online);
    }

    #[test]
    fn who_hides_stays_hidden_and_who_is_busy_stays_busy() {
        let mut hidden = polling(State::Offline);
        hidden.act(&owned_device_id!("PHONE"), NOW);
        assert_eq!(hidden.at(NOW).state, State::Offline);
        let phone = owned_device_id!("PHONE");
        let mut busy = polling(State::Online);
        busy.set(&phone, State::Busy, None, NOW);
        busy.begin_poll(&phone, State::Online, NOW);
        assert_eq!(busy.at(later(301)).state, State::Busy);
        busy.begin_poll(&phone, State::Offline, NOW);
        assert_eq!(busy.at(NOW).state, State::Offline);
    }

    #[test]
    fn what_a_user_said_stands_while_polls_show_nothing() {
        let phone = owned_device_id!("PHONE");
        let mut user = polling(State::Offline);
        user.set(&phone, State::Online, None, NOW);
        user.begin_poll(&phone, State::Offline, NOW);
        user.begin_poll(&phone, State::Offline, later(1));
        assert_eq!(user.at(later(1)).state, State::Online);
        user.begin_poll(&phone, State::Online, later(2));
        user.begin_poll(&phone, State::Offline, later(3));
        assert_eq!(user.at(later(3)).state, State::Offline);
    }

    #[test]
    fn what_another_server_says_holds_for_a_while() {
        let mut user = OfUser::default();
        let shown = Shown {
            state: State::Online,
            currently_active: true,
            status_msg: Some("here".to_owned()),
        };
        user.set_elsewhere(shown.clone(), Duration::from_secs(5), NOW);
        assert_eq!(user.at(later(1_799)), shown);
        assert_eq!(user.last_active, NOW - Duration::from_secs(5));
        assert_eq!(user.at(later(1_800)), Shown::default());
    }

    #[test]
    fn of_two_devices_the_more_present_one_counts() {
        let mut user = polling(State::Unavailable);
        user.begin_poll(&owned_device_id!("LAPTOP"), State::Online, NOW);
        assert_eq!(user.at(NOW).state, State::Online);
        user.end_poll(&owned_device_id!("LAPTOP"), NOW);
        assert_eq!(user.at(later(31)).state, State::Unavailable);
        user.forget_gone(later(31));
        assert_eq!(user.devices.len(), 1);
    }
}
