//! Many random worlds, decided twice.

use std::{collections::BTreeMap, fmt, thread};

use guildhall_access::{Demand, Moment, Reason};
use guildhall_types::Timestamp;

use crate::{
    cedar::Cedar,
    rng::Rng,
    world::{Question, World, user_id},
};

/// Questions to one world. Cedar takes longer to understand a world than to answer some of them.
const QUESTIONS: usize = 500;

/// Disagreements that are shown; one is enough to fail.
const SHOWN_MAX: usize = 5;

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
}

impl Report {
    fn add(mut self, other: Self) -> Self {
        self.checks += other.checks;
        self.worlds += other.worlds;
        for (reason, count) in other.reasons {
            *self.reasons.entry(reason).or_default() += count;
        }
        self.disagreements += other.disagreements;
        self.shown.extend(other.shown);
        self.shown.truncate(SHOWN_MAX);
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
        for shown in &self.shown {
            writeln!(f, "{shown}\n")?;
        }
        let Self {
            checks,
            worlds,
            disagreements,
            ..
        } = self;
        writeln!(
            f,
            "{checks} checks in {worlds} worlds, decided by Guildhall and by Cedar:"
        )?;
        for (reason, count) in &self.reasons {
            writeln!(f, "{count:>12} {}", reason.word())?;
        }
        write!(f, "{disagreements} disagreements")
    }
}

/// Something that is done to the world that Guildhall is given, and not to Cedar's: how the teeth are tried.
pub type Flaw = fn(&mut World);

/// Makes at least so many decisions twice, on all processors; the same ones for the same seed.
///
/// # Panics
///
/// When a thread does.
#[must_use]
pub fn agree(checks: usize, seed: u64, flaw: Flaw) -> Report {
    let worlds = checks.div_ceil(QUESTIONS);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|thread| {
                scope.spawn(move || {
                    let mine = (thread..worlds).step_by(threads);
                    mine.map(|world| one_world(seed.wrapping_add(world as u64), flaw))
                        .fold(Report::default(), Report::add)
                })
            })
            .collect();
        let reports = running.into_iter().map(|thread| thread.join().unwrap());
        reports.fold(Report::default(), Report::add)
    })
}

fn one_world(seed: u64, flaw: Flaw) -> Report {
    let mut rng = Rng::new(seed);
    let (world, mut other) = (World::random(&mut rng), World::random(&mut rng));
    let mut ours = world.clone();
    flaw(&mut ours);
    flaw(&mut other);
    // Half of the snapshots are loaded, half have become what they are.
    let (organization, deployment) = if rng.percent(50) {
        (ours.organization(), ours.deployment())
    } else {
        (ours.organization_from(&other), ours.deployment_from(&other))
    };
    let cedar = Cedar::new(&world);
    let mut report = Report {
        worlds: 1,
        ..Report::default()
    };
    for _ in 0..QUESTIONS {
        let question = world.question(&mut rng);
        let permissions: Vec<_> = question.permissions.iter().map(String::as_str).collect();
        let demand = if question.is_all {
            Demand::All(&permissions)
        } else {
            Demand::Any(&permissions)
        };
        let moment = Moment {
            organization: &organization,
            deployment: &deployment,
            now: Timestamp::from_micros(question.now),
        };
        let said = moment.check(user_id(question.user), &demand).reason();
        let expected = cedar.decide(&question);
        report.checks += 1;
        *report.reasons.entry(expected).or_default() += 1;
        if said != expected {
            report.disagree(|| {
                let (said, expected) = (said.word(), expected.word());
                format!("seed {seed}: {question:?}: Guildhall {said}, Cedar {expected}\n{world:?}")
            });
        }
        if let Err(what) = lists_agree(&moment, &question, &demand) {
            report.disagree(|| format!("seed {seed}: {question:?}: {what}\n{world:?}"));
        }
    }
    report
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
