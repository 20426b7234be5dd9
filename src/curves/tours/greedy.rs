//! The shortest edges first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Points;

/// Fragments of a path that grow together.
struct Fragments {
    /// The neighbours of each point, two at most.
    edges: Vec<Vec<usize>>,
    /// For the end of a fragment its other end; a single point is both.
    other_end: Vec<usize>,
}

/// The edge from the end of a fragment to another one: the bits of its squared length, which are in the order of such
/// lengths, and its ends.
type Edge = (u64, usize, usize);

/// Joins the nearest ends of two fragments until there is only one.
pub(super) fn path(points: &Points) -> Vec<usize> {
    let n = points.n;
    let near = points.neighbours();
    let mut fragments = Fragments { edges: vec![Vec::new(); n], other_end: (0..n).collect() };
    // An end's shortest edge only gets longer, so one that has been taken from it meanwhile can be looked for again when
    // its turn comes.
    let shortest =
        |fragments: &Fragments, row: usize| fragments.shortest(points, &near[row], row).map(Reverse);
    let mut heap: BinaryHeap<_> = (0..n).filter_map(|row| shortest(&fragments, row)).collect();
    while let Some(Reverse((_, from, to))) = heap.pop() {
        if fragments.is_end(from) && fragments.is_end(to) && fragments.other_end[from] != to {
            fragments.join(from, to);
        }
        if fragments.is_end(from) {
            heap.extend(shortest(&fragments, from));
        }
    }
    fragments.walk()
}

impl Fragments {
    fn is_end(&self, row: usize) -> bool {
        self.edges[row].len() < 2
    }

    /// The shortest edge from the end `from` to an end of another fragment; of all rows only if none of the `near` ones is.
    fn shortest(&self, points: &Points, near: &[usize], from: usize) -> Option<Edge> {
        let is_free = |to: &usize| self.is_end(*to) && *to != from && *to != self.other_end[from];
        let edge = |to: usize| (points.squared(from, to).to_bits(), from, to);
        let nearest = near.iter().copied().find(is_free).map(edge);
        nearest.or_else(|| (0..self.edges.len()).filter(is_free).map(edge).min())
    }

    fn join(&mut self, from: usize, to: usize) {
        self.edges[from].push(to);
        self.edges[to].push(from);
        let (start, end) = (self.other_end[from], self.other_end[to]);
        self.other_end[start] = end;
        self.other_end[end] = start;
    }

    /// The rows from one end of the only fragment to the other.
    fn walk(&self) -> Vec<usize> {
        let start = (0..self.edges.len()).find(|&row| self.is_end(row)).expect("a path has ends");
        let (mut path, mut before) = (vec![start], start);
        while let Some(&next) = self.edges[path[path.len() - 1]].iter().find(|&&next| next != before) {
            before = path[path.len() - 1];
            path.push(next);
        }
        path
    }
}
