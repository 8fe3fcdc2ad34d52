//! Processes and the services that they offer each other.

use super::keys;

keys! {
    /// The address verification service.
    ADDRESS_VERIFY_SERVICE_NAME: Str = "address_verify_service_name";
    /// How long a daemon waits, after its last client, for unfinished work.
    APPLICATION_EVENT_DRAIN_TIME: Time = "application_event_drain_time";
    /// Who may flush the queue with a command.
    AUTHORIZED_FLUSH_USERS: Str = "authorized_flush_users";
    /// Who may list the queue.
    AUTHORIZED_MAILQ_USERS: Str = "authorized_mailq_users";
    /// Who may submit mail with a command.
    AUTHORIZED_SUBMIT_USERS: Str = "authorized_submit_users";
    /// The service that keeps records of failed recipients and returns mail.
    BOUNCE_SERVICE_NAME: Str = "bounce_service_name";
    /// The service that puts new mail into the queue.
    CLEANUP_SERVICE_NAME: Str = "cleanup_service_name";
    /// Whether a table that cannot be opened ends the daemon.
    DAEMON_TABLE_OPEN_ERROR_IS_FATAL: Bool = "daemon_table_open_error_is_fatal";
    /// How long a daemon may take over one request before its watchdog ends it.
    DAEMON_TIMEOUT: Time = "daemon_timeout";
    /// How many processes of one service there may be, unless master.cf says.
    DEFAULT_PROCESS_LIMIT: Int = "default_process_limit";
    /// The service that keeps records of deferred recipients.
    DEFER_SERVICE_NAME: Str = "defer_service_name";
    /// Whether to keep queue files that would be removed, for debugging.
    DONT_REMOVE: Int = "dont_remove";
    /// What an empty sender address is looked up as in local_login_sender_maps.
    EMPTY_ADDRESS_LOCAL_LOGIN_SENDER_MAPS_LOOKUP_KEY: Str = "empty_address_local_login_sender_maps_lookup_key";
    /// The delivery agent that fails every recipient.
    ERROR_SERVICE_NAME: Str = "error_service_name";
    /// How old an empty record of the flush service is before it is removed.
    FAST_FLUSH_PURGE_TIME: Time = "fast_flush_purge_time";
    /// How old a record of the flush service is before it is tried.
    FAST_FLUSH_REFRESH_TIME: Time = "fast_flush_refresh_time";
    /// For tests: which fault to make.
    FAULT_INJECTION_CODE: Int = "fault_injection_code";
    /// The service that keeps track of deferred mail by destination.
    FLUSH_SERVICE_NAME: Str = "flush_service_name";
    /// How many times to try to make a process.
    FORK_ATTEMPTS: Int = "fork_attempts";
    /// The pause between attempts to make a process.
    FORK_DELAY: Time = "fork_delay";
    /// The pause before a new message is taken when mail arrives faster than it is delivered.
    IN_FLOW_DELAY: Time = "in_flow_delay";
    /// How long an unused connection to a service is kept.
    IPC_IDLE: Time = "ipc_idle";
    /// How long to wait for an answer from a service.
    IPC_TIMEOUT: Time = "ipc_timeout";
    /// How long a connection to a service is used.
    IPC_TTL: Time = "ipc_ttl";
    /// Tables of the sender addresses that a local account may use.
    LOCAL_LOGIN_SENDER_MAPS: Str = "local_login_sender_maps";
    /// Services of master.cf that the master does not start.
    MASTER_SERVICE_DISABLE: Str = "master_service_disable";
    /// How long a daemon waits for the next request before it ends.
    MAX_IDLE: Time = "max_idle";
    /// How many requests a daemon serves before it ends.
    MAX_USE: Int = "max_use";
    /// The service that takes mail from the maildrop directory.
    PICKUP_SERVICE_NAME: Str = "pickup_service_name";
    /// The service that writes the log file.
    POSTLOG_SERVICE_NAME: Str = "postlog_service_name";
    /// How long postlogd(8) may take over one request.
    POSTLOGD_WATCHDOG_TIMEOUT: Time = "postlogd_watchdog_timeout";
    /// The postfix(1) commands that postmulti(1) runs for enabled instances only.
    POSTMULTI_CONTROL_COMMANDS: Str = "postmulti_control_commands";
    /// The postfix(1) commands that start an instance.
    POSTMULTI_START_COMMANDS: Str = "postmulti_start_commands";
    /// The postfix(1) commands that stop an instance.
    POSTMULTI_STOP_COMMANDS: Str = "postmulti_stop_commands";
    /// The service that looks tables up for others.
    PROXYMAP_SERVICE_NAME: Str = "proxymap_service_name";
    /// The service that looks tables up and changes them for others.
    PROXYWRITE_SERVICE_NAME: Str = "proxywrite_service_name";
    /// The queue manager.
    QUEUE_SERVICE_NAME: Str = "queue_service_name";
    /// The service that rewrites and resolves addresses.
    REWRITE_SERVICE_NAME: Str = "rewrite_service_name";
    /// Which line endings of mail that sendmail(1) reads are made into newlines: always, strict, never.
    SENDMAIL_FIX_LINE_ENDINGS: Str = "sendmail_fix_line_endings";
    /// How long the master waits before it starts a service again that failed.
    SERVICE_THROTTLE_TIME: Time = "service_throttle_time";
    /// The service that lists the queue.
    SHOWQ_SERVICE_NAME: Str = "showq_service_name";
    /// How old a lock file of an unknown owner is before it is removed.
    STALE_LOCK_TIME: Time = "stale_lock_time";
    /// The receive and send buffer of TCP connections in bytes; 0 for the system's choice.
    TCP_WINDOWSIZE: Int = "tcp_windowsize";
    /// The service that keeps records for delivery reports.
    TRACE_SERVICE_NAME: Str = "trace_service_name";
    /// How long to wait for a service to take a wake-up call.
    TRIGGER_TIMEOUT: Time = "trigger_timeout";
}
