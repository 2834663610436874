//! Whether a service can be reached.
//! [spec](https://spec.matrix.org/v1.19/application-service-api/#pinging-1)

use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::json;

use super::{Appservices, Inner};
use crate::{
    error::{ApiError, ApiResult},
    outbound::Answer,
};

/// Bytes of a refusal that are passed on.
const SHOWN: usize = 1_000;

/// What came of a ping.
#[derive(Debug)]
pub enum Pinged {
    /// The service answered within this time.
    Fine(Duration),
    /// The service refused.
    Refused {
        /// With this status.
        status: StatusCode,
        /// Saying this.
        body: String,
    },
}

impl Appservices {
    /// Calls a service. `asking` is the id of the service that wants to know.
    pub async fn ping(
        &self,
        asking: &str,
        id: &str,
        transaction: Option<String>,
    ) -> ApiResult<Pinged> {
        let mut all = self.inner.all.iter();
        let Some(one) = all.find(|one| &*one.service.id == asking && asking == id) else {
            return Err(ApiError::forbidden(
                "An application service can ping only itself.",
            ));
        };
        let Some(call) = one.call(Method::POST, "/_matrix/app/v1/ping")? else {
            return Err(ApiError::with_code(
                StatusCode::BAD_REQUEST,
                "M_URL_NOT_SET",
                "The registration of the application service has no url.",
            ));
        };
        let body = match transaction {
            Some(transaction) => json!({ "transaction_id": transaction }),
            None => json!({}),
        };
        let call = call.json(&body).map_err(ApiError::internal)?;
        let clock = self.inner.rooms.clock();
        let started = clock.elapsed();
        let answer = self.inner.outbound.send(call).await;
        let Answer { status, body, .. } = answer.map_err(Inner::unreachable)?;
        if status.is_success() {
            return Ok(Pinged::Fine(clock.elapsed() - started));
        }
        let body = String::from_utf8_lossy(&body).chars().take(SHOWN).collect();
        Ok(Pinged::Refused { status, body })
    }
}
