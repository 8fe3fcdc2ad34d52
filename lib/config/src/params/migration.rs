//! Leaving Berkeley DB: programs that use another table type in place of hash and btree.

use super::keys;

keys! {
    /// A table that says which type is used in place of a Berkeley DB one: looked up with type:name, then with the type
    /// alone. Empty for default_database_type and default_cache_db_type. Since 3.11.
    NON_BDB_CUSTOM_MAPPING: Str = "non_bdb_custom_mapping";
    /// The directories, owned by root, below which the reindexing service makes new tables. Since 3.11.
    NON_BDB_MIGRATION_ALLOW_ROOT_PREFIXES: Str = "non_bdb_migration_allow_root_prefixes";
    /// The directories, owned by others, below which the reindexing service makes new tables. Since 3.11.
    NON_BDB_MIGRATION_ALLOW_USER_PREFIXES: Str = "non_bdb_migration_allow_user_prefixes";
    /// What is done with hash and btree tables: disable (nothing), enable-redirect (another type is used), enable-
    /// reindex (and is made if it is missing). Since 3.11.
    NON_BDB_MIGRATION_LEVEL: Str = "non_bdb_migration_level";
    /// Whether the use of another type is logged. Since 3.11.
    NON_BDB_MIGRATION_LOG_REDIRECT: Bool = "non_bdb_migration_log_redirect";
    /// The service that makes missing tables of another type. Since 3.11.
    NON_BDB_MIGRATION_SERVICE_NAME: Str = "non_bdb_migration_service_name";
}
