use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use ruma::{
    api::{
        client::uiaa::{AuthData, AuthType, Dummy, MatrixUserIdentifier, Password, UserIdentifier},
        error::ErrorKind,
    },
    device_id,
};
use serde_json::json;

use super::*;
use crate::{
    ApiError,
    clock::ManualClock,
    storage::{OpenOptions, tables},
};

struct Bench {
    users: Users,
    clock: Arc<ManualClock>,
    _folder: tempfile::TempDir,
}

fn bench(registration: &str) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "server_name = \"b.example\"\ndata_dir = \"/nowhere\"\n[registration]\n{registration}"
    );
    let config = Config::parse(&text, []).unwrap();
    let clock = ManualClock::at(1_700_000_000_000);
    let storage = Storage::open(folder.path(), OpenOptions { sync: false }).unwrap();
    Bench {
        users: Users::new(storage, clock.clone(), &config),
        clock,
        _folder: folder,
    }
}

impl Bench {
    fn open() -> Self {
        bench("mode = \"open\"")
    }

    async fn register(&self, name: &str) -> SignedIn {
        let auth = AuthData::Dummy(Dummy::new());
        let wish = wish(name, Some(SignIn::default()));
        let registered = self.users.register(wish, Some(&auth)).await.unwrap();
        registered.signed_in.unwrap()
    }

    async fn login(&self, name: &str, password: &str, request: SignIn) -> ApiResult<SignedIn> {
        let identifier = Identifier::User(name.to_owned());
        self.users
            .login(&identifier, password.to_owned(), request)
            .await
    }
}

fn wish(name: &str, sign_in: Option<SignIn>) -> Registration {
    Registration {
        username: Some(name.to_owned()),
        password: Some("сирень".to_owned()),
        sign_in,
    }
}

fn refreshable() -> SignIn {
    SignIn {
        refreshable: true,
        ..SignIn::default()
    }
}

fn code(error: &ApiError) -> String {
    error.kind().unwrap().errcode().to_string()
}

fn is_soft_logout(error: &ApiError) -> bool {
    matches!(error.kind(), Some(ErrorKind::UnknownToken(details)) if details.soft_logout)
}

#[tokio::test]
async fn registered_user_has_a_session_and_can_sign_in_again() {
    let bench = Bench::open();
    let registered = bench.register("lilia").await;
    let session = bench.users.session(&registered.access_token).await.unwrap();
    assert_eq!(session.user_id, "@lilia:b.example");
    assert_eq!(session.device_id, registered.device_id);
    for typed in ["lilia", "@lilia:b.example", "Lilia"] {
        let again = bench.login(typed, "сирень", SignIn::default()).await;
        assert_ne!(again.unwrap().device_id, registered.device_id);
    }
    assert_eq!(bench.users.devices(session.user).await.unwrap().len(), 4);
}

#[tokio::test]
async fn wrong_password_and_unknown_user_get_the_same_answer() {
    let bench = Bench::open();
    bench.register("lilia").await;
    let wrong = bench.login("lilia", "роза", SignIn::default()).await;
    let unknown = bench.login("rosa", "роза", SignIn::default()).await;
    let (wrong, unknown) = (wrong.unwrap_err(), unknown.unwrap_err());
    assert_eq!(code(&wrong), "M_FORBIDDEN");
    assert_eq!(wrong.to_string(), unknown.to_string());
}

#[tokio::test]
async fn name_is_given_once() {
    let bench = Bench::open();
    bench.register("lilia").await;
    let refused = bench.users.register(wish("lilia", None), None).await;
    assert_eq!(code(&refused.unwrap_err()), "M_USER_IN_USE");
}

#[tokio::test]
async fn of_two_who_want_a_name_at_once_one_gets_it() {
    let bench = Bench::open();
    let auth = AuthData::Dummy(Dummy::new());
    let (first, second) = tokio::join!(
        bench.users.register(wish("lilia", None), Some(&auth)),
        bench.users.register(wish("lilia", None), Some(&auth)),
    );
    let refused = [first, second].into_iter().filter_map(Result::err);
    let refused: Vec<_> = refused.map(|error| code(&error)).collect();
    assert_eq!(refused, ["M_USER_IN_USE"]);
}

#[tokio::test]
async fn closed_registration_is_refused() {
    let bench = bench("mode = \"closed\"");
    let refused = bench.users.register(wish("lilia", None), None).await;
    assert_eq!(code(&refused.unwrap_err()), "M_FORBIDDEN");
}

#[tokio::test]
async fn registration_token_is_good_for_as_many_accounts_as_it_says() {
    let bench = bench("mode = \"token\"");
    let new = NewRegistrationToken {
        length: None,
        token: Some("violet".to_owned()),
        uses_allowed: Some(1),
        valid_for: None,
    };
    bench.users.create_registration_token(new).await.unwrap();
    let auth = |token: &str| -> AuthData {
        let auth = json!({ "type": "m.login.registration_token", "token": token });
        serde_json::from_value(auth).unwrap()
    };
    let wrong = auth("pink");
    let refused = bench.users.register(wish("a", None), Some(&wrong)).await;
    assert_eq!(refused.unwrap_err().status(), 401);
    let right = auth("violet");
    let made = bench.users.register(wish("a", None), Some(&right)).await;
    made.unwrap();
    let spent = bench.users.register(wish("b", None), Some(&right)).await;
    assert_eq!(spent.unwrap_err().status(), 401);
    let tokens = bench.users.registration_tokens().await.unwrap();
    assert_eq!(tokens[0].used, 1);
}

#[tokio::test]
async fn expired_registration_token_is_not_valid() {
    let bench = bench("mode = \"token\"");
    let new = NewRegistrationToken {
        length: None,
        valid_for: Some(Duration::from_secs(60)),
        ..NewRegistrationToken::default()
    };
    let token = bench.users.create_registration_token(new).await.unwrap();
    let is_valid = || bench.users.is_registration_token_valid(&token.token);
    assert!(is_valid().await.unwrap());
    bench.clock.advance(Duration::from_secs(60));
    assert!(!is_valid().await.unwrap());
    assert!(!bench.users.is_registration_token_valid("x").await.unwrap());
}

#[tokio::test]
async fn logout_ends_the_session_and_removes_the_device() {
    let bench = Bench::open();
    let signed_in = bench.register("lilia").await;
    let session = bench.users.session(&signed_in.access_token).await.unwrap();
    bench.users.logout(&session).await.unwrap();
    let refused = bench.users.session(&signed_in.access_token).await;
    let refused = refused.unwrap_err();
    assert_eq!(code(&refused), "M_UNKNOWN_TOKEN");
    assert!(!is_soft_logout(&refused));
    assert_eq!(bench.users.devices(session.user).await.unwrap(), []);
}

#[tokio::test]
async fn signing_in_on_a_known_device_voids_its_old_token_and_keeps_its_name() {
    let bench = Bench::open();
    bench.register("lilia").await;
    let on = |name: &str| SignIn {
        device_id: Some(device_id!("PHONE").to_owned()),
        device_display_name: Some(name.to_owned()),
        refreshable: false,
    };
    let first = bench.login("lilia", "сирень", on("a")).await.unwrap();
    let session = bench.users.session(&first.access_token).await.unwrap();
    let second = bench.login("lilia", "сирень", on("b")).await.unwrap();
    bench.users.session(&second.access_token).await.unwrap();
    assert!(bench.users.session(&first.access_token).await.is_err());
    let devices = bench.users.devices(session.user).await.unwrap();
    let phone = devices.iter().find(|device| device.device_id == "PHONE");
    assert_eq!(phone.unwrap().display_name.as_deref(), Some("a"));
}

#[tokio::test]
async fn access_token_expires_softly_and_is_refreshed() {
    let bench = Bench::open();
    bench.register("lilia").await;
    let signed_in = bench.login("lilia", "сирень", refreshable()).await.unwrap();
    let (refresh_token, lifetime) = signed_in.refresh.unwrap();
    bench.users.session(&signed_in.access_token).await.unwrap();
    bench.clock.advance(lifetime);
    let expired = bench.users.session(&signed_in.access_token).await;
    assert!(is_soft_logout(&expired.unwrap_err()));
    let fresh = bench.users.refresh(&refresh_token).await.unwrap();
    assert_eq!(fresh.device_id, signed_in.device_id);
    bench.users.session(&fresh.access_token).await.unwrap();
    assert!(bench.users.session(&signed_in.access_token).await.is_err());
}

#[tokio::test]
async fn refresh_token_is_good_until_what_it_was_exchanged_for_is_used() {
    let bench = Bench::open();
    bench.register("lilia").await;
    let signed_in = bench.login("lilia", "сирень", refreshable()).await.unwrap();
    let (refresh_token, _) = signed_in.refresh.unwrap();
    let lost = bench.users.refresh(&refresh_token).await.unwrap();
    let fresh = bench.users.refresh(&refresh_token).await.unwrap();
    assert!(bench.users.session(&lost.access_token).await.is_err());
    bench.users.session(&fresh.access_token).await.unwrap();
    let spent = bench.users.refresh(&refresh_token).await.unwrap_err();
    assert_eq!(code(&spent), "M_UNKNOWN_TOKEN");
    let (next, _) = fresh.refresh.unwrap();
    bench.users.refresh(&next).await.unwrap();
}

#[tokio::test]
async fn locked_account_is_shut_out_and_let_in_again() {
    let bench = Bench::open();
    let signed_in = bench.register("lilia").await;
    let token = &signed_in.access_token;
    let user = bench.users.session(token).await.unwrap().user;
    let set = |locked| {
        bench
            .users
            .update_account(user, move |row| row.locked = locked)
    };
    set(true).await.unwrap();
    let refused = bench.users.session(token).await.unwrap_err();
    assert_eq!(code(&refused), "M_USER_LOCKED");
    set(false).await.unwrap();
    bench.users.session(token).await.unwrap();
}

#[tokio::test]
async fn deactivated_user_cannot_come_back_and_nobody_gets_the_name() {
    let bench = Bench::open();
    let signed_in = bench.register("lilia").await;
    let session = bench.users.session(&signed_in.access_token).await.unwrap();
    bench.users.deactivate(session.user, true).await.unwrap();
    assert!(bench.users.session(&signed_in.access_token).await.is_err());
    let refused = bench.login("lilia", "сирень", SignIn::default()).await;
    assert_eq!(code(&refused.unwrap_err()), "M_USER_DEACTIVATED");
    let taken = bench.users.check_username("lilia").await;
    assert_eq!(code(&taken.unwrap_err()), "M_USER_IN_USE");
    let profile = bench.users.profile(&session.user_id).await.unwrap();
    assert_eq!(profile, None);
}

#[tokio::test]
async fn session_of_a_deactivated_account_is_none() {
    let bench = Bench::open();
    let signed_in = bench.register("lilia").await;
    let session = bench.users.session(&signed_in.access_token).await.unwrap();
    let close = |row: &mut AccountRow| row.deactivated = true;
    bench
        .users
        .update_account(session.user, close)
        .await
        .unwrap();
    let refused = bench.users.session(&signed_in.access_token).await;
    assert_eq!(code(&refused.unwrap_err()), "M_UNKNOWN_TOKEN");
}

#[tokio::test]
async fn sign_in_that_a_deactivation_overtakes_is_refused() {
    let bench = Bench::open();
    bench.register("lilia").await;
    let account = bench.users.account_by_name("lilia").await.unwrap().unwrap();
    bench.users.deactivate(account.user, false).await.unwrap();
    let refused = bench.users.sign_in(account, SignIn::default()).await;
    assert_eq!(code(&refused.unwrap_err()), "M_USER_DEACTIVATED");
}

#[tokio::test]
async fn no_session_of_the_old_password_outlives_a_reset() {
    let bench = Bench::open();
    bench.register("lilia").await;
    let user = bench
        .users
        .account_by_name("lilia")
        .await
        .unwrap()
        .unwrap()
        .user;
    let reset = async {
        bench
            .users
            .set_password(user, "роза".to_owned())
            .await
            .unwrap();
        let devices = bench.users.devices(user).await.unwrap();
        bench
            .users
            .delete_devices(user, DevicesOf::All)
            .await
            .unwrap();
        devices.len()
    };
    let logins = (0..6).map(|_| bench.login("lilia", "сирень", SignIn::default()));
    let (answers, _) = tokio::join!(futures::future::join_all(logins), reset);
    for signed_in in answers.into_iter().flatten() {
        bench
            .users
            .session(&signed_in.access_token)
            .await
            .unwrap_err();
    }
    bench
        .login("lilia", "роза", SignIn::default())
        .await
        .unwrap();
}

#[tokio::test]
async fn password_is_not_changed_by_a_session_that_ended_meanwhile() {
    let bench = Bench::open();
    let signed_in = bench.register("lilia").await;
    let session = bench.users.session(&signed_in.access_token).await.unwrap();
    bench
        .users
        .delete_devices(session.user, DevicesOf::All)
        .await
        .unwrap();
    let refused = bench
        .users
        .change_password(&session, "роза".to_owned())
        .await;
    assert_eq!(code(&refused.unwrap_err()), "M_UNKNOWN_TOKEN");
    bench
        .login("lilia", "сирень", SignIn::default())
        .await
        .unwrap();
}

#[tokio::test]
async fn password_stage_takes_only_the_password_of_the_session() {
    let bench = Bench::open();
    let lilia = bench.register("lilia").await;
    bench.register("rosa").await;
    let session = bench.users.session(&lilia.access_token).await.unwrap();
    let auth = |name: &str| {
        let user = UserIdentifier::Matrix(MatrixUserIdentifier::new(name.to_owned()));
        AuthData::Password(Password::new(user, "сирень".to_owned()))
    };
    let confirm = |auth: AuthData| {
        let (users, session) = (bench.users.clone(), session.clone());
        async move {
            let operation = "DELETE /devices/A".to_owned();
            users
                .confirm_password(&session, operation, Some(&auth))
                .await
        }
    };
    let somebody_else = confirm(auth("rosa")).await.unwrap_err();
    let nobody = confirm(auth("nobody")).await.unwrap_err();
    assert_eq!(somebody_else.status(), 401);
    assert_eq!(somebody_else.to_string(), nobody.to_string());
    confirm(auth("lilia")).await.unwrap();
}

#[tokio::test]
async fn authentication_session_is_good_for_one_operation() {
    let bench = Bench::open();
    let lilia = bench.register("lilia").await;
    let session = bench.users.session(&lilia.access_token).await.unwrap();
    let begun = bench
        .users
        .confirm_password(&session, "DELETE /devices/A".to_owned(), None)
        .await;
    let info = begun.unwrap_err().user_interactive_info().cloned().unwrap();
    assert_eq!(info.flows[0].stages, [AuthType::Password]);
    let auth = json!({
        "type": "m.login.password", "password": "сирень", "session": info.session,
        "identifier": { "type": "m.id.user", "user": "lilia" },
    });
    let auth: AuthData = serde_json::from_value(auth).unwrap();
    let confirm = |operation: &str| {
        bench
            .users
            .confirm_password(&session, operation.to_owned(), Some(&auth))
    };
    let other = confirm("DELETE /devices/B");
    assert_eq!(code(&other.await.unwrap_err()), "M_FORBIDDEN");
    confirm("DELETE /devices/A").await.unwrap();
    let reused = confirm("DELETE /devices/A");
    assert_eq!(code(&reused.await.unwrap_err()), "M_UNKNOWN");
}

#[tokio::test]
async fn deleted_devices_are_announced_in_the_same_commit() {
    struct Recorder(Arc<Mutex<Vec<String>>>);
    impl UserHooks for Recorder {
        fn check_name(&self, _: &ruma::UserId) -> ApiResult {
            Ok(())
        }

        fn devices_deleted(
            &self,
            _: &Snapshot<'_>,
            user: UserNid,
            devices: &[ruma::OwnedDeviceId],
        ) -> crate::storage::Result<Addition> {
            let ids = devices.iter().map(|id| id.to_string());
            self.0.lock().extend(ids);
            let fill = move |batch: &mut crate::storage::Batch<'_>, _| {
                tables::PROFILE.put(batch, user, &"{\"org.example.told\":1}".to_owned());
            };
            Ok(Addition {
                fill: Some(Box::new(fill)),
                changes: Vec::new(),
            })
        }
        fn device_created(
            &self,
            _: &Snapshot<'_>,
            _: UserNid,
            _: &ruma::DeviceId,
        ) -> ApiResult<Addition> {
            Ok(Addition::default())
        }
        fn device_renamed(
            &self,
            _: &Snapshot<'_>,
            _: UserNid,
            _: &ruma::DeviceId,
        ) -> crate::storage::Result<Addition> {
            Ok(Addition::default())
        }
        fn profile_changed(&self, _: UserNid) -> futures::future::BoxFuture<'_, ()> {
            self.0.lock().push("profile".to_owned());
            Box::pin(async {})
        }
        fn erased(&self, _: UserNid) -> futures::future::BoxFuture<'_, ApiResult> {
            Box::pin(async { Ok(()) })
        }
        fn deactivated(&self, _: UserNid) -> futures::future::BoxFuture<'_, ()> {
            Box::pin(async {})
        }
    }
    let bench = Bench::open();
    let told = Arc::default();
    bench.users.observe(Arc::new(Recorder(Arc::clone(&told))));
    let signed_in = bench.register("lilia").await;
    let session = bench.users.session(&signed_in.access_token).await.unwrap();
    let name = json!("Лилия");
    let user = session.user;
    let set = bench.users.set_profile_field(user, "displayname", name);
    set.await.unwrap();
    bench.users.logout(&session).await.unwrap();
    assert_eq!(*told.lock(), ["profile", signed_in.device_id.as_str()]);
    let profile = bench.users.profile(&session.user_id).await.unwrap();
    assert!(profile.unwrap().get("org.example.told").is_some());
}

#[tokio::test]
async fn new_user_is_called_by_their_local_part() {
    let bench = Bench::open();
    let signed_in = bench.register("lilia").await;
    let profile = bench.users.profile(&signed_in.user_id).await.unwrap();
    assert_eq!(profile.unwrap().display_name(), Some("lilia"));
}

#[tokio::test]
async fn nonce_registers_one_account() {
    let bench = bench("shared_secret = \"s\"");
    let wish = |nonce: &str, username: &str| SharedSecretRegistration {
        nonce: nonce.to_owned(),
        username: username.to_owned(),
        displayname: Some("Корень".to_owned()),
        password: "p".to_owned(),
        admin: true,
        user_type: None,
        mac: shared_secret::mac("s", &[nonce, username, "p", "admin"]),
    };
    let nonce = bench.users.registration_nonce().unwrap();
    let made = bench.users.register_with_secret(wish(&nonce, "root")).await;
    let session = bench.users.session(&made.unwrap().access_token).await;
    assert!(session.unwrap().is_admin);
    let again = bench.users.register_with_secret(wish(&nonce, "r2")).await;
    assert_eq!(code(&again.unwrap_err()), "M_UNKNOWN");
}

#[tokio::test]
async fn tokens_are_not_in_the_database() {
    let bench = Bench::open();
    let signed_in = bench.register("lilia").await;
    let folder = bench._folder.path().to_owned();
    drop(bench.users);
    let needle = signed_in.access_token.as_bytes();
    for file in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap_or_default();
        assert!(!bytes.windows(needle.len()).any(|part| part == needle));
    }
}
