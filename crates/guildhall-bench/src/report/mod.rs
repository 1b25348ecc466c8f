//! The table: what was measured, beside its ceiling and its target.

mod access;

use std::time::Duration;

use crate::child::Memory;
use crate::cold::Cold;
use crate::generator::Measured;
use crate::machine::Origin;
use crate::scenarios::{Kind, SCENARIOS, Scenario};

/// The connections at which the targets hold.
pub(crate) const TARGET_CONNECTIONS: u32 = 64;

const MEGABYTE: u64 = 1_000_000;
const IDLE_MAX: u64 = 40 * MEGABYTE;
const LOADED_MAX: u64 = 200 * MEGABYTE;
const START_MAX: Duration = Duration::from_millis(300);

/// A page far into the list costs at most this much more than the first.
const DEEP_MAX: f64 = 1.3;

const INTRODUCTION: &str = "Every figure is the median of its rounds; behind a ratio stand its lowest and highest round. The ceiling of a
read is a bare axum server that answers the same bytes, that of a write a raw loop of the same statements with as many
commands in a transaction as there are connections. [What each figure means](../../docs/benchmarks.md).";

/// One scenario on one data set with one number of connections.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) scenario: Scenario,
    pub(crate) organizations: u64,
    pub(crate) connections: u32,
    pub(crate) rounds: Vec<Round>,
    /// In an open loop at half of what the closed one came to.
    pub(crate) half_load: Option<Measured>,
}

/// Server and ceiling, one right after the other.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    pub(crate) server: Measured,
    pub(crate) ceiling: Measured,
}

/// What was seen of the process of one data set.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) organizations: u64,
    pub(crate) members: u64,
    pub(crate) database_bytes: u64,
    pub(crate) starts: Vec<Duration>,
    pub(crate) idle: Memory,
    pub(crate) loaded: Memory,
    /// First questions about access, if they were measured.
    pub(crate) cold: Option<Cold>,
}

#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) origin: Origin,
    pub(crate) settings: String,
    pub(crate) series: Vec<Series>,
    pub(crate) processes: Vec<Process>,
    /// What the oracle says of the engine beside others, if it was asked.
    pub(crate) engine: Option<String>,
}

impl Series {
    pub(crate) fn server_rate(&self) -> f64 {
        median(
            self.rounds
                .iter()
                .map(|round| round.server.requests_per_second),
        )
    }

    fn ceiling_rate(&self) -> f64 {
        median(
            self.rounds
                .iter()
                .map(|round| round.ceiling.requests_per_second),
        )
    }

    /// The part of the ceiling that the server reached in each round.
    fn ratios(&self) -> impl Iterator<Item = f64> {
        let rounds = self.rounds.iter();
        rounds.map(|round| {
            round.server.requests_per_second / round.ceiling.requests_per_second.max(1.0)
        })
    }

    fn quantile(&self, per_mille: u64) -> f64 {
        median(
            self.rounds
                .iter()
                .map(|round| round.server.latency.quantile(per_mille).as_secs_f64()),
        )
    }

    pub(crate) fn refused(&self) -> Option<&str> {
        let mut measured = self
            .rounds
            .iter()
            .map(|round| &round.server)
            .chain(&self.half_load);
        measured.find_map(|measured| measured.refusal.as_deref())
    }

    pub(crate) fn row(&self) -> String {
        let ratio = median(self.ratios());
        let (low, high) = self.ratios().fold((f64::MAX, 0.0_f64), |(low, high), it| {
            (low.min(it), high.max(it))
        });
        let target = self
            .scenario
            .of_ceiling_min
            .filter(|_| self.connections == TARGET_CONNECTIONS);
        let (target, kept) = match target {
            Some(min) => (format!("≥ {min}"), verdict(ratio >= min)),
            None => (String::new(), ""),
        };
        let kept = if self.refused().is_some() {
            "**refused**"
        } else {
            kept
        };
        let cpu = |side: fn(&Round) -> &Measured| {
            let times: Vec<f64> = self
                .rounds
                .iter()
                .filter_map(|round| Some(side(round).cpu?.as_secs_f64()))
                .collect();
            if times.is_empty() {
                String::new()
            } else {
                time(median(times.into_iter()))
            }
        };
        let half = |per_mille| {
            self.half_load.as_ref().map_or_else(String::new, |half| {
                time(half.latency.quantile(per_mille).as_secs_f64())
            })
        };
        format!(
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {ratio:.2} ({low:.2}–{high:.2}) | {target} | {kept} |",
            self.scenario.name,
            number(self.organizations as f64),
            self.connections,
            number(self.server_rate()),
            time(self.quantile(500)),
            time(self.quantile(990)),
            half(990),
            cpu(|round| &round.server),
            number(self.ceiling_rate()),
            cpu(|round| &round.ceiling),
        )
    }
}

impl Report {
    /// The whole report, as Markdown.
    pub(crate) fn text(&self) -> String {
        let Origin {
            date,
            time,
            commit,
            machine,
            load_before,
            load_after,
        } = &self.origin;
        let mut lines = vec![
            format!("# Benchmarks of {date}, commit {commit}"),
            String::new(),
            format!("- {machine}"),
            format!(
                "- begun {time} UTC; load of the machine {load_before} before and {load_after} after"
            ),
            format!("- {}", self.settings),
            String::new(),
            INTRODUCTION.to_owned(),
        ];
        lines.extend(section(
            "Requests",
            "| scenario | organizations | connections | requests/s | p50 | p99 | p99 at half load | CPU/request \
             | ceiling/s | CPU/request | of the ceiling | target | |",
            self.series.iter().map(Series::row).collect(),
        ));
        lines.extend(self.growth());
        lines.extend(section(
            "A page far into the list against the first",
            "| data set | connections | times slower | target | |",
            self.processes
                .iter()
                .filter_map(|process| self.depth(process.organizations))
                .collect(),
        ));
        lines.extend(self.access());
        lines.extend(section(
            "Memory and start",
            "| organizations | members | database after | memory idle (≤ 40 MB) | peak under load (≤ 200 MB) \
             | start to first answer (≤ 300 ms) | |",
            self.processes.iter().map(Process::row).collect(),
        ));
        lines.join("\n") + "\n"
    }

    /// The smallest and the largest data set, round by round.
    fn growth(&self) -> Vec<String> {
        let sizes = || self.processes.iter().map(|process| process.organizations);
        let (Some(small), Some(large)) = (sizes().min(), sizes().max()) else {
            return Vec::new();
        };
        let mut rows = Vec::new();
        for scenario in SCENARIOS.iter().filter(|_| small != large) {
            for connections in [1, TARGET_CONNECTIONS] {
                let find = |organizations| self.find(scenario.kind, organizations, connections);
                let (Some(few), Some(many)) = (find(small), find(large)) else {
                    continue;
                };
                let slower = median(few.rounds.iter().zip(&many.rounds).map(|(few, many)| {
                    few.server.requests_per_second / many.server.requests_per_second.max(1.0)
                }));
                let max = scenario
                    .growth_max
                    .filter(|_| connections == TARGET_CONNECTIONS);
                rows.push(comparison(scenario.name, connections, slower, max));
            }
        }
        let [small, large] = [small, large].map(|size| number(size as f64));
        section(
            &format!("{large} organizations against {small}"),
            "| scenario | connections | times slower | target | |",
            rows,
        )
    }

    /// A page far into the list against the first.
    fn depth(&self, organizations: u64) -> Option<String> {
        let first = self.find(Kind::FirstPage, organizations, TARGET_CONNECTIONS)?;
        let deep = self.find(Kind::DeepPage, organizations, TARGET_CONNECTIONS)?;
        let slower = first.server_rate() / deep.server_rate().max(1.0);
        let name = format!("{} organizations", number(organizations as f64));
        Some(comparison(
            &name,
            TARGET_CONNECTIONS,
            slower,
            Some(DEEP_MAX),
        ))
    }

    fn find(&self, kind: Kind, organizations: u64, connections: u32) -> Option<&Series> {
        self.series.iter().find(|series| {
            series.scenario.kind == kind
                && series.organizations == organizations
                && series.connections == connections
        })
    }

    /// The first answer that was not what it had to be.
    pub(crate) fn refused(&self) -> Option<String> {
        let refused = self
            .series
            .iter()
            .find_map(|series| Some((series, series.refused()?)));
        refused
            .map(|(series, refusal)| format!("`{}` was answered {refusal}", series.scenario.name))
    }
}

impl Process {
    fn row(&self) -> String {
        let start = median(self.starts.iter().map(Duration::as_secs_f64));
        let kept = self.idle.resident <= IDLE_MAX
            && self.loaded.peak <= LOADED_MAX
            && start <= START_MAX.as_secs_f64();
        let megabytes = |bytes: u64| format!("{:.1} MB", bytes as f64 / MEGABYTE as f64);
        format!(
            "| {} | {} | {} | {} | {} | {} | {} |",
            number(self.organizations as f64),
            number(self.members as f64),
            megabytes(self.database_bytes),
            megabytes(self.idle.resident),
            megabytes(self.loaded.peak),
            time(start),
            verdict(kept),
        )
    }
}

/// A heading and a table; nothing when the table has no rows. Words stand left, figures right.
fn section(heading: &str, head: &str, rows: Vec<String>) -> Vec<String> {
    if rows.is_empty() {
        return Vec::new();
    }
    let columns = head.matches('|').count().saturating_sub(3);
    let rule = format!("|---|{}---|", "--:|".repeat(columns));
    [
        vec![
            String::new(),
            format!("## {heading}"),
            String::new(),
            head.to_owned(),
            rule,
        ],
        rows,
    ]
    .concat()
}

fn comparison(name: &str, connections: u32, slower: f64, max: Option<f64>) -> String {
    let (target, verdict) = max.map_or_else(
        || (String::new(), ""),
        |max| (format!("≤ {max}"), verdict(slower <= max)),
    );
    format!("| {name} | {connections} | {slower:.2} | {target} | {verdict} |")
}

fn verdict(kept: bool) -> &'static str {
    if kept { "pass" } else { "**fail**" }
}

/// The middle one; of an even number, the mean of the two in the middle.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.len().saturating_sub(1) / 2, values.len() / 2);
    match (values.get(low), values.get(high)) {
        (Some(low), Some(high)) => f64::midpoint(*low, *high),
        _ => 0.0,
    }
}

/// A whole number with a comma for each thousand.
fn number(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn time(seconds: f64) -> String {
    let millis = seconds * 1e3;
    match millis {
        ..1.0 => format!("{:.0} µs", millis * 1e3),
        1.0..100.0 => format!("{millis:.1} ms"),
        _ => format!("{millis:.0} ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(
            [0.0, 999.4, 1_000.0, 1_234_567.0].map(number),
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!(
            [0.000_25, 0.001_23, 0.25].map(time),
            ["250 µs", "1.2 ms", "250 ms"]
        );
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert!((median([3.0, 1.0, 2.0].into_iter()) - 2.0).abs() < 1e-9);
        assert!((median([4.0, 1.0, 2.0, 3.0].into_iter()) - 2.5).abs() < 1e-9);
        assert!(median(std::iter::empty()).abs() < 1e-9);
    }
}
