//! Two edges out, two shorter ones in.

use std::collections::VecDeque;

use super::Points;

/// The share of two edges that an exchange has to save: more than rounding can feign.
const LEAST_GAIN: f64 = 1e-9;

/// A tour of places: the points, and for an open path one more that is as near as can be to all of them.
struct Route<'p> {
    points: &'p Points,
    order: Vec<usize>,
    position: Vec<usize>,
}

/// The two ways to go round.
#[derive(Clone, Copy)]
enum Way {
    On,
    Back,
}

/// Exchanges edges of `order` as long as that makes it shorter.
pub(super) fn improve(points: &Points, order: Vec<usize>, closed: bool) -> Vec<usize> {
    let n = points.n;
    let first = order[0];
    let near = points.neighbours();
    let mut route = Route::new(points, order, closed);
    // Only at the ends of edges that have changed can there be something new to gain.
    let mut waiting: VecDeque<_> = route.order.iter().copied().filter(|&place| place < n).collect();
    let mut is_waiting = vec![true; n];
    while let Some(place) = waiting.pop_front() {
        is_waiting[place] = false;
        while let Some(changed) = route.exchange(place, &near[place]) {
            for place in changed.into_iter().filter(|&place| place < n) {
                if !std::mem::replace(&mut is_waiting[place], true) {
                    waiting.push_back(place);
                }
            }
        }
    }
    route.cut(first, closed)
}

impl<'p> Route<'p> {
    fn new(points: &'p Points, mut order: Vec<usize>, closed: bool) -> Self {
        if !closed {
            order.push(points.n);
        }
        let mut position = vec![0; order.len()];
        order.iter().enumerate().for_each(|(at, &place)| position[place] = at);
        Self { points, order, position }
    }

    fn distance(&self, a: usize, b: usize) -> f64 {
        let n = self.points.n;
        if a < n && b < n { self.points.distance(a, b) } else { 0.0 }
    }

    fn next(&self, place: usize, way: Way) -> usize {
        let (at, count) = (self.position[place], self.order.len());
        self.order[match way {
            Way::On if at + 1 == count => 0,
            Way::On => at + 1,
            Way::Back if at == 0 => count - 1,
            Way::Back => at - 1,
        }]
    }

    /// Puts edges a–c and b–d in the place of a–b and c–d, where b follows a and d follows c on one of the ways and c is
    /// near to a, if that saves something; returns the four places then. One of the new edges is shorter than the old one
    /// at its side, so c is looked for only as near as b is.
    fn exchange(&mut self, a: usize, near: &[usize]) -> Option<[usize; 4]> {
        for way in [Way::On, Way::Back] {
            let b = self.next(a, way);
            let before = self.distance(a, b);
            for &c in near {
                let across = self.distance(a, c);
                if across >= before {
                    break;
                }
                let d = self.next(c, way);
                let old = before + self.distance(c, d);
                if old - across - self.distance(b, d) > LEAST_GAIN * old {
                    match way {
                        Way::On => self.reverse(b, c),
                        Way::Back => self.reverse(a, d),
                    }
                    return Some([a, b, c, d]);
                }
            }
        }
        None
    }

    /// Turns the part of the tour from one place on to another, or what is left of it if that is shorter: as a circle
    /// both are the same.
    fn reverse(&mut self, from: usize, to: usize) {
        let count = self.order.len();
        let (mut from, mut to) = (self.position[from], self.position[to]);
        let mut length = (to + count - from) % count + 1;
        if 2 * length > count {
            (from, to) = ((to + 1) % count, (from + count - 1) % count);
            length = count - length;
        }
        for _ in 0..length / 2 {
            self.order.swap(from, to);
            self.position[self.order[from]] = from;
            self.position[self.order[to]] = to;
            (from, to) = ((from + 1) % count, (to + count - 1) % count);
        }
    }

    /// The order of the points, from `first` on if it is closed.
    fn cut(mut self, first: usize, closed: bool) -> Vec<usize> {
        if closed {
            self.order.rotate_left(self.position[first]);
        } else {
            self.order.rotate_left(self.position[self.points.n]);
            self.order.remove(0);
        }
        self.order
    }
}
