//! The scripts: each is one step that happens as a whole or not at all.

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

    /// A script that is this text and nothing else.
    pub fn whole(text: String) -> Self {
        let hash = redis::Script::new(&text).get_hash().to_owned();
        Self { text, hash }
    }

    /// A call of it for the queue with this base; arguments are added to it.
    pub(super) fn call(&self, base: &str) -> Cmd {
        self.call_with(&[base])
    }

    /// A call of it with these keys, all of one hash tag; arguments are added to it.
    pub fn call_with<K: redis::ToRedisArgs>(&self, keys: &[K]) -> Cmd {
        let mut cmd = Cmd::new();
        cmd.arg("EVALSHA").arg(&self.hash).arg(keys.len()).arg(keys);
        cmd
    }

    /// Runs a call. A server that does not know the script, new or restarted, is told.
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
