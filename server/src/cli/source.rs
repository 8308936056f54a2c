//! The settings about where changes come from.

use clap::Args;

/// Settings for where changes come from. Checked in [`config`](crate::config).
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Settings for where changes come from")]
pub struct SourceSettings {
    /// Where changes come from: triggers on live tables; or replication, the write-ahead log by a
    /// publication and a slot, for writers that can't afford a trigger. The same for all servers of
    /// a database [default: what the database has, at first triggers]
    #[arg(
        long,
        global = true,
        env = "ROWCAST_SOURCE",
        value_name = "triggers|replication"
    )]
    pub source: Option<String>,
    /// With replication, the most bytes of the write-ahead log that are kept for the slot. Past that
    /// it is made anew, and every list is read again [default: 10737418240]
    #[arg(long, global = true, env = "ROWCAST_SLOT_MAX", value_name = "BYTES")]
    pub slot_max: Option<String>,
}
