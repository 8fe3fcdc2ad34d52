//! PostgreSQL.

use std::fs;

use sys::signal::Signal;

use super::{Certificate, Program, Server, data_directory, find, free_address};

impl Server {
    /// Starts a PostgreSQL server with a database `mail`, which these statements fill, one on each line, and a user `reader`
    /// with the password `secret`. Its socket is in its directory. `None` if there is none here.
    pub fn postgresql(statements: &str, certificate: Option<&Certificate>) -> Option<Self> {
        let make = Program::unprivileged(find("usr/lib/postgresql/15/bin/initdb")?);
        let program = Program::unprivileged(find("usr/lib/postgresql/15/bin/postgres")?);
        let directory = data_directory();
        let at = |name: &str| directory.path().join(name).display().to_string();
        let data = at("data");
        make.run(&["-D", &data, "-U", "admin", "-A", "trust", "-N", "-E", "UTF8", "--locale=C"], "");
        let single = |database: &str, text: &str| {
            program.run(&["--single", "-D", &data, "-c", "exit_on_error=true", "-c", "fsync=off", database], text);
        };
        single("postgres", "CREATE ROLE reader LOGIN PASSWORD 'secret'\nCREATE DATABASE mail OWNER reader\n");
        single("mail", &format!("SET SESSION AUTHORIZATION reader\n{statements}\n"));
        let address = free_address();
        let words = ["-D", &data, "-F", "-h", "127.0.0.1", "-k", &at(""), "-p", &address.port().to_string()];
        let mut arguments: Vec<String> = words.map(String::from).to_vec();
        if let Some(certificate) = certificate {
            let (file, key) = (certificate.file(), certificate.key());
            for setting in [
                "ssl=on".into(),
                format!("ssl_cert_file={}", file.display()),
                format!("ssl_key_file={}", key.display()),
            ] {
                arguments.extend(["-c".to_owned(), setting]);
            }
        }
        let login = "local all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\n";
        fs::write(at("data/pg_hba.conf"), login).expect("a file");
        let state = directory.path().join("data/postmaster.pid");
        let mut server = Server::start(program, arguments, address, Signal::SIGQUIT, directory);
        server.state = Some(state);
        server.wait_for_start();
        Some(server)
    }
}
