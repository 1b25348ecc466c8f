//! What a check of a database finds, in words for people and for programs.

use std::fmt;

use guildhall_types::ids::DeploymentId;
use serde::{Serialize, Serializer};

/// Findings that a report keeps; more are only counted.
const FINDINGS_MAX: usize = 1_000;

macro_rules! rules {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal;)+) => {
        /// A rule that every sound database keeps.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Rule {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Rule {
            /// Every rule, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The stable word of the rule.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }
        }
    };
}

rules! {
    /// The engine finds its file whole: pages, indexes, types, checks, and rows that others refer to.
    Engine = "engine";
    /// Every column holds what this server writes there.
    Readable = "readable";
    /// The revisions of a stream are 1, 2, 3 … without a gap.
    LedgerGapless = "ledger_gapless";
    /// Each entry carries the hash of the entry before it.
    LedgerChained = "ledger_chained";
    /// The hash of an entry is that of its fields.
    LedgerHash = "ledger_hash";
    /// A stream ends where its owner says.
    LedgerHead = "ledger_head";
    /// A stream belongs to a living organization or deployment, or to one whose end is kept.
    LedgerOwner = "ledger_owner";
    /// Every action is one that this server knows.
    LedgerAction = "ledger_action";
    /// Each entry begins where the one before it left its entity.
    LedgerHistory = "ledger_history";
    /// A row is as its last entry left it.
    RowUnchanged = "row_unchanged";
    /// Since when a role, its permissions or a membership are given, and by which key, is as the ledger has it.
    Origin = "origin";
    /// Every row has an entry.
    RowRecorded = "row_recorded";
    /// What the ledger says is there is there.
    RowPresent = "row_present";
    /// A kept count is the number of rows.
    Count = "count";
    /// What is derived for order, comparison and search is derived from today's fields.
    DerivedKey = "derived_key";
    /// The search index of names has every ending of every name, and nothing else.
    NameEndings = "name_endings";
    /// What is compared exactly is in its normal form.
    NormalForm = "normal_form";
    /// What must be unique is.
    Unique = "unique";
    /// Members hold roles of their own organization or of the deployment.
    RoleLink = "role_link";
    /// Every image has one owner who names it, and its name is that of its content.
    Image = "image";
    /// The default roles of a deployment are roles of that deployment.
    DefaultRole = "default_role";
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

/// One place where a rule is broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The deployment; none for the file as a whole.
    pub deployment_id: Option<DeploymentId>,
    /// What it is about, such as `organization 59392107315200001`.
    pub place: String,
    /// The rule.
    pub rule: Rule,
    /// What is wrong, without any content of the rows.
    pub message: String,
}

/// What was looked at, and what was found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Deployments.
    pub deployments: u64,
    /// Living organizations.
    pub organizations: u64,
    /// Memberships.
    pub members: u64,
    /// Roles, of organizations and deployments.
    pub roles: u64,
    /// Users.
    pub users: u64,
    /// Entries of the ledger, of the living and the gone.
    pub ledger_entries: u64,
    /// How many findings there are; more than are kept, if there are very many.
    pub findings_count: u64,
    /// The first of them.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Whether every rule is kept.
    pub fn is_sound(&self) -> bool {
        self.findings_count == 0
    }

    pub(super) fn add(&mut self, finding: Finding) {
        self.findings_count += 1;
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        }
    }
}

/// The parts of a check, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The engine looks through its file; it tells nothing meanwhile.
    Engine,
    /// Every stream of the ledger is replayed and compared with the rows; counted in entries.
    Streams,
    /// Questions about whole tables, such as images without an owner; counted in questions.
    Tables,
}

/// How far a check is.
#[derive(Clone, Copy, Debug)]
pub struct VerifyProgress {
    /// The part that is under way.
    pub step: Step,
    /// How much of it is done.
    pub done: u64,
    /// How much of it there is.
    pub total: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_bounded_and_all_counted() {
        let mut report = Report::default();
        for _ in 0..FINDINGS_MAX + 5 {
            let message = "is not `7`".to_owned();
            let place = "organization 1".to_owned();
            report.add(Finding {
                deployment_id: None,
                place,
                rule: Rule::Count,
                message,
            });
        }
        assert_eq!(
            (report.findings.len(), report.findings_count),
            (FINDINGS_MAX, FINDINGS_MAX as u64 + 5)
        );
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["findings"][0]["rule"], "count");
        assert!(json["findings"][0]["deployment_id"].is_null());
    }

    #[test]
    fn a_word_stands_for_one_rule() {
        let mut words: Vec<_> = Rule::ALL.iter().map(|rule| rule.word()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Rule::ALL.len());
    }
}
