//! In place of `matrix_unit.rs` where no matrix unit is known: there is none.

pub(super) const BLOCK: usize = 32;
pub(super) const STEP: usize = 32;
pub(super) const PANEL_STEP: usize = BLOCK * STEP;

#[derive(Clone, Copy, Debug)]
pub(super) enum MatrixUnit {}

pub(super) struct Tiles(MatrixUnit);

pub(super) struct Sums(pub [[[f32; 16]; 16]; 4]);

impl Sums {
    pub fn zeros() -> Box<Self> {
        Box::new(Self([[[0.0; 16]; 16]; 4]))
    }
}

impl MatrixUnit {
    pub fn get() -> Option<Self> {
        None
    }

    pub fn tiles(self) -> Tiles {
        match self {}
    }
}

impl Tiles {
    pub fn multiply(&self, _: &[u16], _: &[u16], _: &[f32; BLOCK], _: &mut Sums) {
        match self.0 {}
    }
}
