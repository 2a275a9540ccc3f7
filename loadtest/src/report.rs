//! Medians over rounds, as a markdown table.

use std::{fmt, time::Duration};

use crate::{
    load::{Load, Sample},
    registry::Registry,
};

/// What was measured, and how.
#[derive(Debug)]
pub(crate) struct Report {
    load: Load,
    rounds: u16,
    registries: Vec<String>,
    rows: Vec<Row>,
}

/// All rounds of one scenario on one registry.
#[derive(Debug)]
struct Row {
    scenario: &'static str,
    registry: String,
    rounds: Vec<Round>,
}

/// The figures of one measurement.
#[derive(Clone, Copy, Debug)]
struct Round {
    requests_per_second: f64,
    cpu_us_per_request: Option<f64>,
    p50_ms: f64,
    p99_ms: f64,
    errors: u64,
}

/// Medians of one row.
#[derive(Clone, Copy, Debug)]
struct Medians {
    requests_per_second: f64,
    requests_per_second_min: f64,
    requests_per_second_max: f64,
    cpu_us_per_request: Option<f64>,
    p50_ms: f64,
    p99_ms: f64,
    errors: u64,
}

// === impl Report ===

impl Report {
    pub(crate) fn new(load: Load, rounds: u16, registries: &[Registry]) -> Self {
        Self {
            load,
            rounds,
            registries: registries
                .iter()
                .map(|registry| registry.name.clone())
                .collect(),
            rows: Vec::new(),
        }
    }

    /// Adds one measurement.
    pub(crate) fn add(&mut self, scenario: &'static str, registry: &str, sample: Sample) {
        let round = Round::from(sample);
        let row = self
            .rows
            .iter_mut()
            .find(|row| row.scenario == scenario && row.registry == registry);
        match row {
            Some(row) => row.rounds.push(round),
            None => self.rows.push(Row {
                scenario,
                registry: registry.to_owned(),
                rounds: vec![round],
            }),
        }
    }

    /// Requests that were not answered as expected, over all measurements.
    pub(crate) fn errors(&self) -> u64 {
        self.rows.iter().map(|row| row.medians().errors).sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "{} connections, warm-up {} s, {} rounds of {} s, in turns: {}. Medians over rounds.\n",
            self.load.connections,
            self.load.warmup.as_secs(),
            self.rounds,
            self.load.duration.as_secs(),
            self.registries.join(", "),
        )?;
        writeln!(
            formatter,
            "| scenario | registry | requests/s | min–max | CPU µs/request | p50 ms | p99 ms | errors |"
        )?;
        write!(formatter, "|---|---|--:|--:|--:|--:|--:|--:|")?;
        for (index, row) in self.rows.iter().enumerate() {
            let medians = row.medians();
            write!(
                formatter,
                "\n| {} | {} | {medians} |",
                row.scenario, row.registry
            )?;
            // The registries of a scenario stand below each other, the first one first.
            let previous = index.checked_sub(1).and_then(|index| self.rows.get(index));
            if let Some(first) = previous.filter(|first| first.scenario == row.scenario) {
                let title = format!("{} : {}", first.registry, row.registry);
                let ratios = first.medians().ratios(&medians);
                write!(formatter, "\n| {} | {title} | {ratios} |", row.scenario)?;
            }
        }
        Ok(())
    }
}

// === impl Row ===

impl Row {
    fn medians(&self) -> Medians {
        let of = |figure: fn(&Round) -> f64| sorted(self.rounds.iter().map(figure));
        let rates = of(|round| round.requests_per_second);
        let cpu = sorted(
            self.rounds
                .iter()
                .filter_map(|round| round.cpu_us_per_request),
        );
        Medians {
            requests_per_second: median(&rates).unwrap_or(0.0),
            requests_per_second_min: rates.first().copied().unwrap_or(0.0),
            requests_per_second_max: rates.last().copied().unwrap_or(0.0),
            cpu_us_per_request: median(&cpu),
            p50_ms: median(&of(|round| round.p50_ms)).unwrap_or(0.0),
            p99_ms: median(&of(|round| round.p99_ms)).unwrap_or(0.0),
            errors: self.rounds.iter().map(|round| round.errors).sum(),
        }
    }
}

// === impl Round ===

impl From<Sample> for Round {
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts and microseconds of one measurement are far below 2^52"
    )]
    fn from(sample: Sample) -> Self {
        let micros = |duration: Duration| duration.as_micros() as f64;
        let latency_ms = |quantile| sample.latency_us.value_at_quantile(quantile) as f64 / 1000.0;
        let requests = sample.requests as f64;
        Self {
            requests_per_second: requests / sample.elapsed.as_secs_f64(),
            cpu_us_per_request: sample
                .cpu
                .filter(|_| sample.requests > 0)
                .map(|cpu| micros(cpu) / requests),
            p50_ms: latency_ms(0.5),
            p99_ms: latency_ms(0.99),
            errors: sample.errors,
        }
    }
}

// === impl Medians ===

impl Medians {
    /// The cells of a row that says how many times as much `self` is as `other`.
    fn ratios(&self, other: &Self) -> String {
        let ratio = |own: f64, others: f64| {
            if others > 0.0 {
                format!("{:.2}×", own / others)
            } else {
                "–".to_owned()
            }
        };
        let cpu = self
            .cpu_us_per_request
            .zip(other.cpu_us_per_request)
            .map_or_else(|| "–".to_owned(), |(own, others)| ratio(own, others));
        [
            ratio(self.requests_per_second, other.requests_per_second),
            String::new(),
            cpu,
            ratio(self.p50_ms, other.p50_ms),
            ratio(self.p99_ms, other.p99_ms),
            String::new(),
        ]
        .join(" | ")
    }
}

impl fmt::Display for Medians {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cpu = self
            .cpu_us_per_request
            .map_or_else(|| "–".to_owned(), |cpu| format!("{cpu:.0}"));
        write!(
            formatter,
            "{:.0} | {:.0}–{:.0} | {cpu} | {:.2} | {:.2} | {}",
            self.requests_per_second,
            self.requests_per_second_min,
            self.requests_per_second_max,
            self.p50_ms,
            self.p99_ms,
            self.errors,
        )
    }
}

fn sorted(figures: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut figures: Vec<_> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures
}

/// The middle of sorted figures; of an even count the mean of the two in the middle.
fn median(sorted: &[f64]) -> Option<f64> {
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *sorted.get(sorted.len() / 2 - 1)?;
    Some(f64::midpoint(lower, upper))
}

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;

    use super::*;

    fn sample(requests: u64, cpu_ms: Option<u64>, latency_us: u64) -> Sample {
        let mut histogram = Histogram::new_with_bounds(1, 60_000_000, 3).unwrap();
        histogram.record_n(latency_us, requests).unwrap();
        Sample {
            requests,
            errors: 0,
            elapsed: Duration::from_secs(1),
            latency_us: histogram,
            cpu: cpu_ms.map(Duration::from_millis),
        }
    }

    fn report(registries: &[&str]) -> Report {
        let load = Load {
            connections: 16,
            warmup: Duration::from_secs(2),
            duration: Duration::from_secs(5),
        };
        let registries: Vec<_> = registries
            .iter()
            .map(|name| format!("{name}=http://127.0.0.1:1").parse().unwrap())
            .collect();
        Report::new(load, 3, &registries)
    }

    #[test]
    fn two_registries_stand_side_by_side_with_their_ratio() {
        let mut report = report(&["ochre", "oc"]);
        for requests in [4000, 9000, 5000] {
            report.add("unrendered", "ochre", sample(requests, Some(500), 1000));
            report.add("unrendered", "oc", sample(1000, Some(1000), 2000));
        }
        assert_eq!(
            report.to_string().lines().skip(2).collect::<Vec<_>>(),
            [
                "| scenario | registry | requests/s | min–max | CPU µs/request | p50 ms | p99 ms | errors |",
                "|---|---|--:|--:|--:|--:|--:|--:|",
                "| unrendered | ochre | 5000 | 4000–9000 | 100 | 1.00 | 1.00 | 0 |",
                "| unrendered | oc | 1000 | 1000–1000 | 1000 | 2.00 | 2.00 | 0 |",
                "| unrendered | ochre : oc | 5.00× |  | 0.10× | 0.50× | 0.50× |  |",
            ]
        );
    }

    #[test]
    fn cpu_of_an_unknown_process_is_a_dash() {
        let mut report = report(&["ochre"]);
        report.add("unrendered", "ochre", sample(10, None, 1000));
        assert!(
            report
                .to_string()
                .ends_with("| 10 | 10–10 | – | 1.00 | 1.00 | 0 |")
        );
    }

    #[test]
    fn errors_of_all_rounds_are_summed() {
        let mut report = report(&["ochre"]);
        for errors in [2, 0, 3] {
            let mut sample = sample(10, None, 1000);
            sample.errors = errors;
            report.add("unrendered", "ochre", sample);
        }
        assert_eq!(report.errors(), 5);
    }

    #[test]
    fn median_of_an_even_count_lies_between() {
        assert_eq!(median(&[1.0, 2.0, 4.0, 8.0]), Some(3.0));
        assert_eq!(median(&[]), None);
    }
}
