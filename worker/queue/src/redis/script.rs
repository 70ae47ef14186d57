//! Lua scripts; each runs atomically.

use std::sync::LazyLock;

use redis::{Arg, Cmd, ErrorKind, RedisError, ServerErrorKind, Value};

use super::{connection::Connection, keys};

/// A Lua script: its text, and the hash by which a server knows it.
#[derive(Debug)]
pub struct Script {
    text: String,
    hash: String,
}

macro_rules! scripts {
    ($($name:ident = $file:literal),+ $(,)?) => {
        $(pub(super) static $name: LazyLock<Script> =
            LazyLock::new(|| Script::new(include_str!(concat!("lua/", $file, ".lua"))));)+
    };
}

scripts! {
    CHANGE = "change", CLAIM = "claim", COUNTS = "counts", HEAR = "hear", INBOX = "inbox", KNOWN = "known", LOOK = "look",
    PAUSE = "pause", PROGRESS = "progress", PUSH = "push", RENEW = "renew", RESCUE = "rescue", SETTLE = "settle",
}

impl Script {
    fn new(own: &str) -> Self {
        Self::whole(keys::name_in(&format!("{}{own}", include_str!("lua/common.lua"))))
    }

    /// Creates a script from this text alone.
    pub fn whole(text: String) -> Self {
        let hash = redis::Script::new(&text).get_hash().to_owned();
        Self { text, hash }
    }

    /// Creates a call for the queue with this base; the caller adds arguments.
    pub(super) fn call(&self, base: &str) -> Cmd {
        self.call_with(&[base])
    }

    /// Creates a call with these keys, all of one hash tag; the caller adds arguments.
    pub fn call_with<K: redis::ToRedisArgs>(&self, keys: &[K]) -> Cmd {
        let mut cmd = Cmd::new();
        cmd.arg("EVALSHA").arg(&self.hash).arg(keys.len()).arg(keys);
        cmd
    }

    /// Runs a call. If the server does not know the script, it is sent as text.
    pub async fn run(&self, connection: &Connection, call: &Cmd) -> Result<Value, RedisError> {
        match connection.run(call).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                let mut whole = Cmd::new();
                whole.arg("EVAL").arg(&self.text);
                for arg in call.args_iter().skip(2) {
                    if let Arg::Simple(arg) = arg {
                        whole.arg(arg);
                    }
                }
                connection.run(&whole).await
            }
            result => result,
        }
    }
}
