//! A push gateway, as far as a homeserver can tell.
//! [spec](https://spec.matrix.org/v1.19/push-gateway-api/)

use serde_json::{Value, json};

use crate::{
    http::Reply,
    listener::{Listener, Received},
    server::unique,
    user::User,
};

/// A gateway that takes every notification, unless told otherwise.
#[derive(Clone, Debug)]
pub struct Gateway {
    /// What listens.
    pub listener: Listener,
}

impl Default for Gateway {
    fn default() -> Self {
        Self::start()
    }
}

impl Gateway {
    /// Starts a gateway.
    pub fn start() -> Self {
        let listener = Listener::start(|_| (200, json!({ "rejected": [] })));
        Self { listener }
    }

    /// The address pushers are given.
    pub fn url(&self) -> String {
        format!("{}/_matrix/push/v1/notify", self.listener.url())
    }

    /// The notifications taken for a pushkey so far.
    pub fn taken(&self, pushkey: &str) -> Vec<Value> {
        let received = self.listener.received();
        received
            .iter()
            .filter(|request| request.status == 200)
            .filter_map(|request| notification_for(request, pushkey))
            .collect()
    }

    /// Waits for the notification of an event.
    #[track_caller]
    pub fn must_take(&self, pushkey: &str, event: &str) -> Value {
        self.listener.must_receive(|request| {
            notification_for(request, pushkey)
                .filter(|notification| request.status == 200 && notification["event_id"] == event)
        })
    }

    /// Waits for a notification without an event.
    #[track_caller]
    pub fn must_take_counts(&self, pushkey: &str, unread: u64) -> Value {
        self.listener.must_receive(|request| {
            notification_for(request, pushkey).filter(|notification| {
                notification.get("event_id").is_none()
                    && notification["counts"]["unread"].as_u64().unwrap_or(0) == unread
            })
        })
    }
}

fn notification_for(request: &Received, pushkey: &str) -> Option<Value> {
    let notification = &request.body["notification"];
    let devices = notification["devices"].as_array()?;
    let is_for = |device: &Value| device["pushkey"] == pushkey;
    devices.iter().any(is_for).then(|| notification.clone())
}

impl User {
    /// Sets an HTTP pusher and returns its pushkey.
    #[track_caller]
    pub fn set_pusher(&self, gateway: &Gateway) -> String {
        let pushkey = unique("pushkey");
        self.try_set_pusher(&self.pusher(&pushkey, &gateway.url()))
            .ok();
        pushkey
    }

    /// The answer to setting a pusher.
    #[track_caller]
    pub fn try_set_pusher(&self, pusher: &Value) -> Reply {
        self.post("/v3/pushers/set", pusher)
    }

    /// An HTTP pusher.
    pub fn pusher(&self, pushkey: &str, url: &str) -> Value {
        json!({
            "app_id": "org.example.test",
            "pushkey": pushkey,
            "kind": "http",
            "app_display_name": "Test",
            "device_display_name": self.device_id,
            "lang": "en",
            "data": { "url": url },
        })
    }

    /// The pushkeys of the user's pushers.
    #[track_caller]
    pub fn pushkeys(&self) -> Vec<String> {
        let pushers = self.get("/v3/pushers").ok();
        let all = pushers["pushers"].as_array().expect("a list of pushers");
        all.iter()
            .map(|pusher| crate::must::text(&pusher["pushkey"]))
            .collect()
    }
}
