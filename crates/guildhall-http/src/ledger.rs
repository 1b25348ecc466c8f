//! `/organizations/{organization_id}/ledger`: what changed, beyond the wire contract.

use axum::extract::State;
use guildhall_core::{Effort, PageLimits, ledger};
use guildhall_types::Page;
use guildhall_types::ids::OrganizationId;
use guildhall_types::ledger::LedgerEntry;
use guildhall_types::limits::{LEDGER_PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX};
use serde::Deserialize;

use crate::answer::Listed;
use crate::app::App;
use crate::change::{Caller, Ids};
use crate::problem::ProblemResponse;
use crate::query::{ListQuery, Paging};

const LIMITS: PageLimits = PageLimits {
    default: LEDGER_PAGE_LIMIT_DEFAULT,
    max: PAGE_LIMIT_MAX,
};

/// The ledger has no filters.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Filter {}

/// List the ledger of an organization
///
/// Every change of the organization, its members and roles: newest first, or oldest first with `sort_order=asc`. The
/// ledger of a deleted organization can still be read. Entries are ordered by revision; `sort_key` has no effect.
#[utoipa::path(get, path = "/organizations/{organization_id}/ledger", tag = "ledger",
    params(("organization_id" = OrganizationId, Path), Paging),
    responses((status = 200, body = Page<LedgerEntry>)))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Ids(organization): Ids<OrganizationId>,
    query: ListQuery<Filter>,
) -> Result<Listed<Page<LedgerEntry>>, ProblemResponse> {
    let page = query.paging.request(LIMITS)?;
    app.list(caller, Effort::Long, move |tx| {
        ledger::list(tx, organization, &page)
    })
    .await
}
