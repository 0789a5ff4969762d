//! Where a part of all figures lies.

/// The figure that so great a part of all is no greater than; they are in order.
pub(crate) fn quantile(sorted: &[f64], part: f64) -> f64 {
    let index = ((sorted.len() - 1) as f64 * part) as usize;
    sorted[index]
}

/// The one in the middle.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    quantile(&figures, 0.5)
}
