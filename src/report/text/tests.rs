use crate::report::sample;

use super::*;

fn written(result: &RunResult, style: Style) -> String {
    let mut out = Vec::new();
    write(&mut out, result, style).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn show() {
    for r in [
        sample::open(),
        sample::closed(),
        sample::oneway(),
        sample::nothing(),
    ] {
        println!("{}\n------", written(&r, Style::Plain));
    }
}
