//! The details of a run as comma-separated values.

use super::Report;
use crate::record::FlowRecord;
use std::io::{Result, Write};
use trama_base::Picos;

/// A line for each message; times in picoseconds, empty if it has not happened.
pub fn flows(out: &mut impl Write, flows: &[FlowRecord]) -> Result<()> {
    writeln!(out, "flow,source,destination,bytes,submitted_ps,received_ps,acknowledged_ps")?;
    let time = |at: Option<Picos>| at.map_or(String::new(), |at| at.0.to_string());
    for (index, it) in flows.iter().enumerate() {
        let (source, destination) = (it.flow.source.0, it.flow.destination.0);
        let (bytes, at) = (it.flow.bytes, time(it.submitted));
        let (received, known) = (time(it.received), time(it.acknowledged));
        writeln!(out, "{index},{source},{destination},{bytes},{at},{received},{known}")?;
    }
    Ok(())
}

impl Report {
    /// A line for each sample of queues and rates.
    pub fn write_series(&self, out: &mut impl Write) -> Result<()> {
        writeln!(out, "time_ps,longest_queue_bytes,mean_queue_bytes,hosts_send_bits_per_s")?;
        for it in &self.series {
            let (at, longest) = (it.at.0, it.longest_bytes);
            writeln!(out, "{at},{longest:.0},{:.1},{:.0}", it.mean_bytes, it.bits_per_s)?;
        }
        Ok(())
    }

    /// A line for each port.
    pub fn write_ports(&self, out: &mut impl Write) -> Result<()> {
        writeln!(out, "port,utilisation")?;
        for (name, share) in &self.utilisation {
            writeln!(out, "{name},{share:.6}")?;
        }
        Ok(())
    }
}
