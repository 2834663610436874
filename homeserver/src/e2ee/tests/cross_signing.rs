use super::*;

/// A key pair with its public key in Base64.
struct Signer {
    pair: Ed25519KeyPair,
    public: String,
}

impl Signer {
    fn new() -> Self {
        let der = Ed25519KeyPair::generate();
        let public = Ed25519KeyPair::from_der(&der, "x".to_owned())
            .unwrap()
            .public_key();
        let public = ruma::serde::Base64::<ruma::serde::base64::Standard, _>::new(public).encode();
        // The version of the pair is the name of the key in signatures.
        let pair = Ed25519KeyPair::from_der(&der, public.clone()).unwrap();
        Self { pair, public }
    }

    fn key(&self, session: &Session, usage: &str) -> CanonicalJsonObject {
        let key = json!({
            "user_id": session.user_id,
            "usage": [usage],
            "keys": { format!("ed25519:{}", self.public): self.public },
        });
        serde_json::from_value(key).unwrap()
    }

    fn sign(&self, session: &Session, mut object: CanonicalJsonObject) -> CanonicalJsonObject {
        sign_json(session.user_id.as_str(), &self.pair, &mut object).unwrap();
        object
    }
}

fn raw(object: &CanonicalJsonObject) -> Option<Raw<CrossSigningKey>> {
    Some(Raw::new(object).unwrap().cast_unchecked())
}

struct Identity {
    master: Signer,
    self_signing: Signer,
    user_signing: Signer,
}

impl Identity {
    fn new() -> Self {
        Self {
            master: Signer::new(),
            self_signing: Signer::new(),
            user_signing: Signer::new(),
        }
    }

    fn keys(&self, session: &Session) -> NewCrossSigningKeys {
        let signed = |signer: &Signer, usage| self.master.sign(session, signer.key(session, usage));
        NewCrossSigningKeys {
            master: raw(&self.master.key(session, "master")),
            self_signing: raw(&signed(&self.self_signing, "self_signing")),
            user_signing: raw(&signed(&self.user_signing, "user_signing")),
        }
    }

    async fn upload(&self, bench: &Bench, session: &Session) -> ApiResult<UploadOutcome> {
        bench
            .e2ee()
            .upload_cross_signing_keys(session, self.keys(session), false)
            .await
    }
}

async fn query(bench: &Bench, by: &Session, of: &Session) -> KeysOfUser {
    let query = BTreeMap::from([(of.user_id.clone(), Vec::new())]);
    bench
        .e2ee()
        .query_keys(by, query)
        .await
        .unwrap()
        .remove(&of.user_id)
        .unwrap()
}

fn signers(key: &Option<Raw<CrossSigningKey>>) -> Vec<OwnedUserId> {
    let key = key.as_ref().unwrap().deserialize().unwrap();
    key.signatures.keys().cloned().collect()
}

#[tokio::test]
async fn first_keys_need_no_password_and_others_do() {
    let bench = Bench::open();
    let alice = bench.register("alice").await;
    let identity = Identity::new();
    assert_eq!(
        identity.upload(&bench, &alice).await.unwrap(),
        UploadOutcome::Stored
    );
    assert_eq!(
        identity.upload(&bench, &alice).await.unwrap(),
        UploadOutcome::Stored
    );
    let other = Identity::new();
    assert_eq!(
        other.upload(&bench, &alice).await.unwrap(),
        UploadOutcome::NeedsAuthentication
    );
    let keys = other.keys(&alice);
    let outcome = bench
        .e2ee()
        .upload_cross_signing_keys(&alice, keys, true)
        .await
        .unwrap();
    assert_eq!(outcome, UploadOutcome::Stored);
    let found = query(&bench, &alice, &alice).await;
    assert!(
        found
            .master
            .unwrap()
            .json()
            .get()
            .contains(&other.master.public)
    );
}

#[tokio::test]
async fn keys_not_signed_by_the_master_key_are_refused() {
    let bench = Bench::open();
    let alice = bench.register("alice").await;
    let (identity, other) = (Identity::new(), Identity::new());
    let mut keys = identity.keys(&alice);
    keys.self_signing = other.keys(&alice).self_signing;
    let error = bench
        .e2ee()
        .upload_cross_signing_keys(&alice, keys, false)
        .await
        .unwrap_err();
    assert_eq!(code(&error), "M_INVALID_SIGNATURE");
    let mut keys = identity.keys(&alice);
    keys.master = None;
    let error = bench
        .e2ee()
        .upload_cross_signing_keys(&alice, keys, false)
        .await
        .unwrap_err();
    assert_eq!(code(&error), "M_MISSING_PARAM");
}

#[tokio::test]
async fn user_signing_key_is_told_to_its_owner_only() {
    let bench = Bench::open();
    let (alice, bob) = (bench.register("alice").await, bench.register("bob").await);
    Identity::new().upload(&bench, &alice).await.unwrap();
    assert!(query(&bench, &alice, &alice).await.user_signing.is_some());
    let seen_by_bob = query(&bench, &bob, &alice).await;
    assert!(seen_by_bob.user_signing.is_none());
    assert!(seen_by_bob.master.is_some() && seen_by_bob.self_signing.is_some());
}

#[tokio::test]
async fn signature_on_another_user_is_seen_by_the_signer_only() {
    let bench = Bench::open();
    let (alice, bob) = (bench.register("alice").await, bench.register("bob").await);
    let carol = bench.register("carol").await;
    let (of_alice, of_bob) = (Identity::new(), Identity::new());
    of_alice.upload(&bench, &alice).await.unwrap();
    of_bob.upload(&bench, &bob).await.unwrap();
    let since = bench.server.storage.position();
    let signed = of_alice
        .user_signing
        .sign(&alice, of_bob.master.key(&bob, "master"));
    let failures = send(&bench, &alice, &bob, &of_bob.master.public, &signed).await;
    assert!(failures.is_empty(), "{failures:?}");
    assert_eq!(
        signers(&query(&bench, &alice, &bob).await.master),
        std::slice::from_ref(&alice.user_id)
    );
    assert!(signers(&query(&bench, &bob, &bob).await.master).is_empty());
    assert!(signers(&query(&bench, &carol, &bob).await.master).is_empty());
    let snapshot = bench.server.storage.snapshot();
    let span = (since, bench.server.storage.position());
    let lists = |user| {
        bench
            .e2ee()
            .device_lists(&snapshot, user, span, None)
            .unwrap()
    };
    assert_eq!(lists(alice.user).changed, [bob.user].into());
    assert_eq!(lists(bob.user), DeviceLists::default());
}

#[tokio::test]
async fn signature_of_the_wrong_key_is_refused() {
    let bench = Bench::open();
    let (alice, bob) = (bench.register("alice").await, bench.register("bob").await);
    let (of_alice, of_bob) = (Identity::new(), Identity::new());
    of_alice.upload(&bench, &alice).await.unwrap();
    of_bob.upload(&bench, &bob).await.unwrap();
    let signed = of_alice
        .self_signing
        .sign(&alice, of_bob.master.key(&bob, "master"));
    let failures = send(&bench, &alice, &bob, &of_bob.master.public, &signed).await;
    assert_eq!(
        failures[&bob.user_id][&of_bob.master.public].code,
        "M_INVALID_SIGNATURE"
    );
    let unknown = of_alice
        .user_signing
        .sign(&alice, of_alice.master.key(&bob, "master"));
    let failures = send(&bench, &alice, &bob, &of_alice.master.public, &unknown).await;
    assert_eq!(
        failures[&bob.user_id][&of_alice.master.public].code,
        "M_NOT_FOUND"
    );
}

async fn send(
    bench: &Bench,
    signer: &Session,
    owner: &Session,
    target: &str,
    object: &CanonicalJsonObject,
) -> SignatureFailures {
    let object = serde_json::to_string(object).unwrap();
    let objects = BTreeMap::from([(target.to_owned(), object)]);
    let objects = BTreeMap::from([(owner.user_id.clone(), objects)]);
    bench
        .e2ee()
        .upload_signatures(signer, objects, BTreeMap::new())
        .await
        .unwrap()
}

fn code(error: &ApiError) -> String {
    error.kind().unwrap().errcode().to_string()
}
