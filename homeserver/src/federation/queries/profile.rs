//! Profiles of other servers' users.

use ruma::{UserId, api::federation::query::get_profile_information, serde::JsonObject};

use super::not_had;
use crate::{
    ApiResult,
    federation::{Federation, Limits},
};

impl Federation {
    /// The fields of the profile of a user of another server, or one of them.
    /// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1queryprofile)
    pub async fn profile(
        &self,
        user_id: &UserId,
        field: Option<&str>,
    ) -> ApiResult<Option<JsonObject>> {
        let server = user_id.server_name();
        let mut request = get_profile_information::v1::Request::new(user_id.to_owned());
        request.field = field.map(Into::into);
        let answer = self.request(server, request, Limits::QUERY).await;
        let answer = answer.map_err(|error| not_had(server, "the profile", error))?;
        Ok(Some(answer.into_iter().collect()))
    }
}
