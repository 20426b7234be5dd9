//! Figures of several seeds.

/// The mean of one figure over all seeds.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The mean and the standard deviation over the seeds, with so many digits behind the point.
pub fn mean_and_spread(values: &[f64], digits: usize) -> String {
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let spread = (squares / (values.len() as f64 - 1.0).max(1.0)).sqrt();
    format!("{mean:.digits$} ± {spread:.digits$}")
}
