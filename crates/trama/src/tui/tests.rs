use super::draw::draw;
use super::model::{Action, Model, Page};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use trama_base::Nanos;
use trama_lang::compile::{Options, Unit};
use trama_lang::engine::Engine;
use trama_lang::files::NoFiles;
use trama_lang::interp::Interpreter;
use trama_live::run::Progress;
use trama_wire::{Packet, Pool};

const PROGRAM: &str = "\
element Gate {
    port lan, wan
    state hosts: map<mac, u32>[4]
    state frames: counter
    on lan(p) {
        frames.count(p)
        hosts[p.eth.src] += 1
        if p.len > 80 { alert \"long: {p.len}\"; drop p because \"too long\" }
        else { send p to wan }
    }
    on wan(p) { send p to lan }
}
";

/// A frame from a station.
fn frame(station: u8, len: usize) -> Box<Packet> {
    let mut bytes = vec![0; len];
    bytes[11] = station;
    bytes[12] = 0x88;
    bytes[13] = 0xb5;
    Box::new(Packet::new(&bytes))
}

fn started() -> (Model, Interpreter) {
    let mut unit = Unit::parse("t.trama", PROGRAM, &NoFiles);
    let checked = unit.check(&Options::default(), &NoFiles);
    let program = checked.program.unwrap_or_else(|| panic!("{:?}", checked.diagnostics));
    let model = Model::new(&program);
    let engine =
        Interpreter::new(std::sync::Arc::new(program), Nanos::ZERO, 0).expect("it can be made");
    (model, engine)
}

/// Lets frames in, and shows them after `seconds`.
fn run(
    model: &mut Model,
    engine: &mut Interpreter,
    frames: &[(u8, usize)],
    (packets, seconds): (u64, u64),
) {
    let mut input: Vec<_> = frames.iter().map(|&(station, len)| frame(station, len)).collect();
    engine.process(&mut input, &mut Vec::new(), &mut Pool::default());
    let elapsed = Nanos::from_secs(seconds);
    let progress = Progress { elapsed, packets, busy: Nanos(packets * 100), ..Progress::default() };
    model.update(&progress, engine);
}

fn screen(model: &Model, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a screen");
    terminal.draw(|frame| draw(frame, model)).expect("it is drawn");
    let shown = terminal.backend().to_string();
    let lines = shown.lines().map(|line| line.trim_matches('"').trim_end());
    lines.collect::<Vec<_>>().join("\n")
}

fn busy() -> (Model, Interpreter) {
    let (mut model, mut engine) = started();
    let frames = [(1, 60), (2, 60), (2, 60), (3, 100), (3, 60), (3, 60)];
    run(&mut model, &mut engine, &frames, (6, 1));
    (model, engine)
}

#[test]
fn ports_drops_and_rates_are_shown() {
    let (model, _) = busy();
    let shown = screen(&model, 100, 20);
    let first = "Gate  1.0 s  6 pps  6 packets  100 ns each";
    assert_eq!(shown.lines().next(), Some(first), "{shown}");
    for part in ["1 Traffic   2 Elements", "lan          in       6 pps", "too long"] {
        assert!(shown.contains(part), "`{part}` is missing:\n{shown}");
    }
    assert!(shown.contains('█'), "the history is drawn:\n{shown}");
}

#[test]
fn every_page_is_reached_by_keys() {
    let (mut model, mut engine) = busy();
    model.act(Action::NextPage);
    assert!(screen(&model, 100, 20).contains("lan → lan"), "{}", screen(&model, 100, 20));
    model.act(Action::Show(Page::State));
    run(&mut model, &mut engine, &[], (6, 2));
    let shown = screen(&model, 110, 20);
    let at = |text: &str| shown.find(text).unwrap_or_else(|| panic!("no `{text}` in\n{shown}"));
    assert!(at(":03 → 3") < at(":02 → 2") && at(":02 → 2") < at(":01 → 1"), "greatest first");
    model.act(Action::Move(1));
    run(&mut model, &mut engine, &[], (6, 3));
    assert!(
        screen(&model, 110, 20).contains("6 packets, 400 bytes"),
        "{}",
        screen(&model, 110, 20)
    );
    model.act(Action::NextPage);
    assert!(screen(&model, 100, 20).contains("gate: long: 100"), "{}", screen(&model, 100, 20));
    model.act(Action::NextPage);
    assert_eq!(model.page, Page::Traffic);
    model.act(Action::PreviousPage);
    assert_eq!(model.page, Page::Log);
    assert!(model.act(Action::Quit));
}

#[test]
fn a_pause_freezes_the_view_and_loses_no_line() {
    let (mut model, mut engine) = busy();
    model.act(Action::Pause);
    run(&mut model, &mut engine, &[(9, 100)], (7, 5));
    let shown = screen(&model, 100, 20);
    assert!(shown.contains("6 packets") && shown.contains("paused"), "{shown}");
    assert_eq!(model.logs.len(), 2);
    model.act(Action::Pause);
    run(&mut model, &mut engine, &[], (7, 6));
    assert!(screen(&model, 100, 20).contains("7 packets"));
}

#[test]
fn any_screen_and_any_selection_will_do() {
    let (mut model, mut engine) = busy();
    for page in Page::ALL {
        model.act(Action::Show(page.0));
        for by in [1, isize::MAX, -1, isize::MIN + 1, 20, -20] {
            model.act(Action::Move(by));
            model.act(Action::Sort);
            run(&mut model, &mut engine, &[], (6, 9));
            for (width, height) in [(1, 1), (3, 2), (10, 4), (40, 8), (300, 80)] {
                screen(&model, width, height);
            }
        }
    }
}

#[test]
fn a_program_without_state_and_traffic_is_shown() {
    let text = "element E { port a\n on a(p) { send p to a } }";
    let mut unit = Unit::parse("t.trama", text, &NoFiles);
    let program = unit.check(&Options::default(), &NoFiles).program.expect("it is sound");
    let mut model = Model::new(&program);
    for page in Page::ALL {
        model.act(Action::Show(page.0));
        model.act(Action::Move(1));
        screen(&model, 80, 24);
    }
}
