//! A request of an administrator.

use std::{future::Future, str::FromStr};

use axum::{
    Router,
    extract::{FromRequestParts, RawPathParams, Request},
    response::Response,
};
use bytes::Bytes;
use http::{Method, StatusCode, request::Parts};
use ruma::{OwnedRoomId, OwnedUserId, UserId};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    ApiError, ApiResult, Server,
    http::{RouterExt, Session, json, parse_body, read_body, read_query},
    rooms::send::Transaction,
    users::Account,
};

/// A request of an administrator, with the server it is for.
pub(super) struct Call {
    /// The server.
    pub(super) server: Server,
    /// Who asks.
    pub(super) session: Session,
    variables: Vec<String>,
    parts: Parts,
    body: Bytes,
}

/// What a handler answers with: a status and JSON.
pub(super) struct Reply(StatusCode, Value);

impl From<Value> for Reply {
    fn from(body: Value) -> Self {
        Self(StatusCode::OK, body)
    }
}

impl Reply {
    /// Something was made.
    pub(super) fn created(body: Value) -> Self {
        Self(StatusCode::CREATED, body)
    }
}

impl Call {
    async fn receive(server: Server, request: Request) -> ApiResult<Self> {
        let (mut parts, body) = request.into_parts();
        let session = Session::from_request_parts(&mut parts, &server).await?;
        if !session.is_admin {
            return Err(ApiError::forbidden(
                "Only administrators of this server may use this.",
            ));
        }
        let variables = RawPathParams::from_request_parts(&mut parts, &server)
            .await
            .map_err(|error| {
                ApiError::invalid_param("The path is not valid UTF-8.").because(error)
            })?;
        let body = match parts.method {
            Method::GET => Bytes::new(),
            _ => read_body(&parts, body).await?,
        };
        Ok(Self {
            session,
            variables: variables.iter().map(|(_, text)| text.to_owned()).collect(),
            server,
            parts,
            body,
        })
    }

    /// A variable of the path, counted from zero.
    pub(super) fn text(&self, index: usize) -> &str {
        self.variables.get(index).map_or("", String::as_str)
    }

    /// A variable of the path that is an identifier.
    pub(super) fn id<T>(&self, index: usize, what: &str) -> ApiResult<T>
    where
        T: FromStr,
    {
        parse(self.text(index), what)
    }

    /// The variable of the path that is a room id.
    pub(super) fn room_id(&self, index: usize) -> ApiResult<OwnedRoomId> {
        parse(self.text(index), "room id")
    }

    /// The variable of the path that is the id of a user of this server.
    pub(super) fn user_id(&self, index: usize) -> ApiResult<OwnedUserId> {
        let user_id: OwnedUserId = parse(self.text(index), "user id")?;
        self.require_local(&user_id)?;
        Ok(user_id)
    }

    /// Refuses users of other servers.
    pub(super) fn require_local(&self, user_id: &UserId) -> ApiResult {
        if user_id.server_name() == self.server.config.server_name {
            return Ok(());
        }
        Err(ApiError::invalid_param(
            "This is possible with users of this server only.",
        ))
    }

    /// The account that the path names.
    pub(super) async fn account(&self, index: usize) -> ApiResult<Account> {
        let user_id = self.user_id(index)?;
        let account = self.server.users.account(&user_id).await?;
        account.ok_or_else(|| ApiError::not_found("There is no such user on this server."))
    }

    /// A request that is carried out once however often it is sent.
    pub(super) fn transaction(&self, scope: &str, id: String) -> Transaction {
        Transaction {
            user: self.session.user,
            device: self.session.device_id.to_string(),
            scope: scope.to_owned(),
            id,
        }
    }

    /// The query.
    pub(super) fn query<T: DeserializeOwned>(&self) -> ApiResult<T> {
        read_query(&self.parts)
    }

    /// The body.
    pub(super) fn body<T: DeserializeOwned>(&self) -> ApiResult<T> {
        parse_body(&self.body)
    }
}

/// An identifier in a request.
pub(super) fn parse<T: FromStr>(text: &str, what: &str) -> ApiResult<T> {
    text.parse()
        .map_err(|_| ApiError::invalid_param(format!("This is not a valid {what}.")))
}

/// Registers handlers for administrators.
pub(super) trait AdminRoutes: Sized {
    /// Serves a path behind `/_synapse/admin`.
    fn admin<F, A>(self, method: Method, path: &'static str, handler: fn(Call) -> F) -> Self
    where
        F: Future<Output = ApiResult<A>> + Send + 'static,
        A: Into<Reply>;
}

impl AdminRoutes for Router<Server> {
    fn admin<F, A>(self, method: Method, path: &'static str, handler: fn(Call) -> F) -> Self
    where
        F: Future<Output = ApiResult<A>> + Send + 'static,
        A: Into<Reply>,
    {
        self.plain_route(
            &method,
            path,
            Box::new(move |server, request| {
                Box::pin(async move {
                    let call = Call::receive(server, request).await?;
                    let reply: Reply = handler(call).await?.into();
                    answer(&reply)
                })
            }),
        )
    }
}

fn answer(Reply(status, body): &Reply) -> ApiResult<Response> {
    let mut response = json(body)?;
    *response.status_mut() = *status;
    Ok(response)
}
