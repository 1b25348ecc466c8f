//! `guildhall-bench run`: every scenario on every data set, server and ceiling in turn.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use guildhall_core::deployments::{self, DEFAULT_DEPLOYMENT};
use guildhall_core::keys::{self, CreateKey};
use guildhall_types::ids::{MemberId, OrganizationId};
use guildhall_types::keys::KeyScope;
use serde_json::Value;

use crate::access;
use crate::bare::RecordedAnswer;
use crate::child::{Memory, Server};
use crate::cold::{self, Cold};
use crate::connection::Connection;
use crate::data_set::{self, DataSet, Plan};
use crate::failure::{Failure, Outcome};
use crate::generator::{Load, Measured, Pace, Requests, in_turn};
use crate::machine::{self, Origin};
use crate::raw::{Command, Raw};
use crate::report::{Process, Report, Round, Series, TARGET_CONNECTIONS};
use crate::scenarios::{self, Client, Kind, Pairs, SCENARIOS, Scenario};
use crate::seed::seed;

/// The name that `--only` finds the engine without a server by.
const ENGINE: &str = "access engine";

/// How often a server is started to see how long that takes.
const STARTS: u32 = 5;

/// After the start, before the idle memory is looked at.
const SETTLING: Duration = Duration::from_secs(1);

/// Headers that a server makes anew for each answer.
const OWN_HEADERS: [&str; 4] = ["date", "content-length", "connection", "transfer-encoding"];

/// What `run` is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) organizations: Vec<u64>,
    pub(crate) members_mean: u64,
    pub(crate) seconds: f64,
    pub(crate) rounds: u32,
    pub(crate) only: Option<String>,
    pub(crate) server: PathBuf,
    pub(crate) directory: PathBuf,
    pub(crate) results: PathBuf,
    /// On the data sets themselves.
    pub(crate) in_place: bool,
    /// The program that measures the engine beside others.
    pub(crate) oracle: Option<PathBuf>,
    /// A smoke test, whose figures say nothing.
    pub(crate) quick: bool,
}

/// One data set with its server, and what the ceilings need.
struct Subject {
    set: DataSet,
    /// What this run leaves behind, until its end.
    scratch: PathBuf,
    server: Server,
    key: String,
    starts: Vec<Duration>,
    idle: Memory,
    cold: Option<Cold>,
    pairs: Arc<Pairs>,
    raw: Raw,
}

pub(crate) async fn run(settings: &Settings) -> Outcome {
    if !settings.server.exists() {
        let shown = settings.server.display();
        let message = format!(
            "`{shown}` does not exist; `cargo xtask bench` builds it, `--server` names another"
        );
        return Err(Failure::new(message));
    }
    let scenarios = SCENARIOS
        .into_iter()
        .filter(|scenario| settings.wants(scenario.name));
    let mut subjects = Vec::new();
    for organizations in &settings.organizations {
        subjects.push(Subject::prepare(settings, *organizations).await?);
    }
    let mut origin = Origin::here();
    eprintln!(
        "load of the machine before the first figure: {}",
        origin.load_before
    );
    let mut series = Vec::new();
    for scenario in scenarios {
        series.extend(measure(settings, scenario, &mut subjects).await?);
    }
    origin.load_after = machine::load();
    let mut processes = Vec::new();
    for subject in subjects {
        processes.push(subject.end().await?);
    }
    let report = Report {
        engine: settings.engine()?,
        origin,
        settings: settings.shown(),
        series,
        processes,
    };
    report.publish(&settings.results)?;
    report
        .refused()
        .map_or(Ok(()), |refused| Err(Failure::new(refused)))
}

impl Settings {
    /// Whether what has this name is to be measured.
    fn wants(&self, name: &str) -> bool {
        self.only.as_deref().is_none_or(|only| name.contains(only))
    }

    /// What the oracle says of the engine beside others.
    fn engine(&self) -> Outcome<Option<String>> {
        let Some(oracle) = self.oracle.as_deref().filter(|_| self.wants(ENGINE)) else {
            return Ok(None);
        };
        eprintln!("measuring the engine beside others");
        let mut command = std::process::Command::new(oracle);
        command.arg("bench");
        if self.quick {
            command.args(["10", "10000"]);
        }
        let output = command
            .stderr(std::process::Stdio::inherit())
            .output()
            .map_err(Failure::doing(format!("running `{}`", oracle.display())))?;
        if !output.status.success() {
            return Err(Failure::new("the engine could not be measured"));
        }
        Ok(Some(String::from_utf8_lossy(&output.stdout).into_owned()))
    }

    fn load(&self, connections: u32, pace: Pace) -> Load {
        Load {
            connections,
            duration: Duration::from_secs_f64(self.seconds),
            pace,
        }
    }

    fn shown(&self) -> String {
        let quick = if self.quick {
            "; a smoke test: the figures say nothing"
        } else {
            ""
        };
        let debug = if cfg!(debug_assertions) {
            "; a debug build: the figures say nothing"
        } else {
            ""
        };
        format!(
            "{} rounds of {} s each{quick}{debug}",
            self.rounds, self.seconds
        )
    }
}

impl Subject {
    async fn prepare(settings: &Settings, organizations: u64) -> Outcome<Self> {
        let plan = Plan::new(organizations, settings.members_mean);
        let original = seed(&settings.directory.join(organizations.to_string()), &plan).await?;
        let scratch = settings.directory.join(format!("{organizations}-run"));
        let set = original.to_measure_on(&scratch, settings.in_place)?;
        let key = create_key(&set.directory).await?;
        let (mut starts, mut cold) = (Vec::new(), None);
        for number in 1..=STARTS {
            let server = start(settings, &set, &scratch).await?;
            starts.push(server.started_in);
            if settings.wants(cold::NAME) {
                let cold = cold.get_or_insert_with(Cold::default);
                let description = &set.description;
                cold.ask(client(&server, &key).await?, description).await?;
                if number == STARTS {
                    cold.fill(&server, client(&server, &key).await?, description)
                        .await?;
                }
            }
            server.stop().await?;
        }
        let server = start(settings, &set, &scratch).await?;
        tokio::time::sleep(SETTLING).await;
        let idle = server.memory()?;
        let (pairs, raw) = (Pairs::new(&set.description), Raw::open(&set.database())?);
        Ok(Self {
            set,
            scratch,
            server,
            key,
            starts,
            idle,
            cold,
            pairs,
            raw,
        })
    }

    /// A fresh connection: the server closes one that waits for as long as a scenario takes.
    async fn client(&self) -> Outcome<Client> {
        client(&self.server, &self.key).await
    }

    /// Starts the bare server with the answers that this server gives, and tells what to ask of both.
    async fn bare(&mut self, kind: Kind) -> Outcome<(Server, Requests)> {
        let mut client = self.client().await?;
        let asks = kind.asks(&self.set.description, &mut client).await?;
        if asks.is_empty() {
            return Err(Failure::new("the data set has nothing to ask for"));
        }
        let requests: Vec<Vec<u8>> = asks.iter().map(|ask| ask.request(&self.key)).collect();
        let mut recorded = Vec::with_capacity(asks.len());
        for (ask, request) in asks.iter().zip(&requests) {
            let answer = client.connection.exchange(request).await?;
            kind.check(&ask.path, answer.status, answer.body)?;
            let headers = answer
                .headers()
                .filter(|(name, _)| !OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str()))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect();
            recorded.push(RecordedAnswer {
                key: ask.key().to_owned(),
                headers,
                body: answer.text(),
            });
        }
        if kind.checks().is_some() {
            access::mixed(recorded.iter().map(|answer| answer.body.as_str()))?;
        }
        let file = self.scratch.join("answers.json");
        let writing = || format!("writing `{}`", file.display());
        let text = serde_json::to_vec(&recorded).map_err(Failure::doing(writing()))?;
        fs::write(&file, text).map_err(Failure::doing(writing()))?;
        let program = std::env::current_exe().map_err(Failure::doing("finding this program"))?;
        let words = ["bare", "--answers", &file.to_string_lossy()];
        let bare = Server::start(&program, &words, &self.scratch.join("bare.log")).await?;
        Ok((bare, in_turn(requests)))
    }

    /// Lets the raw loop learn from the server what it writes, and tells what to ask of the server.
    async fn learn(&mut self) -> Outcome<[Requests; 2]> {
        let mut client = self.client().await?;
        let creations = scenarios::create_organization(&self.key);
        for request in &creations {
            let id: OrganizationId = id(&client.json(request).await?)?;
            self.raw.learn_organization(id)?;
        }
        let (organization, user) = self.pairs.next()?;
        let before = self.raw.rows(organization)?;
        let request = scenarios::add_member(&self.key, organization, user);
        let member: MemberId = id(&client.json(&request).await?)?;
        self.raw.learn_member(organization, member, &before)?;
        self.raw.prove(&self.pairs)?;
        let additions = scenarios::add_members(self.key.clone(), Arc::clone(&self.pairs));
        Ok([in_turn(creations), additions])
    }

    /// Puts a load on the server of this data set.
    async fn drive(&self, kind: Kind, load: Load, requests: &Requests) -> Outcome<Measured> {
        if kind.is_write() {
            self.raw.calm()?;
        }
        self.server.drive(load, requests).await
    }

    fn raw(&mut self, kind: Kind, connections: u32, duration: Duration) -> Outcome<Measured> {
        let command = match kind {
            Kind::AddMember => Command::AddMember(&self.pairs),
            _ => Command::CreateOrganization,
        };
        self.raw.calm()?;
        let requests_per_second = self.raw.measure(command, connections, duration)?;
        Ok(Measured {
            requests_per_second,
            ..Measured::default()
        })
    }

    async fn end(self) -> Outcome<Process> {
        let loaded = self.server.memory()?;
        let (organizations, members) = (
            self.set.description.organizations(),
            self.set.description.members,
        );
        let database_bytes = fs::metadata(self.set.database()).map_or(0, |file| file.len());
        self.server.stop().await?;
        drop(self.raw);
        let removing = || format!("removing `{}`", self.scratch.display());
        fs::remove_dir_all(&self.scratch).map_err(Failure::doing(removing()))?;
        Ok(Process {
            organizations,
            members,
            database_bytes,
            starts: self.starts,
            idle: self.idle,
            loaded,
            cold: self.cold,
        })
    }
}

/// The ceiling of a scenario on one data set.
enum Ceiling {
    Bare(Server),
    Raw,
}

/// One scenario on every data set. The data sets take turns in every round, as server and ceiling do: what else the
/// machine does falls on all of them.
async fn measure(
    settings: &Settings,
    scenario: Scenario,
    subjects: &mut [Subject],
) -> Outcome<Vec<Series>> {
    let mut prepared = Vec::new();
    for subject in subjects.iter_mut() {
        prepared.push(if scenario.kind.is_write() {
            let [creations, additions] = subject.learn().await?;
            let requests = if scenario.kind == Kind::AddMember {
                additions
            } else {
                creations
            };
            (Ceiling::Raw, requests)
        } else {
            let (bare, requests) = subject.bare(scenario.kind).await?;
            (Ceiling::Bare(bare), requests)
        });
    }
    let mut all = Vec::new();
    for connections in [1, TARGET_CONNECTIONS] {
        let load = settings.load(connections, Pace::Closed);
        let mut series: Vec<Series> = subjects
            .iter()
            .map(|subject| Series {
                scenario,
                organizations: subject.set.description.organizations(),
                connections,
                rounds: Vec::new(),
                half_load: None,
            })
            .collect();
        for _ in 0..settings.rounds {
            for ((subject, (ceiling, requests)), series) in
                subjects.iter_mut().zip(&prepared).zip(&mut series)
            {
                let server = subject.drive(scenario.kind, load, requests).await?;
                let ceiling = match ceiling {
                    Ceiling::Bare(bare) => bare.drive(load, requests).await?,
                    Ceiling::Raw => subject.raw(scenario.kind, connections, load.duration)?,
                };
                series.rounds.push(Round { server, ceiling });
            }
        }
        if connections == TARGET_CONNECTIONS {
            for ((subject, (_, requests)), series) in
                subjects.iter().zip(&prepared).zip(&mut series)
            {
                let load = settings.load(connections, Pace::Open(series.server_rate() / 2.0));
                series.half_load = Some(subject.drive(scenario.kind, load, requests).await?);
            }
        }
        for series in &series {
            eprintln!("{}", series.row());
        }
        all.extend(series);
    }
    Ok(all)
}

async fn start(settings: &Settings, set: &DataSet, scratch: &Path) -> Outcome<Server> {
    let words = ["serve", "--data-dir", &set.directory.to_string_lossy()];
    Server::start(&settings.server, &words, &scratch.join("server.log")).await
}

async fn client(server: &Server, key: &str) -> Outcome<Client> {
    let connection = Connection::open(server.address).await?;
    let key = key.to_owned();
    Ok(Client { connection, key })
}

/// Makes a key while no server runs.
async fn create_key(directory: &Path) -> Outcome<String> {
    let guildhall = data_set::open(directory)?;
    let deployment = deployments::operator(&guildhall, DEFAULT_DEPLOYMENT).await?;
    let command = CreateKey::check("benchmark", KeyScope::Full, None)?;
    let (_, secret) = keys::create(&guildhall, deployment, command).await?;
    let secret = secret.expose().to_owned();
    drop(guildhall);
    data_set::settle(directory)?;
    Ok(secret)
}

fn id<Id: std::str::FromStr>(answer: &Value) -> Outcome<Id> {
    let id = answer
        .get("id")
        .and_then(Value::as_str)
        .and_then(|id| id.parse().ok());
    id.ok_or_else(|| Failure::new(format!("an answer without an id: {answer}")))
}

impl Report {
    /// Prints the report and writes it to a file that is named by date and commit.
    fn publish(&self, results: &Path) -> Outcome {
        let text = self.text();
        println!("{text}");
        let file = results.join(format!("{}-{}.md", self.origin.date, self.origin.commit));
        let writing = || format!("writing `{}`", file.display());
        fs::create_dir_all(results).map_err(Failure::doing(writing()))?;
        fs::write(&file, text).map_err(Failure::doing(writing()))?;
        eprintln!("written to {}", file.display());
        Ok(())
    }
}
