//! A seeded data directory: what is in it, whether it can be used again, and copies of it to measure on.

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use guildhall_core::ambient::{SystemClock, SystemRng};
use guildhall_core::{DATABASE_FILE, DbError, Guildhall, MIGRATIONS, Settings, Slot, Source};
use guildhall_types::ids::{OrganizationId, UserId};
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Outcome};
use crate::names;

/// Beside the database: what the seeder made.
const DESCRIPTION: &str = "guildhall-bench.json";

/// Raised when the seeder makes something else of the same plan.
const FORMAT: u32 = 1;

/// What the seeder is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) organizations: u64,
    /// Members of an organization on average, without the few that have thousands.
    pub(crate) members_mean: u64,
    schema: u64,
    format: u32,
}

/// What the seeder made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Description {
    pub(crate) plan: Plan,
    /// Whether it was finished.
    pub(crate) complete: bool,
    pub(crate) users: u64,
    pub(crate) members: u64,
    /// An even selection of the organizations.
    pub(crate) sample: Vec<Sampled>,
    /// Users who are members nowhere.
    pub(crate) strangers: Vec<UserId>,
    /// An organization larger than all of the sample, where there are users enough for one.
    #[serde(default)]
    pub(crate) largest: Option<Sampled>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Sampled {
    pub(crate) id: OrganizationId,
    /// What its name is made from.
    pub(crate) index: u64,
    pub(crate) members: u64,
}

impl Sampled {
    /// A text that is in the name of this organization and of no other.
    pub(crate) fn search(&self) -> String {
        names::brand(self.index)
    }
}

/// A directory with a seeded database.
#[derive(Clone, Debug)]
pub(crate) struct DataSet {
    pub(crate) directory: PathBuf,
    pub(crate) description: Description,
}

impl Plan {
    pub(crate) fn new(organizations: u64, members_mean: u64) -> Self {
        Self {
            organizations,
            members_mean,
            schema: schema(MIGRATIONS.len()),
            format: FORMAT,
        }
    }

    /// The same plan, as the seeder of an earlier schema would have had it.
    fn earlier(&self) -> impl Iterator<Item = Self> {
        (1..MIGRATIONS.len()).map(|steps| Self {
            schema: schema(steps),
            ..self.clone()
        })
    }
}

/// What tells the first steps of the schema from others.
fn schema(steps: usize) -> u64 {
    let mut hasher = DefaultHasher::new();
    for migration in MIGRATIONS.iter().take(steps) {
        migration.text.hash(&mut hasher);
    }
    hasher.finish()
}

impl Description {
    /// Of a data set that is only begun.
    pub(crate) fn begun(plan: Plan) -> Self {
        let (sample, strangers) = (Vec::new(), Vec::new());
        Self {
            plan,
            complete: false,
            users: 0,
            members: 0,
            sample,
            strangers,
            largest: None,
        }
    }

    pub(crate) fn organizations(&self) -> u64 {
        self.plan.organizations
    }

    pub(crate) fn write(&self, directory: &Path) -> Outcome {
        let path = directory.join(DESCRIPTION);
        let writing = || format!("writing `{}`", path.display());
        let text = serde_json::to_vec(self).map_err(Failure::doing(writing()))?;
        std::fs::write(&path, text).map_err(Failure::doing(writing()))
    }

    fn read(directory: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(directory.join(DESCRIPTION)).ok()?).ok()
    }
}

impl DataSet {
    /// The data set that an earlier run left in the directory, if it is the one that is wanted.
    ///
    /// One of an earlier schema is brought up to this one. One that is another, or was not finished, is removed; a
    /// directory that the seeder did not make is refused.
    pub(crate) fn reuse(directory: &Path, plan: &Plan) -> Outcome<Option<Self>> {
        let shown = directory.display();
        if !directory.exists() {
            return Ok(None);
        }
        let Some(description) = Description::read(directory) else {
            let mut entries = std::fs::read_dir(directory)
                .map_err(Failure::doing(format!("reading `{shown}`")))?;
            let message = format!(
                "`{shown}` was not made by the seeder; choose another directory, or remove it"
            );
            return if entries.next().is_none() {
                Ok(None)
            } else {
                Err(Failure::new(message))
            };
        };
        let mut data_set = Self {
            directory: directory.to_owned(),
            description,
        };
        if data_set.description.complete && data_set.description.plan == *plan {
            return Ok(Some(data_set));
        }
        if data_set.description.complete
            && plan
                .earlier()
                .any(|earlier| earlier == data_set.description.plan)
        {
            data_set.migrate(plan)?;
            return Ok(Some(data_set));
        }
        std::fs::remove_dir_all(directory)
            .map_err(Failure::doing(format!("removing `{shown}`")))?;
        Ok(None)
    }

    /// Brings the database up to the schema of `plan`, by opening it.
    fn migrate(&mut self, plan: &Plan) -> Outcome {
        eprintln!("bringing `{}` up to this schema", self.directory.display());
        drop(open(&self.directory)?);
        settle(&self.directory)?;
        self.description.plan = plan.clone();
        self.description.write(&self.directory)
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.directory.join(DATABASE_FILE)
    }

    /// What to measure on: a copy in the directory `scratch`, because what a run writes must not be there in the next;
    /// or the data set itself, where there is no room for one. The copy is on the disk when this returns.
    pub(crate) fn to_measure_on(&self, scratch: &Path, in_place: bool) -> Outcome<Self> {
        let copying = || format!("copying the data set to `{}`", scratch.display());
        if scratch.exists() {
            std::fs::remove_dir_all(scratch).map_err(Failure::doing(copying()))?;
        }
        std::fs::create_dir_all(scratch).map_err(Failure::doing(copying()))?;
        if in_place {
            return Ok(self.clone());
        }
        let copy = Self {
            directory: scratch.to_owned(),
            description: self.description.clone(),
        };
        std::fs::copy(self.database(), copy.database()).map_err(Failure::doing(copying()))?;
        let file = File::open(copy.database()).map_err(Failure::doing(copying()))?;
        file.sync_all().map_err(Failure::doing(copying()))?;
        Ok(copy)
    }
}

/// Opens a database in this process, by the rules of core.
pub(crate) fn open(directory: &Path) -> Outcome<Guildhall> {
    let settings = Settings {
        source: Source::Sqlite(directory.join(DATABASE_FILE)),
        slot: Slot::CommandLine,
        public_url: "http://127.0.0.1:8480".to_owned(),
        access_cache_bytes: guildhall_core::ACCESS_CACHE_BYTES,
        clock: Arc::new(SystemClock),
        rng: Arc::new(SystemRng),
        fatal: end_the_process,
    };
    Guildhall::open(settings).map_err(Failure::doing("opening the database"))
}

/// Nothing that is measured after a failure of the disk means anything.
fn end_the_process(_: &DbError) {
    std::process::abort()
}

/// Moves the write-ahead log into the database, so that the one file is the whole data set.
pub(crate) fn settle(directory: &Path) -> Outcome {
    let connection = rusqlite::Connection::open(directory.join(DATABASE_FILE))?;
    connection.busy_timeout(std::time::Duration::from_secs(30))?;
    let busy: i64 =
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |row| row.get(0))?;
    if busy == 0 {
        Ok(())
    } else {
        Err(Failure::new(
            "the write-ahead log cannot be moved into the database",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_seeder_finished_is_used_again() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("set");
        let plan = Plan::new(10, 10);
        assert!(DataSet::reuse(&directory, &plan).unwrap().is_none());
        std::fs::create_dir(&directory).unwrap();
        std::fs::write(directory.join("precious"), "x").unwrap();
        assert!(DataSet::reuse(&directory, &plan).is_err());
        std::fs::remove_file(directory.join("precious")).unwrap();
        let complete = Description {
            complete: true,
            ..Description::begun(plan.clone())
        };
        complete.write(&directory).unwrap();
        assert!(DataSet::reuse(&directory, &plan).unwrap().is_some());
        Description::begun(plan.clone()).write(&directory).unwrap();
        assert!(DataSet::reuse(&directory, &plan).unwrap().is_none() && !directory.exists());
    }

    #[tokio::test]
    async fn a_data_set_of_an_earlier_schema_is_brought_up_to_this_one() {
        let directory = tempfile::tempdir().unwrap();
        let plan = Plan::new(10, 10);
        let description = |plan: &Plan| Description {
            complete: true,
            ..Description::begun(plan.clone())
        };
        let earlier = plan.earlier().next().unwrap();
        description(&earlier).write(directory.path()).unwrap();
        let reused = DataSet::reuse(directory.path(), &plan).unwrap().unwrap();
        assert!(reused.database().exists() && reused.description.plan == plan);
        assert_eq!(Description::read(directory.path()).unwrap().plan, plan);
        let unknown = Plan {
            schema: 1,
            ..plan.clone()
        };
        description(&unknown).write(directory.path()).unwrap();
        assert!(DataSet::reuse(directory.path(), &plan).unwrap().is_none());
    }
}
