//! Rules as curves in a picture: how often what is recommended does not suffice, against what it leaves
//! free.

use std::fmt::Write;

/// One panel: a curve of points, and single ones with names.
pub(crate) struct Panel {
    pub(crate) title: &'static str,
    pub(crate) across: &'static str,
    pub(crate) curve: Vec<(f64, f64)>,
    pub(crate) marks: Vec<(&'static str, f64, f64)>,
}

const WIDTH: f64 = 380.0;
const HEIGHT: f64 = 260.0;
const EDGE: f64 = 46.0;

/// The panels beside each other as SVG.
pub(crate) fn picture(panels: &[Panel]) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
        WIDTH * panels.len() as f64
    );
    for (at, panel) in panels.iter().enumerate() {
        let _ = writeln!(svg, "<g transform=\"translate({:.0} 0)\">", WIDTH * at as f64);
        draw(&mut svg, panel);
        svg.push_str("</g>\n");
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw(svg: &mut String, panel: &Panel) {
    let all = || {
        let marks = panel.marks.iter().map(|(_, across, up)| (*across, *up));
        panel.curve.iter().copied().chain(marks)
    };
    let most = |of: fn((f64, f64)) -> f64| all().map(of).fold(f64::MIN, f64::max);
    let least_up = all().map(|(_, up)| up).fold(f64::MAX, f64::min);
    let (right, top, bottom) = (most(|one| one.0) * 1.05, most(|one| one.1), least_up);
    let margin = (top - bottom) * 0.08;
    let (top, bottom) = (top + margin, bottom - margin);
    let x = |across: f64| EDGE + across / right * (WIDTH - EDGE - 20.0);
    let y = |up: f64| 30.0 + (top - up) / (top - bottom) * (HEIGHT - 30.0 - EDGE);
    let _ =
        writeln!(svg, "<text x=\"{EDGE}\" y=\"18\" font-weight=\"bold\">{}</text>", panel.title);
    for step in 0..=4 {
        let share = f64::from(step) / 4.0;
        let (up, across) = (bottom + share * (top - bottom), share * right);
        let _ = writeln!(
            svg,
            "<line x1=\"{EDGE}\" x2=\"{:.1}\" y1=\"{:.1}\" y2=\"{:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{up:.1}</text>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{across:.1}</text>",
            WIDTH - 20.0,
            y(up),
            y(up),
            EDGE - 4.0,
            y(up) + 4.0,
            x(across),
            HEIGHT - EDGE + 16.0
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"middle\">{}, %</text>\
         <text x=\"12\" y=\"{:.0}\" text-anchor=\"middle\" transform=\"rotate(-90 12 {:.0})\">slack, %</text>",
        WIDTH / 2.0,
        HEIGHT - 10.0,
        panel.across,
        HEIGHT / 2.0,
        HEIGHT / 2.0
    );
    let points = panel.curve.iter().map(|(across, up)| format!("{:.1},{:.1}", x(*across), y(*up)));
    let points = points.collect::<Vec<_>>().join(" ");
    let _ = writeln!(svg, "<polyline points=\"{points}\" fill=\"none\" stroke=\"#06c\"/>");
    for (across, up) in &panel.curve {
        let _ = writeln!(
            svg,
            "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"2.5\" fill=\"#06c\"/>",
            x(*across),
            y(*up)
        );
    }
    for (name, across, up) in &panel.marks {
        let (x, y) = (x(*across), y(*up));
        let _ = writeln!(
            svg,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"#c30\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\">{name}</text>",
            x + 6.0,
            y - 5.0
        );
    }
}
