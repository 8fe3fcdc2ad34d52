//! Whether a sender or recipient in our domains exists (access-milter-postscreen §5).

use address::{Form, Keys};
use bstr::BString;
use ipc::rewrite::{Resolved, resolved};
use table::Maps;
use text::address::split_domain;

use crate::address_checks::{by_target, class_of};
use crate::reply::rejected;
use crate::rule::Target;
use crate::run::{Outcome, Run, Step, Stop};

impl Run<'_> {
    /// Rejects an address that is nobody's; once for each sender or recipient.
    pub fn check_listed(&mut self, target: Target, address: &BString) -> Outcome {
        if !self.rules.settings.checks_recipients {
            return Ok(Step::Dunno);
        }
        let is_warning = self.state.is_warning();
        let checked = by_target(target, &mut self.state.sender_checked, &mut self.state.recipient_checked);
        if *checked {
            return Ok(Step::Dunno);
        }
        *checked = !is_warning;
        let resolved = self.resolve(target, address)?;
        if self.is_mapped(target, address, &resolved)? {
            return Ok(Step::Dunno);
        }
        match resolved.transport.as_slice() {
            b"error" => {
                let codes = &self.rules.settings.codes;
                let is_alias = resolved.flags & resolved::ALIAS != 0;
                let code = if is_alias { codes.unknown_virtual_alias_reject } else { 550 };
                Ok(self.reject_by_transport(target, address, &resolved, code, by_target(target, "5.1.0", "5.1.1")))
            }
            b"retry" => {
                Ok(self.reject_by_transport(target, address, &resolved, 450, by_target(target, "4.1.0", "4.1.1")))
            }
            _ => self.check_class(target, address, &resolved),
        }
    }

    /// Whether a table of ours turns the address into others.
    fn is_mapped(&mut self, target: Target, address: &[u8], resolved: &Resolved) -> Result<bool, Stop> {
        let tables = &self.rules.recipients;
        let first = by_target(target, &tables.sender_canonical, &tables.recipient_canonical);
        let second = by_target(target, Some(&tables.recipient_canonical), None);
        for maps in [Some(first), second, Some(&tables.canonical), Some(&tables.virtual_alias)].into_iter().flatten() {
            if self.is_in(maps, address, resolved)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_in(&mut self, maps: &Maps, address: &[u8], resolved: &Resolved) -> Result<bool, Stop> {
        let found = self.rules.finder.find(maps, &resolved.recipient, Keys::ADDRESS, Form::ExternalThenInternal);
        found.map(|found| found.is_some()).map_err(|error| self.table_error(&error, address))
    }

    /// The resolver says that the address is bad, and why.
    fn reject_by_transport(
        &mut self,
        target: Target,
        address: &[u8],
        resolved: &Resolved,
        code: i64,
        default: &str,
    ) -> Step {
        let class = class_of(target);
        let (status, why) = class.split(default, &resolved.nexthop);
        self.reject(code, &status, rejected(address, class, why))
    }

    fn check_class(&mut self, target: Target, address: &BString, resolved: &Resolved) -> Outcome {
        let (tables, codes) = (&self.rules.recipients, &self.rules.settings.codes);
        let (maps, code, table) = match resolved.flags & resolved::CLASS_MASK {
            resolved::LOCAL => (&tables.local, codes.unknown_local_recipient_reject, "local recipient"),
            resolved::VIRTUAL => (&tables.virtual_mailbox, codes.unknown_virtual_mailbox_reject, "virtual mailbox"),
            resolved::RELAY => (&tables.relay, codes.unknown_relay_recipient_reject, "relay recipient"),
            _ => return Ok(Step::Dunno),
        };
        let is_local = resolved.flags & resolved::LOCAL != 0;
        if maps.is_empty() || (is_local && self.is_always_local(resolved)) || self.is_in(maps, address, resolved)? {
            return Ok(Step::Dunno);
        }
        let why = match self.rules.settings.show_table_names {
            true => format!("User unknown in {table} table"),
            false => "User unknown".to_owned(),
        };
        Ok(self.reject_as(code, by_target(target, "5.1.0", "5.1.1"), (address, class_of(target)), &why))
    }

    /// Names that every mail system has.
    fn is_always_local(&self, resolved: &Resolved) -> bool {
        let (local_part, _) = split_domain(&resolved.recipient);
        let names: [&[u8]; 3] = [&self.rules.settings.double_bounce_sender, b"postmaster", b"MAILER-DAEMON"];
        names.iter().any(|name| local_part.eq_ignore_ascii_case(name))
    }
}
