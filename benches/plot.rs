//! Look-ups a second beside a server's own benchmark, as a picture in `benches/plot`.

use std::path::Path;

use plotters::prelude::*;

use crate::table::number;

/// What was measured at so many callers: theirs, and the crate's.
pub(crate) type Rates = (u64, f64, f64);

const OURS: RGBColor = RGBColor(0xC2, 0x41, 0x0C);
const THEIRS: RGBColor = RGBColor(0x9C, 0xA3, 0xAF);

/// Draws `benches/plot/{file}.svg`: a pair of bars for each number of callers.
pub(crate) fn look_ups(file: &str, title: &str, [theirs, ours]: [&str; 2], rates: &[Rates]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("plot");
    let path = folder.join(file).with_extension("svg");
    std::fs::create_dir_all(&folder).expect("the folder of the benches is writable");
    draw(&path, title, [theirs, ours], rates).expect("the folder of the benches is writable");
    eprintln!("drew plot/{file}.svg");
}

fn draw(
    path: &Path,
    title: &str,
    names: [&str; 2],
    rates: &[Rates],
) -> Result<(), Box<dyn std::error::Error>> {
    let area = SVGBackend::new(path, (640, 320)).into_drawing_area();
    area.fill(&WHITE)?;
    let most = rates
        .iter()
        .fold(0.0_f64, |most, rate| most.max(rate.1).max(rate.2));
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 18))
        .margin(10)
        .x_label_area_size(40)
        .y_label_area_size(70)
        .build_cartesian_2d(0.0..rates.len() as f64, 0.0..most * 1.35)?;
    let callers = |place: &f64| {
        let rate = rates.get(*place as usize).filter(|_| place.fract() != 0.0);
        rate.map_or_else(String::new, |rate| rate.0.to_string())
    };
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .x_labels(rates.len() * 2 + 1)
        .x_label_formatter(&callers)
        .x_desc("callers at once")
        .y_label_formatter(&|rate| number(*rate, 0))
        .y_desc("look-ups a second")
        .draw()?;
    for (index, (name, colour)) in names.into_iter().zip([THEIRS, OURS]).enumerate() {
        let bars = rates.iter().enumerate().map(|(place, &(_, theirs, ours))| {
            let left = place as f64 + 0.15 + 0.35 * index as f64;
            let height = [theirs, ours][index];
            Rectangle::new([(left, 0.0), (left + 0.34, height)], colour.filled())
        });
        chart
            .draw_series(bars)?
            .label(name)
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 12, y + 5)], colour.filled()));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE)
        .draw()?;
    area.present()?;
    Ok(())
}
