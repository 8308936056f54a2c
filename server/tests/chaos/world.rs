//! Three servers of one database on one bus, a balancer before them, those who write and those
//! who follow.

use std::{path::Path, sync::Arc, time::Duration};

use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use crate::{
    balancer::Balancer,
    client::Client,
    cluster::{Cluster, Database},
    marker::Marker,
    ports,
    queries::{LEDGER, QUERIES, Query, TABLES},
    random::Random,
    redis_server::RedisServer,
    roles,
    seen::Seen,
    server::Server,
    socket,
    writers::{Writers, try_connect},
};

/// How long anything may take that has to come, however busy the machine is.
pub const PATIENCE: Duration = Duration::from_secs(180);

const SERVERS: usize = 3;

/// How often a client moves to another server, where nothing else makes it.
const MOVES: Duration = Duration::from_secs(8);

/// Who follows, and how servers are told to stop.
#[derive(Clone, Copy)]
pub struct Plan {
    /// How many clients there are beside those who stay with one server.
    pub clients: usize,
    /// `ROWCAST_DRAIN`
    pub drain: &'static str,
    pub manner: Manner,
    /// What the servers run at first.
    pub program: &'static Path,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Some stay with one server each; the others come from anywhere, to whatever server, and go
    /// again.
    Restless,
    /// All come over the balancer, from an address of their own, and nobody goes unless sent.
    Faithful,
}

/// The lists of each client, beside the marker.
const LISTS: usize = 3;

pub struct World {
    pub cluster: Cluster,
    pub database: Database,
    pub redis: RedisServer,
    pub balancer: Balancer,
    pub servers: Vec<Server>,
    pub marker: Arc<Marker>,
    pub writers: Writers,
    pub random: Random,
    pub clients: Vec<Arc<Client>>,
    /// So many of the first stay with one server each.
    staying: usize,
    _tasks: JoinSet<()>,
}

impl World {
    /// All of it, with a list at every client.
    pub async fn new(seed: u64, plan: Plan) -> Self {
        let mut random = Random::new(seed);
        let settings = [("deadlock_timeout", "100ms")];
        let cluster = Cluster::at(Some(ports::free()), &settings);
        let database = cluster.database().await;
        let address = || format!("127.0.0.1:{}", ports::free());
        let first = Server::of(plan.program, address(), &database.url, &[]).await;
        first.stop().await;
        database.execute(TABLES).await;
        let redis = RedisServer::at(ports::free(), &[]).await;
        let bus: &str = redis.url().leak();
        let mut servers = Vec::new();
        for nth in 0..SERVERS {
            let url = roles::url_of(&database, &format!("server-{nth}")).await;
            let settings = [
                ("ROWCAST_BUS", bus),
                ("ROWCAST_TRUSTED_PROXY", "127.0.0.1"),
                ("ROWCAST_DRAIN", plan.drain),
            ];
            servers.push(Server::of(plan.program, address(), &url, &settings).await);
        }
        let addresses: Vec<String> = servers.iter().map(|of| of.address.clone()).collect();
        let balancer = Balancer::before(&addresses).await;
        let marker = Arc::new(Marker::default());
        let mut tasks = JoinSet::new();
        // Of the first each stays with one server.
        let direct = match plan.manner {
            Manner::Restless => addresses.as_slice(),
            Manner::Faithful => &[],
        };
        let staying = direct.len();
        let direct = direct.iter().map(|address| address.parse().unwrap());
        let through = std::iter::repeat_n(balancer.address, plan.clients);
        let clients: Vec<Arc<Client>> = direct
            .chain(through)
            .enumerate()
            .map(|(number, address)| {
                let queries = choose(number, &mut random);
                let client = Arc::new(Client::new(number, &queries, &marker));
                let own = Random::new(random.below(u64::MAX));
                let from = match plan.manner {
                    Manner::Restless => None,
                    Manner::Faithful => Some(socket::anywhere(&mut random)),
                };
                tasks.spawn(socket::run(Arc::clone(&client), address, from, own));
                client
            })
            .collect();
        let own = Random::new(random.below(u64::MAX));
        if plan.manner == Manner::Restless {
            tasks.spawn(move_about(clients[staying..].to_vec(), own));
        }
        tasks.spawn(Arc::clone(&marker).write(database.clone()));
        let mut world = Self {
            writers: Writers::start(&database, seed),
            cluster,
            database,
            redis,
            balancer,
            servers,
            marker,
            random,
            clients,
            staying,
            _tasks: tasks,
        };
        world.settle("the beginning").await;
        world
    }

    /// What all clients have seen since this was last asked, and what those have who stay with
    /// one server, that one left out.
    pub fn take_seen(&self, without: Option<usize>) -> (Seen, Seen) {
        let mut others = Seen::default();
        for (nth, client) in self.clients[..self.staying].iter().enumerate() {
            if Some(nth) != without {
                others.add(client.seen());
            }
        }
        let mut all = Seen::default();
        for client in &self.clients {
            all.add(client.take_seen());
        }
        (all, others)
    }

    /// Which server leads, once one does.
    pub async fn leader(&self) -> usize {
        loop {
            if let Some(mut connection) = try_connect(&self.database).await
                && let Ok(Some(name)) = roles::leader_name(&mut connection).await
            {
                let nth = name.strip_prefix("server-").unwrap();
                return nth.parse().unwrap();
            }
            self.marker.count(4).await;
        }
    }

    /// A server that does not lead.
    pub async fn follower(&mut self) -> usize {
        let leader = self.leader().await;
        (leader + 1 + self.random.below(SERVERS as u64 - 1) as usize) % SERVERS
    }

    /// Waits until another server leads.
    pub async fn until_another_leads(&self, than: usize) {
        while self.leader().await == than {
            self.marker.count(4).await;
        }
    }
}

/// The queries of a client; each is somebody's.
fn choose(number: usize, random: &mut Random) -> Vec<&'static Query> {
    let mut chosen = vec![match number % 4 {
        0 => &LEDGER,
        _ => &QUERIES[number % QUERIES.len()],
    }];
    while chosen.len() < LISTS {
        let query = &QUERIES[random.below(QUERIES.len() as u64) as usize];
        if !chosen.iter().any(|other| std::ptr::eq(*other, query)) {
            chosen.push(query);
        }
    }
    chosen
}

/// Has one client after another leave its server for another one.
async fn move_about(clients: Vec<Arc<Client>>, mut random: Random) {
    let mut pace = interval(MOVES / clients.len() as u32);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        pace.tick().await;
        random.pick(&clients).moved.notify_one();
    }
}
