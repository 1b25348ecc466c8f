//! How fast a check is, beside other engines in the same world and the same run.
//!
//! The world has what all three can say: members, roles, permissions, patterns with a last star. Each engine has it in the
//! form that its documentation recommends, all of it in memory, and all must give the same answers.

mod company;
mod others;

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use guildhall_access::{
    Demand, DeploymentSnapshot, Moment, OrganizationChange, OrganizationSnapshot,
};
use guildhall_types::Timestamp;

use crate::rng::Rng;
use company::{Company, Question};
use others::{Casbin, CedarEntities};

const SIZES: [usize; 3] = [10, 10_000, 1_000_000];

/// How many members are asked about again and again, drawn at random: their part of a large snapshot is warm. In the
/// last row it is all of them, and most checks wait for memory.
const AWAKE: [usize; 2] = [1_000, 10_000];

const QUESTIONS: usize = 200_000;
const CHANGES: usize = 5_000;

/// A slow engine answers as many questions as it can in this time.
const PATIENCE: Duration = Duration::from_secs(3);

/// Prints the tables, in Markdown, for organizations of these sizes, or of the usual ones.
pub fn run(mut sizes: Vec<usize>) {
    if sizes.is_empty() {
        sizes.extend(SIZES);
    }
    let clock = clock();
    println!("Nanoseconds of one check, without the {clock} that reading the clock takes.\n");
    println!(
        "| members | asked about | Guildhall p50 | p99 | cedar-policy p50 | p99 | casbin p50 | p99 |"
    );
    println!("|--:|--:|--:|--:|--:|--:|--:|--:|");
    let snapshots: Vec<_> = sizes.iter().map(|size| checks(*size, clock)).collect();
    println!("\n| members | bytes a member | loaded in | one change p50 | p99 |");
    println!("|--:|--:|--:|--:|--:|");
    for company in &snapshots {
        changes(company);
    }
}

/// The rows of one size.
fn checks(members: usize, clock: u32) -> Company {
    let company = Company::new(members);
    let (organization, deployment) = (company.organization(), Company::deployment());
    let moment = moment(&organization, &deployment);
    let guildhall = |question: &Question<'_>| {
        let demand = Demand::All(&[question.permission]);
        moment.check(question.user, &demand).allowed()
    };
    let cedar = CedarEntities::new(&company);
    let casbin = Casbin::new(&company);
    let mut rng = Rng::new(2);
    let awake = AWAKE.into_iter().filter(|awake| *awake < members);
    for asked_about in awake.chain([members]) {
        let users: Vec<_> = if asked_about < members {
            (0..asked_about).map(|_| rng.below(members)).collect()
        } else {
            (0..members).collect()
        };
        let questions = (0..QUESTIONS).map(|_| company.question(&mut rng, &users));
        let questions: Vec<_> = questions.collect();
        // Once for the caches.
        for question in &questions {
            black_box(guildhall(question));
        }
        let ours = measure(&questions, clock, guildhall);
        let theirs = measure(&questions, clock, |question| cedar.check(question));
        let others = measure(&questions, clock, |question| casbin.check(question));
        for (name, answers) in [
            ("cedar-policy", &theirs.answers),
            ("casbin", &others.answers),
        ] {
            let same = answers
                .iter()
                .zip(&ours.answers)
                .all(|(one, other)| one == other);
            assert!(same, "{name} gives other answers");
        }
        println!("| {members} | {asked_about} | {ours} | {theirs} | {others} |");
    }
    company
}

fn changes(company: &Company) {
    let start = Instant::now();
    let mut organization = company.organization();
    let loaded = start.elapsed();
    let members = company.users.len();
    let bytes = organization.bytes() - company.empty().bytes();
    let mut rng = Rng::new(3);
    let mut times = Vec::with_capacity(CHANGES);
    for place in 0..CHANGES {
        let member = rng.below(members);
        let change = if place % 4 == 0 {
            OrganizationChange::MemberRemoved(company.users[member])
        } else {
            OrganizationChange::MemberSet(company.membership(member, rng.below(100)))
        };
        let start = Instant::now();
        // With the end of the snapshot before, as in a cache.
        organization = organization
            .apply(organization.revision() + 1, &change)
            .unwrap();
        times.push(nanoseconds(start.elapsed()));
    }
    let [p50, p99] = percentiles(&mut times).map(|time| f64::from(time) / 1_000.0);
    let [bytes, count] = [bytes, members].map(|number| f64::from(u32::try_from(number).unwrap()));
    let each = bytes / count;
    println!("| {members} | {each:.1} | {loaded:.1?} | {p50:.1} µs | {p99:.1} µs |");
}

fn moment<'a>(
    organization: &'a OrganizationSnapshot,
    deployment: &'a DeploymentSnapshot,
) -> Moment<'a> {
    Moment {
        organization,
        deployment,
        now: Timestamp::from_micros(1_000),
    }
}

/// How long each answer took.
struct Timing {
    p50: u32,
    p99: u32,
    answers: Vec<bool>,
}

impl std::fmt::Display for Timing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} | {}", self.p50, self.p99)
    }
}

fn measure<'a>(
    questions: &[Question<'a>],
    clock: u32,
    ask: impl Fn(&Question<'a>) -> bool,
) -> Timing {
    let mut times = Vec::with_capacity(questions.len());
    let mut answers = Vec::with_capacity(questions.len());
    let begin = Instant::now();
    for question in questions {
        let start = Instant::now();
        let answer = black_box(ask(black_box(question)));
        times.push(nanoseconds(start.elapsed()).saturating_sub(clock));
        answers.push(answer);
        if begin.elapsed() > PATIENCE {
            break;
        }
    }
    let [p50, p99] = percentiles(&mut times);
    Timing { p50, p99, answers }
}

/// What it costs to read the clock twice.
fn clock() -> u32 {
    let mut times: Vec<_> = (0..100_000)
        .map(|_| nanoseconds(Instant::now().elapsed()))
        .collect();
    let [p50, _] = percentiles(&mut times);
    p50
}

fn percentiles(times: &mut [u32]) -> [u32; 2] {
    times.sort_unstable();
    [50, 99].map(|percent| times[(times.len() - 1) * percent / 100])
}

fn nanoseconds(time: Duration) -> u32 {
    u32::try_from(time.as_nanos()).unwrap_or(u32::MAX)
}
