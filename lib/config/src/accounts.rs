//! Checks of the accounts that mail runs under (config §4.5).

use bstr::{BStr, ByteSlice};
use sys::privilege::{self, Account};
use text::show;

/// What main.cf says, and what the user database knows.
pub(crate) struct Accounts<'a> {
    pub default_privs: &'a BStr,
    pub mail_owner: &'a BStr,
    pub setgid_group: &'a BStr,
}

/// Checks the three accounts, alone and against each other. The error is the text after the file's name.
pub(crate) fn check(named: &Accounts<'_>) -> Result<(), String> {
    let privs = user("default_privs", named.default_privs)?;
    let owner = user("mail_owner", named.mail_owner)?;
    check_unshared(&owner)?;
    let group = group(named.setgid_group)?;
    let (a, b) = (show(named.default_privs), show(named.mail_owner));
    let both = "parameters default_privs and mail_owner";
    if named.default_privs == named.mail_owner {
        return Err(format!("{both} specify the same user {a}"));
    }
    if privs.uid == owner.uid {
        return Err(format!("{both}: users {a} and {b} have the same user ID: {}", owner.uid));
    }
    if privs.gid == owner.gid {
        return Err(format!("{both}: users {a} and {b} have the same group ID: {}", owner.gid));
    }
    for (parameter, user, gid) in [("default_privs", a, privs.gid), ("mail_owner", b, owner.gid)] {
        if gid == group {
            let name = show(named.setgid_group);
            return Err(format!(
                "parameters {parameter} and setgid_group: user {user} and group {name} have the same group ID: {gid}"
            ));
        }
    }
    Ok(())
}

fn user(parameter: &str, name: &BStr) -> Result<Account, String> {
    let known = name.to_str().ok().map(privilege::account).transpose();
    let shown = show(name);
    let account = match known {
        Ok(account) => account.flatten(),
        Err(error) => return Err(format!("parameter {parameter}: user {shown}: {}", sys::reason(&error))),
    };
    match account {
        None => Err(format!("parameter {parameter}: unknown user name value: {shown}")),
        Some(account) if account.uid == 0 => Err(format!("parameter {parameter}: user {shown} has privileged user ID")),
        Some(account) if account.gid == 0 => {
            Err(format!("parameter {parameter}: user {shown} has privileged group ID"))
        }
        Some(account) => Ok(account),
    }
}

fn check_unshared(owner: &Account) -> Result<(), String> {
    match privilege::account_of(owner.uid) {
        Ok(Some(other)) if other.name != owner.name => {
            Err(format!("parameter mail_owner: user {} has same user ID as {}", owner.name, other.name))
        }
        Ok(_) => Ok(()),
        Err(error) => Err(format!("parameter mail_owner: user {}: {}", owner.name, sys::reason(&error))),
    }
}

fn group(name: &BStr) -> Result<u32, String> {
    let shown = show(name);
    let known = match name.to_str().ok().map(privilege::group).transpose() {
        Ok(group) => group.flatten(),
        Err(error) => return Err(format!("parameter setgid_group: group {shown}: {}", sys::reason(&error))),
    };
    match known {
        None => Err(format!("parameter setgid_group: unknown group name: {shown}")),
        Some(0) => Err(format!("parameter setgid_group: group {shown} has privileged group ID")),
        Some(gid) => match privilege::group_of(gid) {
            Ok(Some(other)) if other != name.as_bytes().to_str_lossy() => {
                Err(format!("parameter setgid_group: group {shown} has same group ID as {other}"))
            }
            Ok(_) => Ok(gid),
            Err(error) => Err(format!("parameter setgid_group: group {shown}: {}", sys::reason(&error))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(default_privs: &str, mail_owner: &str, setgid_group: &str) -> String {
        let named = Accounts {
            default_privs: default_privs.into(),
            mail_owner: mail_owner.into(),
            setgid_group: setgid_group.into(),
        };
        check(&named).unwrap_err()
    }

    #[test]
    fn accounts_without_rights_and_apart_from_each_other() {
        assert_eq!(problem("root", "x", "x"), "parameter default_privs: user root has privileged user ID");
        assert_eq!(problem("nosuch", "x", "x"), "parameter default_privs: unknown user name value: nosuch");
        assert_eq!(problem("nobody", "root", "x"), "parameter mail_owner: user root has privileged user ID");
        assert_eq!(problem("nobody", "daemon", "root"), "parameter setgid_group: group root has privileged group ID");
        assert_eq!(
            problem("daemon", "daemon", "mail"),
            "parameters default_privs and mail_owner specify the same user daemon"
        );
        assert!(
            problem("nobody", "mail", "mail").starts_with("parameters mail_owner and setgid_group: user mail and ")
        );
    }
}
