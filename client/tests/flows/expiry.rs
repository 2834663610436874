//! A session that has expired, and goes on with the next sign-in.

use client::bridge::{
    command::{AccountCommand, Command, KeptText, Mention, RoomsCommand, TimelineCommand},
    trouble::Trouble,
    update::Answer,
};

use super::{person::Person, proxy::Proxy, server::Mode, start};

#[test]
fn an_expired_session_keeps_drafts_and_keys_for_the_same_person() {
    let Some(server) = start(Mode::Open) else {
        return;
    };
    let proxy = Proxy::start(server.address());
    let folder = tempfile::tempdir().unwrap();
    let mut anna = Person::sit_down("Anna", folder.path().join("anna"));
    anna.register(&proxy.address());
    let room = match anna.ask(Command::Rooms(RoomsCommand::CreateGroup {
        name: "Notes".to_owned(),
        topic: String::new(),
        invite: Vec::new(),
        encrypted: true,
    })) {
        Answer::Room(room) => room,
        other => panic!("no room but {other:?}"),
    };
    anna.in_room(&room, TimelineCommand::Open);
    anna.say(&room, "Only Anna's keys open this");
    let draft = KeptText {
        markdown: "@Boris *x*, half a thought".to_owned(),
        mentions: vec![Mention {
            text: "@Boris *x*".to_owned(),
            user: "@boris:flows.test".try_into().unwrap(),
        }],
    };
    anna.in_room(&room, TimelineCommand::SaveDraft(draft.clone()));
    let devices = |anna: &mut Person| match anna.ask(Command::Account(AccountCommand::LoadDevices))
    {
        Answer::Devices(devices) => devices,
        other => panic!("no devices but {other:?}"),
    };
    let before = devices(&mut anna);

    proxy.set_expired(true);
    // Whatever is asked next is refused, several times at once.
    for _ in 0..4 {
        anna.commands()
            .send(Command::Account(AccountCommand::LoadDevices));
    }
    anna.until("be asked to sign in again", |screen| {
        screen.signed_out == Some(Trouble::SessionExpired)
    });
    proxy.set_expired(false);

    anna.sign_in(&proxy.address());
    let after = devices(&mut anna);
    assert_eq!(after.len(), before.len(), "it is the same device");
    assert_eq!(after[0].id, before[0].id);
    anna.in_room(&room, TimelineCommand::Open);
    anna.until("find the draft", |screen| screen.draft == draft);
    anna.until("read the message", |screen| {
        screen
            .texts(&room)
            .contains(&"Only Anna's keys open this".to_owned())
    });
}
