//! Whose names are whose.

use http::StatusCode;
use ruma::{RoomAliasId, UserId};

use super::{
    Appservices, Service,
    registration::{covers, reserves},
};
use crate::error::{ApiError, ApiResult};

impl Service {
    /// Whether the service may act as a user, and is told of what concerns them.
    pub fn owns_user(&self, user_id: &UserId) -> bool {
        user_id.server_name() == self.sender.server_name()
            && (*user_id == self.sender || covers(&self.users, user_id.as_str()))
    }

    /// Whether the service is told of what a user does, who may be another server's.
    pub(super) fn follows_user(&self, user_id: &UserId) -> bool {
        *user_id == self.sender || covers(&self.users, user_id.as_str())
    }

    /// Whether the service has a say in an alias.
    pub fn owns_alias(&self, alias: &RoomAliasId) -> bool {
        covers(&self.aliases, alias.as_str())
    }
}

impl Appservices {
    /// Refuses a name that an application service keeps to itself, to everybody but that service.
    /// [spec](https://spec.matrix.org/v1.19/application-service-api/#server-admin-style-permissions)
    pub fn check_user(&self, user_id: &UserId, asking: Option<&Service>) -> ApiResult<()> {
        if let Some(service) = asking {
            return match service.owns_user(user_id) {
                true => Ok(()),
                false => Err(outside(
                    "This user is outside of the application service's namespaces.",
                )),
            };
        }
        let reserved = self.inner.all.iter().any(|one| {
            one.service.sender == *user_id || reserves(&one.service.users, user_id.as_str())
        });
        match reserved {
            true => Err(outside("This name is kept for an application service.")),
            false => Ok(()),
        }
    }

    /// The same for an alias, where `asking` is the id of a service.
    pub fn check_alias(&self, alias: &RoomAliasId, asking: Option<&str>) -> ApiResult<()> {
        if let Some(service) = asking.and_then(|id| self.by_id(id)) {
            return match service.owns_alias(alias) {
                true => Ok(()),
                false => Err(outside(
                    "This alias is outside of the application service's namespaces.",
                )),
            };
        }
        let mut all = self.inner.all.iter();
        match all.any(|one| reserves(&one.service.aliases, alias.as_str())) {
            true => Err(outside("This alias is kept for an application service.")),
            false => Ok(()),
        }
    }
}

fn outside(message: &'static str) -> ApiError {
    ApiError::with_code(StatusCode::BAD_REQUEST, "M_EXCLUSIVE", message)
}
