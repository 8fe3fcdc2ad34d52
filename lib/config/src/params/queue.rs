//! The queue, the queue manager, bounces.

use super::keys;

keys! {
    /// Who is told of bounces that cannot be returned.
    DOUBLE_BOUNCE_NOTICE_RECIPIENT: Str = "2bounce_notice_recipient";
    /// How many address probes may be in the active queue.
    ADDRESS_VERIFY_PENDING_REQUEST_LIMIT: Int = "address_verify_pending_request_limit";
    /// Whether records of failed recipients also have the older form.
    BACKWARDS_BOUNCE_LOGFILE_COMPATIBILITY: Bool = "backwards_bounce_logfile_compatibility";
    /// Who is told of mail that was returned, if notify_classes has bounce.
    BOUNCE_NOTICE_RECIPIENT: Str = "bounce_notice_recipient";
    /// How long bounces are tried before they are given up.
    BOUNCE_QUEUE_LIFETIME: Time = "bounce_queue_lifetime";
    /// How many bytes of a message a bounce has.
    BOUNCE_SIZE_LIMIT: Int = "bounce_size_limit";
    /// The file of the texts of bounces.
    BOUNCE_TEMPLATE_FILE: Str = "bounce_template_file";
    /// Whether the sender of delayed mail is told that it was delivered after all.
    CONFIRM_DELAY_CLEARED: Bool = "confirm_delay_cleared";
    /// How many deliveries earn one slot for a message to go ahead.
    DEFAULT_DELIVERY_SLOT_COST: Int = "default_delivery_slot_cost";
    /// The percentage of slots that a message need not have to go ahead.
    DEFAULT_DELIVERY_SLOT_DISCOUNT: Int = "default_delivery_slot_discount";
    /// How many slots a message may be short of.
    DEFAULT_DELIVERY_SLOT_LOAN: Int = "default_delivery_slot_loan";
    /// How many cohorts may fail before a destination counts as dead; 0 for no limit.
    DEFAULT_DESTINATION_CONCURRENCY_FAILED_COHORT_LIMIT: Int = "default_destination_concurrency_failed_cohort_limit";
    /// How many deliveries to one destination may go on at once; 0 for no limit.
    DEFAULT_DESTINATION_CONCURRENCY_LIMIT: Int = "default_destination_concurrency_limit";
    /// How much concurrency a failed delivery takes.
    DEFAULT_DESTINATION_CONCURRENCY_NEGATIVE_FEEDBACK: Str = "default_destination_concurrency_negative_feedback";
    /// How much concurrency a delivery gives.
    DEFAULT_DESTINATION_CONCURRENCY_POSITIVE_FEEDBACK: Str = "default_destination_concurrency_positive_feedback";
    /// The pause between deliveries to one destination.
    DEFAULT_DESTINATION_RATE_DELAY: Time = "default_destination_rate_delay";
    /// How many recipients one delivery may have; 0 for no limit.
    DEFAULT_DESTINATION_RECIPIENT_LIMIT: Int = "default_destination_recipient_limit";
    /// How many recipients may be in memory beyond the limit for messages that go ahead.
    DEFAULT_EXTRA_RECIPIENT_LIMIT: Int = "default_extra_recipient_limit";
    /// The next hop of a content filter that names none; empty for the recipient's domain.
    DEFAULT_FILTER_NEXTHOP: Str = "default_filter_nexthop";
    /// How many slots a message must have before another may go ahead of it.
    DEFAULT_MINIMUM_DELIVERY_SLOTS: Int = "default_minimum_delivery_slots";
    /// How many recipients of one transport the queue manager has in memory.
    DEFAULT_RECIPIENT_LIMIT: Int = "default_recipient_limit";
    /// The longest time between reads of more recipients.
    DEFAULT_RECIPIENT_REFILL_DELAY: Time = "default_recipient_refill_delay";
    /// How many recipients are read at a time.
    DEFAULT_RECIPIENT_REFILL_LIMIT: Int = "default_recipient_refill_limit";
    /// The pause between deliveries over one transport.
    DEFAULT_TRANSPORT_RATE_DELAY: Time = "default_transport_rate_delay";
    /// The two bytes around the recipient in a VERP sender address.
    DEFAULT_VERP_DELIMITERS: Str = "default_verp_delimiters";
    /// The transports whose mail is deferred until it is flushed.
    DEFER_TRANSPORTS: Str = "defer_transports";
    /// How many digits after the decimal point the delays in log records have.
    DELAY_LOGGING_RESOLUTION_LIMIT: Int = "delay_logging_resolution_limit";
    /// Who is told of delayed mail, if notify_classes has delay.
    DELAY_NOTICE_RECIPIENT: Str = "delay_notice_recipient";
    /// When the sender is told that mail is delayed; 0 for never.
    DELAY_WARNING_TIME: Time = "delay_warning_time";
    /// Whether to log every change of concurrency.
    DESTINATION_CONCURRENCY_FEEDBACK_DEBUG: Bool = "destination_concurrency_feedback_debug";
    /// The sender of mail that nobody is told of when it cannot be delivered.
    DOUBLE_BOUNCE_SENDER: Str = "double_bounce_sender";
    /// Whether queue IDs are of the long kind, which never comes twice.
    ENABLE_LONG_QUEUE_IDS: Bool = "enable_long_queue_ids";
    /// Whether bounces have References and In-Reply-To headers.
    ENABLE_THREADED_BOUNCES: Bool = "enable_threaded_bounces";
    /// How many levels of subdirectories the hashed queues have.
    HASH_QUEUE_DEPTH: Int = "hash_queue_depth";
    /// The queues that are spread over subdirectories.
    HASH_QUEUE_NAMES: Str = "hash_queue_names";
    /// How addresses are written in log records: external or internal.
    INFO_LOG_ADDRESS_FORMAT: Str = "info_log_address_format";
    /// The concurrency that a new destination begins with.
    INITIAL_DESTINATION_CONCURRENCY: Int = "initial_destination_concurrency";
    /// How many deliveries to one local mailbox may go on at once.
    LOCAL_DESTINATION_CONCURRENCY_LIMIT: Int = "local_destination_concurrency_limit";
    /// How many recipients one local delivery may have.
    LOCAL_DESTINATION_RECIPIENT_LIMIT: Int = "local_destination_recipient_limit";
    /// The longest time between attempts to deliver a deferred message.
    MAXIMAL_BACKOFF_TIME: Time = "maximal_backoff_time";
    /// How long mail is tried before it is returned.
    MAXIMAL_QUEUE_LIFETIME: Time = "maximal_queue_lifetime";
    /// The largest message, in bytes, headers and envelope included; 0 is no limit.
    MESSAGE_SIZE_LIMIT: Long = "message_size_limit";
    /// The shortest time between attempts to deliver a deferred message, and how long a dead destination rests.
    MINIMAL_BACKOFF_TIME: Time = "minimal_backoff_time";
    /// What postmaster is told of.
    NOTIFY_CLASSES: Str = "notify_classes";
    /// How often to warn that a destination holds mail up; 0 for never.
    QMGR_CLOG_WARN_TIME: Time = "qmgr_clog_warn_time";
    /// How long the queue manager may be busy before its watchdog ends it.
    QMGR_DAEMON_TIMEOUT: Time = "qmgr_daemon_timeout";
    /// The share of its resources, in percent, that the old queue manager gives to one message.
    QMGR_FUDGE_FACTOR: Int = "qmgr_fudge_factor";
    /// How long the queue manager waits for a delivery agent to answer.
    QMGR_IPC_TIMEOUT: Time = "qmgr_ipc_timeout";
    /// How many messages the active queue has at most.
    QMGR_MESSAGE_ACTIVE_LIMIT: Int = "qmgr_message_active_limit";
    /// How many recipients the queue manager has in memory at most.
    QMGR_MESSAGE_RECIPIENT_LIMIT: Int = "qmgr_message_recipient_limit";
    /// How many recipients in memory every message may have.
    QMGR_MESSAGE_RECIPIENT_MINIMUM: Int = "qmgr_message_recipient_minimum";
    /// The time between scans of the deferred queue.
    QUEUE_RUN_DELAY: Time = "queue_run_delay";
    /// Whether what would be returned is kept in the queue instead.
    SOFT_BOUNCE: Bool = "soft_bounce";
    /// How long the queue manager waits before it tries a broken transport again.
    TRANSPORT_RETRY_TIME: Time = "transport_retry_time";
    /// The bytes that VERP delimiters may be.
    VERP_DELIMITER_FILTER: Str = "verp_delimiter_filter";
}
