//! Several organizations, each at one moment: for questions that come together.

use std::collections::HashMap;

use guildhall_types::access::Consistency;
use guildhall_types::ids::OrganizationId;
use guildhall_types::{ErrorCode, Revision};

use super::{Access, Held};
use crate::refusal::Refusal;

/// Looks each organization up once; what was found is asked until everything is answered.
#[derive(Debug)]
pub struct Moments {
    access: Access,
    consistency: Consistency,
    /// What no answer may be older than, of any stream.
    at_least: Vec<Revision>,
    found: Vec<(OrganizationId, Held)>,
    places: HashMap<OrganizationId, usize>,
    /// Most requests stay in one organization.
    last: usize,
}

impl Moments {
    /// Each organization will be at the revisions of `at_least` that concern it, or later.
    pub fn new(access: Access, consistency: Consistency, at_least: Vec<Revision>) -> Self {
        Self {
            access,
            consistency,
            at_least,
            found: Vec::new(),
            places: HashMap::new(),
            last: 0,
        }
    }

    /// The moment of an organization.
    pub async fn of(&mut self, organization: OrganizationId) -> Result<&Held, Refusal> {
        if self
            .found
            .get(self.last)
            .is_none_or(|(last, _)| *last != organization)
        {
            self.last = match self.places.get(&organization) {
                Some(place) => *place,
                None => self.find(organization).await?,
            };
        }
        self.found
            .get(self.last)
            .map(|(_, held)| held)
            .ok_or_else(|| Refusal::internal("a moment that was found is missing"))
    }

    async fn find(&mut self, organization: OrganizationId) -> Result<usize, Refusal> {
        let held = self
            .access
            .moment_at_all(organization, self.consistency, &self.at_least)
            .await?;
        let place = self.found.len();
        self.found.push((organization, held));
        self.places.insert(organization, place);
        Ok(place)
    }

    /// Whether a revision is one of the organization or of its deployment, so that an answer can be at it.
    pub fn concerns(&self, organization: OrganizationId, revision: Revision) -> bool {
        self.access.concerns(organization, revision)
    }

    /// Refuses a demand that concerns nothing that was asked about: whoever made it meant another request.
    pub fn finish(&self, field: &str, at_least: Option<Revision>) -> Result<(), Refusal> {
        let concerned = at_least.is_none_or(|revision| {
            let concerns = |(organization, _): &(_, _)| self.concerns(*organization, revision);
            self.found.iter().any(concerns)
        });
        if concerned {
            return Ok(());
        }
        let message =
            "must be a revision of an organization that is asked about, or of the deployment";
        Err(Refusal::field(ErrorCode::InvalidRequest, field, message))
    }
}
