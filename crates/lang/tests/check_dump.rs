use trama_lang::compile::{Options, Unit};
use trama_lang::files::Files;
struct Disk;
impl Files for Disk {
    fn read(&self, from: &str, path: &str) -> Result<(String, String), String> {
        let p = std::path::Path::new(from).parent().unwrap().join(path);
        let t = std::fs::read_to_string(&p).map_err(|e| format!("{}: {e}", p.display()))?;
        Ok((p.display().to_string(), t))
    }
}
#[test]
fn dump() {
    let files = std::env::var("TRAMA_FILES").unwrap_or_default();
    for f in files.split_whitespace() {
        let text = std::fs::read_to_string(f).unwrap();
        let mut unit = Unit::parse(f, &text, &Disk);
        let c = unit.check(&Options::default(), &Disk);
        println!("== {f}: {} messages, program {}", c.diagnostics.len(), c.program.is_some());
        for d in &c.diagnostics {
            let (l, col) = unit.sources.line_column(d.label.0);
            println!(
                "{} {}:{l}:{col} {} [{}] note {:?}",
                d.code,
                unit.sources.files[d.label.0.file as usize].name,
                d.message,
                d.label.1,
                d.note
            );
        }
        if let Some(p) = &c.program {
            println!("{:?}", trama_lang::ir_check::validate(p));
        }
    }
}
#[test]
fn tests_of_files() {
    use std::sync::Arc;
    let files = std::env::var("TRAMA_FILES").unwrap_or_default();
    for f in files.split_whitespace() {
        let text = std::fs::read_to_string(f).unwrap();
        let mut unit = Unit::parse(f, &text, &Disk);
        let _ = unit.check(&Options::default(), &Disk);
        let outcomes = trama_lang::testing::run_all(
            &unit,
            unit.main_file(),
            &Disk,
            |_| true,
            &|p: Arc<_>, t| {
                Ok(Box::new(
                    trama_lang::interp::Interpreter::<()>::new(p, t, 1)
                        .map_err(|e| e.to_string())?,
                ))
            },
        );
        println!("== {f}");
        for o in outcomes {
            if o.failures.is_empty() {
                println!("  ok {}", o.title)
            } else {
                println!("  FAILED {}", o.title);
                for x in &o.failures {
                    println!("      {x:?}")
                }
            }
        }
    }
}
