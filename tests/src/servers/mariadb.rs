//! MariaDB.

use std::fs;

use sys::signal::Signal;

use super::{Certificate, Program, Server, data_directory, find, free_address, unpacked};

impl Server {
    /// Starts a MariaDB server with a database `mail`, which these statements fill, one on each line, and a user `reader`
    /// with the password `secret`. Its socket is `socket` in its directory. `None` if there is none here.
    pub fn mariadb(statements: &str, certificate: Option<&Certificate>) -> Option<Self> {
        let program = Program::unprivileged(find("usr/sbin/mariadbd")?);
        let directory = data_directory();
        let at = |name: &str| directory.path().join(name).display().to_string();
        let share = [unpacked().join("usr/share/mysql"), "/usr/share/mysql".into()];
        let share = share.into_iter().find(|path| path.exists()).expect("the server's messages");
        let common = [
            "--no-defaults".to_owned(),
            format!("--datadir={}", at("data")),
            // Servers remove each other's temporary tables where they share a folder for these.
            format!("--tmpdir={}", directory.path().display()),
            format!("--lc-messages-dir={}", share.display()),
            "--skip-innodb".to_owned(),
            "--default-storage-engine=Aria".to_owned(),
        ];
        fs::create_dir(at("data")).expect("a directory");
        program.make_own(&at("data"));
        let mut bootstrap: Vec<&str> = common.iter().map(String::as_str).collect();
        bootstrap.push("--bootstrap");
        let read = |name: &str| fs::read_to_string(share.join(name)).expect("the server's own tables");
        let tables = read("mysql_system_tables.sql") + &read("mysql_system_tables_data.sql");
        program.run(&bootstrap, &format!("create database mysql;\nuse mysql;\n{tables}"));
        let mut first = String::from("CREATE DATABASE IF NOT EXISTS mail CHARACTER SET utf8mb4;\n");
        for host in ["%", "localhost"] {
            first += &format!("CREATE USER IF NOT EXISTS reader@'{host}' IDENTIFIED BY 'secret';\n");
            first += &format!("GRANT ALL ON mail.* TO reader@'{host}';\n");
        }
        fs::write(at("first.sql"), format!("{first}USE mail;\n{statements}\n")).expect("a file");
        let address = free_address();
        let mut arguments = common.to_vec();
        arguments.extend([
            "--bind-address=127.0.0.1".to_owned(),
            "--skip-name-resolve".to_owned(),
            format!("--port={}", address.port()),
            format!("--socket={}", at("socket")),
            format!("--init-file={}", at("first.sql")),
        ]);
        if let Some(certificate) = certificate {
            arguments.push(format!("--ssl-cert={}", certificate.file().display()));
            arguments.push(format!("--ssl-key={}", certificate.key().display()));
        }
        Some(Server::start(program, arguments, address, Signal::SIGKILL, directory))
    }
}
