//! Minimum, median and maximum.

/// The three figures that stand for a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figures {
    pub minimum: f64,
    pub median: f64,
    pub maximum: f64,
}

/// Of a series that is not empty; the median of an even count is the mean of the middle two.
pub fn figures(mut series: Vec<f64>) -> Option<Figures> {
    series.sort_by(f64::total_cmp);
    let (minimum, maximum) = (*series.first()?, *series.last()?);
    let middle = series.len() / 2;
    let median = if series.len().is_multiple_of(2) {
        f64::midpoint(series[middle - 1], series[middle])
    } else {
        series[middle]
    };
    Some(Figures {
        minimum,
        median,
        maximum,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_stands_in_the_middle() {
        assert_eq!(figures(vec![3.0, 1.0, 2.0]).unwrap().median, 2.0);
        assert_eq!(figures(vec![4.0, 1.0, 2.0, 3.0]).unwrap().median, 2.5);
        assert_eq!(figures(vec![]), None);
    }
}
