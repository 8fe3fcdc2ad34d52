//! Asking tables: with postmap, and as a client of proxymap.

use crate::wire::Client;
use crate::{Instance, Output};

/// What clients of a list parameter send as flags.
const FLAGS: &str = "540736";

impl Instance {
    /// What postmap says about a key. `{dir}` in a table's name is the instance's directory.
    pub fn ask(&self, table: &str, key: &str) -> Output {
        self.run("postmap", &["-q", key, &self.expand(table)])
    }

    /// The key has this value.
    ///
    /// # Panics
    /// When it has not.
    #[track_caller]
    pub fn assert_found(&self, table: &str, key: &str, value: &str) {
        assert_eq!(self.ask(table, key).success().stdout, format!("{value}\n"), "{table} {key}");
    }

    /// There is no such key, and nothing to say about that.
    ///
    /// # Panics
    /// When there is.
    #[track_caller]
    pub fn assert_nothing(&self, table: &str, key: &str) {
        let output = self.ask(table, key);
        let said = (output.status, output.stdout.as_str(), output.stderr.as_str());
        assert_eq!(said, (1, "", ""), "{table} {key}");
    }

    /// The lookup fails for now, after this has been said.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn assert_fails(&self, table: &str, key: &str, problem: &str) {
        let output = self.ask(table, key);
        let failure = self.expand(&format!("postmap: fatal: table {table}: query error"));
        assert!(output.stderr.contains(&failure), "{output:?}");
        assert!(output.stderr.contains(&self.expand(problem)), "{output:?}");
        assert_eq!((output.status, output.stdout.as_str()), (1, ""));
    }

    /// The table cannot be opened, for this reason.
    ///
    /// # Panics
    /// When it can.
    #[track_caller]
    pub fn assert_unusable(&self, table: &str, problem: &str) {
        let output = self.ask(table, "key@example.com");
        assert!(output.stderr.contains(&format!("postmap: fatal: {}", self.expand(problem))), "{output:?}");
        assert_eq!(output.status, 1);
    }
}

/// A client of proxymap.
pub struct ProxyMap<'a> {
    instance: &'a Instance,
    client: Client,
}

impl<'a> ProxyMap<'a> {
    /// Connects to the service.
    pub fn connect(instance: &'a Instance) -> Self {
        let mut client = Client::connect(&instance.path("q/private/proxymap"));
        client.list();
        ProxyMap { instance, client }
    }

    /// The status of a lookup, and the value.
    ///
    /// # Panics
    /// When there is no reply.
    pub fn lookup(&mut self, table: &str, key: &str) -> (String, String) {
        let table = self.instance.expand(table);
        self.client.send(&[("request", "lookup"), ("table", &table), ("flags", FLAGS), ("key", key)]);
        let reply = self.client.list().unwrap_or_else(|| panic!("no reply: {}", self.instance.log()));
        (reply[0].1.clone(), reply[1].1.clone())
    }
}
