//! Two pictures as SVG: costs as bars with their intervals, regret as lines over days.
//!
//! Colours come out as variables of the page, so that it can be light and dark. Every picture has a
//! title and a description; its numbers stand in a table beside it.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::report::{PolicyReport, RunReport};
use crate::text::number;

type Drawn = Result<(), Box<dyn std::error::Error>>;

/// A picture, or nothing where it cannot be drawn.
pub(crate) fn costs(id: &str, of: &str, policies: &[PolicyReport]) -> String {
    let height = 46 + 26 * policies.len() as u32;
    let desc = policies
        .iter()
        .map(|one| format!("{} {} dollars", one.policy, number(one.full_cost_usd.value, 0)))
        .collect::<Vec<_>>()
        .join(", ");
    let title = format!("Full cost of each policy, {of}");
    picture(id, &title, &desc, (WIDTH, height), |area| draw_costs(area, policies))
}

/// The regret of each policy, added up day by day.
pub(crate) fn regrets(id: &str, run: &RunReport, regret: &[Vec<f64>]) -> String {
    let desc = run
        .policies
        .iter()
        .zip(regret)
        .map(|(one, days)| {
            format!("{} {} dollars", one.policy, number(days.last().copied().unwrap_or(0.0), 0))
        })
        .collect::<Vec<_>>()
        .join(", ");
    let title = format!("Full cost above the hindsight optimum, added up by day, {}", run.name);
    let desc = format!("At the end: {desc}");
    let names: Vec<String> = run.policies.iter().map(|one| one.policy.to_string()).collect();
    picture(id, &title, &desc, (WIDTH, 300), |area| draw_regrets(area, &names, regret))
}

const WIDTH: u32 = 760;

/// Colours that stand for variables of the page.
const INK: RGBColor = RGBColor(1, 1, 1);
const FAINT: RGBColor = RGBColor(2, 2, 2);
const SERIES: usize = 9;

fn series(at: usize) -> RGBColor {
    RGBColor(3, 3, (at % SERIES) as u8 + 1)
}

fn letters(size: u32) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&INK)
}

fn picture(
    id: &str,
    title: &str,
    desc: &str,
    size: (u32, u32),
    draw: impl FnOnce(&DrawingArea<SVGBackend<'_>, Shift>) -> Drawn,
) -> String {
    let mut svg = String::new();
    let drawn = {
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        draw(&area).and_then(|()| area.present().map_err(Into::into))
    };
    if drawn.is_err() {
        return String::new();
    }
    let (width, height) = size;
    let head = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         aria-labelledby=\"{id}-title {id}-desc\">\n<title id=\"{id}-title\">{}</title>\n\
         <desc id=\"{id}-desc\">{}</desc>",
        escaped(title),
        escaped(desc)
    );
    let body = svg.find('>').map_or("", |end| &svg[end + 1..]);
    let mut body = body.replace("#010101", "currentColor").replace("#020202", "var(--faint)");
    for at in 0..SERIES {
        body = body.replace(&format!("#0303{:02X}", at + 1), &format!("var(--s{at})"));
    }
    // Elements stand alone on their lines; blank text nodes are of no use.
    format!("{head}{}", body.replace("opacity=\"1\" ", "").replace("\n\n", "\n"))
}

fn draw_costs(area: &DrawingArea<SVGBackend<'_>, Shift>, policies: &[PolicyReport]) -> Drawn {
    let most = policies
        .iter()
        .map(|one| one.full_cost_usd.high.unwrap_or(0.0).max(one.full_cost_usd.value))
        .fold(0.0, f64::max)
        .max(1e-9);
    let count = policies.len();
    let mut chart = ChartBuilder::on(area)
        .margin_right(90)
        .margin_top(4)
        .x_label_area_size(36)
        .y_label_area_size(140)
        .build_cartesian_2d(0.0..most * 1.02, count as f64..0.0)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .y_labels(0)
        .x_labels(6)
        .x_desc("dollars")
        .bold_line_style(FAINT)
        .light_line_style(TRANSPARENT)
        .axis_style(INK)
        .label_style(letters(12))
        .x_label_formatter(&|value| number(*value, if most < 20.0 { 1 } else { 0 }))
        .draw()?;
    for (at, one) in policies.iter().enumerate() {
        let (top, bottom) = (at as f64 + 0.18, at as f64 + 0.82);
        let value = one.full_cost_usd.value;
        chart.draw_series([Rectangle::new([(0.0, top), (value, bottom)], series(at).filled())])?;
        let middle = at as f64 + 0.5;
        let mut end = value;
        if let (Some(low), Some(high)) = (one.full_cost_usd.low, one.full_cost_usd.high) {
            end = end.max(high);
            let (above, below) = (middle - 0.16, middle + 0.16);
            for line in [
                [(low, middle), (high, middle)],
                [(low, above), (low, below)],
                [(high, above), (high, below)],
            ] {
                chart.draw_series([PathElement::new(line, INK.stroke_width(2))])?;
            }
        }
        let (x, y) = chart.backend_coord(&(0.0, middle));
        let name = letters(12).pos(Pos::new(HPos::Right, VPos::Center));
        area.draw_text(one.policy.word(), &name, (x - 8, y))?;
        let (x, y) = chart.backend_coord(&(end, middle));
        let figure = letters(12).pos(Pos::new(HPos::Left, VPos::Center));
        area.draw_text(&number(value, 0), &figure, (x + 6, y))?;
    }
    Ok(())
}

fn draw_regrets(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    names: &[String],
    regret: &[Vec<f64>],
) -> Drawn {
    let days = regret.iter().map(Vec::len).max().unwrap_or(0).max(1);
    let all = || regret.iter().flatten().copied();
    let (least, most) = (all().fold(0.0, f64::min), all().fold(0.0, f64::max).max(1e-9));
    let mut chart = ChartBuilder::on(area)
        .margin_right(150)
        .margin_top(12)
        .x_label_area_size(36)
        .y_label_area_size(70)
        .build_cartesian_2d(0.0..days as f64, least..most * 1.02)?;
    chart
        .configure_mesh()
        .x_labels(8)
        .y_labels(6)
        .x_desc("days")
        .y_desc("dollars")
        .bold_line_style(FAINT)
        .light_line_style(TRANSPARENT)
        .axis_style(INK)
        .label_style(letters(12))
        .x_label_formatter(&|value| number(*value, 0))
        .y_label_formatter(&|value| number(*value, if most < 10.0 { 1 } else { 0 }))
        .draw()?;
    let mut ends = Vec::new();
    for (at, days) in regret.iter().enumerate() {
        let mut points = vec![(0.0, 0.0)];
        points.extend(days.iter().enumerate().map(|(day, sum)| (day as f64 + 1.0, *sum)));
        let last = points.last().copied().unwrap_or_default();
        ends.push((chart.backend_coord(&last), at));
        chart.draw_series(LineSeries::new(points, series(at).stroke_width(2)))?;
    }
    // Names stand beside the ends of their lines, pushed apart where they would cover one another.
    ends.sort_by_key(|((_, y), at)| (*y, *at));
    let mut free = 0;
    let lowest = area.dim_in_pixel().1 as i32 - 20;
    let mut places: Vec<i32> = Vec::new();
    for ((_, y), _) in &ends {
        free = (*y).max(free);
        places.push(free);
        free += 15;
    }
    let mut bound = lowest;
    for place in places.iter_mut().rev() {
        *place = (*place).min(bound);
        bound = *place - 15;
    }
    for (((x, y), at), place) in ends.iter().zip(places) {
        let line = PathElement::new([(x + 2, *y), (x + 12, place)], series(*at).stroke_width(2));
        area.draw(&line)?;
        let style = letters(12).pos(Pos::new(HPos::Left, VPos::Center));
        area.draw_text(&names[*at], &style, (x + 16, place))?;
    }
    Ok(())
}

/// Text as it may stand in HTML.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
