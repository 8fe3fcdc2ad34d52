//! One message over one connection: which command comes when, and what each reply means (smtp-client §12).

use std::collections::VecDeque;
use std::time::Duration;

use bstr::BString;

use super::Reply;

/// How many bytes of commands may be on the way before all replies are read: what fits any peer's buffers.
const WINDOW: usize = 4096;
/// How long the connection may be without input or output before all replies are read.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the transaction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Delivery.
    Deliver,
    /// To learn what the server says to RCPT.
    ProbeRecipients,
    /// To learn what the server says to DATA.
    ProbeData,
}

/// What a reply is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// XFORWARD with name, address and port.
    ForwardName,
    /// XFORWARD with protocol and the rest.
    ForwardProtocol,
    /// MAIL.
    Mail,
    /// RCPT, of the recipient with this number.
    Recipient(usize),
    /// DATA.
    Data,
    /// The final dot: for the recipient with this number (LMTP), or for all.
    Dot(Option<usize>),
    /// A dot without content, which nobody waits for.
    EmptyDot,
    /// RSET.
    Reset,
    /// QUIT.
    Quit,
}

impl Stage {
    /// What was going on, after `while `.
    pub fn doing(self) -> &'static str {
        match self {
            Stage::ForwardName => "sending XFORWARD name/address",
            Stage::ForwardProtocol => "sending XFORWARD protocol/helo_name",
            Stage::Mail => "sending MAIL FROM",
            Stage::Recipient(_) => "sending RCPT TO",
            Stage::Data => "sending DATA command",
            Stage::Dot(_) | Stage::EmptyDot => "sending end of data -- message may be sent more than once",
            Stage::Reset => "sending final RSET",
            Stage::Quit => "sending QUIT",
        }
    }

    /// What the reply is to, after `in reply to `.
    pub fn request(self) -> &'static str {
        match self {
            Stage::ForwardName => "XFORWARD name/address command",
            Stage::ForwardProtocol => "XFORWARD helo/protocol command",
            Stage::Mail => "MAIL FROM command",
            Stage::Recipient(_) => "RCPT TO command",
            Stage::Data => "DATA command",
            Stage::Dot(_) | Stage::EmptyDot => "end of DATA command",
            Stage::Reset => "final RSET command",
            Stage::Quit => "QUIT command",
        }
    }
}

/// A command, without its line end.
pub type Command = (Stage, BString);

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send a command.
    Send(Stage, BString),
    /// Send the message and the final dot.
    SendContent,
    /// Send a final dot alone.
    SendDot,
    /// Send what is pending, and read a reply.
    Receive(Stage),
    /// Nothing more.
    Done,
}

/// What a reply means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Nothing for the recipients.
    Nothing,
    /// An XFORWARD command was refused, which does not matter.
    Overlooked,
    /// The whole message is refused.
    Refused,
    /// A recipient is refused.
    RecipientRefused(usize),
    /// A recipient is accepted, for now.
    RecipientAccepted(usize),
    /// A recipient got the message; or is good, when that was the question.
    Delivered(usize),
    /// The RSET was refused: the connection is not to be used again.
    ResetRefused,
}

/// The circumstances of a step.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moment {
    /// Bytes that wait to be sent.
    pub pending: usize,
    /// Time since the last input or output.
    pub idle: Duration,
    /// The connection will be used again: no QUIT.
    pub keep_open: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Commands,
    Content,
    Reset,
    Quit,
    End,
}

/// A transaction, from the first command to the last reply.
#[derive(Clone, Debug)]
pub struct Transaction {
    goal: Goal,
    lmtp: bool,
    pipelining: bool,
    skip_quit_reply: bool,
    commands: VecDeque<Command>,
    phase: Phase,
    waiting: VecDeque<Stage>,
    accepted: Vec<usize>,
    mail_refused: bool,
    data_accepted: bool,
    /// Whether a QUIT follows the content. That is decided before the last replies in front of it are read.
    keeps_open: Option<bool>,
}

impl Transaction {
    /// A transaction with these commands before DATA: perhaps XFORWARD, then MAIL, then RCPT.
    pub fn new(goal: Goal, lmtp: bool, pipelining: bool, skip_quit_reply: bool, commands: Vec<Command>) -> Self {
        let mut commands = VecDeque::from(commands);
        if goal != Goal::ProbeRecipients {
            commands.push_back((Stage::Data, "DATA".into()));
        }
        Self {
            goal,
            lmtp,
            pipelining,
            skip_quit_reply,
            commands,
            phase: Phase::Commands,
            waiting: VecDeque::new(),
            accepted: Vec::new(),
            mail_refused: false,
            data_accepted: false,
            keeps_open: None,
        }
    }

    /// What the reply that comes next is for.
    pub fn awaited(&self) -> Option<Stage> {
        self.waiting.front().copied()
    }

    /// Whether mail may be on its way: what fails from here on matters to recipients.
    pub fn is_under_way(&self) -> bool {
        match self.awaited() {
            Some(Stage::Reset | Stage::Quit) => false,
            Some(_) => true,
            None => matches!(self.phase, Phase::Commands | Phase::Content),
        }
    }

    /// Whether the server waits for content that will not come.
    pub fn is_left_open(&self) -> bool {
        self.goal == Goal::ProbeData && self.data_accepted
    }

    /// What to do next.
    pub fn step(&mut self, moment: Moment) -> Step {
        if self.phase == Phase::Content {
            self.keeps_open.get_or_insert(moment.keep_open);
        }
        if let Some(stage) = self.awaited()
            && self.must_receive(moment)
        {
            return Step::Receive(stage);
        }
        match self.phase {
            Phase::Commands => self.step_command(moment),
            Phase::Content => self.step_content(moment),
            Phase::Reset => {
                self.phase = if moment.keep_open { Phase::End } else { Phase::Quit };
                self.send(Stage::Reset, "RSET".into())
            }
            Phase::Quit => {
                self.phase = Phase::End;
                match self.skip_quit_reply {
                    true => Step::Send(Stage::Quit, "QUIT".into()),
                    false => self.send(Stage::Quit, "QUIT".into()),
                }
            }
            Phase::End => Step::Done,
        }
    }

    fn must_receive(&self, moment: Moment) -> bool {
        let length = match self.phase {
            _ if !self.pipelining => return true,
            Phase::Content | Phase::End => return true,
            Phase::Commands => self.commands.front().map_or(0, |(_, text)| text.len()),
            Phase::Reset => "RSET".len(),
            Phase::Quit => return moment.idle > PATIENCE,
        };
        moment.pending + length + 2 > WINDOW || moment.idle > PATIENCE
    }

    /// The next command, unless replies have made it pointless.
    fn step_command(&mut self, moment: Moment) -> Step {
        let caught_up = self.waiting.is_empty();
        let pointless = match self.commands.front() {
            Some((Stage::Recipient(_), _)) => caught_up && self.mail_refused,
            Some((Stage::Data, _)) => caught_up && self.accepted.is_empty(),
            _ => false,
        };
        if pointless {
            self.commands.clear();
            self.phase = Phase::Reset;
            return self.step(moment);
        }
        let command = self.commands.pop_front();
        if self.commands.is_empty() {
            self.phase = if self.goal == Goal::ProbeRecipients { Phase::Reset } else { Phase::Content };
        }
        match command {
            Some((stage, text)) => self.send(stage, text),
            None => self.step(moment),
        }
    }

    fn step_content(&mut self, moment: Moment) -> Step {
        if !self.data_accepted {
            self.phase = Phase::Reset;
            return self.step(moment);
        }
        if self.goal == Goal::ProbeData {
            self.phase = Phase::End;
            return Step::Done;
        }
        self.phase = if self.keeps_open.unwrap_or(false) { Phase::End } else { Phase::Quit };
        if self.accepted.is_empty() {
            self.waiting.push_back(Stage::EmptyDot);
            return Step::SendDot;
        }
        match self.lmtp {
            true => self.waiting.extend(self.accepted.iter().map(|number| Stage::Dot(Some(*number)))),
            false => self.waiting.push_back(Stage::Dot(None)),
        }
        Step::SendContent
    }

    fn send(&mut self, stage: Stage, text: BString) -> Step {
        self.waiting.push_back(stage);
        Step::Send(stage, text)
    }

    /// The connection broke while content was on its way, and the server had already said why: the next reply counts as that to the dot.
    pub fn expect_early_reply(&mut self) {
        self.waiting.clear();
        self.waiting.push_back(Stage::Dot(None));
        self.phase = Phase::End;
    }

    /// Takes the reply that was awaited.
    pub fn take(&mut self, reply: &Reply) -> Vec<Event> {
        let Some(stage) = self.waiting.pop_front() else { return Vec::new() };
        let positive = reply.is_positive();
        match stage {
            Stage::ForwardName | Stage::ForwardProtocol if !positive => vec![Event::Overlooked],
            Stage::Mail if !positive => {
                self.mail_refused = true;
                vec![Event::Refused]
            }
            Stage::Recipient(_) if self.mail_refused => Vec::new(),
            Stage::Recipient(number) if positive => {
                self.accepted.push(number);
                match self.goal {
                    Goal::ProbeRecipients => vec![Event::Delivered(number)],
                    _ => vec![Event::RecipientAccepted(number)],
                }
            }
            Stage::Recipient(number) => vec![Event::RecipientRefused(number)],
            Stage::Data => self.take_data(reply),
            Stage::Dot(Some(number)) if positive => vec![Event::Delivered(number)],
            Stage::Dot(Some(number)) => vec![Event::RecipientRefused(number)],
            Stage::Dot(None) if positive => self.accepted.iter().map(|number| Event::Delivered(*number)).collect(),
            Stage::Dot(None) => vec![Event::Refused],
            Stage::Reset if !positive => vec![Event::ResetRefused],
            _ => vec![Event::Nothing],
        }
    }

    fn take_data(&mut self, reply: &Reply) -> Vec<Event> {
        self.data_accepted = reply.class() == 3;
        match (self.data_accepted, self.goal) {
            (true, Goal::ProbeData) => self.accepted.iter().map(|number| Event::Delivered(*number)).collect(),
            (false, _) if !self.accepted.is_empty() => vec![Event::Refused],
            _ => vec![Event::Nothing],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reply(code: u16) -> Reply {
        Reply { code, status: "2.0.0".into(), text: code.to_string().into() }
    }

    fn transaction(goal: Goal, lmtp: bool, pipelining: bool, recipients: usize) -> Transaction {
        let mut commands: Vec<Command> = vec![(Stage::Mail, "MAIL FROM:<>".into())];
        commands.extend((0..recipients).map(|number| (Stage::Recipient(number), format!("RCPT {number}").into())));
        Transaction::new(goal, lmtp, pipelining, true, commands)
    }

    /// Runs a transaction with these replies, and writes down what happens.
    fn run(mut transaction: Transaction, codes: &[u16], keep_open: bool) -> Vec<String> {
        let (mut log, mut codes) = (Vec::new(), codes.iter());
        loop {
            match transaction.step(Moment { keep_open, ..Moment::default() }) {
                Step::Send(_, text) => log.push(text.to_string()),
                Step::SendContent => log.push("content".into()),
                Step::SendDot => log.push(".".into()),
                Step::Receive(_) => {
                    let code = *codes.next().expect("a reply");
                    for event in transaction.take(&reply(code)) {
                        if !matches!(event, Event::Nothing | Event::RecipientAccepted(_)) {
                            log.push(format!("{code} {event:?}"));
                        } else {
                            log.push(code.to_string());
                        }
                    }
                }
                Step::Done => return log,
            }
        }
    }

    #[test]
    fn with_pipelining_all_goes_in_one_batch() {
        let log = run(transaction(Goal::Deliver, false, true, 2), &[250, 550, 250, 354, 250], false);
        let expected = [
            "MAIL FROM:<>",
            "RCPT 0",
            "RCPT 1",
            "DATA",
            "250",
            "550 RecipientRefused(0)",
            "250",
            "354",
            "content",
            "QUIT",
            "250 Delivered(1)",
        ];
        assert_eq!(log, expected);
    }

    #[test]
    fn without_pipelining_each_reply_is_waited_for() {
        let log = run(transaction(Goal::Deliver, false, false, 1), &[250, 250, 354, 250], false);
        assert_eq!(log, ["MAIL FROM:<>", "250", "RCPT 0", "250", "DATA", "354", "content", "250 Delivered(0)", "QUIT"]);
        let log = run(transaction(Goal::Deliver, false, false, 1), &[250, 550, 250], false);
        assert_eq!(log, ["MAIL FROM:<>", "250", "RCPT 0", "550 RecipientRefused(0)", "RSET", "250", "QUIT"]);
        let log = run(transaction(Goal::Deliver, false, false, 1), &[550, 250], false);
        assert_eq!(log, ["MAIL FROM:<>", "550 Refused", "RSET", "250", "QUIT"]);
    }

    #[test]
    fn a_pipelined_data_without_recipients_gets_a_dot_alone() {
        let log = run(transaction(Goal::Deliver, false, true, 1), &[250, 550, 354, 554], false);
        assert_eq!(log[4..], ["550 RecipientRefused(0)", "354", ".", "QUIT", "554"]);
        let log = run(transaction(Goal::Deliver, false, true, 1), &[250, 550, 554, 250], false);
        assert_eq!(log[4..], ["550 RecipientRefused(0)", "554", "RSET", "QUIT", "250"]);
    }

    #[test]
    fn lmtp_has_a_reply_for_each_accepted_recipient() {
        let log = run(transaction(Goal::Deliver, true, true, 3), &[250, 250, 550, 250, 354, 250, 452], true);
        assert_eq!(log[9..], ["354", "content", "250 Delivered(0)", "452 RecipientRefused(2)"]);
    }

    #[test]
    fn probes_send_no_content() {
        let log = run(transaction(Goal::ProbeRecipients, false, false, 1), &[250, 250, 250], false);
        assert_eq!(log, ["MAIL FROM:<>", "250", "RCPT 0", "250 Delivered(0)", "RSET", "250", "QUIT"]);
        let log = run(transaction(Goal::ProbeData, false, false, 1), &[250, 250, 354], false);
        assert_eq!(log[4..], ["DATA", "354 Delivered(0)"]);
    }

    #[test]
    fn the_window_is_bounded() {
        let mut transaction = transaction(Goal::Deliver, false, true, 1);
        assert!(matches!(transaction.step(Moment::default()), Step::Send(Stage::Mail, _)));
        let full = Moment { pending: WINDOW, ..Moment::default() };
        assert_eq!(transaction.step(full), Step::Receive(Stage::Mail));
        let late = Moment { idle: PATIENCE * 2, ..Moment::default() };
        assert_eq!(transaction.step(late), Step::Receive(Stage::Mail));
    }

    proptest! {
        #[test]
        fn every_dialogue_ends(
            codes in proptest::collection::vec(prop_oneof![Just(250u16), Just(354), Just(450), Just(550)], 40),
            recipients in 1usize..6, lmtp: bool, pipelining: bool, keep_open: bool,
            goal in prop_oneof![Just(Goal::Deliver), Just(Goal::ProbeRecipients), Just(Goal::ProbeData)],
        ) {
            let log = run(transaction(goal, lmtp, pipelining, recipients), &codes, keep_open);
            let delivered = log.iter().filter(|line| line.contains("Delivered")).count();
            prop_assert!(delivered <= recipients);
            prop_assert!(goal == Goal::Deliver || !log.contains(&"content".to_owned()));
        }
    }
}
