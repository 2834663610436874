//! What clients ask of a server they have found: the join file, and what else this server has.

mod page;

use axum::{Router, response::Response, routing::get};
use http::Method;
use ruma::OwnedUserId;
use serde::Serialize;

use crate::{
    ApiResult, Server,
    http::{RouterExt, json},
};

/// The routes.
pub fn router() -> Router<Server> {
    Router::new()
        .route("/", get(page::show))
        .plain_route(
            &Method::GET,
            "/_fialka/client/v1/join",
            // It holds nothing secret: codes to register with are in files only.
            Box::new(|server, _| Box::pin(async move { json(&server.join) })),
        )
        .plain_route(
            &Method::GET,
            "/_fialka/client/v1/server",
            Box::new(|server, _| Box::pin(facts(server))),
        )
}

/// What the bundled client wants to know of its server.
#[derive(Serialize)]
struct Facts<'a> {
    /// A client that is older can be updated.
    version: &'static str,
    /// Where newer clients are, if the administrator says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    download: Option<&'a str>,
    /// The room bot, if it has an account.
    #[serde(skip_serializing_if = "Option::is_none")]
    bot: Option<OwnedUserId>,
}

/// The account of the room bot, once it is open.
pub(crate) async fn room_bot(server: &Server) -> ApiResult<Option<OwnedUserId>> {
    let bot = server
        .users
        .account_by_name(&server.config.campus.bot)
        .await?;
    let open = bot.filter(|account| !account.row.deactivated);
    Ok(open.map(|account| account.user_id))
}

async fn facts(server: Server) -> ApiResult<Response> {
    json(&Facts {
        version: env!("CARGO_PKG_VERSION"),
        download: server.config.campus.download.as_deref(),
        bot: room_bot(&server).await?,
    })
}
