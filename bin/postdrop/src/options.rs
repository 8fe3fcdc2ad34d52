//! The command line.

use command::Invocation;
use text::getopt::Getopt;

/// Reads the command line; ends the program when it makes no sense. `-r` is what everybody wants; operands are ignored.
pub fn parse(invocation: &Invocation) {
    let mut verbose = 0;
    for word in Getopt::new(&invocation.args, "c:rv") {
        match word {
            Ok(option) if option.letter == b'c' => command::use_config_directory(option.value),
            // Details of what goes on are for those who may look at the mail system.
            Ok(option) if option.letter == b'v' && sys::privilege::effective_uid() == 0 => verbose += 1,
            Ok(_) => {}
            Err(error) => {
                invocation.report(error);
                logging::fatal!("usage: postdrop [-c config_dir] [-v]");
            }
        }
    }
    logging::set_verbosity(verbose);
}
