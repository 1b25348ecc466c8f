//! Who is meant by the subjects of a request.

use std::collections::HashMap;

use guildhall_core::{Deployment, Guildhall, Refusal, users};
use guildhall_types::ids::UserId;

use super::mapping::Who;

/// Looks each `external_id` of a request up once.
#[derive(Debug)]
pub(super) struct People<'a> {
    guildhall: &'a Guildhall,
    deployment: Deployment,
    known: HashMap<&'a str, Option<UserId>>,
}

impl<'a> People<'a> {
    pub(super) fn new(guildhall: &'a Guildhall, deployment: Deployment) -> Self {
        Self {
            guildhall,
            deployment,
            known: HashMap::new(),
        }
    }

    /// The user; `None` is nobody.
    pub(super) async fn user(&mut self, who: Who<'a>) -> Result<Option<UserId>, Refusal> {
        let external_id = match who {
            Who::User(user) => return Ok(Some(user)),
            Who::Nobody => return Ok(None),
            Who::Identity(external_id) => external_id,
        };
        if let Some(user) = self.known.get(external_id) {
            return Ok(*user);
        }
        let wanted = external_id.to_owned();
        let find = self.guildhall.point(self.deployment, move |tx| {
            users::with_external_id(tx, &wanted)
        });
        let user = find.await?;
        self.known.insert(external_id, user);
        Ok(user)
    }
}
