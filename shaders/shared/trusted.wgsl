// The largest sum of squares that is trusted: beyond it scores may be infinite or no numbers.
const TRUSTED: f32 = 0x1p+123f;
