//! Cursors of lists, signed: one that a list did not give, or gave for other filters, is refused before it is used.

use std::{fmt, sync::Arc};

use axum::http::StatusCode;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use sea_orm::{DatabaseConnection, DbErr};
use serde::Serialize;
use syncline_entity::installation;
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::problem::Problem;

/// The context of the key. It changes with the form of cursors, so that older ones are refused.
const CONTEXT: &str = "syncline api 2026-11-30 cursors of lists";

/// Bytes of a signature.
const SIGNATURE: usize = 8;

/// The longest cursor, in characters.
const LONGEST: usize = 4_096;

/// Signs and checks cursors. Clones share the key.
#[derive(Clone, Default)]
pub struct Cursors(Arc<OnceCell<[u8; 32]>>);

impl fmt::Debug for Cursors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cursors")
    }
}

impl Cursors {
    /// The cursor for a position in the list with these filters.
    pub(crate) async fn sign(
        &self,
        db: &DatabaseConnection,
        list: &impl Serialize,
        position: &str,
    ) -> Result<String, Problem> {
        let key = self.key(db).await?;
        let mut bytes = signature(&key, list, position).to_vec();
        bytes.extend(position.as_bytes());
        Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The position in a cursor that the list with these filters gave.
    pub(crate) async fn open(
        &self,
        db: &DatabaseConnection,
        list: &impl Serialize,
        cursor: &str,
    ) -> Result<String, Problem> {
        let key = self.key(db).await?;
        let bytes = Some(cursor).filter(|cursor| cursor.len() <= LONGEST);
        let bytes = bytes.and_then(|cursor| BASE64_URL_SAFE_NO_PAD.decode(cursor).ok());
        let opened = bytes.and_then(|bytes| {
            let (signed, position) = bytes.split_at_checked(SIGNATURE)?;
            let position = std::str::from_utf8(position).ok()?;
            // Compared by their hashes, so that the time taken does not depend on how many bytes are right.
            let right = blake3::hash(&signature(&key, list, position));
            (blake3::hash(signed) == right).then(|| position.to_owned())
        });
        opened.ok_or_else(invalid)
    }

    /// The same for all processes of an installation, and not to be guessed.
    async fn key(&self, db: &DatabaseConnection) -> Result<[u8; 32], DbErr> {
        let derived = async || {
            let row = installation::the(db).await?;
            let id = row.map_or_else(Uuid::new_v4, |row| row.installation_id);
            Ok(blake3::derive_key(CONTEXT, id.as_bytes()))
        };
        self.0.get_or_try_init(derived).await.copied()
    }
}

fn signature(key: &[u8; 32], list: &impl Serialize, position: &str) -> [u8; SIGNATURE] {
    let list = serde_json::to_vec(list).unwrap_or_default();
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher.update(&(list.len() as u64).to_le_bytes()).update(&list).update(position.as_bytes());
    let mut signature = [0; SIGNATURE];
    signature.copy_from_slice(&hasher.finalize().as_bytes()[..SIGNATURE]);
    signature
}

pub(crate) fn invalid() -> Problem {
    let detail = "cursor: no cursor that a list with these filters gave; begin at the first page";
    Problem::new(StatusCode::BAD_REQUEST, "invalid-cursor", "Invalid cursor", detail)
        .with_field("cursor", detail)
}
