//! Fifty rooms of six people, ten of them with pictures.

use std::{io::Cursor, net::SocketAddr, time::Duration};

use anyhow::Result;
use hyper::Method;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use serde_json::json;

use crate::user::{User, text};

pub(crate) const NAME: &str = "pupil";
/// The rooms with pictures are the newest.
pub(crate) const PICTURED: usize = 10;

const ROOMS: usize = 50;
const MESSAGES: usize = 25;
const PICTURES: usize = 10;

/// Long enough for a program to have done all it does after something happened.
pub(crate) const SETTLED: Duration = Duration::from_secs(20);

/// Those who write, and where.
pub(crate) struct Rooms {
    mates: Vec<User>,
    rooms: Vec<String>,
    /// How many pictures were shown.
    shown: usize,
}

impl Rooms {
    /// Begins anew with the connections, which the server has closed when nothing was said for long.
    pub(crate) fn reconnect(&mut self) {
        for mate in &mut self.mates {
            mate.connection = mate.connection.another();
        }
    }

    /// Somebody says something in one of the rooms.
    pub(crate) async fn say(&mut self, number: usize) -> Result<()> {
        let mate = number % self.mates.len();
        // Not the next room: that would always be the one at the top.
        let room = &self.rooms[number * 7 % self.rooms.len()];
        self.mates[mate].send(room).await?;
        Ok(())
    }

    /// Somebody shows a picture that nobody has seen.
    pub(crate) async fn show_picture(&mut self, number: usize) -> Result<()> {
        self.shown += 1;
        let address = upload(&mut self.mates[0], 100 + self.shown).await?;
        let room = &self.rooms[number * 11 % self.rooms.len()];
        let mate = number % self.mates.len();
        send_picture(&mut self.mates[mate], room, 1000 + self.shown, &address).await
    }
}

pub(crate) async fn fill(server: SocketAddr) -> Result<Rooms> {
    eprintln!("filling {ROOMS} rooms");
    let mut pupil = User::register(server, NAME).await?;
    let mut mates = Vec::new();
    for number in 0..5 {
        mates.push(User::register(server, &format!("mate{number}")).await?);
    }
    let mut pictures = Vec::new();
    for number in 0..2 * PICTURES {
        pictures.push(upload(&mut mates[0], number).await?);
    }
    let mut rooms = Vec::new();
    for number in 0..ROOMS {
        let maker = number % mates.len();
        let room = mates[maker]
            .create_public_room(&format!("Room {number}"))
            .await?;
        pupil.join(&room).await?;
        for mate in (0..mates.len()).filter(|mate| *mate != maker) {
            mates[mate].join(&room).await?;
        }
        for message in 0..MESSAGES {
            let mate = message % mates.len();
            mates[mate].send(&room).await?;
        }
        if number + PICTURED >= ROOMS {
            for picture in 0..PICTURES {
                let address = &pictures[(number + picture) % pictures.len()];
                send_picture(&mut mates[maker], &room, picture, address).await?;
            }
        }
        rooms.push(room);
    }
    Ok(Rooms {
        mates,
        rooms,
        shown: 0,
    })
}

async fn upload(user: &mut User, number: usize) -> Result<String> {
    let (shade, tint) = (u8::try_from(number * 12 % 256)?, number as u32);
    let picture = RgbImage::from_fn(1600, 1200, |x, y| {
        Rgb([((x + tint) % 256) as u8, (y % 256) as u8, shade])
    });
    let mut jpeg = Cursor::new(Vec::new());
    DynamicImage::from(picture).write_to(&mut jpeg, ImageFormat::Jpeg)?;
    let answer = user
        .connection
        .ok(
            Method::POST,
            "/_matrix/media/v3/upload?filename=board.jpg",
            "image/jpeg",
            jpeg.into_inner().into(),
        )
        .await?;
    text(&serde_json::from_slice(&answer)?, "content_uri")
}

async fn send_picture(user: &mut User, room: &str, number: usize, address: &str) -> Result<()> {
    let path = format!("/_matrix/client/v3/rooms/{room}/send/m.room.message/picture{number}");
    let event = json!({
        "msgtype": "m.image", "body": "board.jpg", "url": address,
        "info": { "w": 1600, "h": 1200, "mimetype": "image/jpeg" },
    });
    user.connection.json(Method::PUT, &path, &event).await?;
    Ok(())
}
