//! `guildhall key`: what a backend calls the API with.

use guildhall_core::deployments;
use guildhall_core::keys::{self, CreateKey};
use guildhall_core::{Deployment, Guildhall};
use guildhall_types::Timestamp;
use guildhall_types::ids::KeyId;
use guildhall_types::keys::{ApiKey, KeyScope};
use serde::Serialize;

use super::wait;
use crate::cli::{KeyChange, KeyCreate, KeyList, KeyVerb};
use crate::failure::Failure;
use crate::output;
use crate::store::Store;
use crate::table::{minute, table};

pub(super) fn run(verb: KeyVerb) -> Result<(), Failure> {
    match verb {
        KeyVerb::Create(words) => create(words),
        KeyVerb::List(words) => list(words),
        KeyVerb::Revoke(words) => revoke(words),
        KeyVerb::Rotate(words) => rotate(words),
    }
}

/// Prints the secret and nothing else, so that a script can take it as it is.
fn create(words: KeyCreate) -> Result<(), Failure> {
    let opened = Store::configured(words.place)?.open_to_change()?;
    let guildhall = &opened.guildhall;
    let scope = if words.read_only {
        KeyScope::ReadOnly
    } else {
        KeyScope::Full
    };
    let expires_at = words
        .expires
        .map(|seconds| guildhall.now().plus_seconds(seconds));
    let command = CreateKey::check(&words.name, scope, expires_at)?;
    let (_, secret) = wait(async {
        let deployment = deployments::operator(guildhall, &words.deployment).await?;
        Ok(keys::create(guildhall, deployment, command).await?)
    })?;
    output::line(secret.expose())
}

fn list(words: KeyList) -> Result<(), Failure> {
    let guildhall = Store::configured(words.place)?.open_to_read()?;
    let keys = wait(all(&guildhall, words.deployment.as_deref()))?;
    if words.json {
        return output::json(&keys);
    }
    if keys.is_empty() {
        return output::line("no keys yet; `guildhall key create` makes one");
    }
    let now = guildhall.now();
    let rows = keys.into_iter().map(
        |Listed {
             deployment, key, ..
         }| {
            let hint = format!("…{}", key.hint);
            let state = state(&key, now);
            [
                key.id.to_string(),
                deployment,
                key.name,
                scope(key.scope),
                hint,
                minute(key.created_at),
                state,
            ]
        },
    );
    let header = [
        "ID",
        "DEPLOYMENT",
        "NAME",
        "SCOPE",
        "SECRET",
        "CREATED",
        "STATE",
    ];
    output::print(&table(header, rows))
}

fn revoke(words: KeyChange) -> Result<(), Failure> {
    let opened = Store::configured(words.place)?.open_to_change()?;
    let guildhall = &opened.guildhall;
    let key = wait(async {
        let deployment = deployment_of(guildhall, words.id, words.deployment.as_deref()).await?;
        Ok(keys::revoke(guildhall, deployment, words.id).await?)
    })?;
    output::line(&format!("revoked the key `{}` ({})", key.name, key.id))
}

fn rotate(words: KeyChange) -> Result<(), Failure> {
    let opened = Store::configured(words.place)?.open_to_change()?;
    let guildhall = &opened.guildhall;
    let (_, secret) = wait(async {
        let deployment = deployment_of(guildhall, words.id, words.deployment.as_deref()).await?;
        Ok(keys::rotate(guildhall, deployment, words.id).await?)
    })?;
    output::line(secret.expose())
}

/// A key, and the deployment that it opens.
#[derive(Debug, Serialize)]
struct Listed {
    deployment: String,
    #[serde(flatten)]
    key: ApiKey,
    #[serde(skip)]
    scope: Deployment,
}

/// The keys of the deployment with this name, or of all, oldest first.
async fn all(guildhall: &Guildhall, only: Option<&str>) -> Result<Vec<Listed>, Failure> {
    let names = match only {
        Some(name) => vec![name.to_owned()],
        None => deployments::list(guildhall)
            .await?
            .into_iter()
            .map(|found| found.name)
            .collect(),
    };
    let mut listed = Vec::new();
    for deployment in names {
        let scope = deployments::operator(guildhall, &deployment).await?;
        for key in guildhall.point(scope, keys::list).await? {
            listed.push(Listed {
                deployment: deployment.clone(),
                key,
                scope,
            });
        }
    }
    Ok(listed)
}

/// Who has to end a key in a hurry knows its id, and need not know more.
async fn deployment_of(
    guildhall: &Guildhall,
    id: KeyId,
    only: Option<&str>,
) -> Result<Deployment, Failure> {
    let found = all(guildhall, only)
        .await?
        .into_iter()
        .find(|listed| listed.key.id == id);
    found.map(|listed| listed.scope).ok_or_else(|| {
        Failure::Refused(format!(
            "there is no key `{id}`; `guildhall key list` shows those that there are"
        ))
    })
}

fn scope(scope: KeyScope) -> String {
    match scope {
        KeyScope::Full => "full",
        KeyScope::ReadOnly => "read-only",
    }
    .to_owned()
}

/// What a person wants to know first: whether the key still opens anything.
fn state(key: &ApiKey, now: Timestamp) -> String {
    match (key.revoked_at, key.expires_at) {
        (Some(at), _) => format!("revoked {}", minute(at)),
        (None, Some(end)) if end <= now => format!("expired {}", minute(end)),
        (None, Some(end)) => format!("valid until {}", minute(end)),
        (None, None) => "valid".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_says_what_ended_a_key() {
        let at = Timestamp::from_micros;
        let key = ApiKey {
            id: KeyId::new(7).unwrap(),
            name: "a".to_owned(),
            scope: KeyScope::Full,
            hint: "abc123".to_owned(),
            created_at: at(0),
            expires_at: None,
            revoked_at: None,
        };
        assert_eq!(state(&key, at(5)), "valid");
        let ending = ApiKey {
            expires_at: Some(at(5)),
            ..key
        };
        assert!(state(&ending, at(4)).starts_with("valid until 1970-"));
        assert!(state(&ending, at(5)).starts_with("expired 1970-"));
        let revoked = ApiKey {
            revoked_at: Some(at(3)),
            ..ending
        };
        assert!(state(&revoked, at(9)).starts_with("revoked 1970-"));
    }
}
