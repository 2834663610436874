//! Passwords: Argon2id, on a bounded number of threads.
//!
//! One hash takes about 30 ms and 19 MiB. When a whole school signs in at once, as many hashes go on as there are cores,
//! so that memory stays bounded, on threads that let everything else go first.

use argon2::{
    Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version,
    password_hash::phc::PasswordHash,
};

use crate::{ApiError, ApiResult, workers::Workers};

/// Memory of one hash, in KiB.
const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over the memory.
const PASSES: u32 = 2;
/// Threads of one hash.
const LANES: u32 = 1;

/// A hash of no known password with today's parameters: verifying against it takes as long as against a real one.
const DUMMY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Bytes of the longest password taken. Longer ones only cost time.
pub(super) const MAX_PASSWORD_LENGTH: usize = 512;

/// What came of verifying a password.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is not the account's.
    Wrong,
    /// It is. A new hash is given when the stored one was made with other parameters than today's.
    Right {
        /// What to store instead.
        rehashed: Option<String>,
    },
}

/// Hashes and verifies passwords.
#[derive(Clone)]
pub(super) struct Passwords {
    workers: Workers,
}

impl Default for Passwords {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            workers: Workers::start("passwords", cores),
        }
    }
}

impl Passwords {
    /// A password as it is stored.
    pub(super) async fn hash(&self, password: String) -> ApiResult<String> {
        check_new(&password)?;
        self.workers.run(move || hash(&password)).await?
    }

    /// Compares a password with a stored one. Without a stored one it takes as long and is wrong, so that the time does
    /// not tell whether there is such a user.
    pub(super) async fn verify(
        &self,
        password: String,
        stored: Option<String>,
    ) -> ApiResult<Verdict> {
        if password.len() > MAX_PASSWORD_LENGTH {
            return Ok(Verdict::Wrong);
        }
        self.workers
            .run(move || verify(&password, stored.as_deref()))
            .await?
    }

    /// A random code as it is stored. There are too many codes to try them all, so a fast hash is as good; the first
    /// sign-in replaces it by a slow one.
    pub(super) fn hash_code(code: &str) -> ApiResult<String> {
        let params = Params::new(Params::MIN_M_COST, 1, 1, None).map_err(internal)?;
        let hash = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password(code.as_bytes())
            .map_err(internal)?;
        Ok(hash.to_string())
    }
}

fn check_new(password: &str) -> ApiResult {
    if password.is_empty() {
        return Err(ApiError::bad_request(
            ruma::api::error::ErrorKind::WeakPassword,
            "The password is empty.",
        ));
    }
    if password.len() > MAX_PASSWORD_LENGTH {
        return Err(ApiError::invalid_param(
            "The password is longer than 512 bytes.",
        ));
    }
    Ok(())
}

fn argon2() -> Result<Argon2<'static>, argon2::Error> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &str) -> ApiResult<String> {
    let hash = argon2()
        .map_err(internal)?
        .hash_password(password.as_bytes())
        .map_err(internal)?;
    Ok(hash.to_string())
}

fn verify(password: &str, stored: Option<&str>) -> ApiResult<Verdict> {
    let known = stored.is_some();
    let stored = PasswordHash::new(stored.unwrap_or(DUMMY)).map_err(internal)?;
    let argon2 = argon2().map_err(internal)?;
    let matches = argon2.verify_password(password.as_bytes(), &stored).is_ok();
    if !(known && matches) {
        return Ok(Verdict::Wrong);
    }
    let rehashed = if is_current(&stored) {
        None
    } else {
        Some(hash(password)?)
    };
    Ok(Verdict::Right { rehashed })
}

fn is_current(stored: &PasswordHash) -> bool {
    Params::try_from(stored).is_ok_and(|params| {
        params.m_cost() == MEMORY_KIB && params.t_cost() == PASSES && params.p_cost() == LANES
    })
}

fn internal(error: impl std::fmt::Display) -> ApiError {
    ApiError::internal(anyhow::anyhow!("password hashing failed: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn right_password_is_accepted_and_a_wrong_one_is_not() {
        let passwords = Passwords::default();
        let stored = passwords.hash("сирень".to_owned()).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        let right = passwords.verify("сирень".to_owned(), Some(stored.clone()));
        assert_eq!(right.await.unwrap(), Verdict::Right { rehashed: None });
        let wrong = passwords.verify("Сирень".to_owned(), Some(stored));
        assert_eq!(wrong.await.unwrap(), Verdict::Wrong);
    }

    #[test]
    fn unknown_user_costs_a_hash_with_the_same_parameters() {
        let dummy = PasswordHash::new(DUMMY).unwrap();
        assert!(is_current(&dummy));
        assert_eq!(verify("anything", None).unwrap(), Verdict::Wrong);
    }

    #[test]
    fn password_of_older_parameters_is_hashed_anew() {
        let weak = Argon2::new(
            Algorithm::Argon2id,
            Version::V0x13,
            Params::new(8, 1, 1, None).unwrap(),
        );
        let stored = weak.hash_password(b"old").unwrap().to_string();
        let Verdict::Right {
            rehashed: Some(fresh),
        } = verify("old", Some(&stored)).unwrap()
        else {
            panic!("the password is right and its hash is old");
        };
        assert_eq!(
            verify("old", Some(&fresh)).unwrap(),
            Verdict::Right { rehashed: None }
        );
    }

    #[tokio::test]
    async fn empty_and_overlong_passwords_are_refused() {
        let passwords = Passwords::default();
        assert!(passwords.hash(String::new()).await.is_err());
        assert!(passwords.hash("x".repeat(513)).await.is_err());
    }
}
