//! Whether mail for an address can be delivered, by a probe (access-milter-postscreen §12.1).

use bstr::{BString, ByteSlice};
use ipc::verify;

use crate::address_checks::{by_target, class_of};
use crate::reply::rejected;
use crate::rule::Target;
use crate::run::{Deferral, Outcome, Run, Step, Stop};

/// The longest reason, in bytes.
const LONGEST_REASON: usize = 250;

impl Run<'_> {
    /// Asks the verify service, and while it does not know, asks again.
    pub fn check_verified(&mut self, target: Target, address: &BString) -> Outcome {
        let resolved = self.resolve(target, address)?;
        let answer = self.poll(&resolved.recipient)?;
        let settings = &self.rules.settings;
        let parameters = by_target(target, &settings.unverified_sender, &settings.unverified_recipient);
        let (class, status) = (class_of(target), by_target(target, "4.1.7", "4.1.1"));
        if answer.status != 0 {
            log::warn!("verify service failure");
            let text = rejected(address, class, "address verification problem");
            return Ok(self.defer_if_permit(parameters.tempfail, Deferral::new(450, status, text)));
        }
        let code = match answer.recipient_status {
            verify::OK => return Ok(Step::Dunno),
            verify::BOUNCE => parameters.reject_code,
            _ => parameters.defer_code,
        };
        let reason = match parameters.reason.is_empty() {
            true => answer.reason[..answer.reason.len().min(LONGEST_REASON)].as_bstr(),
            false => parameters.reason.as_bstr(),
        };
        let why = |what: &str| rejected(address, class, [what.as_bytes(), reason].concat());
        match code {
            200..=299 => Ok(Step::Dunno),
            400..=499 => {
                let deferral = Deferral::new(code, status, why("unverified address: "));
                Ok(self.defer_if_permit(parameters.tempfail, deferral))
            }
            _ => Ok(self.reject(code, status.as_bytes(), why("undeliverable address: "))),
        }
    }

    fn poll(&mut self, address: &[u8]) -> Result<verify::Answer, Stop> {
        let (count, delay) = (self.rules.settings.poll_count, self.rules.settings.poll_delay);
        let mut asked = 0;
        loop {
            let answer = self.doors.verifier.query(address).map_err(Stop::Fatal)?;
            asked += 1;
            if answer.status != 0 || answer.recipient_status != verify::TODO || asked >= count {
                return Ok(answer);
            }
            self.doors.clock.sleep(delay);
        }
    }
}
