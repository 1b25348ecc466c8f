//! `?dry_run=true`: any change, tried and taken back.
//!
//! A handler does not know of it: [`With`](crate::change::With) reads it, and [`App::write`] rehearses the handler's
//! command instead of carrying it out.

use axum::extract::Query;
use axum::http::Uri;
use guildhall_core::idempotency::Fingerprint;
use guildhall_core::{
    Foreseen, PageLimits, PageRequest, Recorded, Refusal, Refused, Rehearsal, WriteTx,
};
use guildhall_types::Problem;
use guildhall_types::dry_run::DryRun;
use guildhall_types::limits::{MEMBER_PAGE_LIMIT_DEFAULT, MEMBER_PAGE_LIMIT_MAX};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::change::{Caller, invalid_field};
use crate::problem::ProblemResponse;
use crate::query;
use crate::request_id::RequestId;

const LIMITS: PageLimits = PageLimits {
    default: MEMBER_PAGE_LIMIT_DEFAULT,
    max: MEMBER_PAGE_LIMIT_MAX,
};

/// What the query string of a change may say.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Parameters {
    dry_run: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// What is asked of a dry run.
#[derive(Debug)]
pub(crate) struct Asked {
    /// The members that are told of.
    pub(crate) page: PageRequest,
    /// What tells the change from others: a hash over method, path and body.
    pub(crate) fingerprint: Fingerprint,
}

impl Parameters {
    /// Reads the query string. A change whose `dry_run` cannot be read is refused: it might be meant.
    pub(crate) fn read(uri: &Uri) -> Result<Self, ProblemResponse> {
        if uri.query().is_none() {
            return Ok(Self::default());
        }
        let Ok(Query(parameters)) = Query::try_from_uri(uri) else {
            return Err(invalid_field(
                "query",
                "must have each of `dry_run`, `limit` and `cursor` at most once",
            ));
        };
        Ok(parameters)
    }

    /// The page of members that is wanted of a dry run, if it is one.
    pub(crate) fn asked(self) -> Result<Option<PageRequest>, ProblemResponse> {
        let limit = query::number("limit", self.limit.as_deref())?;
        let page = query::by_cursor(LIMITS, limit, self.cursor)?;
        match self.dry_run.as_deref() {
            None | Some("false") => Ok(None),
            Some("true") => Ok(Some(page)),
            Some(_) => Err(invalid_field("dry_run", "must be `true` or `false`")),
        }
    }
}

impl App {
    /// Tries a change and takes it back.
    pub(crate) async fn rehearse<T: Serialize + Send + 'static>(
        &self,
        caller: Caller,
        request_id: RequestId,
        asked: Asked,
        command: impl Fn(&WriteTx<'_>) -> Result<Recorded<T>, Refusal> + Send + Sync + 'static,
    ) -> Result<DryRun, ProblemResponse> {
        let request_id = request_id.as_str().to_owned();
        let rehearsal = self
            .guildhall
            .rehearse(caller.deployment, request_id.clone(), command);
        match rehearsal.await? {
            Rehearsal::Refused(refused) => Ok(refusal(refused, request_id)),
            Rehearsal::Foreseen(foreseen) => Ok(self.foretell(foreseen, asked).await?),
        }
    }

    async fn foretell<T: Serialize>(
        &self,
        foreseen: Foreseen<T>,
        Asked { page, fingerprint }: Asked,
    ) -> Result<DryRun, Refusal> {
        let access = match foreseen.access {
            None => None,
            Some(difference) if difference.is_large() => Some(
                self.compare(move || difference.page(&fingerprint, &page))
                    .await?,
            ),
            Some(difference) => Some(difference.page(&fingerprint, &page)?),
        };
        Ok(DryRun {
            dry_run: true,
            would_succeed: true,
            refusal: None,
            revision: foreseen.revision,
            answer: Some(serde_json::value::to_raw_value(&foreseen.answer)?),
            access,
        })
    }
}

fn refusal(refused: Refused, request_id: String) -> DryRun {
    let Refused {
        code,
        message,
        fields,
    } = refused;
    DryRun {
        dry_run: true,
        would_succeed: false,
        refusal: Some(Problem::new(code, message, fields, request_id)),
        revision: None,
        answer: None,
        access: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use guildhall_types::ErrorCode;

    fn asked(query: &str) -> Result<Option<PageRequest>, ProblemResponse> {
        Parameters::read(&format!("/organizations?{query}").parse().unwrap())?.asked()
    }

    #[test]
    fn only_the_word_true_is_a_dry_run() {
        assert!(asked("dry_run=true").unwrap().is_some());
        assert!(asked("dry_run=%74rue&limit=2").unwrap().is_some());
        for query in ["", "x", "dry_run=false", "limit=3", "dryrun=true"] {
            assert!(asked(query).unwrap().is_none(), "{query}");
        }
    }

    #[test]
    fn what_might_be_meant_as_a_dry_run_is_not_carried_out() {
        for query in [
            "dry_run",
            "dry_run=",
            "dry_run=1",
            "dry_run=True",
            "dry_run=true%20",
            "dry_run=true&dry_run=false",
            "dry_run=true&limit=0",
            "limit=x",
        ] {
            let refusal = asked(query).unwrap_err();
            assert_eq!(refusal.code(), ErrorCode::InvalidRequest, "{query}");
        }
    }
}
