//! Which crate may depend on which, and which outside names each may know.
//!
//! A line here is a promise; a new arrow is a decision and needs a record under `docs/adr`.

/// A crate and what it may name.
pub(crate) struct Layer {
    pub(crate) name: &'static str,
    /// Our own crates that it may depend on.
    pub(crate) ours: &'static [&'static str],
    /// Heavy or impure outside crates that it may depend on; all others of that list are refused.
    pub(crate) heavy: &'static [&'static str],
}

/// Outside crates that reach for the network, a database, threads or the screen: each may be named
/// only where the table below says so.
pub(crate) const WATCHED: &[&str] = &[
    "aws-config",
    "aws-credential-types",
    "aws-sigv4",
    "aws-smithy-http-client",
    "axum",
    "clap",
    "getrandom",
    "hyper",
    "indicatif",
    "lettre",
    "rand",
    "redis",
    "reqwest",
    "rustls",
    "socket2",
    "sqlx",
    "tokio",
    "tower",
    "tower-http",
    "tracing",
    "tracing-subscriber",
    "wasmtime",
];

const PURE: &[&str] = &[];

/// The table, lowest layer first.
pub(crate) const LAYERS: &[Layer] = &[
    Layer { name: "units", ours: &[], heavy: PURE },
    Layer { name: "clock", ours: &[], heavy: PURE },
    Layer { name: "packing", ours: &[], heavy: PURE },
    Layer { name: "pickle", ours: &[], heavy: PURE },
    Layer { name: "facts", ours: &["units"], heavy: PURE },
    Layer { name: "market", ours: &["facts", "units"], heavy: PURE },
    Layer { name: "snapshot", ours: &["facts", "units"], heavy: PURE },
    Layer { name: "checker", ours: &["facts", "units"], heavy: PURE },
    Layer { name: "inference", ours: &["facts", "pickle", "units"], heavy: PURE },
    Layer { name: "learning", ours: &["market", "units"], heavy: PURE },
    Layer { name: "simulation", ours: &["facts", "learning", "market"], heavy: PURE },
    Layer {
        name: "engines",
        ours: &["facts", "learning", "market", "packing", "units"],
        heavy: PURE,
    },
    Layer {
        name: "backtest",
        ours: &["engines", "facts", "learning", "market", "units"],
        heavy: PURE,
    },
    Layer { name: "render", ours: &["facts"], heavy: PURE },
    Layer { name: "store", ours: &["facts", "units"], heavy: &["sqlx", "tokio", "tracing"] },
    Layer { name: "cache", ours: &[], heavy: &["redis", "tokio", "tracing"] },
    Layer { name: "jobs", ours: &["clock", "store"], heavy: &["tokio", "tracing"] },
    Layer {
        name: "aws",
        ours: &["clock", "facts", "market", "units"],
        heavy: &[
            "aws-config",
            "aws-credential-types",
            "aws-sigv4",
            "aws-smithy-http-client",
            "reqwest",
            "rustls",
            "tokio",
            "tracing",
        ],
    },
    Layer { name: "notify", ours: &[], heavy: &["lettre", "reqwest", "rustls", "tokio"] },
    // Named by tests only.
    Layer { name: "testkit", ours: &["facts", "units"], heavy: &["socket2"] },
    Layer {
        name: "app",
        ours: &[
            "aws",
            "backtest",
            "cache",
            "checker",
            "clock",
            "engines",
            "facts",
            "inference",
            "jobs",
            "learning",
            "market",
            "notify",
            "render",
            "store",
            "units",
        ],
        // Randomness for access keys alone.
        heavy: &["getrandom", "tokio", "tracing"],
    },
    Layer {
        name: "api",
        ours: &["app", "backtest", "engines", "facts", "market", "render", "store", "units"],
        heavy: &["axum", "tokio", "tower-http", "tracing"],
    },
    Layer {
        name: "cloudoptim",
        ours: &[
            "api",
            "app",
            "aws",
            "backtest",
            "cache",
            "checker",
            "clock",
            "engines",
            "facts",
            "jobs",
            "learning",
            "market",
            "notify",
            "render",
            "simulation",
            "snapshot",
            "store",
            "units",
        ],
        // A client for the server that a simulation starts.
        heavy: &[
            "axum",
            "clap",
            "indicatif",
            "reqwest",
            "rustls",
            "tokio",
            "tracing",
            "tracing-subscriber",
        ],
    },
    // Makes databases of its own for servers that are measured.
    Layer {
        name: "benches",
        ours: &["market", "store", "units"],
        heavy: &["axum", "sqlx", "tokio"],
    },
    Layer { name: "xtask", ours: &["facts", "market", "packing", "units"], heavy: PURE },
];

/// Crates whose sources must be a function of their arguments.
pub(crate) const PURE_CRATES: &[&str] = &[
    "units",
    "packing",
    "pickle",
    "facts",
    "market",
    "snapshot",
    "checker",
    "inference",
    "learning",
    "simulation",
    "engines",
    "backtest",
    "render",
];

/// Files of pure crates that may say one of those words, because the reason does not hold there.
pub(crate) const PURE_EXCEPTIONS: &[(&str, &str)] = &[
    // Each thread writes its own rows of the answer; nobody can tell who was first.
    ("crates/inference/src/engine/batch.rs", "thread::"),
];

/// What a pure crate may not say, and why.
pub(crate) const IMPURE: &[(&str, &str)] = &[
    ("HashMap", "its order differs from run to run; use BTreeMap"),
    ("HashSet", "its order differs from run to run; use BTreeSet"),
    ("std::env", "arguments come in as arguments"),
    ("std::fs", "bytes come in as arguments"),
    ("std::net", "answers come in as arguments"),
    ("SystemTime", "the instant comes in as an argument"),
    ("Instant::now", "work is counted, not timed"),
    ("Timestamp::now", "the instant comes in as an argument"),
    ("thread::", "answers must not depend on who is first"),
];
