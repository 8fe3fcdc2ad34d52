//! Directories, accounts, names: what the mail system is and where it lives.

use super::keys;

keys! {
    /// Other configuration directories that set-gid commands accept from an unprivileged user.
    ALTERNATE_CONFIG_DIRECTORIES: Str = "alternate_config_directories";
    /// The directory of the administrative commands.
    COMMAND_DIRECTORY: Str = "command_directory";
    /// The level below which older defaults stay in force: major[.minor[.patch]].
    COMPATIBILITY_LEVEL: Str = "compatibility_level";
    /// The directory of main.cf and master.cf.
    CONFIG_DIRECTORY: Str = "config_directory";
    /// The directory of the daemon programs and scripts.
    DAEMON_DIRECTORY: Str = "daemon_directory";
    /// A directory that the mail owner may write, for caches and the like.
    DATA_DIRECTORY: Str = "data_directory";
    /// How much the verbosity rises while a peer of debug_peer_list is served.
    DEBUG_PEER_LEVEL: Int = "debug_peer_level";
    /// Hosts, domains, networks and tables of peers with more verbose logging.
    DEBUG_PEER_LIST: Str = "debug_peer_list";
    /// The command that a program runs when it is started with -D.
    DEBUGGER_COMMAND: Str = "debugger_command";
    /// The table type of caches, for values that refer to it. Since 3.11.
    DEFAULT_CACHE_DB_TYPE: Str = "default_cache_db_type";
    /// The table type that commands take when none is named.
    DEFAULT_DATABASE_TYPE: Str = "default_database_type";
    /// The account for deliveries to files and commands that have no account of their own.
    DEFAULT_PRIVS: Str = "default_privs";
    /// The environment of the commands and programs that the mail system runs.
    EXPORT_ENVIRONMENT: Str = "export_environment";
    /// Whether to log warnings about likely mistakes in the configuration.
    HELPFUL_WARNINGS: Bool = "helpful_warnings";
    /// The directory of the documentation in HTML, or no.
    HTML_DIRECTORY: Str = "html_directory";
    /// What is kept of the environment that a program is started with.
    IMPORT_ENVIRONMENT: Str = "import_environment";
    /// Port numbers of services that are known without the system's services database.
    KNOWN_TCP_PORTS: Str = "known_tcp_ports";
    /// The name of the mail system, in greetings and headers.
    MAIL_NAME: Str = "mail_name";
    /// The account that owns the queue and that most daemons run as; it owns nothing else.
    MAIL_OWNER: Str = "mail_owner";
    /// The release date of this version.
    MAIL_RELEASE_DATE: Str = "mail_release_date";
    /// The version number of the mail system.
    MAIL_VERSION: Str = "mail_version";
    /// The log file that postlogd(8) writes; empty for syslog.
    MAILLOG_FILE: Str = "maillog_file";
    /// The command that compresses a rotated log file.
    MAILLOG_FILE_COMPRESSOR: Str = "maillog_file_compressor";
    /// The permissions of a new log file: 0600, 0640 or 0644; with another value 0600, and a warning. Since 3.9.
    MAILLOG_FILE_PERMISSIONS: Str = "maillog_file_permissions";
    /// What the name of a log file must begin with.
    MAILLOG_FILE_PREFIXES: Str = "maillog_file_prefixes";
    /// The strftime(3) format of the suffix of a rotated log file.
    MAILLOG_FILE_ROTATE_SUFFIX: Str = "maillog_file_rotate_suffix";
    /// The file in which postlogd(8) writes what happens to mail as JSON, one object for each event, besides the log; empty for none. It
    /// must begin with one of maillog_file_prefixes, else every program ends. Only Posthorn has this.
    MAILLOG_JSON_FILE: Str = "maillog_json_file";
    /// The path of the mailq(1) command.
    MAILQ_PATH: Str = "mailq_path";
    /// The directory of the manual pages.
    MANPAGE_DIRECTORY: Str = "manpage_directory";
    /// The directory of files that describe the installation.
    META_DIRECTORY: Str = "meta_directory";
    /// The configuration directories of further instances.
    MULTI_INSTANCE_DIRECTORIES: Str = "multi_instance_directories";
    /// Whether this instance is started by the multi-instance manager.
    MULTI_INSTANCE_ENABLE: Bool = "multi_instance_enable";
    /// The group of instances that this one belongs to.
    MULTI_INSTANCE_GROUP: Str = "multi_instance_group";
    /// The name of this instance.
    MULTI_INSTANCE_NAME: Str = "multi_instance_name";
    /// The command that postfix(1) runs when there are several instances.
    MULTI_INSTANCE_WRAPPER: Str = "multi_instance_wrapper";
    /// The path of the newaliases(1) command.
    NEWALIASES_PATH: Str = "newaliases_path";
    /// The ID of this process.
    PROCESS_ID: Int = "process_id";
    /// The directory, below the queue directory, of the daemons' lock files.
    PROCESS_ID_DIRECTORY: Str = "process_id_directory";
    /// The name of this program.
    PROCESS_NAME: Str = "process_name";
    /// The directory of the queue, and where daemons run; the root of those in a chroot.
    QUEUE_DIRECTORY: Str = "queue_directory";
    /// The directory of README files, or no.
    README_DIRECTORY: Str = "readme_directory";
    /// The directory of sample configuration files.
    SAMPLE_DIRECTORY: Str = "sample_directory";
    /// The path of the sendmail(1) command.
    SENDMAIL_PATH: Str = "sendmail_path";
    /// The name in master.cf of the service that this daemon offers.
    SERVICE_NAME: Str = "service_name";
    /// The group of the set-gid commands, and of nothing else.
    SETGID_GROUP: Str = "setgid_group";
    /// The directory of shared libraries, or no.
    SHLIB_DIRECTORY: Str = "shlib_directory";
    /// The syslog facility.
    SYSLOG_FACILITY: Str = "syslog_facility";
    /// What the tag of log records begins with.
    SYSLOG_NAME: Str = "syslog_name";
}
