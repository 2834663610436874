//! Tokens that name a place in the stream.

use std::{fmt, str::FromStr};

use ruma::api::error::ErrorKind;

use crate::{
    error::{ApiError, ApiResult},
    ids::StreamPos,
    rooms::rows::Place,
    sync::sliding::connections::position_of,
};

/// A `since` or `next_batch` token: a position in one life of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncToken {
    /// The database's epoch; another one voids the token.
    pub epoch: u32,
    /// Everything up to here was told.
    pub pos: StreamPos,
    /// How far messages to the device were told, where more of them waited than one answer takes.
    pub to_device: Option<StreamPos>,
}

impl fmt::Display for SyncToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{}_{}", self.epoch, self.pos)?;
        match self.to_device {
            Some(pos) => write!(f, "_{pos}"),
            None => Ok(()),
        }
    }
}

impl FromStr for SyncToken {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.strip_prefix('s').ok_or(())?.splitn(3, '_');
        let mut next = || parts.next().map(|part| part.parse::<u64>().map_err(|_| ()));
        let (epoch, pos) = (next().ok_or(())??, next().ok_or(())??);
        Ok(Self {
            epoch: epoch.try_into().map_err(|_| ())?,
            pos: StreamPos(pos),
            to_device: next().transpose()?.map(StreamPos),
        })
    }
}

impl SyncToken {
    /// The token for everything up to a position.
    #[must_use]
    pub fn at(epoch: u32, pos: StreamPos) -> Self {
        let to_device = None;
        Self {
            epoch,
            pos,
            to_device,
        }
    }

    /// Reads a client's token. One of an earlier life of the database counts as none: the client gets everything anew.
    pub fn parse(text: &str, epoch: u32) -> ApiResult<Option<Self>> {
        let token: Self = text.parse().map_err(|()| bad_token("since"))?;
        Ok((token.epoch == epoch).then_some(token))
    }

    /// The position of a client's token.
    pub fn parse_since(text: &str, epoch: u32) -> ApiResult<Option<StreamPos>> {
        Ok(Self::parse(text, epoch)?.map(|token| token.pos))
    }

    /// How far messages to the device were told.
    #[must_use]
    pub fn to_device(&self) -> StreamPos {
        self.to_device.unwrap_or(self.pos)
    }
}

/// The token of a place in a room's timeline, for `/messages` and `prev_batch`.
#[must_use]
pub fn timeline_token(place: Place) -> String {
    format!("t{place}")
}

/// Reads a place in a timeline. The token of either sync stands for the place after everything it told.
pub fn parse_timeline(text: &str, parameter: &'static str) -> ApiResult<Place> {
    let synced = text.parse::<SyncToken>().ok().map(|token| token.pos);
    if let Some(pos) = synced.or_else(|| position_of(text)) {
        return Ok(Place {
            pos: pos.plus(1),
            sub: 0,
        });
    }
    let place = || {
        let (pos, sub) = text.strip_prefix('t')?.split_once('_')?;
        Some(Place {
            pos: StreamPos(pos.parse().ok()?),
            sub: sub.parse().ok()?,
        })
    };
    place().ok_or_else(|| bad_token(parameter))
}

/// Reads a place among the changes of subscriptions to threads. Either sync's token stands for everything it told; one of
/// an earlier life of the database counts as none.
pub fn subscriptions_since(
    text: &str,
    epoch: u32,
    parameter: &'static str,
) -> ApiResult<Option<StreamPos>> {
    if let Some(pos) = position_of(text) {
        return Ok(Some(pos));
    }
    let token: SyncToken = text.parse().map_err(|()| bad_token(parameter))?;
    Ok((token.epoch == epoch).then_some(token.pos))
}

fn bad_token(parameter: &'static str) -> ApiError {
    let message = format!("The parameter {parameter} is not a token that this server gave out.");
    ApiError::bad_request(ErrorKind::InvalidParam, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rooms::rows::LIVE;

    #[test]
    fn tokens_round_trip() {
        let mut token = SyncToken::at(3, StreamPos(42));
        assert_eq!(token.to_string(), "s3_42");
        assert_eq!("s3_42".parse(), Ok(token));
        token.to_device = Some(StreamPos(41));
        assert_eq!(token.to_string(), "s3_42_41");
        assert_eq!("s3_42_41".parse(), Ok(token));
        let place = Place {
            pos: StreamPos(7),
            sub: LIVE,
        };
        assert_eq!(
            parse_timeline(&timeline_token(place), "from").unwrap(),
            place
        );
    }

    #[test]
    fn sync_token_stands_for_the_place_after_it() {
        let place = parse_timeline("s3_42", "from").unwrap();
        assert!(place > Place::live(StreamPos(42)));
        assert!(place < Place::live(StreamPos(43)));
        assert_eq!(parse_timeline("pff.2.42", "from").unwrap(), place);
    }

    #[test]
    fn token_of_another_life_asks_for_everything() {
        assert_eq!(SyncToken::parse_since("s1_42", 2).unwrap(), None);
        assert_eq!(
            SyncToken::parse_since("s2_42", 2).unwrap(),
            Some(StreamPos(42))
        );
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "s",
            "s1",
            "s1_",
            "s_1",
            "x1_1",
            "t1",
            "t1_x",
            "s1_99999999999999999999999",
            "s1_1_",
            "s1_1_1_1",
        ] {
            assert!(parse_timeline(text, "from").is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_token_or_refused(text in crate::any_input::text_like(&["s3_42", "s3_42_41", "t7_2147483648", "pff.2.42"])) {
            if let Ok(token) = text.parse::<SyncToken>() {
                assert_eq!(token.to_string().parse(), Ok(token));
            }
            if let Ok(place) = parse_timeline(&text, "from") {
                assert_eq!(parse_timeline(&timeline_token(place), "from").unwrap(), place);
            }
        }
    }
}
