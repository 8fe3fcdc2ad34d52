//! What tables need from main.cf.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

use config::{Config, params};

/// The parameters that tables depend on; one for all tables of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `smtputf8_enable`: UTF-8 checks and Unicode case folding, for tables opened with [`crate::Flags::UTF8_REQUEST`].
    pub smtputf8_enable: bool,
    /// `berkeley_db_create_buffer_size`, bytes: the page cache while a hash or btree file is built or updated.
    pub berkeley_db_create_buffer_size: usize,
    /// `berkeley_db_read_buffer_size`, bytes: the page cache of a hash or btree file that is only read.
    pub berkeley_db_read_buffer_size: usize,
    /// `lmdb_map_size`, bytes: the initial map size.
    pub lmdb_map_size: usize,
    /// `daemon_table_open_error_is_fatal`: a daemon ends when it cannot open a table.
    pub daemon_table_open_error_is_fatal: bool,
    /// `queue_directory`.
    pub queue_directory: PathBuf,
    /// `proxymap_service_name`.
    pub proxymap_service_name: String,
    /// `proxywrite_service_name`.
    pub proxywrite_service_name: String,
    /// `socketmap_max_query_size`, bytes: longer keys are not asked for.
    pub socketmap_max_query_size: usize,
    /// `socketmap_max_reply_size`, bytes: the longest reply that is taken.
    pub socketmap_max_reply_size: usize,
    /// `ipc_timeout`.
    pub ipc_timeout: Duration,
    /// `ipc_idle`.
    pub ipc_idle: Duration,
    /// `ipc_ttl`.
    pub ipc_ttl: Duration,
}

impl From<&Config> for Settings {
    fn from(config: &Config) -> Self {
        let size = |bytes: i64| usize::try_from(bytes).unwrap_or(0);
        Settings {
            smtputf8_enable: config.get(params::SMTPUTF8_ENABLE),
            berkeley_db_create_buffer_size: size(config.get(params::BERKELEY_DB_CREATE_BUFFER_SIZE)),
            berkeley_db_read_buffer_size: size(config.get(params::BERKELEY_DB_READ_BUFFER_SIZE)),
            lmdb_map_size: size(config.get(params::LMDB_MAP_SIZE)),
            daemon_table_open_error_is_fatal: config.get(params::DAEMON_TABLE_OPEN_ERROR_IS_FATAL),
            queue_directory: PathBuf::from(OsStr::from_bytes(config.get(params::QUEUE_DIRECTORY))),
            proxymap_service_name: text::show(config.get(params::PROXYMAP_SERVICE_NAME)).to_string(),
            proxywrite_service_name: text::show(config.get(params::PROXYWRITE_SERVICE_NAME)).to_string(),
            socketmap_max_query_size: size(config.get(params::SOCKETMAP_MAX_QUERY_SIZE)),
            socketmap_max_reply_size: size(config.get(params::SOCKETMAP_MAX_REPLY_SIZE)),
            ipc_timeout: config.get(params::IPC_TIMEOUT),
            ipc_idle: config.get(params::IPC_IDLE),
            ipc_ttl: config.get(params::IPC_TTL),
        }
    }
}

impl Default for Settings {
    /// The built-in defaults of the parameters.
    fn default() -> Self {
        Settings {
            smtputf8_enable: true,
            berkeley_db_create_buffer_size: 16 << 20,
            berkeley_db_read_buffer_size: 128 << 10,
            lmdb_map_size: 16 << 20,
            daemon_table_open_error_is_fatal: false,
            queue_directory: "/var/spool/postfix".into(),
            proxymap_service_name: "proxymap".into(),
            proxywrite_service_name: "proxywrite".into(),
            socketmap_max_query_size: 10_000,
            socketmap_max_reply_size: 100_000,
            ipc_timeout: Duration::from_secs(3600),
            ipc_idle: Duration::from_secs(5),
            ipc_ttl: Duration::from_secs(1000),
        }
    }
}
