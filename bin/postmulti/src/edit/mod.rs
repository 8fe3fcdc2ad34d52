//! Changes to instances (config §9.5).

mod add;
mod remove;
mod settings;

use bstr::ByteSlice;
use config::{Config, params};
use logging::fatal;
use text::show;

use crate::instance::Instance;
use crate::instances::Instances;
use crate::options::{Action, Options, Selection};

use settings::{postconf, set};

/// Makes a change, or ends the program.
pub fn edit(action: Action, instances: &Instances, options: &Options, config: &Config) {
    // What the command line asks for is looked at first, as itself.
    let target = match action {
        Action::Init => instances.primary().clone(),
        Action::Create | Action::Import => add::requested(instances, options, action, config),
        _ => target(instances, options),
    };
    become_script(config);
    if action != Action::Init {
        check_primary(config);
    }
    match action {
        Action::Init => init(instances, config),
        Action::Create => add::create(instances, &target, options, config),
        Action::Import => add::import(instances, &target, options, config),
        Action::Destroy => remove::destroy(instances, &target, config),
        Action::Deport => remove::deport(instances, &target, config),
        Action::Enable => set(config, &target, "multi_instance_enable", b"yes"),
        Action::Disable => set(config, &target, "multi_instance_enable", b"no"),
        Action::Assign => assign(instances, &target, options, config),
    }
}

/// The instance that `-i` names.
fn target(instances: &Instances, options: &Options) -> Instance {
    let Selection::Name(name) = &options.selection else { fatal!("Select an instance via '-i name'") };
    match instances.selected(&options.selection).first() {
        Some(instance) => (*instance).clone(),
        None => fatal!("No instance named {}", show(name)),
    }
}

/// From here on this is the management script: its name in the log.
fn become_script(config: &Config) {
    logging::tag(&[config.get(params::SYSLOG_NAME).as_bytes(), b"/postmulti-script"].concat());
}

fn check_primary(config: &Config) {
    if config.get(params::MULTI_INSTANCE_WRAPPER).is_empty() {
        fatal!("multi_instance_wrapper is empty, run 'postmulti -e init' first.");
    }
    if !config.get(params::MULTI_INSTANCE_ENABLE) {
        fatal!("multi_instance_enable!=yes, run 'postmulti -e init' first.");
    }
}

fn init(instances: &Instances, config: &Config) {
    let settings =
        ["multi_instance_wrapper = ${command_directory}/postmulti -p --".into(), "multi_instance_enable = yes".into()];
    postconf(config, &instances.primary().config_directory, "-e", &settings);
}

fn assign(instances: &Instances, target: &Instance, options: &Options, config: &Config) {
    if let Some(name) = options.new_name.as_ref().filter(|name| **name != target.name) {
        let renamed = Instance { name: name.clone(), ..target.clone() };
        let others = instances.all.iter().filter(|instance| instance.config_directory != target.config_directory);
        Instances { all: others.cloned().chain([renamed]).collect() }.check(config);
        set(config, target, "multi_instance_name", name);
    }
    if let Some(group) = options.new_group.as_ref().filter(|group| **group != target.group) {
        set(config, target, "multi_instance_group", group);
    }
}
