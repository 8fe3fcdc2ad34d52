//! What an SMTP server makes of the bytes of a client: commands, arguments, content, and the texts of replies, all without I/O
//! (smtpd §4 to §9).
