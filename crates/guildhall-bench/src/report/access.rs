//! The tables about access: checks a second, first questions, memory.

use super::{
    MEGABYTE, Process, Report, Series, TARGET_CONNECTIONS, number, section, time, verdict,
};
use crate::cold::First;
use crate::scenarios::Kind;

/// Checks a second that come in batches.
const BATCHED_MIN: f64 = 2e6;

/// Cores of a server whose clients are elsewhere.
const CORES: f64 = 2.0;

/// The first question about an organization, at the median, up to so many members.
const FIRST_MAX: [(u64, f64); 2] = [(10, 1e-3), (100_000, 150e-3)];

impl Report {
    pub(super) fn access(&self) -> Vec<String> {
        let batches = self
            .series
            .iter()
            .filter_map(|series| batch(series, series.scenario.kind));
        let mut first = Vec::new();
        let mut memory = Vec::new();
        for process in &self.processes {
            if let Some(cold) = &process.cold {
                first.push(row(process, &cold.small, "9 to 11"));
                first.push(row(
                    process,
                    &cold.largest,
                    &number(cold.largest.members as f64),
                ));
                memory.extend(held(process));
            }
        }
        let mut lines = section(
            "Checks in batches",
            "| scenario | organizations | connections | checks/s | CPU/check | checks/s of two cores | target | |",
            batches.collect(),
        );
        lines.extend(section(
            "First check of an organization",
            "| organizations | members of it | checks | p50 | slowest | in memory after, p50 | target | |",
            first,
        ));
        lines.extend(section(
            "Memory of the snapshots",
            "| organizations | asked about | held | their members | the server's account | bytes an organization \
             | memory idle | memory then |",
            memory,
        ));
        if let Some(engine) = &self.engine {
            let heading = "\n## The access engine in process\n\n";
            lines.push(format!("{heading}{}", engine.trim()));
        }
        lines
    }
}

fn batch(series: &Series, kind: Kind) -> Option<String> {
    let checks = kind.checks().filter(|checks| *checks > 1)? as f64;
    let rate = series.server_rate() * checks;
    let cpu = super::median(
        series
            .rounds
            .iter()
            .filter_map(|round| Some(round.server.cpu?.as_secs_f64() / checks)),
    );
    let (target, kept) = if series.connections == TARGET_CONNECTIONS {
        (
            format!("≥ {}", number(BATCHED_MIN)),
            verdict(rate >= BATCHED_MIN),
        )
    } else {
        (String::new(), "")
    };
    Some(format!(
        "| {} | {} | {} | {} | {:.0} ns | {} | {target} | {kept} |",
        series.scenario.name,
        number(series.organizations as f64),
        series.connections,
        number(rate),
        cpu * 1e9,
        number(CORES / cpu.max(1e-9)),
    ))
}

fn row(process: &Process, first: &First, members: &str) -> String {
    let [median, slowest] = [500, 1_000].map(|per_mille| first.answered.quantile(per_mille));
    let loaded = first.loaded.quantile(500);
    let max = FIRST_MAX
        .iter()
        .find(|(most, _)| first.members <= *most)
        .map(|(_, max)| *max)
        .filter(|_| first.answered.total() > 0);
    let (target, kept) = max.map_or_else(
        || (String::new(), ""),
        |max| {
            (
                format!("≤ {}", time(max)),
                verdict(median.as_secs_f64() <= max),
            )
        },
    );
    format!(
        "| {} | {members} | {} | {} | {} | {} | {target} | {kept} |",
        number(process.organizations as f64),
        number(first.answered.total() as f64),
        time(median.as_secs_f64()),
        time(slowest.as_secs_f64()),
        time(loaded.as_secs_f64()),
    )
}

fn held(process: &Process) -> Option<String> {
    let filled = process.cold.as_ref()?.filled;
    let megabytes = |bytes: u64| format!("{:.1} MB", bytes as f64 / MEGABYTE as f64);
    Some(format!(
        "| {} | {} | {} | {} | {} | {} | {} | {} |",
        number(process.organizations as f64),
        number(filled.asked as f64),
        number(filled.held as f64),
        number(filled.members as f64),
        megabytes(filled.bytes),
        number(filled.bytes as f64 / (filled.held as f64).max(1.0)),
        megabytes(process.idle.resident),
        megabytes(filled.after.resident),
    ))
}
