//! What happens to the parts of the whole.

use rustix::process::{Signal, kill_process};
use tokio::{task::block_in_place, time::timeout};

use crate::{
    ports,
    world::{PATIENCE, World},
};

/// So many times the marker is counted up in a second, where the machine keeps up.
const SECOND: u64 = 40;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Nothing,
    KillFollower,
    KillLeader,
    DrainFollower,
    DrainLeader,
    PauseFollower,
    PauseLeader,
    CutFollower,
    CutLeader,
    KillRedis,
    PauseRedis,
    EmptyRedis,
    RestartDatabase,
    CrashDatabase,
    ReplaceDatabase,
    ReloadBalancer,
    RestartBalancer,
}

impl Fault {
    pub const ALL: [Self; 17] = [
        Self::Nothing,
        Self::KillFollower,
        Self::KillLeader,
        Self::DrainFollower,
        Self::DrainLeader,
        Self::PauseFollower,
        Self::PauseLeader,
        Self::CutFollower,
        Self::CutLeader,
        Self::KillRedis,
        Self::PauseRedis,
        Self::EmptyRedis,
        Self::RestartDatabase,
        Self::CrashDatabase,
        Self::ReplaceDatabase,
        Self::ReloadBalancer,
        Self::RestartBalancer,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing but moves",
            Self::KillFollower => "a server killed",
            Self::KillLeader => "the leader killed",
            Self::DrainFollower => "a server drained",
            Self::DrainLeader => "the leader drained",
            Self::PauseFollower => "a server stopped, goes on",
            Self::PauseLeader => "the leader stopped, deposed",
            Self::CutFollower => "a server's sessions ended",
            Self::CutLeader => "the leader's sessions ended",
            Self::KillRedis => "Redis killed, back empty",
            Self::PauseRedis => "Redis stopped, goes on",
            Self::EmptyRedis => "Redis emptied",
            Self::RestartDatabase => "PostgreSQL restarted",
            Self::CrashDatabase => "PostgreSQL crashed",
            Self::ReplaceDatabase => "PostgreSQL's standby takes over",
            Self::ReloadBalancer => "nginx reloaded",
            Self::RestartBalancer => "nginx restarted",
        }
    }

    /// Does it and undoes it. Returns to which server it was done, if to one of them.
    pub async fn happen(self, world: &mut World) -> Option<usize> {
        let happened = timeout(PATIENCE, self.try_to_happen(world)).await;
        happened.unwrap_or_else(|_| panic!("{} has no end", self.name()))
    }

    async fn try_to_happen(self, world: &mut World) -> Option<usize> {
        let nth = match self {
            Self::KillFollower | Self::DrainFollower | Self::PauseFollower | Self::CutFollower => {
                Some(world.follower().await)
            }
            Self::KillLeader | Self::DrainLeader | Self::PauseLeader | Self::CutLeader => {
                Some(world.leader().await)
            }
            _ => None,
        };
        match nth {
            Some(nth) => self.happen_to(world, nth).await,
            None => self.happen_beside(world).await,
        }
        nth
    }

    /// To a server.
    async fn happen_to(self, world: &mut World, nth: usize) {
        match self {
            Self::PauseLeader => {
                world.servers[nth].signal(Signal::STOP);
                world.until_another_leads(nth).await;
                world.servers[nth].signal(Signal::CONT);
            }
            Self::PauseFollower => {
                world.servers[nth].signal(Signal::STOP);
                let seconds = 1 + world.random.below(4);
                world.marker.count(seconds * SECOND).await;
                world.servers[nth].signal(Signal::CONT);
            }
            Self::CutFollower | Self::CutLeader => cut(world, nth).await,
            _ => self.restart(world, nth).await,
        }
    }

    /// To what is not a server.
    async fn happen_beside(self, world: &mut World) {
        match self {
            Self::KillRedis => {
                world.redis.stop().await;
                world.marker.count(SECOND).await;
                world.redis.start_again().await;
            }
            Self::PauseRedis => {
                let redis = world.redis.pid().await;
                kill_process(redis, Signal::STOP).unwrap();
                let seconds = 1 + world.random.below(4);
                world.marker.count(seconds * SECOND).await;
                kill_process(redis, Signal::CONT).unwrap();
            }
            Self::EmptyRedis => {
                for _ in 0..1 + world.random.below(5) {
                    let _: String = world.redis.ask("FLUSHALL").await;
                    world.marker.count(SECOND / 4).await;
                }
            }
            Self::RestartDatabase => block_in_place(|| {
                world.cluster.stop();
                world.cluster.resume();
            }),
            Self::CrashDatabase => block_in_place(|| {
                world.cluster.kill();
                world.cluster.resume();
            }),
            Self::ReplaceDatabase => {
                let mut standby = block_in_place(|| world.cluster.standby(ports::free()));
                world.marker.count(SECOND).await;
                // What was committed and is not there yet is lost.
                block_in_place(|| {
                    world.cluster.kill();
                    standby.promote(world.cluster.port);
                });
                world.cluster = standby;
            }
            Self::ReloadBalancer => {
                world.balancer.nginx.reload();
                world.marker.count(SECOND).await;
            }
            Self::RestartBalancer => {
                world.balancer.nginx.stop().await;
                world.marker.count(SECOND / 2).await;
                world.balancer.nginx.start_again().await;
            }
            _ => drop(world.marker.count(2 * SECOND).await),
        }
    }

    /// Ends a server, and starts it again when others have served without it.
    async fn restart(self, world: &mut World, nth: usize) {
        match self {
            Self::DrainFollower | Self::DrainLeader => {
                world.servers[nth].signal(Signal::TERM);
                let status = world.servers[nth].ended().await;
                assert!(status.success(), "{status}");
            }
            _ => world.servers[nth].kill().await,
        }
        let seconds = 1 + world.random.below(2);
        world.marker.count(seconds * SECOND).await;
        world.servers[nth].restart().await;
    }
}

/// Ends all sessions that a server has with the database, as often as it comes back.
async fn cut(world: &mut World, nth: usize) {
    for _ in 0..1 + world.random.below(4) {
        let role = format!("{}/server-{nth}", world.database.name);
        let sql = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'"
        );
        world.database.execute(&sql).await;
        world.marker.count(SECOND / 4).await;
    }
}
