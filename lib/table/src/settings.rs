//! What tables need from main.cf.

use std::path::PathBuf;

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
    /// `queue_directory`.
    pub queue_directory: PathBuf,
}

impl Default for Settings {
    /// The built-in defaults of the parameters.
    fn default() -> Self {
        Settings {
            smtputf8_enable: true,
            berkeley_db_create_buffer_size: 16 << 20,
            berkeley_db_read_buffer_size: 128 << 10,
            lmdb_map_size: 16 << 20,
            queue_directory: "/var/spool/postfix".into(),
        }
    }
}
