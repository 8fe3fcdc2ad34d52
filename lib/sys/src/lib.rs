//! The operating system, made safe: descriptors, locks, privileges, sockets, users, signals, limits (floor 1).
