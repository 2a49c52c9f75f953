//! How a play failed.

use crate::preview::Preview;
use crate::report::Report;
use crate::server::hub::Hub;
use crate::server::memory::Plot;
use crate::server::plan::Plan;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// The most cuts that are shown, and how many bytes on either side.
const SHOWN_CUTS: usize = 3;
const SHOWN_BYTES: usize = 20;

/// How a play failed.
pub(super) struct Setback {
    report: Option<Report>,
    notes: Vec<String>,
    plot: Arc<Plot>,
    hub: Arc<Hub>,
}

impl Setback {
    pub(super) fn new(report: Option<Report>, notes: Vec<String>, plot: Arc<Plot>, hub: Arc<Hub>) -> Self {
        Self { report, notes, plot, hub }
    }

    pub(super) fn plot(&self) -> &Plot {
        &self.plot
    }

    /// Returns the text for a test that fails with it, with what was found out about it.
    pub(super) fn text(self, findings: Vec<String>) -> String {
        let notes = self.notes.into_iter().chain(findings);
        match self.report {
            Some(mut report) => {
                notes.for_each(|note| report.add_note(note));
                self.hub.add_capture(&mut report);
                report.to_string()
            }
            None => notes.collect::<Vec<String>>().join("\n  "),
        }
    }

    /// Returns what the client was sent around the cuts of a plan; nothing if that is more than a line has room for.
    pub(super) fn pieces(&self, plan: &Plan) -> String {
        self.shown_pieces(plan).map_or_else(String::new, |pieces| format!(": {pieces}"))
    }

    fn shown_pieces(&self, plan: &Plan) -> Option<String> {
        let cuts = plan.named_cuts();
        let connection = cuts.first().filter(|_| cuts.len() <= SHOWN_CUTS)?.connection;
        let passed = self.plot.passed();
        let passed = passed.get(usize::try_from(connection - 1).ok()?)?;
        let offset = |at: u64| usize::try_from(at).ok().filter(|at| *at < passed.bytes.len());
        let cuts = cuts.iter().map(|cut| offset(cut.at).filter(|_| cut.connection == connection));
        let cuts: Vec<usize> = cuts.collect::<Option<_>>()?;
        let mut from = cuts.first()?.saturating_sub(SHOWN_BYTES);
        let mut text = String::from(if from > 0 { "..." } else { "" });
        for to in cuts {
            text += &format!("{} | ", Preview::of(&passed.bytes[from..to]));
            from = to;
        }
        let rest = &passed.bytes[from..passed.bytes.len().min(from + SHOWN_BYTES)];
        text += &Preview::head_of(rest, passed.sent - from as u64).to_string();
        if connection > 1 {
            text += &format!(" on connection {connection}");
        }
        Some(text)
    }
}
