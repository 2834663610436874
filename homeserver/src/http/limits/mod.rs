//! The first line of defence: how much one address and one account may ask for.
//!
//! Each pair of a class of requests and somebody who asks has an allowance that fills up steadily up to a burst. What
//! is stored is one number: the moment at which the allowance will be full again ("generic cell rate algorithm"). An
//! allowance that is full again is the same as none, so it can be forgotten; memory is bounded by forgetting.

mod buckets;
mod classes;

use std::{net::IpAddr, time::Duration};

use self::buckets::Buckets;
pub use self::classes::Class;
use super::address::Origin;
use crate::{
    clock::SharedClock,
    error::{ApiError, ApiResult},
    ids::UserNid,
    users::Session,
};

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// Everybody at one address, which may be a whole classroom behind one router.
    Address(Origin),
    /// A signed-in user.
    Account(UserNid),
    /// The account somebody tries to sign in to, by a hash of its name.
    Name(u64),
}

impl From<IpAddr> for Subject {
    fn from(address: IpAddr) -> Self {
        Self::Address(address.into())
    }
}

impl From<UserNid> for Subject {
    fn from(user: UserNid) -> Self {
        Self::Account(user)
    }
}

/// Steadily so many a second, and so many at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Allowance {
    /// How many requests may come at once after a rest.
    pub burst: u32,
    /// How many requests may come per second for ever.
    pub per_second: f64,
}

/// All allowances that are not full.
pub struct Limits {
    buckets: Option<Buckets>,
    clock: SharedClock,
}

impl Limits {
    /// Limits that count, or, when they are switched off, let everything pass.
    pub fn new(enabled: bool, clock: SharedClock) -> Self {
        Self {
            buckets: enabled.then(Buckets::new),
            clock,
        }
    }

    /// Takes one request from an allowance; 429 `M_LIMIT_EXCEEDED` when there is none left.
    pub fn check(&self, class: Class, subject: impl Into<Subject>) -> ApiResult {
        let subject = subject.into();
        let allowance = match subject {
            Subject::Address(_) => class.per_address(),
            Subject::Account(_) | Subject::Name(_) => class.per_account(),
        };
        self.take(class, subject, allowance)
    }

    /// The same for a signed-in user, for whom an administrator may have set a limit of their own.
    pub fn check_session(&self, class: Class, session: &Session) -> ApiResult {
        match session.rate_limit {
            Some(own) if own.messages_per_second == 0 => Ok(()),
            Some(own) if class == Class::Send => {
                let allowance = Allowance {
                    burst: own.burst_count.max(1),
                    per_second: own.messages_per_second.into(),
                };
                self.take(class, session.user.into(), allowance)
            }
            _ => self.check(class, session.user),
        }
    }

    fn take(&self, class: Class, subject: Subject, allowance: Allowance) -> ApiResult {
        let Some(buckets) = &self.buckets else {
            return Ok(());
        };
        match buckets.take((class, subject), allowance, self.clock.elapsed()) {
            Ok(()) => Ok(()),
            Err(wait) => Err(ApiError::limit_exceeded(wait.max(Duration::from_millis(1)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;
    use crate::clock::ManualClock;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_classroom_behind_one_address_signs_in() {
        let limits = Limits::new(true, ManualClock::at(0));
        for _ in 0..60 {
            limits.check(Class::SignIn, ip("192.0.2.1")).unwrap();
        }
    }

    #[test]
    fn guessing_one_password_is_slow() {
        let clock = ManualClock::at(0);
        let limits = Limits::new(true, clock.clone());
        let mut tried = 0;
        for _ in 0..3_600 {
            tried += u32::from(limits.check(Class::SignIn, Subject::Name(7)).is_ok());
            clock.advance(Duration::from_secs(1));
        }
        assert!(tried < 700, "{tried}");
    }

    #[test]
    fn a_refusal_tells_when_to_come_back_and_keeps_its_word() {
        let clock = ManualClock::at(0);
        let limits = Limits::new(true, clock.clone());
        let user = UserNid(1);
        while limits.check(Class::Send, user).is_ok() {}
        let refused = limits.check(Class::Send, user).unwrap_err();
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        clock.advance(Duration::from_millis(100));
        limits.check(Class::Send, user).unwrap();
        limits.check(Class::Send, user).unwrap_err();
    }

    #[test]
    fn one_account_does_not_use_up_anothers_allowance() {
        let limits = Limits::new(true, ManualClock::at(0));
        while limits.check(Class::Send, UserNid(1)).is_ok() {}
        limits.check(Class::Send, UserNid(2)).unwrap();
        limits.check(Class::Join, UserNid(1)).unwrap();
    }

    #[test]
    fn limits_can_be_switched_off() {
        let limits = Limits::new(false, ManualClock::at(0));
        for _ in 0..10_000 {
            limits.check(Class::Register, ip("192.0.2.1")).unwrap();
        }
    }
}
