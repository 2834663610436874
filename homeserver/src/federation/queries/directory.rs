//! Aliases and directories of other servers.

use ruma::{
    OwnedRoomAliasId, OwnedRoomId, OwnedServerName, ServerName,
    api::federation::{
        directory::{get_public_rooms, get_public_rooms_filtered},
        query::get_room_information,
    },
};

use super::not_had;
use crate::{
    ApiResult,
    federation::{Federation, Limits},
};

impl Federation {
    /// The room that an alias of another server leads to, and servers that are in it.
    /// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1querydirectory)
    pub async fn find_alias(
        &self,
        alias: OwnedRoomAliasId,
    ) -> ApiResult<(OwnedRoomId, Vec<OwnedServerName>)> {
        let server = alias.server_name().to_owned();
        let request = get_room_information::v1::Request::new(alias);
        let answer = self.request(&server, request, Limits::QUERY).await;
        let answer = answer.map_err(|error| not_had(&server, "the alias", error))?;
        Ok((answer.room_id, answer.servers))
    }

    /// A page of the directory of another server.
    /// [spec](https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1publicrooms)
    pub async fn public_rooms(
        &self,
        server: &ServerName,
        request: get_public_rooms::v1::Request,
    ) -> ApiResult<get_public_rooms::v1::Response> {
        let answer = self.request(server, request, Limits::QUERY).await;
        answer.map_err(|error| not_had(server, "its directory of rooms", error))
    }

    /// The same with a search.
    /// [spec](https://spec.matrix.org/v1.19/server-server-api/#post_matrixfederationv1publicrooms)
    pub async fn search_public_rooms(
        &self,
        server: &ServerName,
        request: get_public_rooms_filtered::v1::Request,
    ) -> ApiResult<get_public_rooms_filtered::v1::Response> {
        let answer = self.request(server, request, Limits::QUERY).await;
        answer.map_err(|error| not_had(server, "its directory of rooms", error))
    }
}
