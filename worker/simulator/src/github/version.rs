//! The versions of the REST API.

use super::error::Refusal;
use crate::http::Call;

/// A version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// The default, without a header.
    V2022,
    /// Without the singular `assignee`, and without `rate` in the rate limits.
    V2026,
}

impl Version {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Version::V2022 => "2022-11-28",
            Version::V2026 => "2026-03-10",
        }
    }

    /// Returns the version that the request names.
    pub(crate) fn of(call: &Call) -> Result<Version, Refusal> {
        match call.header("x-github-api-version") {
            None => Ok(Version::V2022),
            Some(name) => {
                let known =
                    [Version::V2022, Version::V2026].into_iter().find(|version| version.name() == name);
                known.ok_or_else(|| {
                    let message = format!(
                        "The version you specified in the \"X-GitHub-API-Version\" request header, \"{name}\", is not a \
                         supported version. The following versions are currently supported: \"2026-03-10\" (most \
                         recent), \"2022-11-28\"."
                    );
                    Refusal::new(400, message).about("https://docs.github.com/rest/about-the-rest-api/api-versions")
                })
            }
        }
    }
}
