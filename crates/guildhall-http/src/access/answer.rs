//! The answers of checks, written by hand: a batch has a thousand of them, all alike.

use axum::response::{IntoResponse, Response};
use guildhall_types::Revision;
use guildhall_types::access::Reason;

use crate::answer::sent;

/// Bytes that the answer to one check takes at most.
const DECISION_BYTES_MAX: usize = 128;

/// A JSON text that is ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JsonText(Vec<u8>);

impl IntoResponse for JsonText {
    fn into_response(self) -> Response {
        sent(self.0)
    }
}

/// The answer to one check.
pub(super) fn decision(reason: Reason, revision: Option<Revision>) -> JsonText {
    let mut text = Vec::with_capacity(DECISION_BYTES_MAX);
    write(&mut text, reason, &revision_text(revision));
    JsonText(text)
}

/// The answers to the checks of a batch.
#[derive(Debug)]
pub(super) struct DecisionList {
    text: Vec<u8>,
    /// Most batches are about one organization, whose revision is written once.
    revision: Option<Revision>,
    revision_text: String,
}

impl DecisionList {
    pub(super) fn with_capacity(decisions: usize) -> Self {
        let mut text = Vec::with_capacity(decisions.saturating_mul(DECISION_BYTES_MAX));
        text.extend_from_slice(b"{\"results\":[");
        Self {
            text,
            revision: None,
            revision_text: revision_text(None),
        }
    }

    pub(super) fn push(&mut self, reason: Reason, revision: Option<Revision>) {
        if !self.text.ends_with(b"[") {
            self.text.push(b',');
        }
        if self.revision != revision {
            self.revision = revision;
            self.revision_text = revision_text(revision);
        }
        write(&mut self.text, reason, &self.revision_text);
    }

    pub(super) fn finish(mut self) -> JsonText {
        self.text.extend_from_slice(b"]}");
        JsonText(self.text)
    }
}

fn revision_text(revision: Option<Revision>) -> String {
    revision.map_or_else(|| "null".to_owned(), |revision| format!("\"{revision}\""))
}

/// Writes an [`AccessDecision`](guildhall_types::access::AccessDecision).
fn write(text: &mut Vec<u8>, reason: Reason, revision: &str) {
    let allowed: &[u8] = if reason == Reason::Granted {
        b"{\"allowed\":true,\"reason\":\""
    } else {
        b"{\"allowed\":false,\"reason\":\""
    };
    text.extend_from_slice(allowed);
    text.extend_from_slice(reason.word().as_bytes());
    text.extend_from_slice(b"\",\"revision\":");
    text.extend_from_slice(revision.as_bytes());
    text.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;
    use guildhall_types::access::{AccessDecision, AccessDecisions};

    #[test]
    fn what_is_written_by_hand_is_what_the_type_says() {
        let longest = Revision {
            stream: i64::MAX,
            number: i64::MAX,
        };
        let mut list = DecisionList::with_capacity(2 * Reason::ALL.len());
        let mut results = Vec::new();
        for reason in Reason::ALL {
            for revision in [None, Some(longest)] {
                let expected = AccessDecision {
                    allowed: *reason == Reason::Granted,
                    reason: *reason,
                    revision,
                };
                let JsonText(text) = decision(*reason, revision);
                assert_eq!(text, serde_json::to_vec(&expected).unwrap());
                assert!(text.len() < DECISION_BYTES_MAX);
                list.push(*reason, revision);
                results.push(expected);
            }
        }
        let expected = serde_json::to_vec(&AccessDecisions { results }).unwrap();
        assert_eq!(list.finish(), JsonText(expected));
    }
}
