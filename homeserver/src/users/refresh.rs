//! Refresh tokens: new tokens for old.
//!
//! The answer to a refresh may be lost on its way. So the old refresh token stays good until one of the tokens it was
//! exchanged for is used; using it again before that gives new tokens and voids the ones that were never used.

use ruma::OwnedDeviceId;

use super::{
    SignIn, SignedIn, Users,
    sessions::{NewSession, locked},
    store::{RefreshTokenRow, TokenHash},
    tokens,
};
use crate::{
    ApiError, ApiResult,
    ids::UserNid,
    storage::{Batch, Commit, tables},
};

impl Users {
    /// Exchanges a refresh token.
    /// [spec](https://spec.matrix.org/v1.19/client-server-api/#refreshing-access-tokens)
    pub async fn refresh(&self, refresh_token: &str) -> ApiResult<SignedIn> {
        let hash = tokens::hash(refresh_token);
        let user = self.refresh_token(hash).await?.user;
        let _turn = self.lock(user).await;
        let old = self.refresh_token(hash).await?;
        let now = self.inner.clock.now();
        if old.expires <= now {
            return Err(ApiError::unknown_token(
                true,
                "The refresh token has expired: sign in again.",
            ));
        }
        let device_id = old.device_id.clone();
        let (user_id, device) = self
            .read(move |inner, snapshot| {
                let device = tables::DEVICE.get(snapshot, (user, &device_id))?;
                if tables::ACCOUNT
                    .get(snapshot, user)?
                    .is_some_and(|account| account.locked)
                {
                    return Err(locked());
                }
                Ok((inner.storage.interner().user_id(user)?, device))
            })
            .await?;
        let request = SignIn {
            device_id: Some(old.device_id.clone()),
            device_display_name: None,
            refreshable: true,
        };
        let mut session = NewSession::mint(request, now)?;
        if let Some(device) = device {
            session.keep_device(device);
        }
        let answer = session.answer(user_id);
        let mut ended = vec![old.access];
        ended.extend(old.next.map(|(access, _)| access));
        self.inner
            .storage
            .commit(exchange(hash, old, session))
            .await?;
        self.inner.sessions.forget(ended);
        Ok(answer)
    }

    async fn refresh_token(&self, hash: TokenHash) -> ApiResult<RefreshTokenRow> {
        self.read(move |_, snapshot| {
            tables::REFRESH_TOKEN.get(snapshot, hash)?.ok_or_else(|| {
                ApiError::unknown_token(
                    false,
                    "The refresh token is not known or has been used: sign in again.",
                )
            })
        })
        .await
    }

    /// Voids a refresh token, since a token it was exchanged for is in use.
    pub(super) async fn void_refresh_token(
        &self,
        user: UserNid,
        device_id: OwnedDeviceId,
        hash: TokenHash,
    ) -> ApiResult {
        let _turn = self.lock(user).await;
        let there = self
            .read(move |_, snapshot| Ok(tables::REFRESH_TOKEN.contains(snapshot, hash)?))
            .await?;
        if there {
            let commit = Commit::silent(move |batch| delete_refresh(batch, user, &device_id, hash));
            self.inner.storage.commit(commit).await?;
        }
        Ok(())
    }
}

fn exchange(hash: TokenHash, mut old: RefreshTokenRow, session: NewSession) -> Commit {
    Commit::silent(move |batch| {
        let (user, device_id) = (old.user, old.device_id.clone());
        delete_access(batch, user, &device_id, old.access);
        if let Some((access, refresh)) = old.next {
            delete_access(batch, user, &device_id, access);
            delete_refresh(batch, user, &device_id, refresh);
        }
        // This token is in use, so the one before it can be no more.
        if let Some(before) = old.replaces.take() {
            delete_refresh(batch, user, &device_id, before);
        }
        old.next = session.hashes();
        tables::REFRESH_TOKEN.put(batch, hash, &old);
        session.write(batch, user, Some(hash));
    })
}

pub(super) fn delete_access(
    batch: &mut Batch<'_>,
    user: UserNid,
    device_id: &OwnedDeviceId,
    hash: TokenHash,
) {
    tables::SESSION.delete(batch, hash);
    tables::DEVICE_TOKEN.delete(batch, (user, device_id, hash));
}

pub(super) fn delete_refresh(
    batch: &mut Batch<'_>,
    user: UserNid,
    device_id: &OwnedDeviceId,
    hash: TokenHash,
) {
    tables::REFRESH_TOKEN.delete(batch, hash);
    tables::DEVICE_TOKEN.delete(batch, (user, device_id, hash));
}
