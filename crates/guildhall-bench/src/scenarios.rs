//! What is measured: the requests of each scenario, and what is expected of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use guildhall_types::ids::{OrganizationId, UserId};
use serde_json::Value;

use crate::access;
use crate::bare::beginning;
use crate::connection::Connection;
use crate::data_set::{Description, Sampled};
use crate::failure::{Failure, Outcome};
use crate::generator::Requests;
use crate::names;
use crate::random::Random;

/// Different requests of a scenario at most.
const GETS_MAX: usize = 16_384;
const SEARCHES_MAX: usize = 1_024;
const MEMBER_LISTS_MAX: usize = 64;
const DEEP_PAGES: u64 = 16;

/// Organizations that the benchmark creates have one of so many names, from an index that no data set reaches.
pub(crate) const NEW_NAMES: u64 = 64;
const NEW_NAMES_FROM: u64 = 10_000_000;

/// What a choice is drawn for; see [`Random::of`].
const CHOICE: u64 = 3;
const NEW_ORGANIZATION: u64 = 4;

const BOUNDARY: &str = "guildhall-bench-boundary";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Get,
    ListOrganizations,
    ListMembers,
    Search,
    FirstPage,
    DeepPage,
    Check,
    CheckBatch,
    CheckBatchSpread,
    CreateOrganization,
    AddMember,
}

/// A scenario and its targets, which hold at 64 connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    pub(crate) kind: Kind,
    pub(crate) name: &'static str,
    /// At least this part of the ceiling.
    pub(crate) of_ceiling_min: Option<f64>,
    /// On the largest data set at most so many times slower than on the smallest.
    pub(crate) growth_max: Option<f64>,
}

/// Reads first: what the writes leave behind must not be there when they are measured.
pub(crate) const SCENARIOS: [Scenario; 11] = [
    scenario(Kind::Get, "get organization", Some(0.5), Some(1.3)),
    scenario(
        Kind::ListOrganizations,
        "list 50 organizations",
        Some(0.3),
        None,
    ),
    scenario(Kind::ListMembers, "list 50 members", Some(0.3), None),
    scenario(Kind::Search, "search organizations", None, Some(1.3)),
    scenario(Kind::FirstPage, "first page", None, Some(1.3)),
    scenario(Kind::DeepPage, "deep page by cursor", None, None),
    scenario(Kind::Check, "access check", Some(0.85), Some(1.1)),
    scenario(
        Kind::CheckBatch,
        "access check-batch of 100",
        None,
        Some(1.1),
    ),
    scenario(
        Kind::CheckBatchSpread,
        "access check-batch of 100, everywhere",
        None,
        Some(1.1),
    ),
    scenario(
        Kind::CreateOrganization,
        "create organization",
        Some(0.6),
        None,
    ),
    scenario(Kind::AddMember, "add member", Some(0.6), Some(1.3)),
];

const fn scenario(
    kind: Kind,
    name: &'static str,
    of_ceiling_min: Option<f64>,
    growth_max: Option<f64>,
) -> Scenario {
    Scenario {
        kind,
        name,
        of_ceiling_min,
        growth_max,
    }
}

impl Kind {
    pub(crate) fn is_write(self) -> bool {
        matches!(self, Self::CreateOrganization | Self::AddMember)
    }

    /// The checks that a request makes.
    pub(crate) fn checks(self) -> Option<usize> {
        match self {
            Self::Check => Some(1),
            Self::CheckBatch | Self::CheckBatchSpread => Some(access::BATCH),
            _ => None,
        }
    }

    /// How many items each answer must have, so that what is measured is what its name says.
    fn items(self) -> Option<usize> {
        match self {
            Self::ListOrganizations | Self::ListMembers => Some(50),
            Self::FirstPage | Self::DeepPage => Some(10),
            Self::Search => Some(1),
            _ => None,
        }
    }

    /// Refuses an answer that is not the one that the scenario is about.
    pub(crate) fn check(self, path: &str, status: u16, body: &[u8]) -> Outcome {
        if let Some(checks) = self.checks() {
            return access::expect(path, status, body, checks);
        }
        let items = serde_json::from_slice::<Value>(body)
            .ok()
            .and_then(|page| Some(page.get("data")?.as_array()?.len()));
        if status == 200 && (self.items().is_none() || self.items() == items) {
            return Ok(());
        }
        Err(refuse(path, status, body))
    }

    /// What a reading scenario asks for.
    pub(crate) async fn asks(
        self,
        description: &Description,
        client: &mut Client,
    ) -> Outcome<Vec<Ask>> {
        match self {
            Self::Check => access::checks(description, client).await,
            Self::CheckBatch => access::batches(description, client, true).await,
            Self::CheckBatchSpread => access::batches(description, client, false).await,
            _ => {
                let paths = self.paths(description, client).await?;
                Ok(paths.into_iter().map(Ask::page).collect())
            }
        }
    }

    /// The paths of the objects and pages that a reading scenario asks for.
    async fn paths(self, description: &Description, client: &mut Client) -> Outcome<Vec<String>> {
        let mut sample = description.sample.clone();
        choice(0).shuffle(&mut sample);
        Ok(match self {
            Self::Get => sample
                .iter()
                .take(GETS_MAX)
                .map(|it| format!("/organizations/{}", it.id))
                .collect(),
            Self::ListMembers => many_members(&mut sample)
                .take(MEMBER_LISTS_MAX)
                .map(|it| format!("/organizations/{}/members?limit=50", it.id))
                .collect(),
            Self::Search => sample
                .iter()
                .take(SEARCHES_MAX)
                .map(|it| format!("/organizations?search={}", it.search()))
                .collect(),
            Self::ListOrganizations => vec!["/organizations?limit=50".to_owned()],
            Self::FirstPage => vec!["/organizations".to_owned()],
            Self::DeepPage => client.deep_pages(description.organizations()).await?,
            _ => Vec::new(),
        })
    }
}

/// A number that is drawn to choose what is asked for.
pub(crate) fn choice(index: u64) -> Random {
    Random::of(CHOICE, index)
}

/// The failure of an answer that is not the one that is measured.
pub(crate) fn refuse(path: &str, status: u16, body: &[u8]) -> Failure {
    let shown = String::from_utf8_lossy(body.get(..300).unwrap_or(body));
    Failure::new(format!(
        "`{path}` was answered {status}, which is not what is measured: {shown}"
    ))
}

/// What is asked for: a page, or what a question in a body is answered with.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) path: String,
    question: Option<String>,
}

impl Ask {
    fn page(path: String) -> Self {
        Self {
            path,
            question: None,
        }
    }

    pub(crate) fn question(path: &str, body: String) -> Self {
        Self {
            path: path.to_owned(),
            question: Some(body),
        }
    }

    /// What the bare server knows it by.
    pub(crate) fn key(&self) -> &str {
        self.question
            .as_deref()
            .map_or(&self.path, |body| beginning(body.as_bytes()))
    }

    pub(crate) fn request(&self, key: &str) -> Vec<u8> {
        let (method, body) = match &self.question {
            Some(body) => ("POST", body.as_bytes()),
            None => ("GET", &[][..]),
        };
        let json = [("content-type", "application/json")];
        let headers = if body.is_empty() { &[][..] } else { &json };
        request(method, &self.path, Some(key), headers, body)
    }
}

/// The organizations that fill a page, the largest first.
fn many_members(sample: &mut [Sampled]) -> impl Iterator<Item = &Sampled> {
    sample.sort_by_key(|sampled| std::cmp::Reverse(sampled.members));
    sample.iter().filter(|sampled| sampled.members >= 50)
}

/// One connection that asks for one thing after the other, with a key.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) connection: Connection,
    pub(crate) key: String,
}

impl Client {
    pub(crate) fn get(&self, path: &str) -> Vec<u8> {
        request("GET", path, Some(&self.key), &[], &[])
    }

    /// The answer to a request, as JSON.
    pub(crate) async fn json(&mut self, request: &[u8]) -> Outcome<Value> {
        let answer = self.connection.exchange(request).await?;
        let text = answer.text();
        if answer.status != 200 {
            return Err(Failure::new(format!(
                "the server answered {}: {text}",
                answer.status
            )));
        }
        serde_json::from_str(&text).map_err(Failure::doing("reading an answer"))
    }

    /// Pages from the second half of the list; only the way there counts items.
    async fn deep_pages(&mut self, organizations: u64) -> Outcome<Vec<String>> {
        let half = organizations / 2;
        let mut paths = Vec::new();
        for page in 0..DEEP_PAGES {
            let offset = half + page * half.saturating_sub(30) / DEEP_PAGES;
            let answer = self
                .json(&self.get(&format!("/organizations?offset={offset}")))
                .await?;
            let cursor = answer.get("next_cursor").and_then(Value::as_str);
            let cursor = cursor.ok_or_else(|| {
                Failure::new("a page in the middle of the list has no `next_cursor`")
            })?;
            paths.push(format!("/organizations?cursor={cursor}"));
        }
        Ok(paths)
    }
}

/// The bytes of a request.
pub(crate) fn request(
    method: &str,
    path: &str,
    key: Option<&str>,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Vec<u8> {
    let first = format!("{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: */*\r\n");
    let key = key
        .map(|key| format!("authorization: Bearer {key}\r\n"))
        .unwrap_or_default();
    let headers: String = headers
        .iter()
        .flat_map(|(name, value)| [name, ": ", value, "\r\n"])
        .collect();
    let length = format!("content-length: {}\r\n", body.len());
    let length = if method == "GET" { "" } else { &length };
    [
        first.as_bytes(),
        key.as_bytes(),
        headers.as_bytes(),
        length.as_bytes(),
        b"\r\n",
        body,
    ]
    .concat()
}

/// The requests that create an organization, one for each of [`NEW_NAMES`].
pub(crate) fn create_organization(key: &str) -> Vec<Vec<u8>> {
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    (NEW_NAMES_FROM..NEW_NAMES_FROM + NEW_NAMES)
        .map(|index| {
            let mut random = Random::of(NEW_ORGANIZATION, index);
            let fields = [
                ("name", names::organization(index, &mut random)),
                ("description", names::description(&mut random)),
                (
                    "public_metadata",
                    "{\"plan\":\"pro\",\"seats\":25}".to_owned(),
                ),
            ];
            let parts = fields.map(|(name, value)| {
                let disposition = format!("Content-Disposition: form-data; name=\"{name}\"");
                format!("--{BOUNDARY}\r\n{disposition}\r\n\r\n{value}\r\n")
            });
            let body = parts.concat() + "--" + BOUNDARY + "--\r\n";
            request(
                "POST",
                "/organizations",
                Some(key),
                &[("content-type", &kind)],
                body.as_bytes(),
            )
        })
        .collect()
}

/// Who is to be added where: no pair twice, neighbours in time far apart in the tables.
#[derive(Debug)]
pub(crate) struct Pairs {
    organizations: Vec<OrganizationId>,
    users: Vec<UserId>,
    next: AtomicUsize,
}

impl Pairs {
    pub(crate) fn new(description: &Description) -> Arc<Self> {
        let mut organizations: Vec<_> = description
            .sample
            .iter()
            .map(|sampled| sampled.id)
            .collect();
        choice(1).shuffle(&mut organizations);
        let (users, next) = (description.strangers.clone(), AtomicUsize::new(0));
        Arc::new(Self {
            organizations,
            users,
            next,
        })
    }

    pub(crate) fn next(&self) -> Outcome<(OrganizationId, UserId)> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let count = self.organizations.len().max(1);
        let organization = self.organizations.get(number % count);
        let user = self.users.get(number / count);
        match (organization, user) {
            (Some(organization), Some(user)) => Ok((*organization, *user)),
            _ => Err(Failure::new(
                "nobody is left to be added; measure for a shorter time",
            )),
        }
    }
}

pub(crate) fn add_member(key: &str, organization: OrganizationId, user: UserId) -> Vec<u8> {
    let path = format!("/organizations/{organization}/members");
    let body = format!("{{\"user_id\":\"{user}\"}}");
    request(
        "POST",
        &path,
        Some(key),
        &[("content-type", "application/json")],
        body.as_bytes(),
    )
}

/// Requests that add another member each. When nobody is left they are refused, and the run with them.
pub(crate) fn add_members(key: String, pairs: Arc<Pairs>) -> Requests {
    Arc::new(move |bytes| {
        if let Ok((organization, user)) = pairs.next() {
            bytes.extend(add_member(&key, organization, user));
        } else {
            bytes.extend(request(
                "GET",
                "/nobody-is-left-to-be-added",
                Some(&key),
                &[],
                &[],
            ));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_complete() {
        let text =
            String::from_utf8(request("POST", "/a", Some("k"), &[("x", "y")], b"{}")).unwrap();
        assert!(
            text.starts_with("POST /a HTTP/1.1\r\nhost: ")
                && text.ends_with("x: y\r\ncontent-length: 2\r\n\r\n{}")
        );
        assert!(text.contains("authorization: Bearer k\r\n"));
    }

    #[test]
    fn another_page_than_the_one_that_is_measured_is_refused() {
        assert!(Kind::Search.check("/", 200, b"{\"data\":[{}]}").is_ok());
        assert!(Kind::Search.check("/", 200, b"{\"data\":[]}").is_err());
        assert!(Kind::Get.check("/", 404, b"{}").is_err());
    }

    #[test]
    fn nobody_is_added_twice() {
        let id = |number| OrganizationId::new(number).unwrap();
        let users = vec![UserId::new(8).unwrap(), UserId::new(9).unwrap()];
        let pairs = Pairs {
            organizations: vec![id(1), id(2)],
            users,
            next: AtomicUsize::new(0),
        };
        let all: std::collections::BTreeSet<_> = (0..4).map(|_| pairs.next().unwrap()).collect();
        assert_eq!(all.len(), 4);
        assert!(pairs.next().is_err());
    }
}
