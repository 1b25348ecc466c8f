//! Many random worlds, decided twice; some of them once more over HTTP.

use std::{collections::BTreeMap, fmt, iter, mem, thread};

use guildhall_access::{Demand, Moment, Reason};
use guildhall_types::Timestamp;

use crate::{
    cedar::Cedar,
    over_http::{self, Asked, Sample},
    rng::Rng,
    world::{Question, World, user_id},
};

pub use crate::over_http::Tally;

/// Questions to one world. Cedar takes longer to understand a world than to answer some of them.
const QUESTIONS: usize = 500;

/// Of so many worlds, one is told to a server too: to tell it, and to ask over HTTP, takes far longer than in process.
pub const SAMPLED_EVERY: usize = 20;

/// Questions of a sampled world of which the lists are asked too.
const LISTED: usize = 25;

/// Worlds that one server is told.
const SERVER_WORLDS_MAX: usize = 200;

/// Disagreements that are shown; one is enough to fail.
pub(crate) const SHOWN_MAX: usize = 5;

/// What came out.
#[derive(Debug, Default)]
pub struct Report {
    /// Decisions that were made twice.
    pub checks: usize,
    /// Worlds that they were made in.
    pub worlds: usize,
    /// How often each reason was told by Cedar.
    pub reasons: BTreeMap<Reason, usize>,
    /// How often the engines disagreed, or our lists with our checks.
    pub disagreements: usize,
    /// The first of them, for people.
    pub shown: Vec<String>,
    /// What came out over HTTP.
    pub over_http: Tally,
    samples: Vec<Sample>,
}

impl Report {
    /// Whether nobody disagreed with anybody.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.disagreements == 0 && self.over_http.disagreements.is_empty()
    }

    fn add(mut self, other: Self) -> Self {
        self.checks += other.checks;
        self.worlds += other.worlds;
        for (reason, count) in other.reasons {
            *self.reasons.entry(reason).or_default() += count;
        }
        self.disagreements += other.disagreements;
        self.shown.extend(other.shown);
        self.shown.truncate(SHOWN_MAX);
        self.over_http += other.over_http;
        self.samples.extend(other.samples);
        self
    }

    fn disagree(&mut self, said: impl FnOnce() -> String) {
        self.disagreements += 1;
        if self.shown.len() < SHOWN_MAX {
            self.shown.push(said());
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for shown in self.shown.iter().chain(&self.over_http.shown) {
            writeln!(f, "{shown}\n")?;
        }
        let Self {
            checks,
            worlds,
            disagreements,
            over_http,
            ..
        } = self;
        writeln!(
            f,
            "{checks} checks in {worlds} worlds, decided by Guildhall and by Cedar:"
        )?;
        for (reason, count) in &self.reasons {
            writeln!(f, "{count:>12} {}", reason.word())?;
        }
        writeln!(f, "{disagreements} disagreements")?;
        write!(f, "{over_http}")
    }
}

/// Something that is done to the world that Guildhall is given, and not to Cedar's: how the teeth are tried.
pub type Flaw = fn(&mut World);

/// Makes at least so many decisions twice, on all processors; the same ones for the same seed. Of every `sampled_every`
/// worlds, one is told to a server too.
///
/// # Panics
///
/// When a thread does.
#[must_use]
pub fn agree(checks: usize, seed: u64, sampled_every: usize, flaw: Flaw) -> Report {
    let worlds = checks.div_ceil(QUESTIONS);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let mut report = thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|thread| {
                scope.spawn(move || {
                    let mine = (thread..worlds).step_by(threads);
                    let one_world = |world: usize| {
                        let is_sampled = world.is_multiple_of(sampled_every);
                        one_world(seed.wrapping_add(world as u64), is_sampled, flaw)
                    };
                    mine.map(one_world).fold(Report::default(), Report::add)
                })
            })
            .collect();
        let reports = running.into_iter().map(|thread| thread.join().unwrap());
        reports.fold(Report::default(), Report::add)
    });
    for samples in mem::take(&mut report.samples).chunks(SERVER_WORLDS_MAX) {
        report.over_http += over_http::ask(samples);
    }
    report
}

fn one_world(seed: u64, is_sampled: bool, flaw: Flaw) -> Report {
    let mut rng = Rng::new(seed);
    let (mut world, mut other) = (World::random(&mut rng), World::random(&mut rng));
    if is_sampled {
        world = world.fit_for_a_server();
    }
    let mut ours = world.clone();
    flaw(&mut ours);
    flaw(&mut other);
    // Half of the snapshots are loaded, half have become what they are.
    let is_loaded = rng.percent(50);
    let (organization, deployment) = if is_loaded {
        (ours.organization(), ours.deployment())
    } else {
        (ours.organization_from(&other), ours.deployment_from(&other))
    };
    let cedar = Cedar::new(&world);
    let mut report = Report {
        worlds: 1,
        ..Report::default()
    };
    let mut asked = Vec::new();
    let questions = iter::repeat_with(|| world.question(&mut rng));
    let questions = questions.filter(|question| !is_sampled || question.is_fit_for_a_server());
    for question in questions.take(QUESTIONS) {
        let moment = Moment {
            organization: &organization,
            deployment: &deployment,
            now: Timestamp::from_micros(question.now),
        };
        let expected = cedar.decide(&question);
        report.checks += 1;
        *report.reasons.entry(expected).or_default() += 1;
        if let Err(what) = agrees(&moment, &question, expected) {
            report.disagree(|| format!("seed {seed}: {question:?}: {what}\n{world:?}"));
        }
        if is_sampled {
            let holders = (asked.len() < LISTED).then(|| cedar.holders(&question));
            asked.push(Asked {
                question,
                expected,
                holders,
            });
        }
    }
    if is_sampled {
        report.samples.push(Sample {
            seed,
            world: ours,
            is_loaded,
            asked,
        });
    }
    report
}

/// Whether the check says what Cedar says, and the lists what the check says.
fn agrees(moment: &Moment<'_>, question: &Question, expected: Reason) -> Result<(), String> {
    let permissions: Vec<_> = question.permissions.iter().map(String::as_str).collect();
    let demand = if question.is_all {
        Demand::All(&permissions)
    } else {
        Demand::Any(&permissions)
    };
    let said = moment.check(user_id(question.user), &demand).reason();
    if said != expected {
        let (said, expected) = (said.word(), expected.word());
        return Err(format!("Guildhall {said}, Cedar {expected}"));
    }
    lists_agree(moment, question, &demand)
}

/// Whether the explanation and the lists say what the check says.
fn lists_agree(
    moment: &Moment<'_>,
    question: &Question,
    demand: &Demand<'_>,
) -> Result<(), String> {
    let user = user_id(question.user);
    let decision = moment.check(user, demand);
    if moment.explain(user, demand).decision != decision {
        return Err("the explanation decides otherwise".to_owned());
    }
    let is_holder = moment
        .holders(demand, None)
        .any(|(holder, _)| holder == user);
    if is_holder != decision.allowed() {
        return Err("the list of holders says otherwise".to_owned());
    }
    let is_kept_out = !matches!(
        decision.reason(),
        Reason::Granted | Reason::MissingPermission
    );
    match moment.permissions_of(user) {
        Err(reason) if reason != decision.reason() => {
            Err("the list of permissions has another reason".to_owned())
        }
        Ok(_) if is_kept_out => Err("the list of permissions opens the door".to_owned()),
        _ => Ok(()),
    }
}
