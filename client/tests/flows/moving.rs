//! A moving picture, and what the server says about itself.

use std::time::Duration;

use client::{
    bridge::command::{Command, FileSource, MediaCommand, TimelineCommand},
    rows::{Body, MediaKey},
};
use image::{Delay, Frame, Rgba, RgbaImage, codecs::gif::GifEncoder};

use super::{
    person::{Person, Screen},
    server::Mode,
    start,
};

fn gif() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new(&mut bytes);
    for shade in [0, 100, 200] {
        let picture = RgbaImage::from_pixel(60, 40, Rgba([shade, 0, 0, 255]));
        let delay = Delay::from_saturating_duration(Duration::from_millis(40));
        let frame = Frame::from_parts(picture, 0, 0, delay);
        encoder.encode_frame(frame).unwrap();
    }
    drop(encoder);
    bytes
}

fn moving(screen: &Screen, room: &matrix_sdk::ruma::RoomId) -> Option<MediaKey> {
    let messages = screen.messages(room);
    messages
        .into_iter()
        .find_map(|(_, message)| match &message.body {
            Body::Picture(picture) if picture.may_move => Some(picture.media.clone()),
            _ => None,
        })
}

#[test]
fn a_moving_picture_moves_until_it_is_stopped_and_the_bot_is_known() {
    let Some(server) = start(Mode::Open) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut anna = Person::sit_down("Anna", folder.path().join("anna"));
    anna.register(&server.address());
    anna.until("hear from the server", |screen| screen.server.is_some());
    let facts = anna.screen.server.take().unwrap();
    assert_eq!((facts.bot, facts.newer), (None, None));
    assert_eq!(facts.clock_ahead, None, "it is the same computer");

    let mut bot = Person::sit_down("Bot", folder.path().join("bot"));
    bot.register_with(&server.address(), Some(server.make_code()));
    let room = anna.make_group("Games", &mut bot);
    assert!(!anna.screen.headers[&room].has_bot, "nobody has said so");
    let mut anna = anna.restart();
    anna.ask(Command::Account(
        client::bridge::command::AccountCommand::Restore,
    ));
    anna.in_room(&room, TimelineCommand::Open);
    anna.until("see games offered", |screen| {
        screen
            .headers
            .get(&room)
            .is_some_and(|header| header.has_bot)
    });

    let file = FileSource::Bytes {
        name: "кот.gif".to_owned(),
        bytes: gif().into(),
    };
    anna.in_room(
        &room,
        TimelineCommand::SendFile {
            file,
            caption: String::new(),
            reply_to: None,
        },
    );
    bot.until("see a picture that may move", |screen| {
        moving(screen, &room).is_some()
    });
    let media = moving(&bot.screen, &room).unwrap();
    let media_command = |command| Command::Media(command);
    bot.ask(media_command(MediaCommand::Animate {
        media: media.clone(),
        max_width: 30,
        max_height: 30,
    }));
    bot.until("see it go round twice", |screen| screen.frames >= 7);
    bot.ask(media_command(MediaCommand::Still { media }));
    // One frame may have been on its way.
    let seen = bot.screen.frames;
    bot.say(&room, "Enough");
    bot.until("see the next message", |screen| {
        screen.message(&room, "Enough").is_some()
    });
    assert!(bot.screen.frames <= seen + 1);
}
