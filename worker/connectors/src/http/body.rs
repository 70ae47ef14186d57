//! Reads the bodies of responses, up to a limit.

use reqwest::Response;

/// The longest body of a refusal that is read; the rest is of no use to anyone.
pub(super) const REFUSAL: usize = 64 << 10;

/// Why a body could not be read.
#[derive(Debug)]
pub(super) enum BodyError {
    /// It has more bytes than this.
    TooLarge(usize),
    /// The connection failed before its end.
    Lost(reqwest::Error),
}

/// Reads a body of at most `cap` bytes, counted after decompression.
pub(super) async fn read(mut response: Response, cap: usize) -> Result<Vec<u8>, BodyError> {
    let expected = response.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    if expected > cap {
        return Err(BodyError::TooLarge(cap));
    }
    let mut body = Vec::with_capacity(expected);
    while let Some(chunk) = response.chunk().await.map_err(BodyError::Lost)? {
        if body.len() + chunk.len() > cap {
            return Err(BodyError::TooLarge(cap));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Reads what there is of the body of a refusal.
pub(super) async fn read_refusal(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk[..chunk.len().min(REFUSAL - body.len())]);
        if body.len() == REFUSAL {
            break;
        }
    }
    body
}
