//! The local time zone, by the rules of the C library: nothing but the one file is read that describes it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use jiff::tz::TimeZone;

/// The zone of a machine.
const SYSTEM_ZONE: &str = "/etc/localtime";
/// Where zones have names, unless `TZDIR` says otherwise.
const ZONES: &str = "/usr/share/zoneinfo";

/// The local time zone (`TZ`, else the system's; UTC when neither says anything).
///
/// It is read once. A program that changes its root directory calls this before it does.
pub fn local_zone() -> &'static TimeZone {
    static ZONE: OnceLock<TimeZone> = OnceLock::new();
    ZONE.get_or_init(|| {
        let zones = std::env::var_os("TZDIR").filter(|zones| !zones.is_empty()).unwrap_or_else(|| ZONES.into());
        let read = |path: &Path| std::fs::read(path).ok();
        find(std::env::var_os("TZ"), &zones, &read).unwrap_or(TimeZone::UTC)
    })
}

/// The zone that a value of `TZ` means: a file, by its name or its path, or rules (`CET-1CEST,M3.5.0,M10.5.0/3`).
fn find(tz: Option<OsString>, zones: &OsStr, read: &dyn Fn(&Path) -> Option<Vec<u8>>) -> Option<TimeZone> {
    let from_file = |path: &Path| TimeZone::tzif("local", &read(path)?).ok();
    let Some(value) = tz else { return from_file(Path::new(SYSTEM_ZONE)) };
    let value = value.as_bytes().strip_prefix(b":").unwrap_or(value.as_bytes());
    if value.is_empty() {
        return None;
    }
    // Joining an absolute path gives that path.
    let path = PathBuf::from(zones).join(OsStr::from_bytes(value));
    from_file(&path).or_else(|| TimeZone::posix(std::str::from_utf8(value).ok()?).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn summer_time(tz: Option<&str>) -> Option<String> {
        let read = |path: &Path| {
            let known = ["/etc/localtime", "/zones/Europe/Berlin"].contains(&path.to_str()?);
            known.then(|| std::fs::read("/usr/share/zoneinfo/Europe/Berlin").ok())?
        };
        let zone = find(tz.map(OsString::from), OsStr::new("/zones"), &read)?;
        let time = Timestamp::from_second(1_782_000_000).ok()?.to_zoned_datetime(zone);
        Some(time.strftime("%H:%M %z %Z").to_string())
    }

    #[test]
    fn a_zone_is_rules_or_a_file_or_the_systems() {
        assert_eq!(summer_time(Some("CET-1CEST,M3.5.0,M10.5.0/3")).as_deref(), Some("02:00 +0200 CEST"));
        assert_eq!(summer_time(Some("EST5")).as_deref(), Some("19:00 -0500 EST"));
        assert_eq!(summer_time(Some("")), None);
        assert_eq!(summer_time(Some("no zone")), None);
        if Path::new("/usr/share/zoneinfo/Europe/Berlin").exists() {
            for tz in [None, Some("Europe/Berlin"), Some(":Europe/Berlin"), Some("/zones/Europe/Berlin")] {
                assert_eq!(summer_time(tz).as_deref(), Some("02:00 +0200 CEST"), "{tz:?}");
            }
        }
    }
}
