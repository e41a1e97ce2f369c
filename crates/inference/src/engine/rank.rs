//! Numbers that a kernel compares instead of features.
//!
//! Which way a row goes at any split depends only on between which two thresholds of its feature it
//! lies. So each feature is looked up once among all thresholds that the ensemble has for it, and
//! every split compares two small whole numbers. What is missing, how wide a comparison is and
//! whether it is strict are settled in that one place.

/// A small whole number: how many cuts are at or below a value.
pub(super) trait Rank:
    Copy + Ord + Default + std::fmt::Debug + Send + Sync + 'static
{
    /// How a node names a column of ranks.
    type Column: Copy + std::fmt::Debug + Send + Sync;
    /// The largest rank: above every threshold, where missing values go that take the second way.
    const HIGHEST: usize;
    /// The most columns.
    const MOST_COLUMNS: usize;
    fn of(number: usize) -> Self;
    fn column(number: usize) -> Self::Column;
    fn column_index(column: Self::Column) -> usize;
}

macro_rules! rank {
    ($rank:ty, $column:ty) => {
        impl Rank for $rank {
            type Column = $column;
            const HIGHEST: usize = <$rank>::MAX as usize;
            const MOST_COLUMNS: usize = <$column>::MAX as usize;
            #[inline(always)]
            fn of(number: usize) -> $rank {
                number as $rank
            }
            #[inline(always)]
            fn column(number: usize) -> $column {
                number as $column
            }
            #[inline(always)]
            fn column_index(column: $column) -> usize {
                column as usize
            }
        }
    };
}

rank!(u8, u16);
rank!(u16, u16);
rank!(u32, u32);

/// A number of a row that comes in.
pub trait Number: Copy + Send + Sync + 'static {
    /// In 64 bits.
    fn wide(self) -> f64;
    /// Rounded to 32 bits.
    fn narrow(self) -> f32;
    /// The same slice, where it is of 32 bits.
    #[doc(hidden)]
    fn narrow_slice(numbers: &[Self]) -> Option<&[f32]>;
    /// The same slice, where it is of 64 bits.
    #[doc(hidden)]
    fn wide_slice(numbers: &[Self]) -> Option<&[f64]>;
}

impl Number for f64 {
    #[inline(always)]
    fn wide(self) -> f64 {
        self
    }
    #[inline(always)]
    fn narrow(self) -> f32 {
        self as f32
    }
    #[inline(always)]
    fn narrow_slice(_: &[f64]) -> Option<&[f32]> {
        None
    }
    #[inline(always)]
    fn wide_slice(numbers: &[f64]) -> Option<&[f64]> {
        Some(numbers)
    }
}

impl Number for f32 {
    #[inline(always)]
    fn wide(self) -> f64 {
        f64::from(self)
    }
    #[inline(always)]
    fn narrow(self) -> f32 {
        self
    }
    #[inline(always)]
    fn narrow_slice(numbers: &[f32]) -> Option<&[f32]> {
        Some(numbers)
    }
    #[inline(always)]
    fn wide_slice(_: &[f32]) -> Option<&[f64]> {
        None
    }
}

/// What leaves are summed in.
pub(super) trait Leaf:
    Number + Default + std::ops::Add<Output = Self> + std::ops::Mul<Output = Self>
{
    fn of(value: f64) -> Self;
    /// The same slices, where they are of 32 bits.
    fn narrow_slices<'a, const N: usize>(
        leaves: &'a [Self],
        sums: &'a mut [Self; N],
    ) -> Option<(&'a [f32], &'a mut [f32; N])>;
}

impl Leaf for f32 {
    fn of(value: f64) -> f32 {
        value as f32
    }
    #[inline(always)]
    fn narrow_slices<'a, const N: usize>(
        leaves: &'a [f32],
        sums: &'a mut [f32; N],
    ) -> Option<(&'a [f32], &'a mut [f32; N])> {
        Some((leaves, sums))
    }
}

impl Leaf for f64 {
    fn of(value: f64) -> f64 {
        value
    }
    #[inline(always)]
    fn narrow_slices<'a, const N: usize>(
        _: &'a [f64],
        _: &'a mut [f64; N],
    ) -> Option<(&'a [f32], &'a mut [f32; N])> {
        None
    }
}
