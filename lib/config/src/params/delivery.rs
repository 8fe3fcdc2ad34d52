//! Delivery to mailboxes, files and commands.

use super::keys;

keys! {
    /// Tables of local aliases.
    ALIAS_MAPS: Str = "alias_maps";
    /// Where local(8) obeys |command: alias, forward, include.
    ALLOW_MAIL_TO_COMMANDS: Str = "allow_mail_to_commands";
    /// Where local(8) obeys /file: alias, forward, include.
    ALLOW_MAIL_TO_FILES: Str = "allow_mail_to_files";
    /// Whether users are told of new mail by the comsat service.
    BIFF: Bool = "biff";
    /// The working directory of commands that local(8) runs; expanded for each recipient.
    COMMAND_EXECUTION_DIRECTORY: Raw = "command_execution_directory";
    /// The bytes that stay in values that commands get in their environment.
    COMMAND_EXPANSION_FILTER: Str = "command_expansion_filter";
    /// How long a delivery to a command may take.
    COMMAND_TIME_LIMIT: Time = "command_time_limit";
    /// How many times to try to lock a mailbox.
    DELIVER_LOCK_ATTEMPTS: Int = "deliver_lock_attempts";
    /// The pause between attempts to lock a mailbox.
    DELIVER_LOCK_DELAY: Time = "deliver_lock_delay";
    /// The bytes that stay in values that command_execution_directory is filled in with.
    EXECUTION_DIRECTORY_EXPANSION_FILTER: Str = "execution_directory_expansion_filter";
    /// Whether an owner- alias is replaced by what it stands for.
    EXPAND_OWNER_ALIAS: Bool = "expand_owner_alias";
    /// The transport for users that local(8) does not find.
    FALLBACK_TRANSPORT: Str = "fallback_transport";
    /// Tables of transports for users that local(8) does not find.
    FALLBACK_TRANSPORT_MAPS: Str = "fallback_transport_maps";
    /// The bytes that stay in values that forward_path is filled in with.
    FORWARD_EXPANSION_FILTER: Str = "forward_expansion_filter";
    /// Where a user's .forward file may be; expanded for each recipient.
    FORWARD_PATH: Raw = "forward_path";
    /// Whether Delivered-To is updated only once.
    FROZEN_DELIVERED_TO: Bool = "frozen_delivered_to";
    /// A user's mailbox below the home directory; with a slash at the end for Maildir.
    HOME_MAILBOX: Str = "home_mailbox";
    /// The shell for commands, if not the default one.
    LOCAL_COMMAND_SHELL: Str = "local_command_shell";
    /// As default_delivery_status_filter, for local(8).
    LOCAL_DELIVERY_STATUS_FILTER: Str = "local_delivery_status_filter";
    /// Where mail for unknown local users goes; expanded for each recipient.
    LUSER_RELAY: Raw = "luser_relay";
    /// The directory of the mailboxes.
    MAIL_SPOOL_DIRECTORY: Str = "mail_spool_directory";
    /// The command that delivers to users' mailboxes.
    MAILBOX_COMMAND: Raw = "mailbox_command";
    /// Tables of such commands, by user.
    MAILBOX_COMMAND_MAPS: Str = "mailbox_command_maps";
    /// How mailboxes are locked: flock, fcntl, dotlock.
    MAILBOX_DELIVERY_LOCK: Str = "mailbox_delivery_lock";
    /// The largest mailbox or file, in bytes; 0 is no limit.
    MAILBOX_SIZE_LIMIT: Long = "mailbox_size_limit";
    /// The transport for delivery to users' mailboxes.
    MAILBOX_TRANSPORT: Str = "mailbox_transport";
    /// Tables of such transports, by user.
    MAILBOX_TRANSPORT_MAPS: Str = "mailbox_transport_maps";
    /// As default_delivery_status_filter, for pipe(8).
    PIPE_DELIVERY_STATUS_FILTER: Str = "pipe_delivery_status_filter";
    /// Which deliveries get a Delivered-To header: command, file, forward.
    PREPEND_DELIVERED_HEADER: Str = "prepend_delivered_header";
    /// Whether mail waits until the user's home directory is there.
    REQUIRE_HOME_DIRECTORY: Bool = "require_home_directory";
    /// Whether an alias without owner- alias sets the owner of list mail back.
    RESET_OWNER_ALIAS: Bool = "reset_owner_alias";
    /// Whether a mailbox must belong to its user.
    STRICT_MAILBOX_OWNERSHIP: Bool = "strict_mailbox_ownership";
    /// Obsolete, without effect; mailbox_delivery_lock took its place.
    SUN_MAILTOOL_COMPATIBILITY: Bool = "sun_mailtool_compatibility";
    /// As default_delivery_status_filter, for virtual(8).
    VIRTUAL_DELIVERY_STATUS_FILTER: Str = "virtual_delivery_status_filter";
    /// Tables of group IDs for virtual(8), by recipient.
    VIRTUAL_GID_MAPS: Str = "virtual_gid_maps";
    /// What the paths of virtual_mailbox_maps are below.
    VIRTUAL_MAILBOX_BASE: Str = "virtual_mailbox_base";
    /// The largest virtual mailbox, in bytes; 0 is no limit.
    VIRTUAL_MAILBOX_LIMIT: Long = "virtual_mailbox_limit";
    /// How virtual mailboxes are locked.
    VIRTUAL_MAILBOX_LOCK: Str = "virtual_mailbox_lock";
    /// The smallest user ID that virtual(8) delivers with.
    VIRTUAL_MINIMUM_UID: Int = "virtual_minimum_uid";
    /// Tables of user IDs for virtual(8), by recipient.
    VIRTUAL_UID_MAPS: Str = "virtual_uid_maps";
}
