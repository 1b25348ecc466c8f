//! The seeder: fills a data directory through core, so that every row, index and ledger entry is what the server would
//! have made of the same requests.
//!
//! Many workers write at once, so that the writer commits in groups. The members of an organization are one command of
//! many steps: each still claims its revision and writes its ledger entry.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use guildhall_core::deployments::{self, DEFAULT_DEPLOYMENT};
use guildhall_core::users::{self, UserFilter, UserSort};
use guildhall_core::{Deployment, Guildhall, Order, PageLimits, PageRequest, roles};
use guildhall_types::ids::{RoleId, UserId};
use guildhall_types::limits::PAGE_LIMIT_MAX;
use tokio::task::JoinSet;

use crate::data_set::{self, DataSet, Description, Plan, Sampled};
use crate::failure::{Failure, Outcome};
use crate::landscape::{LARGE_MEMBERS, LARGEST_MEMBERS, Landscape, Writer};

/// Writes under way at the same time: enough to fill a group while another commits.
const WORKERS: usize = 160;

/// Organizations that the description names at most.
const SAMPLE_MAX: u64 = 65_536;

/// Users who are members nowhere: the benchmark adds them to organizations.
const STRANGERS: u64 = 1_000;

const PROGRESS_EVERY: Duration = Duration::from_secs(5);

/// Fills the directory, or finds that this was done before.
pub(crate) async fn seed(directory: &Path, plan: &Plan) -> Outcome<DataSet> {
    let mut data_set = seed_plan(directory, plan).await?;
    let description = &mut data_set.description;
    if description.largest.is_some() || description.users < LARGEST_MEMBERS + STRANGERS {
        return Ok(data_set);
    }
    description.complete = false;
    description.write(directory)?;
    let guildhall = data_set::open(directory)?;
    let largest = make_largest(&guildhall, plan).await?;
    drop(guildhall);
    data_set::settle(directory)?;
    description.largest = Some(largest);
    description.members += largest.members;
    description.complete = true;
    description.write(directory)?;
    Ok(data_set)
}

async fn seed_plan(directory: &Path, plan: &Plan) -> Outcome<DataSet> {
    let shown = directory.display();
    if let Some(data_set) = DataSet::reuse(directory, plan)? {
        eprintln!(
            "using the {} organizations in `{shown}`",
            plan.organizations
        );
        return Ok(data_set);
    }
    std::fs::create_dir_all(directory).map_err(Failure::doing(format!("creating `{shown}`")))?;
    Description::begun(plan.clone()).write(directory)?;
    let guildhall = data_set::open(directory)?;
    deployments::create(&guildhall, DEFAULT_DEPLOYMENT).await?;
    let description = fill(&guildhall, plan).await?;
    drop(guildhall);
    data_set::settle(directory)?;
    description.write(directory)?;
    Ok(DataSet {
        directory: directory.to_owned(),
        description,
    })
}

async fn fill(guildhall: &Guildhall, plan: &Plan) -> Outcome<Description> {
    let deployment = deployments::operator(guildhall, DEFAULT_DEPLOYMENT).await?;
    let writer = Writer {
        guildhall: guildhall.clone(),
        deployment,
    };
    let begin = Instant::now();
    let pool = (plan.organizations / 2).max(100);
    let mut users = make_users(&writer, pool + STRANGERS).await?;
    let strangers = users.split_off(usize::try_from(pool).unwrap_or(usize::MAX));
    let admin = admin_role(guildhall, deployment).await?;
    let landscape = Landscape {
        plan: plan.clone(),
        users,
        admin,
    };
    let mut sample = make_organizations(&writer, landscape).await?;

    let (users, members) = (
        pool + STRANGERS,
        sample.iter().map(|made| made.members).sum(),
    );
    let seconds = begin.elapsed().as_secs_f64();
    let changes = (plan.organizations + members + users) as f64;
    eprintln!(
        "seeded {} organizations, {members} members and {users} users in {seconds:.0} s: {:.0} changes/s",
        plan.organizations,
        changes / seconds,
    );
    let step = plan.organizations.div_ceil(SAMPLE_MAX).max(1);
    sample.retain(|made| made.index.is_multiple_of(step) || made.members >= LARGE_MEMBERS);
    Ok(Description {
        plan: plan.clone(),
        complete: true,
        users,
        members,
        sample,
        strangers,
        largest: None,
    })
}

/// Makes the largest organization, of the users who were made first.
async fn make_largest(guildhall: &Guildhall, plan: &Plan) -> Outcome<Sampled> {
    let deployment = deployments::operator(guildhall, DEFAULT_DEPLOYMENT).await?;
    let writer = Writer {
        guildhall: guildhall.clone(),
        deployment,
    };
    let landscape = Landscape {
        plan: plan.clone(),
        users: first_users(guildhall, deployment, LARGEST_MEMBERS).await?,
        admin: admin_role(guildhall, deployment).await?,
    };
    let _progress = Progress::start("the largest organization", 1);
    landscape.settle(&writer, plan.organizations).await
}

/// The users who were made first.
async fn first_users(
    guildhall: &Guildhall,
    deployment: Deployment,
    count: u64,
) -> Outcome<Vec<UserId>> {
    let limits = PageLimits {
        default: PAGE_LIMIT_MAX,
        max: PAGE_LIMIT_MAX,
    };
    let (mut found, mut cursor) = (Vec::new(), None);
    while (found.len() as u64) < count {
        let request = PageRequest::new(limits, None, None, cursor, Order::Ascending)?;
        let page = guildhall
            .list(deployment, move |tx| {
                users::list(tx, &UserFilter::default(), UserSort::CreatedAt, &request)
            })
            .await?;
        found.extend(page.data.iter().map(|user| user.id));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    found.truncate(usize::try_from(count).unwrap_or(usize::MAX));
    Ok(found)
}

/// Makes the users; tells their ids in the order of their indexes.
async fn make_users(writer: &Writer, count: u64) -> Outcome<Vec<UserId>> {
    let progress = Progress::start("users", count);
    let (writer, counter) = (writer.clone(), progress.counter());
    let mut made = in_parallel(count, move |index| {
        let (writer, counter) = (writer.clone(), Arc::clone(&counter));
        async move {
            let user = writer.user(index).await?;
            counter.fetch_add(1, Ordering::Relaxed);
            Ok((index, user))
        }
    })
    .await?;
    made.sort_unstable();
    Ok(made.into_iter().map(|(_, user)| user).collect())
}

/// Makes the organizations with all that is in them; tells them in the order of their indexes.
async fn make_organizations(writer: &Writer, landscape: Landscape) -> Outcome<Vec<Sampled>> {
    let count = landscape.plan.organizations;
    let progress = Progress::start("organizations", count);
    let (writer, counter, landscape) = (writer.clone(), progress.counter(), Arc::new(landscape));
    let mut made = in_parallel(count, move |index| {
        let (writer, counter, landscape) =
            (writer.clone(), Arc::clone(&counter), Arc::clone(&landscape));
        async move {
            let made = landscape.settle(&writer, index).await?;
            counter.fetch_add(1, Ordering::Relaxed);
            Ok(made)
        }
    })
    .await?;
    made.sort_unstable_by_key(|made| made.index);
    Ok(made)
}

async fn admin_role(guildhall: &Guildhall, deployment: Deployment) -> Outcome<RoleId> {
    let roles = guildhall
        .point(deployment, roles::list_of_deployment)
        .await?;
    let admin = roles
        .data
        .into_iter()
        .find(|role| role.role.name == "Admin");
    Ok(admin
        .ok_or_else(|| Failure::new("the deployment has no role `Admin`"))?
        .role
        .id)
}

/// Runs `work` for `0..count`, some at a time.
async fn in_parallel<T, Work>(
    count: u64,
    work: impl Fn(u64) -> Work + Clone + Send + Sync + 'static,
) -> Outcome<Vec<T>>
where
    T: Send + 'static,
    Work: Future<Output = Outcome<T>> + Send,
{
    let next = Arc::new(AtomicU64::new(0));
    let done = Arc::new(Mutex::new(Vec::new()));
    let mut workers = JoinSet::new();
    for _ in 0..WORKERS {
        let (next, done, work) = (Arc::clone(&next), Arc::clone(&done), work.clone());
        workers.spawn(async move {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= count {
                    return Ok::<_, Failure>(());
                }
                let made = work(index).await?;
                done.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(made);
            }
        });
    }
    while let Some(worker) = workers.join_next().await {
        worker.map_err(Failure::doing("seeding"))??;
    }
    Ok(std::mem::take(
        &mut *done.lock().unwrap_or_else(PoisonError::into_inner),
    ))
}

/// A line on the terminal that says how far the seeder is; dropped, it ends.
struct Progress {
    counter: Arc<AtomicU64>,
    ticker: tokio::task::JoinHandle<()>,
}

impl Progress {
    fn start(what: &'static str, count: u64) -> Self {
        let counter = Arc::new(AtomicU64::new(0));
        let (seen, begin) = (Arc::clone(&counter), Instant::now());
        let end = if std::io::stderr().is_terminal() {
            "\r"
        } else {
            "\n"
        };
        let ticker = tokio::spawn(async move {
            loop {
                tokio::time::sleep(PROGRESS_EVERY).await;
                let done = seen.load(Ordering::Relaxed);
                let rate = done as f64 / begin.elapsed().as_secs_f64();
                let left = count.saturating_sub(done) as f64 / rate.max(1.0);
                eprint!("{what}: {done} of {count}, {rate:.0}/s, {left:.0} s to go   {end}");
            }
        });
        Self { counter, ticker }
    }

    fn counter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.counter)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.ticker.abort();
    }
}
