//! Servers are replaced one after another, as `docs/upgrade.md` says, while clients follow, others
//! write, and people load pages, ask for rows and change some. Nothing that is asked fails, and no
//! list has a gap.
//!
//! `ROWCAST_ROLLING_DRAIN` is how many seconds each has to send its clients away (3 unless set). Where
//! it is set, the machine is taken to have nothing else to do, and no list may be late.
//!
//! Where `ROWCAST_ROLLING_FROM` is the program of another release, that is what servers run at first.
//! Each is then replaced by one of this release, by one of the other again, and by one of this.

use std::{
    fmt::Write as _,
    io::Write as _,
    path::Path,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use crate::{
    TURN, number,
    people::People,
    seed,
    seen::Seen,
    server::PROGRAM,
    world::{Manner, Plan, World},
};

/// How long after a commit a list may be without it.
const LATE: Duration = Duration::from_secs(2);

/// So many answers show that people are served.
const SERVED: u64 = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_are_replaced_one_after_another_and_nothing_that_is_asked_fails() {
    let measured = number("ROWCAST_ROLLING_DRAIN");
    let drain = format!("{}s", measured.unwrap_or(3));
    let this = Path::new(PROGRAM);
    let other: Option<&'static Path> = std::env::var("ROWCAST_ROLLING_FROM")
        .ok()
        .filter(|path| !path.is_empty())
        .map(|path| Path::new(path.leak()));
    let plan = Plan {
        clients: number("ROWCAST_CHAOS_CLIENTS").unwrap_or(40) as usize,
        drain: drain.leak(),
        manner: Manner::Faithful,
        program: other.unwrap_or(this),
    };
    let _turn = TURN.lock().await;
    let mut world = World::new(seed(), plan).await;
    let people = People::start(world.balancer.address, &mut world.random);
    people.count(SERVED).await;
    let mut report = Report::default();
    report.take("before", &world);
    // Forward, back, and forward again, where there is another one.
    let releases = match other {
        Some(other) => vec![
            ("this release", this),
            ("the other", other),
            ("this release", this),
        ],
        None => vec![("it", this)],
    };
    for (name, program) in releases {
        for nth in 0..world.servers.len() {
            world.servers[nth].signal(Signal::TERM);
            let status = world.servers[nth].ended().await;
            assert!(status.success(), "{status}");
            people.count(SERVED).await;
            report.take("one drained and gone", &world);
            world.servers[nth].restart_as(program).await;
            people.count(SERVED).await;
            report.take(&format!("{name} is back"), &world);
        }
    }
    let (met, failures) = (people.met(), people.failures());
    // What they change is not what writers who pause would have changed.
    people.stop().await;
    world.settle("the servers were replaced").await;
    let told = format!(
        "replaced, ROWCAST_DRAIN={}, {} clients\n{}{met}\n",
        plan.drain, plan.clients, report.text
    );
    // Not as what a test prints, which nobody sees of one that holds.
    std::io::stdout().write_all(told.as_bytes()).unwrap();
    assert!(
        failures.is_empty(),
        "{} failed:\n{}\n{}",
        failures.len(),
        failures.join("\n"),
        world.balancer.nginx.complaints()
    );
    assert!(
        report.all.patches > 0 && report.all.resumed > 0,
        "nothing was followed"
    );
    if measured.is_some() {
        assert!(report.all.silence <= LATE, "{told}");
    }
}

struct Report {
    since: Instant,
    commits: u64,
    text: String,
    all: Seen,
}

impl Default for Report {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            commits: 0,
            text: String::new(),
            all: Seen::default(),
        }
    }
}

impl Report {
    /// What has happened since this was last asked.
    fn take(&mut self, what: &str, world: &World) {
        let (seen, _) = world.take_seen(None);
        let commits = world.writers.commits();
        let _ = writeln!(
            self.text,
            "{what:<22} {:>5.1} s, {:>6} commits, the slowest {:.2} s; lists {:.2} s late at the \
             most, {} patches, {} connections, {} lists went on, {} began anew",
            self.since.elapsed().as_secs_f64(),
            commits - self.commits,
            world.marker.slowest().as_secs_f64(),
            seen.silence.as_secs_f64(),
            seen.patches,
            seen.connections,
            seen.resumed,
            seen.resets.values().sum::<u64>(),
        );
        (self.since, self.commits) = (Instant::now(), commits);
        self.all.add(seen);
    }
}
