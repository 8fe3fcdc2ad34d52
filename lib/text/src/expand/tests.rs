use super::*;

const RECURSIVE: Options<'static> = Options { recursive: true, filter: None };

fn lookup(name: &[u8]) -> Option<BString> {
    Some(match name {
        b"mydomain" => "example.com".into(),
        b"empty" => "".into(),
        b"indirect" => "$empty".into(),
        b"loop" => "$loop".into(),
        b"loopcmp" => "${{$loopcmp} == {x}}".into(),
        _ => return None,
    })
}

fn expanded(text: &str) -> String {
    expand(text.as_bytes(), &RECURSIVE, &mut lookup).map_or_else(|e| format!("!{e}"), |e| e.text.to_string())
}

#[test]
fn forms() {
    for (text, expected) in [
        ("$mydomain.x", "example.com.x"),
        ("$mydomainx", ""),
        ("${mydomain}x", "example.comx"),
        ("$(mydomain)x", "example.comx"),
        ("$$mydomain", "$mydomain"),
        ("${ mydomain }", "example.com"),
        ("${mydomain?{a}:{b}}", "a"),
        ("${nosuch?{a}:{b}}", "b"),
        ("${mydomain:x}", ""),
        ("${nosuch:x}", "x"),
        ("${indirect?x}", "x"),
        ("${mydomain ? { a } : { b } }", " a "),
        ("${mydomain ? x }", " x "),
        ("${mydomain?x:y}", "x:y"),
        ("${mydomain?{a}:b}c}", "ac}"),
        ("${{$mydomain} == {example.com}}", "true"),
        ("${{2} <level {3.6} ? {old} : {new}}", "old"),
        ("${{12} < {9}}", ""),
        ("${{12} < {9a}}", "true"),
        ("${{3.10} >level {3.9}}", "true"),
        ("${{} == {}}", "true"),
        ("${{a}=={a}?x y}", "x y"),
        ("${?x}", ""),
        ("$(mydomain?(x))", "(x)"),
        ("${mydomain?{a}:{${}}}", "a"),
    ] {
        assert_eq!(expanded(text), expected, "{text}");
    }
}

#[test]
fn domains_are_converted() {
    for (text, expected) in [
        ("${domain_to_ascii{$mydomain}}", "example.com"),
        ("${domain_to_ascii{ b\u{fc}cher.example }}", "xn--bcher-kva.example"),
        ("${ domain_to_utf8 {xn--bcher-kva.example} }", "b\u{fc}cher.example"),
        ("${domain_to_utf8{b\u{fc}cher.example}}", "b\u{fc}cher.example"),
        ("x${domain_to_ascii{$nosuch}}y", "xy"),
        ("${domain_to_ascii{\u{fc}-}}", "!bad domain argument in: 'domain_to_ascii{\u{fc}-}'"),
        ("${domain_to_ascii{a}b}", "!unexpected input at: \"...a}>>>b\""),
        ("${domain_to_ascii{$domain_to_ascii}}", ""),
        ("${other{a}}", "!attribute name syntax error at: \"...other>>>{a}\""),
    ] {
        assert_eq!(expanded(text), expected, "{text}");
    }
    let mut names = Vec::new();
    references(b"${domain_to_ascii{$a}}", &mut |name| names.push(BString::from(name))).unwrap();
    assert_eq!(names, ["a"]);
}

#[test]
fn errors_have_the_warning_texts() {
    let operators = "\"==\" or \"!=\"\" or \"<\"\" or \"<=\"\" or \">=\"\" or \">\" expected at: ";
    for (text, expected) in [
        ("a${", "truncated macro reference: \"a${\"".to_owned()),
        ("$(mydomain}", "truncated macro reference: \"$(mydomain}\"".to_owned()),
        ("x$", "empty macro name: \"x$\"".to_owned()),
        ("$-", "empty macro name: \"$-\"".to_owned()),
        ("${}", "empty macro name: \"${}\"".to_owned()),
        ("${my domain}", "attribute name syntax error at: \"...my>>> domain\"".to_owned()),
        ("${foo{x}}", "attribute name syntax error at: \"...foo>>>{x}\"".to_owned()),
        ("${{a} foo {b}}", format!("{operators}\"...a}}>>>foo {{b}}\"")),
        ("${{a} === {b}}", format!("{operators}\"...a}}>>>=== {{b}}\"")),
        ("${{a}}", format!("{operators}\"...a}}>>>\"")),
        ("${{a} == b}", "\"{expression}\" expected at: \"...{a} ==>>> b\"".to_owned()),
        ("${{a} ==foo {b}}", "bad operator suffix at: \"...==>>>foo\"".to_owned()),
        ("${{a} ==level {b}}", "malformed compatibility level syntax: \"a\"".to_owned()),
        ("${{a} == {a} x}", "\"?\" or \":\" expected at: \"...}>>>x\"".to_owned()),
        ("${mydomain?{b}c}", "\":\" expected at: \"...b}>>>c\"".to_owned()),
        ("${nosuch:{b}c}", "unexpected input at: \"...b}>>>c\"".to_owned()),
        ("$(mydomain?{x)})", "unbalanced {} in attribute expression: \"{x\"".to_owned()),
        ("$loop", "unreasonable macro call nesting: \"loop\"".to_owned()),
        ("${{99999999999999999999} < {9}}", "mac_exp_eval: bad conversion: 99999999999999999999".to_owned()),
    ] {
        assert_eq!(expanded(text), format!("!{expected}"), "{text}");
    }
    assert!(expanded("$loopcmp").starts_with("!unreasonable macro call nesting: "));
}

#[test]
fn nesting_of_text_is_limited_too() {
    let nested = |levels: usize| format!("{}x{}", "${mydomain?{".repeat(levels), "}}".repeat(levels));
    assert_eq!(expanded(&nested(99)), "x");
    assert!(expanded(&nested(101)).starts_with("!unreasonable"));
}

#[test]
fn values_are_filtered_and_literal_text_is_not() {
    let options = Options { recursive: false, filter: Some(b"abc") };
    let found = expand(b"$x/$x$y", &options, &mut |name| (name == b"x").then(|| "a;$b".into())).unwrap();
    assert_eq!(found, Expanded { text: "a__b/a__b".into(), undefined: true });
}

#[test]
fn references_are_found_everywhere() {
    let mut names = Vec::new();
    references(b"$a ${b?{$c}:{$d}} ${{$e} == {x}?$f}", &mut |name| {
        names.push(String::from_utf8_lossy(name).into_owned())
    })
    .unwrap();
    assert_eq!(names, ["a", "b", "c", "d", "e", "f"]);
}

proptest::proptest! {
    #[test]
    fn any_text_expands_or_fails(text in "[${}():?=<> a-c0-9]{0,60}", bytes: Vec<u8>) {
        let _ = expand(text.as_bytes(), &RECURSIVE, &mut |name| Some([b"$", name].concat().into()));
        let _ = expand(&bytes, &RECURSIVE, &mut |_| None);
        let _ = references(text.as_bytes(), &mut |_| {});
    }

    #[test]
    fn escaped_text_comes_back(bytes: Vec<u8>) {
        use bstr::ByteSlice;
        let escaped = bytes.replace("$", "$$");
        proptest::prop_assert_eq!(&*expand(&escaped, &RECURSIVE, &mut |_| None).unwrap().text, &bytes[..]);
    }
}
