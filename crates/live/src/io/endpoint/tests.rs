use super::*;

#[test]
fn each_form_is_read_and_written_back() {
    let interface = |name: &str, mode| Endpoint::Interface { name: name.into(), mode };
    let file = |path: &str, interface: Option<&str>| Endpoint::Capture {
        path: path.into(),
        interface: interface.map(Into::into),
    };
    let cases = [
        ("-", file("-", None)),
        ("a.pcap", file("a.pcap", None)),
        ("dir/a.pcapng@lan", file("dir/a.pcapng", Some("lan"))),
        ("me@home/a.pcap", file("me@home/a.pcap", None)),
        ("./if:odd", file("./if:odd", None)),
        ("mem:a.pcap", Endpoint::Memory { path: "a.pcap".into(), interface: None }),
        ("if:eth0", interface("eth0", Mode::Auto)),
        ("if:eth0,af_xdp", interface("eth0", Mode::Xdp)),
        ("if:eth0,af_xdp_generic", interface("eth0", Mode::XdpGeneric)),
        ("if:eth0,af_packet", interface("eth0", Mode::Packet)),
        ("tap:t0", Endpoint::Tap { name: "t0".into() }),
        ("discard", Endpoint::Discard),
    ];
    for (text, endpoint) in cases {
        assert_eq!(parse_endpoint(text).as_ref(), Ok(&endpoint), "{text}");
        assert_eq!(endpoint.to_string(), text);
    }
}

#[test]
fn mistakes_are_named() {
    let message = |text| parse_endpoint(text).expect_err(text).to_string();
    assert!(message("").contains("the forms are"));
    assert!(message("mem:").contains("the forms are"));
    assert!(message("eth:0").starts_with("`eth:` is no kind of endpoint"));
    assert!(message("if:eth0,dpdk").contains("af_packet"));
    for name in ["if:", "if:a b", "tap:sixteen-bytes-xx", "tap:a/b", "if:.."] {
        assert!(message(name).contains("cannot be the name"), "{name}");
    }
}

#[test]
fn an_interface_that_is_not_there_is_named_with_those_that_are() {
    let error = Device::find("trama-none").expect_err("no such interface");
    let IoError::NoSuchInterface { name, existing } = error else { panic!("{error}") };
    assert_eq!(name, "trama-none");
    assert!(existing.contains(&"lo".to_owned()));
}

#[test]
fn an_endpoint_in_the_wrong_direction_is_refused() {
    let want = |input| Want { input, output: !input, port: "lan".into(), stop: StopFlag::new() };
    let error = open(&Endpoint::Discard, &want(true)).expect_err("nothing comes from nowhere");
    assert_eq!(error.to_string(), "`discard` cannot be used as an input");
    let memory = Endpoint::Memory { path: "a".into(), interface: None };
    let error = open(&memory, &want(false)).expect_err("nothing goes to memory");
    assert_eq!(error.to_string(), "`mem:a` cannot be used as an output");
}
