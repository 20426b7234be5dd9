//! Host side of `elementwise`: arithmetic on every element, with broadcasting.

use crate::cpu;
use crate::cpu::elementwise::Right;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::{Matrix, Recorder, expect_shape, grid};
use crate::error::{Error, Result};
use crate::ops::{Op, Unary};

pub(crate) static SHADER: Shader = Shader {
    stem: "elementwise",
    source: &[
        super::GRID,
        include_str!("../../shaders/shared/math.wgsl"),
        include_str!("../../shaders/elementwise.wgsl"),
    ],
    reads: &["left", "right"],
    writes: &["result"],
    params: Params::FIELDS,
    variants: || VARIANTS.to_vec(),
};

shader_params!(Params { elements: u32, d: u32, in_place: u32, broadcast: u32, constant: f32 });

/// One per operation, in the order of the shader's list: [`Op`]s, then [`Unary`]s.
static VARIANTS: [Variant; 12] = [
    Variant::overriding(&[("OPERATION", 0.0)]),
    Variant::overriding(&[("OPERATION", 1.0)]),
    Variant::overriding(&[("OPERATION", 2.0)]),
    Variant::overriding(&[("OPERATION", 3.0)]),
    Variant::overriding(&[("OPERATION", 4.0)]),
    Variant::overriding(&[("OPERATION", 5.0)]),
    Variant::overriding(&[("OPERATION", 6.0)]),
    Variant::overriding(&[("OPERATION", 7.0)]),
    Variant::overriding(&[("OPERATION", 8.0)]),
    Variant::overriding(&[("OPERATION", 9.0)]),
    Variant::overriding(&[("OPERATION", 10.0)]),
    Variant::overriding(&[("OPERATION", 11.0)]),
];

/// The second operand of an [`Op`]: a matrix, which is broadcast, or one number for all elements.
#[derive(Clone, Copy, Debug)]
pub enum Operand<'a> {
    /// For a first operand (n, d): of shape (n, d), (1, d), (n, 1) or (1, 1).
    Matrix(&'a Matrix<f32>),
    /// The same number everywhere.
    Constant(f32),
}

impl<'a> From<&'a Matrix<f32>> for Operand<'a> {
    fn from(matrix: &'a Matrix<f32>) -> Self {
        Operand::Matrix(matrix)
    }
}

impl From<f32> for Operand<'_> {
    fn from(constant: f32) -> Self {
        Operand::Constant(constant)
    }
}

/// How the elements of the second operand are found; the numbers are the shader's.
#[derive(Clone, Copy, PartialEq)]
enum Broadcast {
    SameShape = 0,
    Row = 1,
    Column = 2,
    Element = 3,
    Constant = 4,
}

impl Broadcast {
    fn of(operand: &Operand, (n, d): (usize, usize)) -> Result<Self> {
        let Operand::Matrix(matrix) = operand else { return Ok(Self::Constant) };
        let shape = matrix.shape();
        match shape {
            _ if shape == (n, d) => Ok(Self::SameShape),
            (1, 1) => Ok(Self::Element),
            _ if shape == (1, d) => Ok(Self::Row),
            _ if shape == (n, 1) => Ok(Self::Column),
            (rows, cols) => Err(Error::shape(format!(
                "elementwise: expected the second operand to be {n} × {d}, 1 × {d}, {n} × 1 or 1 × 1, got {rows} × {cols}"
            ))),
        }
    }
}

impl Recorder<'_> {
    /// `result = op(a, b)`, element by element.
    ///
    /// Shapes: `a` and `result` (n, d); `b` the same, a row (1, d), a column (n, 1), an element (1, 1) or a number.
    /// To overwrite `a` itself, see [`Recorder::update`]. Sums, differences and products are rounded once, quotients
    /// are within 2.5 ulp.
    ///
    /// ```
    /// use ndarray::array;
    /// use wgvq::ops::Op;
    /// # fn main() -> wgvq::Result<()> {
    /// let engine = wgvq::Engine::cpu();
    /// let sums = engine.upload(array![[2.0_f32, 4.0], [0.0, 0.0]].view())?;
    /// let counts = engine.upload(array![[2.0_f32], [0.0]].view())?;
    /// let mut means = engine.zeros(2, 2)?;
    /// let mut recorder = engine.recorder();
    /// recorder.elementwise(Op::Div, &sums, &counts, &mut means)?;
    /// recorder.update(Op::Add, &mut means, 0.5)?;
    /// recorder.submit()?;
    /// assert_eq!(means.download()?, array![[1.5, 2.5], [0.5, 0.5]]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit; [`Input`](crate::ErrorKind::Input) if `b` is a
    /// number that is NaN or infinite.
    pub fn elementwise<'a>(
        &mut self,
        op: Op,
        a: &Matrix<f32>,
        b: impl Into<Operand<'a>>,
        result: &mut Matrix<f32>,
    ) -> Result<()> {
        self.same_engine("elementwise", &[a.engine()])?;
        expect_shape("elementwise", "result", result.shape(), a.shape())?;
        self.binary(op, Some(a), b.into(), result)
    }

    /// `target = op(target, b)`, element by element: [`Recorder::elementwise`] in place.
    ///
    /// # Errors
    /// As [`Recorder::elementwise`].
    pub fn update<'a>(&mut self, op: Op, target: &mut Matrix<f32>, b: impl Into<Operand<'a>>) -> Result<()> {
        self.binary(op, None, b.into(), target)
    }

    /// `result = unary(a)`, element by element. Shapes: `a` and `result` (n, d).
    ///
    /// `Square` is rounded once, `Reciprocal` within 2.5 ulp, `Sqrt` within 4.5, `Exp` and `Log` within 4 · 2⁻²⁴ of
    /// the result.
    ///
    /// ```
    /// use wgvq::ops::Unary;
    /// # fn main() -> wgvq::Result<()> {
    /// let engine = wgvq::Engine::cpu();
    /// let a = engine.upload(ndarray::array![[4.0_f32, -1.0]].view())?;
    /// let mut roots = engine.zeros(1, 2)?;
    /// let mut recorder = engine.recorder();
    /// recorder.map(Unary::Sqrt, &a, &mut roots)?;
    /// recorder.submit()?;
    /// assert_eq!(roots.download()?, ndarray::array![[2.0, 0.0]]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes differ.
    pub fn map(&mut self, unary: Unary, a: &Matrix<f32>, result: &mut Matrix<f32>) -> Result<()> {
        self.same_engine("elementwise", &[a.engine()])?;
        expect_shape("elementwise", "result", result.shape(), a.shape())?;
        self.unary(unary, Some(a), result)
    }

    /// `target = unary(target)`, element by element: [`Recorder::map`] in place.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the matrix is on another engine.
    pub fn map_in_place(&mut self, unary: Unary, target: &mut Matrix<f32>) -> Result<()> {
        self.unary(unary, None, target)
    }

    fn unary(&mut self, unary: Unary, a: Option<&Matrix<f32>>, result: &mut Matrix<f32>) -> Result<()> {
        self.same_engine("elementwise", &[result.engine()])?;
        if result.is_empty() {
            return Ok(());
        }
        if self.gpu().is_none() {
            cpu::elementwise::unary(unary, a.map(Matrix::host), result.host_mut());
            return Ok(());
        }
        let variant = &VARIANTS[Op::Max as usize + 1 + unary as usize];
        self.record(variant, a, Operand::Constant(0.0), Broadcast::Constant, result)
    }

    fn binary(
        &mut self,
        op: Op,
        a: Option<&Matrix<f32>>,
        b: Operand,
        result: &mut Matrix<f32>,
    ) -> Result<()> {
        self.same_engine("elementwise", &[result.engine()])?;
        match b {
            Operand::Matrix(b) => self.same_engine("elementwise", &[b.engine()])?,
            Operand::Constant(b) if b.is_finite() => {}
            Operand::Constant(b) => {
                return Err(Error::input(format!(
                    "elementwise: the second operand is {b}; it has to be finite"
                )));
            }
        }
        let broadcast = Broadcast::of(&b, result.shape())?;
        if result.is_empty() {
            return Ok(());
        }
        if self.gpu().is_some() {
            return self.record(&VARIANTS[op as usize], a, b, broadcast, result);
        }
        let right = match (b, broadcast) {
            (Operand::Constant(b), _) => Right::Constant(b),
            (Operand::Matrix(b), Broadcast::SameShape) => Right::Same(b.host()),
            (Operand::Matrix(b), Broadcast::Row) => Right::Row(b.host()),
            (Operand::Matrix(b), Broadcast::Column) => Right::Column(b.host()),
            (Operand::Matrix(b), Broadcast::Element | Broadcast::Constant) => Right::Constant(b.host()[0]),
        };
        let d = result.cols();
        cpu::elementwise::binary(op, a.map(Matrix::host), right, d, result.host_mut());
        Ok(())
    }

    fn record(
        &mut self,
        variant: &Variant,
        a: Option<&Matrix<f32>>,
        b: Operand,
        broadcast: Broadcast,
        result: &mut Matrix<f32>,
    ) -> Result<()> {
        // What an operation does not read still has to be bound to something, and not to what is written.
        let unread = match (a, b) {
            (None, Operand::Constant(_)) => self.engine().uninitialized::<f32>(1, 1)?.slice(0..1),
            (Some(a), _) | (None, Operand::Matrix(a)) => a.slice(0..1),
        };
        let by_rows = matches!(broadcast, Broadcast::SameShape | Broadcast::Column);
        let heights = [Some(&*result), a, matrix_of(b).filter(|_| by_rows)];
        let heights = heights.into_iter().flatten().map(Matrix::shard_rows);
        for window in grid::row_windows(result.rows(), heights) {
            let left = a.map_or_else(|| unread.clone(), |a| a.slice(window.clone()));
            let right = match matrix_of(b) {
                Some(b) if by_rows => b.slice(window.clone()),
                Some(b) => b.whole("the second operand")?,
                None => unread.clone(),
            };
            let elements = window.len() * result.cols();
            let params = Params {
                elements: elements as u32,
                d: result.cols() as u32,
                in_place: u32::from(a.is_none()),
                broadcast: broadcast as u32,
                constant: if let Operand::Constant(b) = b { b } else { 0.0 },
            };
            let bindings = [left, right, result.slice(window)];
            self.dispatch(
                &SHADER,
                variant,
                &params,
                &bindings,
                (elements as u64).div_ceil(super::WORKGROUP),
            )?;
        }
        Ok(())
    }
}

fn matrix_of(operand: Operand<'_>) -> Option<&Matrix<f32>> {
    match operand {
        Operand::Matrix(matrix) => Some(matrix),
        Operand::Constant(_) => None,
    }
}
