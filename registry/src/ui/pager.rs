//! Pages of a list, and the links between them.

use super::format;

/// Pages linked on each side of the current one.
const NEIGHBORS: usize = 2;

/// Links to other pages of a list.
pub(super) struct Pager {
    pub(super) first: String,
    pub(super) last: String,
    pub(super) previous: Option<String>,
    pub(super) next: Option<String>,
    pub(super) links: Vec<PageLink>,
}

pub(super) struct PageLink {
    pub(super) number: usize,
    pub(super) href: String,
    pub(super) is_current: bool,
    /// Pages between the link before and this one are left out.
    pub(super) after_gap: bool,
}

// === impl Pager ===

impl Pager {
    /// The place of the first item of a page, and the links from it to the others.
    pub(super) fn new(
        (count, size): (usize, usize),
        wanted: usize,
        href: impl Fn(usize) -> String,
    ) -> (usize, Self) {
        let pages = count.div_ceil(size).max(1);
        let page = wanted.clamp(1, pages);
        let start = (page - 1) * size;
        let near = page.saturating_sub(NEIGHBORS)..=page + NEIGHBORS;
        let mut links: Vec<PageLink> = Vec::new();
        for number in (1..=pages).filter(|n| *n == 1 || *n == pages || near.contains(n)) {
            links.push(PageLink {
                href: href(number),
                is_current: number == page,
                after_gap: links.last().is_some_and(|link| link.number + 1 < number),
                number,
            });
        }
        let pager = Self {
            first: format::grouped((start + 1).min(count)),
            last: format::grouped((start + size).min(count)),
            previous: (page > 1).then(|| href(page - 1)),
            next: (page < pages).then(|| href(page + 1)),
            links,
        };
        (start, pager)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(pager: &Pager) -> Vec<usize> {
        pager.links.iter().map(|link| link.number).collect()
    }

    #[test]
    fn pagers_link_the_ends_and_the_neighbors() {
        let href = |page| format!("?page={page}");
        let (start, pager) = Pager::new((5_000, 50), 50, href);
        assert_eq!(start, 2_450);
        assert_eq!((&*pager.first, &*pager.last), ("2,451", "2,500"));
        assert_eq!(numbers(&pager), [1, 48, 49, 50, 51, 52, 100]);
        let gaps: Vec<bool> = pager.links.iter().map(|link| link.after_gap).collect();
        assert_eq!(gaps, [false, true, false, false, false, false, true]);
        assert_eq!(pager.next.as_deref(), Some("?page=51"));
    }

    #[test]
    fn pages_that_are_not_there_are_the_nearest() {
        let href = |page: usize| page.to_string();
        let (start, pager) = Pager::new((120, 50), usize::MAX, href);
        assert_eq!((start, numbers(&pager)), (100, vec![1, 2, 3]));
        assert!(pager.next.is_none());
        let (start, pager) = Pager::new((0, 50), 0, href);
        assert_eq!((start, &*pager.first, &*pager.last), (0, "0", "0"));
        assert!(pager.previous.is_none() && pager.next.is_none());
    }
}
