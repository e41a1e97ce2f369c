//! An array: its shape, and its elements as numbers, texts or values.

use std::borrow::Cow;

use crate::data_type::{DataType, Kind};
use crate::elements::{float, integer, text};
use crate::{Reason, Refusal, Value};

/// An array whose content was found to be as long as its shape says.
#[derive(Clone, Debug)]
pub struct Array<'g> {
    pub(crate) offset: usize,
    pub(crate) data_type: DataType,
    pub(crate) shape: Vec<usize>,
    pub(crate) fortran: bool,
    pub(crate) data: Data<'g>,
}

#[derive(Clone, Debug)]
pub(crate) enum Data<'g> {
    Bytes(Cow<'g, [u8]>),
    Objects(Vec<Value<'g>>),
}

impl Data<'_> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Data::Bytes(bytes) => bytes.len(),
            Data::Objects(items) => items.len(),
        }
    }
}

impl<'g> Array<'g> {
    /// Lengths of the sides, the slowest first; empty for a single element.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The type of its elements.
    #[must_use]
    pub fn data_type(&self) -> &DataType {
        &self.data_type
    }

    /// The number of its elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has no element.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its elements as floats, the last side running fastest whatever the order in the file.
    ///
    /// # Errors
    /// Elements that are no numbers; integers beyond 2^53, which a float cannot hold.
    pub fn floats(&self, what: &str) -> Result<Vec<f64>, Refusal> {
        if let Data::Objects(items) = &self.data {
            return self.ordered(items.iter().map(|item| item.number(what)));
        }
        self.each(what, float)
    }

    /// Its elements as integers.
    ///
    /// # Errors
    /// Elements that are no integers of 64 bits.
    pub fn integers(&self, what: &str) -> Result<Vec<i64>, Refusal> {
        if let Data::Objects(items) = &self.data {
            return self.ordered(items.iter().map(|item| item.integer(what)));
        }
        self.each(what, integer)
    }

    /// Its elements as texts.
    ///
    /// # Errors
    /// Elements that are no texts.
    pub fn texts(&self, what: &str) -> Result<Vec<String>, Refusal> {
        if let Data::Objects(items) = &self.data {
            return self.ordered(items.iter().map(|item| item.text(what).map(str::to_owned)));
        }
        self.each(what, text)
    }

    /// Its elements as values, where it is an array of objects.
    ///
    /// # Errors
    /// Elements that are not values of the pickle.
    pub fn values(&self, what: &str) -> Result<Vec<Value<'g>>, Refusal> {
        match &self.data {
            Data::Objects(items) => self.ordered(items.iter().map(|item| Ok(*item))),
            Data::Bytes(_) => Err(self.expected(what)),
        }
    }

    /// One field of its records, as floats.
    ///
    /// # Errors
    /// No such field, or one that is no number.
    pub fn float_field(&self, name: &str) -> Result<Vec<f64>, Refusal> {
        self.field(name, float)
    }

    /// One field of its records, as integers.
    ///
    /// # Errors
    /// No such field, or one that is no integer.
    pub fn integer_field(&self, name: &str) -> Result<Vec<i64>, Refusal> {
        self.field(name, integer)
    }

    /// Whether its records have a field of that name.
    #[must_use]
    pub fn has_field(&self, name: &str) -> bool {
        matches!(&self.data_type.kind, Kind::Record(fields)
            if fields.iter().any(|field| field.name == name))
    }

    fn field<T>(
        &self,
        name: &str,
        read: impl Fn(&DataType, &[u8]) -> Option<T>,
    ) -> Result<Vec<T>, Refusal> {
        let what = format!("an array of records with a field `{name}`");
        let (Kind::Record(fields), Data::Bytes(bytes)) = (&self.data_type.kind, &self.data) else {
            return Err(self.expected(&what));
        };
        let field = fields.iter().find(|field| field.name == name);
        let field = field.ok_or_else(|| self.expected(&what))?;
        let end = field.offset.saturating_add(field.data_type.size);
        if self.data_type.size == 0 {
            return Err(self.expected(&what));
        }
        let records = bytes.chunks_exact(self.data_type.size).map(|record| {
            let place = record.get(field.offset..end).unwrap_or_default();
            read(&field.data_type, place).ok_or_else(|| self.expected(&what))
        });
        self.ordered(records)
    }

    fn each<T>(
        &self,
        what: &str,
        read: impl Fn(&DataType, &[u8]) -> Option<T>,
    ) -> Result<Vec<T>, Refusal> {
        let Data::Bytes(bytes) = &self.data else {
            return Err(self.expected(what));
        };
        let one =
            |element: &[u8]| read(&self.data_type, element).ok_or_else(|| self.expected(what));
        if self.data_type.size == 0 {
            return self.ordered((0..self.len()).map(|_| one(&[])));
        }
        self.ordered(bytes.chunks_exact(self.data_type.size).map(one))
    }

    /// Elements as they lie in the file, put into the order in which the last side runs fastest.
    fn ordered<T>(
        &self,
        elements: impl Iterator<Item = Result<T, Refusal>>,
    ) -> Result<Vec<T>, Refusal> {
        let listed: Vec<T> = elements.collect::<Result<_, _>>()?;
        if !self.fortran || self.shape.len() < 2 || listed.is_empty() {
            return Ok(listed);
        }
        // In the file the first side runs fastest: each element's place is counted out.
        let mut placed: Vec<(usize, T)> = Vec::with_capacity(listed.len());
        for (at, element) in listed.into_iter().enumerate() {
            let (mut rest, mut place, mut stride) = (at, 0_usize, self.len());
            for side in &self.shape {
                stride /= side;
                place = place.saturating_add((rest % side).saturating_mul(stride));
                rest /= side;
            }
            placed.push((place, element));
        }
        placed.sort_unstable_by_key(|(place, _)| *place);
        Ok(placed.into_iter().map(|(_, element)| element).collect())
    }

    /// A refusal at this array: `what` was expected.
    #[must_use]
    pub fn expected(&self, what: &str) -> Refusal {
        let found = format!("an array of shape {:?} of {:?}", self.shape, self.data_type.kind);
        let reason = Reason::Expected { what: what.to_owned(), found };
        Refusal { offset: self.offset, reason }
    }
}
