//! The work that is measured, one file per kind.

mod fan_out;
mod media;
mod overload;
mod read;
mod rooms;
mod send;
mod sync;

use anyhow::Result;
use futures::future::LocalBoxFuture;

use crate::{meter::Sample, stage::Stage};

/// One kind of work.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) figures: &'static [Figure],
    pub(crate) run: fn(&mut Stage) -> LocalBoxFuture<'_, Result<Sample>>,
}

/// A number taken from a sample, and how many times better ours has to be than the other server's.
pub(crate) struct Figure {
    pub(crate) kind: Kind,
    pub(crate) target: Option<f64>,
}

#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// CPU time of the server for one operation.
    Cpu,
    /// Operations per second.
    Rate,
    /// The latency that 99 of 100 operations stay below.
    Latency,
}

const fn cpu(target: f64) -> Figure {
    Figure {
        kind: Kind::Cpu,
        target: Some(target),
    }
}

const fn rate(target: f64) -> Figure {
    Figure {
        kind: Kind::Rate,
        target: Some(target),
    }
}

const fn latency(target: f64) -> Figure {
    Figure {
        kind: Kind::Latency,
        target: Some(target),
    }
}

/// Shown without a target.
const fn shown(kind: Kind) -> Figure {
    Figure { kind, target: None }
}

/// Every row, in the order of the table.
pub(crate) const ALL: &[Row] = &[
    Row {
        name: "send, 16 senders in 16 rooms",
        figures: &[cpu(50.0), rate(50.0)],
        run: |stage| Box::pin(send::many_rooms(stage)),
    },
    Row {
        name: "send, all in one room of 100 members",
        figures: &[cpu(40.0), rate(40.0)],
        run: |stage| Box::pin(send::one_room(stage)),
    },
    Row {
        name: "one message to 100 waiting `/sync`s, the last of them",
        figures: &[latency(20.0)],
        run: |stage| Box::pin(fan_out::last_of_all(stage)),
    },
    Row {
        name: "create room",
        figures: &[cpu(40.0)],
        run: |stage| Box::pin(rooms::create(stage)),
    },
    Row {
        name: "join room",
        figures: &[cpu(40.0)],
        run: |stage| Box::pin(rooms::join(stage)),
    },
    Row {
        name: "initial sync, 200 rooms",
        figures: &[cpu(40.0)],
        run: |stage| Box::pin(sync::initial(stage)),
    },
    Row {
        name: "idle `/sync` with `timeout=0`",
        figures: &[cpu(25.0), shown(Kind::Latency)],
        run: |stage| Box::pin(sync::idle(stage)),
    },
    Row {
        name: "sliding sync, first 20 of 200 rooms",
        figures: &[cpu(15.0)],
        run: |stage| Box::pin(sync::sliding(stage)),
    },
    Row {
        name: "`/messages`, page of 100",
        figures: &[cpu(10.0)],
        run: |stage| Box::pin(read::messages(stage)),
    },
    Row {
        name: "`/context`",
        figures: &[cpu(10.0)],
        run: |stage| Box::pin(read::context(stage)),
    },
    Row {
        name: "`/members` of 50",
        figures: &[cpu(10.0)],
        run: |stage| Box::pin(read::members(stage)),
    },
    Row {
        name: "media, 1 MiB up",
        figures: &[cpu(4.0)],
        run: |stage| Box::pin(media::upload(stage)),
    },
    Row {
        name: "media, 1 MiB down",
        figures: &[cpu(4.0)],
        run: |stage| Box::pin(media::download(stage)),
    },
    Row {
        name: "media, 12-megapixel picture with thumbnails",
        figures: &[cpu(4.0)],
        run: |stage| Box::pin(media::picture(stage)),
    },
    Row {
        name: "overload by 64 senders: a well-behaved client's messages",
        figures: &[latency(20.0)],
        run: |stage| Box::pin(overload::well_behaved(stage)),
    },
];
