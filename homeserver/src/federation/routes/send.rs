//! [Transactions](https://spec.matrix.org/v1.19/server-server-api/#transactions).

use axum::{Router, extract::State};
use ruma::api::federation::transactions::send_transaction_message;

use crate::{
    ApiResult, Server,
    federation::inbound::transaction,
    http::{RouterExt, Signed},
};

pub(super) fn router() -> Router<Server> {
    Router::new().ruma_route(send)
}

/// Takes in events and passing news.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv1sendtxnid)
async fn send(
    State(server): State<Server>,
    Signed { origin, request }: Signed<send_transaction_message::v1::Request>,
) -> ApiResult<send_transaction_message::v1::Response> {
    transaction::receive(&server, origin, request).await
}
