//! What some items of a batch have beside their records, by the number of the item.

/// Values of some items of a batch, in order of the items' numbers, which count from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Items<T>(Vec<(u16, T)>);

impl<T> Items<T> {
    /// Of no item.
    pub const NONE: Self = Self(Vec::new());

    /// Adds the value of an item after all that have one.
    ///
    /// # Panics
    ///
    /// If a later item or the same one has a value already, or no batch has so many items.
    pub fn push(&mut self, item: usize, value: T) {
        let item = u16::try_from(item).expect("a batch is limited");
        assert!(self.0.last().is_none_or(|(last, _)| *last < item), "values come in the order of their items");
        self.0.push((item, value));
    }

    /// The value of an item.
    pub fn of(&self, item: usize) -> Option<&T> {
        let at = self.0.binary_search_by_key(&item, |(item, _)| usize::from(*item)).ok()?;
        Some(&self.0[at].1)
    }

    /// All values with the numbers of their items, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (u16, &T)> {
        self.0.iter().map(|(item, value)| (*item, value))
    }

    /// How many items have one.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no item has one.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T> Default for Items<T> {
    fn default() -> Self {
        Self::NONE
    }
}

#[cfg(test)]
mod tests {
    use super::Items;

    #[test]
    fn an_item_has_its_own_value_or_none() {
        let mut items = Items::default();
        assert!(items.is_empty());
        items.push(2, "two");
        items.push(7, "seven");
        assert_eq!([1, 2, 3, 7, 8].map(|item| items.of(item).copied()), [None, Some("two"), None, Some("seven"), None]);
        assert_eq!(items.iter().collect::<Vec<_>>(), [(2, &"two"), (7, &"seven")]);
    }

    #[test]
    #[should_panic(expected = "in the order of their items")]
    fn values_come_in_order() {
        let mut items = Items::default();
        items.push(2, "two");
        items.push(2, "again");
    }
}
