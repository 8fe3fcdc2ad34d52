//! Keeping the inflow of mail in step with its deliveries (qmgr-bounce §1.2 step 4).

use super::{INCOMING, Manager};

impl Manager {
    /// Puts back a token for a message that came in, or fills up while nothing comes in.
    pub(super) fn control_flow(&self, from_incoming: bool) {
        let Some(tokens) = self.context.flow() else { return };
        if self.settings.in_flow_delay.is_zero() {
            return;
        }
        let (present, limit) = (tokens.count(), self.settings.process_limit);
        if present > limit {
            tokens.take(present - limit);
        } else if present < limit && from_incoming {
            tokens.put(1);
        } else if present < limit && !self.scans[INCOMING].is_running() {
            tokens.put(limit - present);
        }
    }
}
