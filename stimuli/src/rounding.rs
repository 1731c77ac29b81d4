//! Rounding to an integer: the four rules differ where the fraction is one half.

/// Rounds halves towards +∞: `floor(x + 1/2)`.
pub fn half_up(x: f64) -> f64 {
    (x + 0.5).floor()
}

/// Rounds halves towards -∞: `ceil(x - 1/2)`.
pub fn half_down(x: f64) -> f64 {
    (x - 0.5).ceil()
}

/// Rounds halves away from 0.
pub fn half_away_from_zero(x: f64) -> f64 {
    if x < 0.0 { half_down(x) } else { half_up(x) }
}

/// Rounds halves towards 0.
pub fn half_towards_zero(x: f64) -> f64 {
    if x < 0.0 { half_up(x) } else { half_down(x) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_rules_differ_at_one_half_and_agree_elsewhere() {
        for (x, expect) in [
            (23.5, [24.0, 23.0, 24.0, 23.0]),
            (-23.5, [-23.0, -24.0, -24.0, -23.0]),
            (23.25, [23.0; 4]),
            (-23.75, [-24.0; 4]),
            (0.0, [0.0; 4]),
        ] {
            assert_eq!([half_up(x), half_down(x), half_away_from_zero(x), half_towards_zero(x)], expect, "{x}");
        }
    }
}
